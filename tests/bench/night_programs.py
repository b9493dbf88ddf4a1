"""The programs that reduce the night of `night_frames.py`: how each is called, and what its result must be.

Every program makes masters of bias, dark and flat with 3-sigma rejection, calibrates the science frames and combines
them. Siril and ccdfx also align them; ccdproc does not, and of the three only ccdfx computes variances and flags,
masks bad pixels and cosmic rays in each frame, and writes a report. Siril gets the raw uint16 files: float frames in
ADU become an image of ones, with exit status 0.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import night_frames
import numpy as np

from ccdfx.demo.detector import flat_field
from ccdfx.demo.truth import Truth

SKY_WITHIN = 0.02  # of the true level
SIRIL = """requires 1.0.0
setcpu {threads}
setext fits
cd {links}/bias
link bias -out={out}
cd {out}
stack bias rej 3 3 -nonorm -out=master_bias
cd {links}/dark
link dark -out={out}
cd {out}
stack dark rej 3 3 -nonorm -out=master_dark
cd {links}/flat
link flat -out={out}
cd {out}
preprocess flat -bias=master_bias
stack pp_flat rej 3 3 -norm=mul -out=master_flat
cd {links}/science
link science -out={out}
cd {out}
preprocess science -dark=master_dark -flat=master_flat
register pp_science
stack r_pp_science rej 3 3 -norm=addscale -out=combined
"""
CCDPROC = """
import sys
from pathlib import Path
import ccdproc
import numpy as np
from astropy import units as u
from astropy.nddata import CCDData
from astropy.stats import mad_std

raw, out = Path(sys.argv[1]), Path(sys.argv[2])
clip = dict(
    method="average", sigma_clip=True, sigma_clip_low_thresh=3, sigma_clip_high_thresh=3,
    sigma_clip_func=np.ma.median, sigma_clip_dev_func=mad_std, mem_limit=2e9,
)

def read(kind):
    return {path.name: CCDData.read(path, unit="adu") for path in sorted(raw.glob(f"{kind}_*.fits"))}

def write(frames):
    for name, frame in frames.items():
        frame.write(out / name, overwrite=True)
    return [str(out / name) for name in frames]

def stack(files, name, **more):
    made = ccdproc.combine(files, unit="adu", **clip, **more)
    made.data = made.data.astype("float32")
    made.uncertainty = None
    made.write(out / name, overwrite=True)
    return made

def inverse_median(values):
    return 1 / np.median(values)

bias = stack([str(path) for path in sorted(raw.glob("bias_*.fits"))], "master_bias.fits")
dark = stack(
    write({name: ccdproc.subtract_bias(frame, bias) for name, frame in read("dark").items()}), "master_dark.fits"
)
flats = {name: ccdproc.subtract_bias(frame, bias) for name, frame in read("flat").items()}
flat = stack(write(flats), "master_flat.fits", scale=inverse_median)
del flats
files = []
for path in sorted(raw.glob("science_*.fits")):
    frame = ccdproc.subtract_bias(CCDData.read(path, unit="adu"), bias)
    frame = ccdproc.subtract_dark(frame, dark, exposure_time="EXPTIME", exposure_unit=u.s)
    frame = ccdproc.flat_correct(frame, flat)
    frame.data = frame.data.astype("float32")
    files += write({path.name: frame})
stack(files, "combined.fits")
"""


@dataclass(frozen=True)
class Cost:
    """What a process and its children took: seconds by the wall and of the CPU, the greatest resident MB of one."""

    wall: float
    cpu: float
    peak: float
    status: int
    told: str


@dataclass(frozen=True)
class Program:
    """A program: its command, which writes into the folder `out`, and one file of its result.

    `scale` turns the values of that file into electrons, and `level` is what it makes of one electron: the level of the
    flat by which it divides.
    """

    name: str
    command: tuple[str, ...]
    product: Path
    scale: float
    level: float = 1.0
    environment: Mapping[str, str] = field(default_factory=dict)


def run(command: tuple[str, ...], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a program and return what it took, with its last words."""
    # Programs in Python keep their bytecode, as they do where they are installed.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as words:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**inherited, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        words.seek(0)
        told = words.read().strip()[-400:]
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / 1024, process.returncode, told)


