"""Combining files into a file, ccdfx and its peers on the same stack: python tests/bench/peers.py [25x2048:uint16 ...]

Prints, for every stack, the wall time of whole processes (Python's start included; page cache and kernels warm; medians
of several rounds in which the programs take turns), its ratio to that of ccdfx, and the peak memory. Two more rows are no
programs to compare with: `cat` of the files, which is the floor, and what `ccdfx.combine` and `ccdfx.write` take in a
process that is already running.

Peers that are not installed are left out: numpy, bottleneck and astropy, ccdproc, Siril (``siril-cli``), IRAF (``irafcl``,
with the environment variable ``iraf`` set as Debian needs it) and SWarp. Everyone means something else by 3 sigma:
astropy clips about the median with the divisor n to convergence, IRAF about the median with n - 1, Siril about the mean
with n - 1, ccdproc once, SWarp by its own model. Siril takes float frames from 0 to 1, so it gets those.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

TASKS = ("mean", "median", "sigma", "winsorized")
OURS = {
    "mean": ("--reject", "none"),
    "median": ("--average", "median", "--reject", "none"),
    "sigma": ("--reject", "sigma_clip:low=3,high=3"),
    "winsorized": ("--reject", "winsorized_clip:low=3,high=3"),
}
WORK = """
import sys, time
import ccdfx
paths, target, task = sys.argv[2:], sys.argv[1], TASK
how = {
    "mean": {"reject": None}, "median": {"reject": None, "average": ccdfx.median()},
    "sigma": {"reject": ccdfx.sigma_clip(low=3, high=3)}, "winsorized": {"reject": ccdfx.winsorized_clip(low=3, high=3)},
}[task]
for _ in range(4):
    start = time.perf_counter()
    with ccdfx.engine(threads=2):
        sources = [ccdfx.open_source(path) for path in paths]
        ccdfx.write(ccdfx.combine(sources, **how), target, overwrite=True)
    print(time.perf_counter() - start)
