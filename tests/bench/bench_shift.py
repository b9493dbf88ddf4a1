"""Moving a frame by a sub-pixel step, against `scipy.ndimage.shift` of order 3 and against a copy; measuring a step.

Run it: ``python tests/bench/bench_shift.py [size] [repeats]``. It prints the ratios of the medians of CPU time, the
candidates taking turns, all on one thread.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from ccdfx.operations.displacement import measure_shift
from ccdfx.operations.shift import shift
from ccdfx.records.image import Image

STEP = (0.3, -7.6)


def field(size: int, step: tuple[float, float]) -> np.ndarray:
    """Stars of FWHM 3 on a noisy sky, displaced by a step."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-9:10, -9:10]
    out = np.full((size, size), 500.0)
    for _ in range(size * size // 8000):
        a, b = rng.uniform(40, size - 40, 2)
        flux, (i, j) = 2000 * (1 - rng.random()) ** -1, (round(a), round(b))
        star = np.exp(-((x + i - a - step[0] % 1) ** 2 + (y + j - b - step[1] % 1) ** 2) / (2 * 1.27**2))
        j, i = j + int(step[1] // 1), i + int(step[0] // 1)
        out[j - 9 : j + 10, i - 9 : i + 10] += flux / 10.2 * star
    noise = np.random.default_rng(int(100 * abs(step[0])))
    return noise.poisson(out).astype(np.float32)


def timed(candidates: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median CPU seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for function in candidates.values():
        function()
    for _ in range(repeats):
        for name, function in candidates.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print one line a candidate."""
    size, repeats = (int(sys.argv[i]) if len(sys.argv) > i else given for i, given in ((1, 2048), (2, 7)))
    reference, array = field(size, (0.0, 0.0)), field(size, (12.25, -7.5))
    mask = np.random.default_rng(2).random(array.shape) < 1e-3
    plain, full = Image(array), Image(array, mask=mask, variance=array)
    dx, dy = STEP
    figures = timed(
        {
            "copy": array.copy,
            "scipy.ndimage.shift, order 3": lambda: ndimage.shift(array, (dy, dx), order=3, mode="mirror"),
            "shift": lambda: shift(plain, dx=dx, dy=dy),
            "shift, lanczos": lambda: shift(plain, dx=dx, dy=dy, kernel="lanczos"),
            "shift with mask and variance": lambda: shift(full, dx=dx, dy=dy),
            "shift by whole pixels": lambda: shift(plain, dx=12, dy=-7),
            "measure_shift": lambda: measure_shift(array, reference=reference),
        },
        repeats,
    )
    peer, copy = figures["scipy.ndimage.shift, order 3"], figures["copy"]
    print(f"{size} x {size} float32, one thread")
    for name, seconds in figures.items():
        print(f"{name:32} {seconds:8.4f} s  {peer / seconds:6.1f} x scipy  {seconds / copy:7.1f} copies")


if __name__ == "__main__":
    main()
