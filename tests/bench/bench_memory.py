"""Memory and time of `ccdfx combine` as the number of frames grows: python tests/bench/bench_memory.py [100 400 1000]

Whole processes with 64 open files at most and a budget of 256 MB, over uint16 files of 1024 x 1024. CPU seconds are those of
the process less those of combining five frames, which is its start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RULES = {
    "median": ("--average", "median", "--reject", "none"),
    "sigma": ("--reject", "sigma_clip:low=3,high=3"),
}


def write_frames(folder: Path, count: int, size: int) -> list[str]:
    from astropy.io import fits

    rng = np.random.default_rng(1)
    scenes = [rng.normal(1000, 20, (size, size)).astype(np.uint16) for _ in range(8)]
    paths = []
    for number in range(count):
        paths.append(str(folder / f"f{number:05d}.fits"))
        fits.writeto(paths[-1], np.roll(scenes[number % 8], 37 * number, axis=1))
    return paths


def run(paths: list[str], target: str, options: tuple[str, ...]) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak megabytes."""
    command = [
        sys.executable,
        "-m",
        "ccdfx",
        "combine",
        *paths,
        "-o",
        target,
        "--overwrite",
        "--memory",
        "256",
    ]
    start = time.perf_counter()
    few_files = ["bash", "-c", 'ulimit -n 64; exec "$@"', "bash"]
    process = subprocess.Popen([*few_files, *command, "-q", "--threads", "2", *options])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("ccdfx combine failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[100, 400, 1000])
    parser.add_argument("--size", type=int, default=1024)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        paths = write_frames(Path(where), max(chosen.counts), chosen.size)
        target = str(Path(where) / "out.fits")
        print(f"{'':10}{'frames':>8}{'wall s':>9}{'CPU s':>8}{'ms CPU a frame':>16}{'peak MB':>9}")
        for name, options in RULES.items():
            run(paths[:5], target, options)
            start = min(run(paths[:5], target, options)[1] for _ in range(3))
            for count in chosen.counts:
                wall, cpu, peak = min(run(paths[:count], target, options) for _ in range(3))
                each = 1000 * (cpu - start) / count
                print(f"{name:10}{count:8}{wall:9.2f}{cpu:8.2f}{each:16.2f}{peak:9.0f}")


if __name__ == "__main__":
    main()
