"""Combining from files to a file, timed against its peers: python tests/bench/bench_files.py [--size 2048] [--count 25]

The wall time of whole processes, Python's start included, with kernels and page cache warm: medians of several runs,
the programs taking turns. Peers that are not installed are left out: numpy with bottleneck, ccdproc, Siril
(``siril-cli``) and IRAF (``irafcl``, with the environment variable ``iraf`` set as Debian needs it). All take the median
of the same uint16 frames without rejection; "sigma" rows reject at 3 sigma as each program means it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

NUMPY = """
import sys
import numpy as np, bottleneck
from astropy.io import fits
data = [fits.getdata(path).astype(np.float32) for path in sys.argv[2:]]
fits.writeto(sys.argv[1], bottleneck.median(np.stack(data), axis=0), overwrite=True)
"""
CCDPROC = """
import sys
import ccdproc
ccdproc.combine(sys.argv[2:], output_file=sys.argv[1], method="median", unit="adu", overwrite_output=True)
"""
SIRIL = """requires 1.0.0
setcpu 2
link frame_ -out={out}
cd {out}
stack frame_ {rule} -nonorm -out=out
"""
IRAF = """images
immatch
imcombine ("*.fits", "{out}", combine="{combine}", reject="{reject}", logfile="")
logout
"""
SLOW = ("ccdproc",)


def write_frames(folder: Path, count: int, size: int) -> list[str]:
    """Noise about 1000 ADU, one value in a thousand a hit."""
    from astropy.io import fits

    rng = np.random.default_rng(count)
    paths = []
    for number in range(count):
        frame = rng.normal(1000, 20, (size, size)).astype(np.float32)
        frame[rng.random((size, size)) < 1e-3] += 5000
        paths.append(str(folder / f"f{number + 1:05d}.fits"))
        fits.writeto(paths[-1], frame.astype(np.uint16))
    return paths


def programs(folder: Path, out: Path, paths: list[str]) -> dict[str, Callable[[], None]]:
    """What can be run here, by name; each writes below `out`."""

    def run(*command: str, text: str | None = None, **variables: str) -> None:
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            input=text,
            text=text is not None,
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ours(*options: str) -> Callable[[], None]:
        target = str(out / "ccdfx.fits")
        command = [
            sys.executable,
            "-m",
            "ccdfx",
            "combine",
            *paths,
            "-o",
            target,
            "--overwrite",
            "--threads",
            "2",
        ]
        return lambda: run(*command, *options)

    def siril(rule: str) -> Callable[[], None]:
        script = out / f"{rule.split()[0]}.ssf"
        script.write_text(SIRIL.format(rule=rule, out=out))
        return lambda: run("siril-cli", "-d", str(folder), "-s", str(script))

    def iraf(combine: str, reject: str) -> Callable[[], None]:
        target = out / "iraf.fits"

        def work() -> None:
            target.unlink(missing_ok=True)
            run("irafcl", text=IRAF.format(out=target, combine=combine, reject=reject), USER="observer")

        return work

    found = {
        "cat of the files": lambda: run("cat", *paths),
        "ccdfx median": ours("--average", "median", "--reject", "none"),
        "ccdfx sigma": ours("--reject", "sigma_clip:low=3,high=3"),
    }
    python = sys.executable
    if importlib.util.find_spec("bottleneck"):
        found["numpy + bottleneck median"] = lambda: run(python, "-c", NUMPY, str(out / "numpy.fits"), *paths)
    if importlib.util.find_spec("ccdproc"):
        found["ccdproc median"] = lambda: run(python, "-c", CCDPROC, str(out / "ccdproc.fits"), *paths)
    if shutil.which("siril-cli"):
        found["Siril median"] = siril("med")
        found["Siril sigma"] = siril("rej s 3 3")
    if shutil.which("irafcl"):
        found["IRAF median"] = iraf("median", "none")
        found["IRAF sigma"] = iraf("average", "sigclip")
    return found


def seconds(work: Callable[[], None]) -> float:
    """The wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        folder, out = Path(where, "frames"), Path(where, "out")
        folder.mkdir()
        out.mkdir()
        works = programs(folder, out, write_frames(folder, chosen.count, chosen.size))
        times: dict[str, list[float]] = {name: [] for name in works}
        for number in range(chosen.runs + 1):
            for name, work in works.items():
                taken = seconds(work) if number < 2 or not name.startswith(SLOW) else None
                if number and taken is not None:  # the first round warms up
                    times[name].append(taken)
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    print(f"{chosen.count} uint16 files of {chosen.size} x {chosen.size} to a file, whole process, wall s")
    print(f"{'':28} {'median':>8} {'least':>8} {'ratio to ccdfx':>15}")
    for name, value in middle.items():
        base = middle["ccdfx sigma" if name.endswith("sigma") else "ccdfx median"]
        print(f"{name:28} {value:8.3f} {min(times[name]):8.3f} {value / base:15.1f}")


if __name__ == "__main__":
    main()
