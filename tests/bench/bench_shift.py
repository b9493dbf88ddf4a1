"""Moving and turning a frame, against `scipy.ndimage` of order 3 and against a copy; measuring a step and a turn.

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

from ccdfx.operations.registration.align import measure_transform
from ccdfx.operations.registration.shifts import measure_shift
from ccdfx.operations.resampling.shift import shift
from ccdfx.operations.resampling.transform import Transform, similarity
from ccdfx.operations.resampling.warp import warp
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


def turned(array: np.ndarray, transform: Transform) -> np.ndarray:
    """What scipy makes of the same transform."""
    back = transform.inverse()
    return ndimage.affine_transform(
        array, np.array(back.matrix)[::-1, ::-1], back.offset[::-1], order=3, mode="mirror"
    )


def main() -> None:
    """Print one line a candidate."""
    size, repeats = (int(sys.argv[i]) if len(sys.argv) > i else given for i, given in ((1, 2048), (2, 7)))
    reference, array = field(size, (0.0, 0.0)), field(size, (12.25, -7.5))
    mask = np.random.default_rng(2).random(array.shape) < 1e-3
    plain, full = Image(array), Image(array, mask=mask, variance=array)
    dx, dy = STEP
    turn = similarity(rotation=0.3, scale=1.002, offset=(6.0, -5.0))
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
    figures_turned = timed(
        {
            "scipy.ndimage.affine_transform": lambda: turned(array, turn),
            "warp": lambda: warp(plain, transform=turn),
            "warp, lanczos": lambda: warp(plain, transform=turn, kernel="lanczos"),
            "warp with mask and variance": lambda: warp(full, transform=turn),
            "measure_transform": lambda: measure_transform(array, reference=reference),
        },
        repeats,
    )
    print(f"{size} x {size} float32, one thread")
    for table in (figures, figures_turned):
        peer = next(seconds for name, seconds in table.items() if name.startswith("scipy"))
        for name, seconds in table.items():
            copies = seconds / figures["copy"]
            print(f"{name:32} {seconds:8.4f} s  {peer / seconds:6.1f} x scipy  {copies:7.1f} copies")


if __name__ == "__main__":
    main()
