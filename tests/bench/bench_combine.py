"""Combining in memory, timed against its peers: python tests/bench/bench_combine.py [--size 2048] [--quick]

One table: float32 and uint16 frames, 5 to 200 of them, plain, with masks, with NaN; two averages and every rejection
rule that is registered. CPU time of the one thread at work (medians of repeats that take turns), as a ratio to
``np.copyto`` of the same frames, to the peer and to `sigma_clip`. Peers that are not installed are left out.
`peers.py` times whole processes from files to a file.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import ccdfx
from ccdfx import registry

Work = Callable[[], Any]
# Rules that know the noise of the detector; the others go by their defaults.
OPTIONS: dict[str, dict[str, Any]] = {
    "ccd_clip": {"gain": 2.5, "readnoise": 5},
    "cr_reject": {"gain": 2.5, "readnoise": 5},
}
PART = 8  # peers get this part of the rows, and the time of all is reckoned from it


def turns(works: Mapping[str, Work], repeats: int) -> dict[str, float]:
    """The median CPU time of this thread in seconds for each work, after one run to warm up, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            start = time.thread_time()
            work()
            if turn:
                times[name].append(time.thread_time() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def frames_of(count: int, size: int, dtype: str, kind: str) -> list[ccdfx.Image]:
    """Noise about 1000, one value in a thousand a hit; one in a hundred masked or NaN where asked for."""
    rng = np.random.default_rng(count)
    found = []
    for _ in range(count):
        frame = rng.standard_normal((size, size), np.float32) * np.float32(20) + np.float32(1000)
        frame[rng.random((size, size), np.float32) < 1e-3] += 5000
        bad = rng.random((size, size), np.float32) < 1e-2 if kind != "plain" else None
        if kind == "NaN":
            frame[bad] = np.nan
        found.append(ccdfx.Image(frame.astype(dtype), mask=bad if kind == "mask" else None))
    return found


def peers(frames: list[ccdfx.Image], plain: bool) -> dict[str, Work]:
    """The same work elsewhere, on a part of the rows; what is masked is NaN there."""
    if not importlib.util.find_spec("bottleneck"):
        return {}
    import bottleneck

    rows = len(frames[0].array) // PART
    cube = np.stack([frame.array[:rows] for frame in frames])
    if frames[0].mask is not None:
        cube = cube.astype(np.float32)
        cube[np.stack([frame.mask[:rows] != 0 for frame in frames])] = np.nan  # type: ignore[index]
    median = bottleneck.median if plain else bottleneck.nanmedian
    found: dict[str, Work] = {
        "median": lambda: median(cube, axis=0),
        "mean": lambda: (bottleneck.nanmean(cube, axis=0), bottleneck.nanvar(cube, axis=0, ddof=1)),
    }
    if importlib.util.find_spec("astropy"):
        from astropy.stats import sigma_clip

        def clip(**options: Any) -> Any:
            values = cube.astype(np.float32)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of NaN
                kept = sigma_clip(values, sigma=3, maxiters=None, axis=0, masked=False, **options)
            return bottleneck.nanmean(kept, axis=0), bottleneck.nanvar(kept, axis=0, ddof=1)

        found["sigma_clip"] = clip
        found["mad_clip"] = lambda: clip(stdfunc="mad_std")
    return found


def works_on(frames: list[ccdfx.Image]) -> dict[str, Work]:
    """Every row of the table: two averages without rejection, then the rules."""
    works: dict[str, Work] = {
        "median": lambda: ccdfx.combine(frames, average=ccdfx.median(), reject=None),
        "mean": lambda: ccdfx.stack(frames, reject=None),
    }
    variance = np.full(frames[0].shape, 400, np.float32)
    known = [frame.replace(variance=variance) for frame in frames]
    for name, rule in registry.records("rejection").items():
        made = rule.factory(**OPTIONS.get(name, {}))
        given = known if name == "variance_clip" else frames
        works[name] = functools.partial(ccdfx.stack, given, reject=made)
        if name in OPTIONS:
            zeros = [0.01 * j for j in range(len(frames))]
            works[f"{name}, zero"] = functools.partial(ccdfx.stack, frames, reject=made, zero=zeros)
    return works


def report(dtype: str, count: int, kind: str, size: int, repeats: int) -> None:
    """Time one stack and print its rows."""
    frames = frames_of(count, size, dtype, kind)
    target = np.empty_like(frames[0].array)
    elsewhere = peers(frames, kind == "plain")
    works: dict[str, Work] = {
        **works_on(frames),
        " copy": lambda: [np.copyto(target, frame.array) for frame in frames],
    }
    with ccdfx.engine(threads=1):
        seconds = turns(works, repeats)
        others = {name: PART * value for name, value in turns(elsewhere, 1).items()}
    copy, clip = seconds.pop(" copy"), seconds["sigma_clip"]
    for name, value in seconds.items():
        peer = f"{others[name] / value:8.1f}" if name in others else " " * 8
        print(
            f"{dtype:8}{count:5d} {kind:7}{name:20}{value:8.3f}{value / copy:8.2f}{peer}{value / clip:12.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048, help="pixels of a side")
    parser.add_argument("--quick", action="store_true", help="5 and 25 frames of 1024 x 1024")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    size, counts = (1024, [5, 25]) if chosen.quick else (chosen.size, [5, 25, 100, 200])
    print(
        f"{size} x {size} in memory, one thread, CPU seconds; median with variance, the others with counts too;"
    )
    print(
        "copies: of np.copyto of the frames; x peer: times faster than bottleneck, with astropy where it clips"
    )
    print(f"{'type':8}{'N':>5} {'frames':7}{'work':20}{'s':>8}{'copies':>8}{'x peer':>8}{'/sigma_clip':>12}")
    for dtype in ("float32", "uint16"):
        for count in counts:
            for kind in ("plain", "mask", "NaN") if dtype == "float32" else ("plain", "mask"):
                report(dtype, count, kind, size, chosen.repeats)


if __name__ == "__main__":
    main()