def reduce_command(directory: Path, out: Path, threads: int, extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the command that reduces a night with ccdfx."""
    words = [sys.executable, "-m", "ccdfx", "reduce", "-q", str(directory), "-o", str(out)]
    return (*words, "--threads", str(threads), *extra)


def programs(directory: Path, work: Path, truth: Truth, threads: int) -> Iterator[Program | str]:
    """Yield the programs that are here, and for each that is not a line that says so."""
    ours, gain = work / "ccdfx", truth.detector.gain
    command = reduce_command(directory, ours, threads)
    product = ours / "combined" / "FIELD_12_R.fits"
    yield Program("ccdfx reduce", command, product, gain)
    yield Program(
        "ccdfx reduce, no kernel cache",
        command,
        product,
        1.0,
        environment={"NUMBA_CACHE_DIR": str(work / "kernels")},
    )
    if shutil.which("siril-cli"):
        out = work / "siril"
        words = ("siril-cli", "-d", str(work), "-s", str(work / "night.ssf"))
        (work / "night.ssf").write_text(SIRIL.format(threads=threads, links=work / "links", out=out))
        link_by_kind(directory, work / "links", truth)
        yield Program("Siril", words, out / "combined.fits", 65535 * gain, central_response(truth))
    else:
        yield "Siril: no siril-cli here, left out"
    if importlib.util.find_spec("ccdproc"):
        out = work / "ccdproc"
        words = (sys.executable, "-c", CCDPROC, str(directory), str(out))
        yield Program("ccdproc, not aligned", words, out / "combined.fits", gain)
    else:
        yield "ccdproc: not installed, left out"


def link_by_kind(directory: Path, links: Path, truth: Truth) -> None:
    """Link the raw frames into one folder for each kind, as Siril wants them."""
    for frame in truth.frames:
        folder = links / frame.kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / frame.file).symlink_to((directory / frame.file).resolve())


def central_response(truth: Truth) -> float:
    """Return the mean response of the middle third of both axes, by which Siril divides its flats."""
    ny, nx = truth.shape
    flat = flat_field(truth.detector, night_frames.BAND)
    return float(flat[ny // 3 : -ny // 3, nx // 3 : -nx // 3].mean())


def fault_of(program: Program, cost: Cost, truth: Truth) -> str | None:
    """Return what is wrong with the result of a program, None if it is sane."""
    from astropy.io import fits

    if cost.status:
        return f"ended with {cost.status}: {cost.told}"
    if not program.product.is_file():
        return f"no {program.product.name}: {cost.told}"
    values = np.asarray(fits.getdata(program.product), np.float64) * program.scale
    if values.shape != truth.shape:
        return f"shape {values.shape}, not {truth.shape}"
    ny, nx = truth.shape
    middle = values[ny // 4 : -ny // 4, nx // 4 : -nx // 4]
    sky = float(np.nanmedian(middle)) / program.level
    if not abs(sky / night_frames.SKY - 1) < SKY_WITHIN:
        return f"sky of {sky:.1f} e-, not {night_frames.SKY:.1f}"
    return None


def compare(directory: Path, truth: Truth, rounds: int, threads: int, without: tuple[str, ...]) -> bool:
    """Print the table of all programs; return whether all results are sane."""
    costs: dict[str, list[Cost]] = {}
    faults: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as where:
        work = Path(where)
        found = list(programs(directory, work, truth, threads))
        chosen = [one for one in found if isinstance(one, Program) and not one.name.endswith(without)]
        _warm(directory, work)
        for _ in range(rounds):
            for program in chosen:
                for name in ("ccdfx", "siril", "ccdproc", "kernels"):
                    shutil.rmtree(work / name, ignore_errors=True)
                for name in ("siril", "ccdproc"):
                    (work / name).mkdir()
                cost = run(program.command, program.environment)
                fault = fault_of(program, cost, truth)
                if fault:
                    faults[program.name] = fault
                costs.setdefault(program.name, []).append(cost)
    print(
        f"\n{len(truth.frames)} frames of {truth.shape[1]} x {truth.shape[0]}, {threads} threads, "
        f"medians of {rounds}; in brackets the ratio to Siril"
    )
    print(f"{'':32}{'wall s':>16}{'CPU s':>16}{'peak MB':>16}")
    siril = costs.get("Siril")
    for name, several in costs.items():
        cells = ""
        for what in ("wall", "cpu", "peak"):
            value = statistics.median(getattr(cost, what) for cost in several)
            base = statistics.median(getattr(cost, what) for cost in siril) if siril else None
            ratio = f"{value:.0f}" if what == "peak" else f"{value:.1f}"
            cells += f"{ratio + (f' ({value / base:.2f})' if base else ''):>16}"
        print(f"{name:32}{cells}")
    for line in found:
        if isinstance(line, str):
            print(line)
    for name, fault in faults.items():
        print(f"WRONG RESULT of {name}: {fault}")
    return not faults


def _warm(directory: Path, work: Path) -> None:
    """Bring the raw frames into the page cache, and the kernels of ccdfx into their cache."""
    for path in sorted(directory.glob("*.fits")):
        path.read_bytes()
    done = run(reduce_command(directory, work / "ccdfx", 2))
    if done.status:
        raise SystemExit(f"ccdfx reduce ended with {done.status}: {done.told}")


def scale(sizes: int, counts: tuple[int, ...], threads: int) -> None:
    """Print how time and memory grow with the number of frames."""
    print(f"ccdfx reduce, frames of {sizes} x {sizes}, {threads} threads")
    print(f"{'frames':>8}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'ms CPU a frame':>16}{'of one more':>13}")
    before: tuple[int, float] | None = None
    for count in counts:
        with tempfile.TemporaryDirectory() as where:
            night_frames.generate(Path(where, "raw"), count, sizes)
            command = reduce_command(Path(where, "raw"), Path(where, "out"), threads)
            if before is None:
                run(command)  # loads or compiles the kernels
                shutil.rmtree(Path(where, "out"))
            cost = run(command)
        if cost.status:
            print(f"{count:8} ended with {cost.status}: {cost.told}")
            continue
        more = "" if before is None else f"{1000 * (cost.cpu - before[1]) / (count - before[0]):.0f}"
        each = 1000 * cost.cpu / count
        print(f"{count:8}{cost.wall:9.1f}{cost.cpu:9.1f}{cost.peak:9.0f}{each:16.0f}{more:>13}")
        before = count, cost.cpu


def again(directory: Path, truth: Truth, threads: int, extra: tuple[str, ...]) -> None:
    """Print what a second run over the same output takes, a third with two science frames more, and one with a dark more.

    The combined frame is made again of all frames; with another dark all is made again but the masters of bias and flat.
    """
    frames, size = len(truth.frames), truth.shape[0]
    longer = night_frames.plan(frames + 20, size, truth.seed)
    known = {frame.file for frame in truth.frames}
    new = {
        kind: [
            n for n, one in enumerate(longer.frames) if one.file not in known and one.file.startswith(kind)
        ]
        for kind in ("science", "dark")
    }
    with tempfile.TemporaryDirectory() as where:
        raw, out = Path(where, "raw"), Path(where, "out")
        raw.mkdir()
        for frame in truth.frames:
            (raw / frame.file).symlink_to((directory / frame.file).resolve())
        command = reduce_command(raw, out, threads, extra)
        whole = _row("first run", run(command), None)
        _row("again, nothing to do", run(command), whole)
        night_frames.write_raw(longer, raw, new["science"][:2])
        _row("again, 2 science more", run(command), whole)
        night_frames.write_raw(longer, raw, new["dark"][:1])
        _row("again, 1 dark more", run(command), whole)


def _row(name: str, cost: Cost, whole: float | None) -> float:
    if cost.status:
        print(f"{name:24} REFUSED with exit status {cost.status} after {cost.cpu:.1f} CPU s: {cost.told}")
    else:
        part = "" if whole is None else f"   {100 * cost.cpu / whole:.1f} % of the first run"
        print(f"{name:24}{cost.wall:8.1f} wall s{cost.cpu:8.1f} CPU s{cost.peak:8.0f} MB{part}")
    return cost.cpu