"""
NUMPY = """
import sys
import numpy as np, bottleneck
from astropy.io import fits
data = np.stack([fits.getdata(path).astype(np.float32) for path in sys.argv[2:]])
fits.writeto(sys.argv[1], {"mean": np.mean, "median": bottleneck.median}[TASK](data, axis=0), overwrite=True)
"""
ASTROPY = """
import sys
import numpy as np, bottleneck
from astropy.io import fits
from astropy.stats import sigma_clip
data = np.stack([fits.getdata(path).astype(np.float32) for path in sys.argv[2:]])
clipped = sigma_clip(data, sigma=3, axis=0, maxiters=None, masked=False, copy=False)
fits.writeto(sys.argv[1], bottleneck.nanmean(clipped, axis=0), overwrite=True)
"""
CCDPROC = """
import sys
import ccdproc
how = {
    "mean": {"method": "average"}, "median": {"method": "median"},
    "sigma": {"method": "average", "sigma_clip": True, "sigma_clip_low_thresh": 3, "sigma_clip_high_thresh": 3},
}[TASK]
ccdproc.combine(sys.argv[2:], output_file=sys.argv[1], unit="adu", overwrite_output=True, **how)
"""
SIRIL = """requires 1.0.0
setcpu 2
link frame_ -out={out}
cd {out}
stack frame_ {rule} -nonorm -out=out
"""
IRAF = """images
immatch
imcombine ("*.fits", "{out}", combine="{combine}", reject="{reject}", mclip=yes, logfile="")
logout
"""


@dataclass(frozen=True)
class Stack:
    """The frames that are combined, and where results may go."""

    count: int
    size: int
    kind: str
    folder: Path
    out: Path
    paths: list[str] = field(default_factory=list)

    @property
    def unit(self) -> Path:
        """The folder of the same frames from 0 to 1."""
        return self.folder if self.kind == "uint16" else self.folder.with_name("unit")


def write_frames(stack: Stack) -> None:
    """Noise about 1000 ADU, one value in a thousand a hit."""
    from astropy.io import fits

    rng = np.random.default_rng(stack.count)
    for number in range(stack.count):
        frame = rng.normal(1000, 20, (stack.size, stack.size)).astype(np.float32)
        frame[rng.random(frame.shape) < 1e-3] += 5000
        path = stack.folder / f"f{number + 1:05d}.fits"
        fits.writeto(path, frame.astype(stack.kind))
        stack.paths.append(str(path))
        if stack.unit != stack.folder:
            fits.writeto(stack.unit / path.name, frame / 65535)


Command = Callable[[str], tuple[list[str], str | None]]


def python(code: str, stack: Stack, name: str) -> Command:
    """A program that is a few lines of Python."""

    def command(task: str) -> tuple[list[str], str | None]:
        words = [sys.executable, "-c", code.replace("TASK", repr(task)), str(stack.out / f"{name}.fits")]
        return [*words, *stack.paths], None

    return command


def programs(stack: Stack) -> Iterator[tuple[str, tuple[str, ...], Command]]:
    """Name, tasks and command of what can be run here."""
    target = str(stack.out / "ccdfx.fits")
    start = [sys.executable, "-m", "ccdfx", "combine", "-o", target, "--overwrite", "--threads", "2"]
    yield "ccdfx, 2 threads", TASKS, lambda task: ([*start, *OURS[task], *stack.paths], None)
    if shutil.which("siril-cli"):
        yield "Siril, 2 threads", TASKS, lambda task: _siril(stack, task)
    if shutil.which("irafcl"):
        yield "IRAF", TASKS[:3], lambda task: _iraf(stack, task)
    if shutil.which("SWarp"):
        yield "SWarp, 2 threads", TASKS[:3], lambda task: (_swarp(stack, task), None)
    if importlib.util.find_spec("bottleneck"):
        yield "numpy + bottleneck", TASKS[:2], python(NUMPY, stack, "numpy")
        yield "astropy + bottleneck", ("sigma",), python(ASTROPY, stack, "astropy")
    if importlib.util.find_spec("ccdproc"):
        yield "ccdproc", TASKS[:3], python(CCDPROC, stack, "ccdproc")


def _siril(stack: Stack, task: str) -> tuple[list[str], None]:
    rule = {"mean": "sum", "median": "med", "sigma": "rej s 3 3", "winsorized": "rej w 3 3"}[task]
    script = stack.out / f"{task}.ssf"
    script.write_text(SIRIL.format(rule=rule, out=stack.out))
    return ["siril-cli", "-d", str(stack.unit), "-s", str(script)], None


def _iraf(stack: Stack, task: str) -> tuple[list[str], str]:
    target = stack.out / "iraf.fits"
    target.unlink(missing_ok=True)
    combine, reject = {
        "mean": ("average", "none"), "median": ("median", "none"), "sigma": ("average", "sigclip"),
    }[task]  # fmt: skip
    return ["irafcl"], IRAF.format(out=target, combine=combine, reject=reject)


def _swarp(stack: Stack, task: str) -> list[str]:
    kind = {"mean": "AVERAGE", "median": "MEDIAN", "sigma": "CLIPPED"}[task]
    options = {
        "COMBINE_TYPE": kind, "CLIP_SIGMA": "3", "RESAMPLE": "N", "SUBTRACT_BACK": "N", "NTHREADS": "2",
        "IMAGEOUT_NAME": str(stack.out / "swarp.fits"), "WEIGHTOUT_NAME": str(stack.out / "weight.fits"),
        "VERBOSE_TYPE": "QUIET", "WRITE_XML": "N",
    }  # fmt: skip
    return ["SWarp", *stack.paths, *(word for key, value in options.items() for word in (f"-{key}", value))]


def run(command: list[str], text: str | None, folder: Path) -> tuple[float, float]:
    """Wall seconds and peak megabytes of a program and its children."""
    # Programs in Python keep their bytecode from the round that warms up, as they do where they are installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**environment, "USER": "observer"},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write((text or "").encode())
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    taken = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return taken, usage.ru_maxrss / 1024


def work(stack: Stack, task: str) -> float:
    """Seconds of combining and writing in a process that has done it before."""
    command = [
        sys.executable,
        "-c",
        WORK.replace("TASK", repr(task)),
        str(stack.out / "work.fits"),
        *stack.paths,
    ]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return statistics.median(float(line) for line in result.stdout.split()[1:])


def measure(stack: Stack, rounds: int, slow: int, wanted: tuple[str, ...], without: tuple[str, ...]) -> None:
    """Print the table of one stack."""
    times: dict[tuple[str, str], list[float]] = {}
    memory: dict[str, float] = {}
    found = [program for program in programs(stack) if not program[0].startswith(without)]
    works: dict[str, list[float]] = {task: [] for task in wanted}
    floor = []
    for number in range(rounds + 1):  # the first warms up
        for name, tasks, command in found:
            for task in tasks:
                key = name, task
                if task not in wanted or (sum(times.get(key, [])) > slow and number > 1):
                    continue
                seconds, peak = run(*command(task), stack.folder)
                memory[name] = max(peak, memory.get(name, 0.0))
                if number:
                    times.setdefault(key, []).append(seconds)
        if number:
            floor.append(run(["cat", *stack.paths], None, stack.folder)[0])
            for task in wanted:
                works[task].append(work(stack, task))
    print(
        f"\n{stack.count} {stack.kind} files of {stack.size} x {stack.size}: wall s (ratio to ccdfx), peak MB"
    )
    print(f"{'':24}" + "".join(f"{task:>18}" for task in wanted) + f"{'peak MB':>10}")
    ours = {task: statistics.median(times["ccdfx, 2 threads", task]) for task in wanted}
    for name, _, _ in found:
        cells = ""
        for task in wanted:
            taken = times.get((name, task))
            middle = statistics.median(taken) if taken else 0.0
            cells += f"{f'{middle:.2f} ({middle / ours[task]:.1f})' if taken else '':>18}"
        print(f"{name:24}{cells}{memory[name]:10.0f}")
    base = statistics.median(floor)
    print(f"{'ccdfx, the work':24}" + "".join(f"{statistics.median(works[t]):>18.2f}" for t in wanted))
    print(f"{'the same / cat':24}" + "".join(f"{statistics.median(works[t]) / base:>18.1f}" for t in wanted))
    print(f"{'cat of the files':24}{base:>18.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stacks", nargs="*", default=["25x2048:uint16"], help="COUNTxSIZE:uint16 or :float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", default=",".join(TASKS), help="of " + ", ".join(TASKS))
    parser.add_argument("--slow", type=int, default=20, help="seconds after which a program is not run again")
    parser.add_argument(
        "--without", default="", help="programs to leave out, by the beginning of their names"
    )
    chosen = parser.parse_args()
    for text in chosen.stacks:
        found = re.fullmatch(r"(\d+)x(\d+):(uint16|float32)", text)
        if found is None:
            parser.error(f"{text!r} is not like 25x2048:uint16")
        with tempfile.TemporaryDirectory() as where:
            folders = [Path(where, name) for name in ("frames", "unit", "out")]
            for folder in folders:
                folder.mkdir()
            stack = Stack(int(found[1]), int(found[2]), found[3], folders[0], folders[2])
            write_frames(stack)
            measure(
                stack,
                chosen.rounds,
                chosen.slow,
                tuple(chosen.tasks.split(",")),
                tuple(filter(None, chosen.without.split(","))),
            )


if __name__ == "__main__":
    main()
