"""Combining, timed against its peers: python tests/bench/bench_combine.py [--size 2048] [--quick]

In memory: CPU time of one thread, best of three, as a ratio to ``np.copyto`` of the same frames and to the peer.
From files: wall time of whole processes, Python's start included, best of three, kernels and page cache warm.
Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
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


OURS = """
import sys
import ccdfx
frames = [ccdfx.open_source(path) for path in sys.argv[3:]]
with ccdfx.engine(threads=2):
    ccdfx.write(ccdfx.combine(frames, {options}), sys.argv[1], overwrite=True)
"""
NUMPY = """
import sys
import numpy as np, bottleneck
from astropy.io import fits
data = [fits.getdata(path).astype(np.float32) for path in sys.argv[3:]]
fits.writeto(sys.argv[1], bottleneck.median(np.stack(data), axis=0), overwrite=True)
"""
CCDPROC = """
import sys
import ccdproc
ccdproc.combine(sys.argv[3:], output_file=sys.argv[1], method="median", unit="adu", overwrite_output=True)
"""


def wall(command: list[str], repeats: int = 3) -> float:
    """The least wall time of a whole process, after one run to warm up."""
    best = np.inf
    for number in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if number:
            best = min(best, time.perf_counter() - start)
    return best


def from_files(size: int, count: int) -> None:
    from astropy.io import fits

    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, frame in enumerate(frames_of(count, size, "uint16")):
            paths.append(str(Path(folder) / f"{number:03d}.fits"))
            fits.writeto(paths[-1], frame)
        rest = [str(Path(folder) / "out.fits"), "", *paths]
        rest[1] = "-"
        scripts = {
            "ccdfx median": OURS.format(options="average=ccdfx.median(), reject=None"),
            "ccdfx sigma clip": OURS.format(options="reject=ccdfx.sigma_clip()"),
            "ccdfx default": OURS.format(options=""),
        }
        if importlib.util.find_spec("bottleneck"):
            scripts["numpy + bottleneck median"] = NUMPY
        if importlib.util.find_spec("ccdproc"):
            scripts["ccdproc median"] = CCDPROC
        print(f"\n{count} uint16 files of {size} x {size} to a file, whole process (wall s)")
        floor = wall(["cat", *paths])
        print(f"{'cat of the files':28} {floor:7.3f}")
        ours = 0.0
        for name, script in scripts.items():
            seconds = wall([sys.executable, "-c", script, *rest], 1 if name.startswith("ccdproc") else 3)
            ours = ours or seconds
            print(f"{name:28} {seconds:7.3f} {seconds / ours:6.1f} x ours", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--quick", action="store_true", help="without 100 frames and without processes")
    chosen = parser.parse_args()
    in_memory(chosen.size, [5, 25] if chosen.quick else [5, 25, 100])
    if not chosen.quick:
        from_files(chosen.size, 25)


if __name__ == "__main__":
    main()
