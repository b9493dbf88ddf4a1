"""Preparation of a raw frame of several readouts against that of one: python tests/bench/bench_readouts.py

Both are flagged, levelled by their overscan and trimmed, and have a variance; the assembled one is in electrons too. CPU s
of one thread, medians of 9, in turns.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np

import ccdfx
from ccdfx.operations.readouts.exposure import plan_assembly

OVERSCAN = 32


def readouts(columns: int, rows: int, size: int) -> tuple[ccdfx.Readout, ...]:
    ny, nx = size // rows, size // columns
    found = []
    for number in range(columns * rows):
        y, x = divmod(number, columns)
        found.append(
            ccdfx.Readout(
                name=f"A{number}",
                window=ccdfx.Range(0, nx + OVERSCAN, 0, ny),
                data=ccdfx.Range(0, nx, 0, ny),
                bias=(ccdfx.Range(nx, nx + OVERSCAN, 0, ny),),
                place=ccdfx.Range(x * nx, (x + 1) * nx, y * ny, (y + 1) * ny),
                flip_x=bool(x % 2),
                flip_y=bool(y % 2),
                gain=1.5,
                readnoise=5.0,
                saturation=60000.0,
            )
        )
    return tuple(found)


def single(image: ccdfx.Image, size: int) -> None:
    image = ccdfx.mask_saturated(image, saturation=60000.0)
    image = ccdfx.subtract_overscan(image, overscan=(size, size + OVERSCAN, 0, size))
    ccdfx.trim(image, section=(0, size, 0, size))


def cpu(function) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def main(size: int = 4096) -> None:
    rng = np.random.default_rng(1)
    with ccdfx.engine(threads=1):
        one = ccdfx.Image(rng.integers(500, 5000, (size, size + OVERSCAN), np.uint16))
        cases = {}
        for columns, rows in ((2, 1), (2, 2), (8, 2)):
            several = readouts(columns, rows, size)
            images = [ccdfx.Image(rng.integers(500, 5000, r.window.shape, np.uint16)) for r in several]
            cases[f"{len(several)} readouts"] = lambda i=images, r=several: plan_assembly(
                i, readouts=r
            ).select()
        law = ccdfx.Linearity(polynomial=(1.0, 1e-7))
        parts = np.full((4, 4), 1e-4) - 1e-4 * np.eye(4)
        four = readouts(2, 2, size)
        images = [ccdfx.Image(rng.integers(500, 5000, r.window.shape, np.uint16)) for r in four]
        bent = [replace(r, linearity=law, crosstalk=tuple(row)) for r, row in zip(four, parts, strict=True)]
        cases["4, crosstalk and linearity"] = lambda: plan_assembly(images, readouts=bent).select()
        times: dict[str, list[float]] = {"1 readout": [], **{name: [] for name in cases}}
        for turn in range(10):
            for name, function in {"1 readout": lambda: single(one, size), **cases}.items():
                spent = cpu(function)
                if turn:  # the first one compiles
                    times[name].append(spent)
    base = statistics.median(times["1 readout"])
    for name, spent in times.items():
        found = statistics.median(spent)
        print(f"{name:28s} {found * 1e3:7.1f} ms  {found / base:5.2f}")


if __name__ == "__main__":
    main()
