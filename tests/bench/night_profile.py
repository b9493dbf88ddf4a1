"""Where the CPU time of `ccdfx.reduce_night` goes, by stage and by function: see `night.py profile`.

The night is reduced in this process with one thread at a time for its products, after a small night that loads the
kernels. Each thread has a cProfile of its own, with the clock of that thread. The time of a stage is that of its functions with all they call; a function that is called by two
stages is counted in both, so such rows are indented and belong to no sum.
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import night_frames

# (file, function) by stage; a file or function that does not exist any more gives a row of zero.
STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "scan and plan": (("night/frames/scan.py", "scan"), ("night/plan.py", "plan_night")),
    "saturation of the raw frames": (("night/cameras/saturation.py", "find_saturations"),),
    "light in the overscan": (("night/run.py", "_without_lit_overscans"),),
    "noise of the camera": (("night/run.py", "_noise_of"),),
    "masters": (("night/products/masters.py", "build_master"),),
    "map of bad pixels": (("night/products/bad_pixels.py", "build_bad_pixels"),),
    "calibrated frames": (("night/products/calibrated.py", "calibrate_frame"),),
    "combined frames": (("night/products/coadd.py", "combine_object"),),
    "report": (("night/report/page.py", "write_report"),),
}
PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "registration": (("night/products/registration.py", "*"),),
    "stacking": (("operations/combining/run.py", "run"),),
    "stars": (("photometry/stars.py", "measure_stars"),),
    "sky": (("estimators/sky.py", "background"),),
    "cosmic rays": (("operations/pixels/cosmic_rays.py", "mask_cosmic_rays"),),
    "calibrate": (("operations/calibration/calibrate.py", "calibrate"),),
    "reading": (("io/reading.py", "*"),),
    "writing": (("io/writing.py", "*"),),
    "fsync": (("~", "<built-in method posix.fsync>"),),
}

Stats = dict[tuple[str, int, str], tuple[int, int, float, float, dict]]


def profile(directory: Path, top: int) -> str:
    """Reduce a night under cProfile and return the tables as Markdown."""
    import ccdfx

    with tempfile.TemporaryDirectory() as where, ccdfx.engine(threads=1):
        small = Path(where, "small")
        night_frames.generate(small, 12, 256)
        ccdfx.reduce_night(small, Path(where, "warm"))
        wall, cpu = time.perf_counter(), time.process_time()
        with _clocks() as clocks:
            night = ccdfx.reduce_night(directory, Path(where, "out"))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found: Stats = pstats.Stats(*clocks).stats  # type: ignore[attr-defined]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        f"## {directory.name}: {len(night.frames)} frames, status {night.status}",
        f"CPU {cpu:.1f} s with the profiler (all threads), wall {wall:.1f} s, peak {peak:.0f} MB, one thread.",
        "",
        "| stage | CPU s | calls | s a call |",
        "|---|---|---|---|",
    ]
    lines += [_row(name, *_cumulative(found, wanted)) for name, wanted in STAGES.items()]
    lines += [_row(f"- of all: {name}", *_cumulative(found, wanted)) for name, wanted in PARTS.items()]
    own = sorted(found.items(), key=lambda item: -item[1][2])[:top]
    ours = [item for item in found.items() if "/ccdfx/" in item[0][0]]
    deep = sorted(ours, key=lambda item: -item[1][3])[: 3 * top]
    lines += ["", f"The {top} functions with the most time of their own:", "", *_functions(own)]
    lines += [
        "",
        f"The {3 * top} functions of ccdfx with the most time, with callees:",
        "",
        *_functions(deep),
    ]
    return "\n".join(lines) + "\n"


@contextmanager
def _clocks() -> Iterator[list[cProfile.Profile]]:
    """Profile this thread and what it gives to pools of threads; a list of one profile for each thread."""
    clocks, of_thread, submit = [], threading.local(), ThreadPoolExecutor.submit

    def timed(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if not hasattr(of_thread, "clock"):
            of_thread.clock = cProfile.Profile(time.thread_time)
            clocks.append(of_thread.clock)
        of_thread.clock.enable()
        try:
            return work(*args, **named)
        finally:
            of_thread.clock.disable()

    def submit_timed(
        pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, **named: Any
    ) -> Future[Any]:
        return submit(pool, timed, work, *args, **named)

    here = cProfile.Profile(time.thread_time)
    clocks.append(here)
    ThreadPoolExecutor.submit = submit_timed  # type: ignore[method-assign, assignment]
    here.enable()
    try:
        yield clocks
    finally:
        here.disable()
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


def _functions(items: list[Any]) -> list[str]:
    lines = ["| own CPU s | calls | with callees | function | called most by |", "|---|---|---|---|---|"]
    for key, (_, calls, own, total, callers) in items:
        caller = _name(max(callers.items(), key=lambda item: item[1][3])[0]) if callers else ""
        lines.append(f"| {own:.2f} | {calls} | {total:.2f} | {_name(key)} | {caller} |")
    return lines


def _cumulative(found: Stats, wanted: tuple[tuple[str, str], ...]) -> tuple[float, int]:
    """Return the time with callees and the calls of functions; "*" stands for what other files call in a file."""
    seconds, number = 0.0, 0
    for (file, _, name), (_, calls, _, total, callers) in found.items():
        for end, function in wanted:
            if not file.endswith(end):
                continue
            if function == name:
                seconds, number = seconds + total, number + calls
            elif function == "*":
                outer = [part for caller, part in callers.items() if not caller[0].endswith(end)]
                seconds += sum(part[3] for part in outer)
                number += sum(part[1] for part in outer)
    return seconds, number


def _row(name: str, seconds: float, calls: int) -> str:
    return f"| {name} | {seconds:.2f} | {calls} | {seconds / calls if calls else 0.0:.3f} |"


def _name(key: tuple[str, int, str]) -> str:
    file, line, function = key
    short = file.partition("site-packages/")[2] or file.rpartition("/ccdfx/")[2]
    return f"`{short}:{line}` {function}" if line else f"{function}"
