"""Combining from HDF5 against combining from FITS: the same frames, the same run, the same bytes.

    python bench.py [FRAMES [SIDE]]

Both kinds are timed in turn, warm; CPU seconds of the process and wall seconds, the median of the rounds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import ccdfx

KINDS = (".fits", ".h5", ".fits.fz", ".gz.h5")
ROUNDS = 9


def main(count: int = 25, side: int = 2048) -> None:
    """Print a table of times and of ratios to FITS."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(count):
            frame = (rng.poisson(1000, (side, side)) + 300).astype(np.uint16)
            for kind in KINDS:
                ccdfx.write(frame, folder / f"{i}{kind}")
        times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        wanted = combined(folder, KINDS[0], count)
        for _ in range(ROUNDS):
            for kind in KINDS:
                wall, cpu = time.perf_counter(), time.process_time()
                result = combined(folder, kind, count)
                times[kind].append((time.perf_counter() - wall, time.process_time() - cpu))
                assert result.tobytes() == wanted.tobytes(), f"{kind} gives other bytes than FITS"
    base = typical(times[KINDS[0]])
    print(f"median of {count} uint16 frames of {side} x {side}")
    for kind in KINDS:
        wall, cpu = typical(times[kind])
        ratios = f"{wall / base[0]:.2f} x wall, {cpu / base[1]:.2f} x CPU"
        print(f"{kind:9} wall {wall:.3f} s, CPU {cpu:.3f} s: {ratios} of FITS")


def combined(folder: Path, kind: str, count: int) -> np.ndarray:
    """Return the median of all frames of a kind."""
    frames = [ccdfx.open_source(folder / f"{i}{kind}") for i in range(count)]
    return ccdfx.combine(frames).array


def typical(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the medians of wall and CPU seconds."""
    wall, cpu = zip(*pairs, strict=True)
    return statistics.median(wall), statistics.median(cpu)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
