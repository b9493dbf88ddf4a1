"""Combining in memory, timed against its peers: python tests/bench/bench_combine.py [--size 2048] [--quick]

CPU time of one thread, best of three, as a ratio to ``np.copyto`` of the same frames and to the peer. Peers that are
not installed are left out. `peers.py` times whole processes from files to a file.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import ccdfx


def cpu(function: Callable[[], Any], repeats: int = 3) -> float:
    """The least CPU time of this process, in seconds, after one run to warm up."""
    function()
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def frames_of(count: int, size: int, dtype: str) -> list[np.ndarray]:
    """Noise about 1000, one value in a thousand a hit."""
    rng = np.random.default_rng(count)
    found = []
    for _ in range(count):
        frame = rng.normal(1000, 20, (size, size)).astype(np.float32)
        frame[rng.random((size, size)) < 1e-3] += 5000
        found.append(frame.astype(dtype))
    return found


def peers(frames: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
    """What the same work costs elsewhere, on a tenth of the rows."""
    cube = np.stack([frame[: len(frame) // 10] for frame in frames])
    found: dict[str, Callable[[], Any]] = {}
    if importlib.util.find_spec("bottleneck"):
        import bottleneck

        found["median"] = lambda: bottleneck.median(cube, axis=0)
        found["mean + variance"] = lambda: (
            bottleneck.nanmean(cube, axis=0),
            bottleneck.nanvar(cube, axis=0, ddof=1),
        )
    if importlib.util.find_spec("astropy") and importlib.util.find_spec("bottleneck"):
        import bottleneck
        from astropy.stats import sigma_clip

        def clip(**options: Any) -> Any:
            clipped = sigma_clip(
                cube.astype(np.float32), sigma=3, maxiters=None, axis=0, masked=False, **options
            )
            return bottleneck.nanmean(clipped, axis=0), bottleneck.nanvar(clipped, axis=0, ddof=1)

        found["sigma clip"] = clip
        found["mad clip"] = lambda: clip(stdfunc="mad_std")
    return found


def in_memory(size: int, counts: list[int]) -> None:
    from ccdfx.operations.combine import combine, stack

    images: list[Any]
    works: dict[str, Callable[[], Any]] = {
        "median": lambda: combine(images, average=ccdfx.median(), reject=None),
        "mean + variance": lambda: stack(images, reject=None),
        "minmax": lambda: stack(images, reject=ccdfx.minmax(low=1, high=1)),
        "sigma clip": lambda: stack(images, reject=ccdfx.sigma_clip()),
        "sigma clip, mean": lambda: stack(images, reject=ccdfx.sigma_clip(center="mean")),
        "mad clip": lambda: stack(images, reject=ccdfx.mad_clip(low=3, high=3)),
        "ccd clip": lambda: stack(images, reject=ccdfx.ccd_clip(gain=2.5, readnoise=5)),
        "default": lambda: stack(images),
    }
    print(
        f"in memory, {size} x {size}, one thread (CPU s; copies = one-thread np.copyto; x = times faster than the peer)"
    )
    print(f"{'type':8} {'N':>4} {'work':18} {'s':>7} {'copies':>7} {'x peer':>7}")
    for dtype in ("uint16", "float32"):
        for count in counts:
            frames = frames_of(count, size, dtype)
            images = [ccdfx.Image(frame) for frame in frames]
            targets = [np.empty_like(frame) for frame in frames]
            copy = cpu(lambda a=frames, b=targets: [np.copyto(y, x) for x, y in zip(a, b, strict=True)])
            others = {name: 10 * cpu(work, 1) for name, work in peers(frames).items()}
            del targets
            for name, work in works.items():
                with ccdfx.engine(threads=1):
                    seconds = cpu(work)
                peer = f"{others[name] / seconds:7.1f}" if name in others else f"{'':7}"
                print(
                    f"{dtype:8} {count:4d} {name:18} {seconds:7.3f} {seconds / copy:7.2f} {peer}", flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--quick", action="store_true", help="without 100 frames")
    chosen = parser.parse_args()
    in_memory(chosen.size, [5, 25] if chosen.quick else [5, 25, 100])


if __name__ == "__main__":
    main()
