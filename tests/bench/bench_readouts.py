"""Preparation of a raw frame of several readouts against that of one: python tests/bench/bench_readouts.py

Both are flagged, levelled by their overscan and trimmed, and have a variance; the assembled one is in electrons too. The last
columns are with the calibration that follows (bias, flat, noise). User CPU time of one thread, medians of 9, in turns.
"""

from __future__ import annotations

import resource
import statistics
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


def single(image: ccdfx.Image, size: int) -> ccdfx.Image:
    image = ccdfx.mask_saturated(image, saturation=60000.0)
    image = ccdfx.subtract_overscan(image, overscan=(size, size + OVERSCAN, 0, size))
    return ccdfx.trim(image, section=(0, size, 0, size))


def user() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime  # without the page faults of other work


def main(size: int = 4096) -> None:
    rng = np.random.default_rng(1)
    flat, bias = (np.full((size, size), level, np.float32) for level in (1.0, 2.0))
    with ccdfx.engine(threads=1):
        one = ccdfx.Image(rng.integers(500, 5000, (size, size + OVERSCAN), np.uint16))
        cases = {"1 readout": lambda: single(one, size)}
        for columns, rows in ((2, 1), (2, 2), (8, 2)):
            several = readouts(columns, rows, size)
            images = [ccdfx.Image(rng.integers(500, 5000, r.window.shape, np.uint16)) for r in several]
            cases[f"{len(several)} readouts"] = lambda i=images, r=several: plan_assembly(
                i, readouts=r
            ).select()
        law = ccdfx.Linearity(polynomial=(1.0, 1e-7))
        parts = np.full((4, 4), 1e-4) - 1e-4 * np.eye(4)
        four = readouts(2, 2, size)
        stored = [ccdfx.Image(rng.integers(500, 5000, r.window.shape, np.uint16)) for r in four]
        bent = [replace(r, linearity=law, crosstalk=tuple(row)) for r, row in zip(four, parts, strict=True)]
        cases["4, crosstalk and linearity"] = lambda: plan_assembly(stored, readouts=bent).select()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        for turn in range(10):
            for name, function in cases.items():
                noise = ccdfx.ccd_noise(1.5, 5.0) if name == "1 readout" else ccdfx.ccd_noise(1.0, 0.0)
                start = user()
                image = function()
                middle = user()
                ccdfx.calibrate(image, bias=bias, flat=flat, noise=noise)
                spent = middle - start, user() - start
                if turn:  # the first one compiles
                    times[name].append(spent)
    base = [statistics.median(column) for column in zip(*times["1 readout"], strict=True)]
    for name, spent in times.items():
        found = [statistics.median(column) for column in zip(*spent, strict=True)]
        text = "  ".join(
            f"{value * 1e3:7.1f} ms {value / least:5.2f}" for value, least in zip(found, base, strict=True)
        )
        print(f"{name:28s} {text}")


if __name__ == "__main__":
    main()
