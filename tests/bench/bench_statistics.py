"""Statistics of 4096 x 4096 against numpy and astropy; run it as a script.

One thread each: CPU time, best of several runs in one process, and the ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from astropy.stats import mad_std, sigma_clip

from ccdfx.estimators import background, mad_std_of, median_of, sigma_clipped, statistics
from ccdfx.noise import ccd_noise, variance_of
from ccdfx.operations.pixels.replace import clip_sigma
from ccdfx.records.image import Image


def best(function: Callable[[], object], runs: int = 3) -> float:
    function()
    times = []
    for _ in range(runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def numpy_statistics(array: np.ndarray) -> tuple[float, ...]:
    """What numpy says of the basic statistics: mean, std, minimum, maximum, median."""
    wide = {"dtype": np.float64}
    return array.mean(**wide), array.std(**wide), array.min(), array.max(), np.median(array)


def main() -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(1000.0, 30.0, (4096, 4096)).astype(np.float32)
    array[::57, ::33] += 3000.0
    mask = np.zeros(array.shape, bool)
    mask[100:200] = True
    image, masked = Image(array), Image(array, mask=mask)
    whole = Image(np.rint(array).astype(np.uint16))
    rows = [
        ("statistics (all) / numpy's five", lambda: statistics(image), lambda: numpy_statistics(array)),
        ("the same with a mask", lambda: statistics(masked), lambda: numpy_statistics(array[~mask])),
        ("the same of uint16", lambda: statistics(whole), lambda: numpy_statistics(whole.array)),
        ("exact median / np.median", lambda: median_of(array), lambda: np.median(array)),
        ("mad_std / astropy", lambda: mad_std_of(array), lambda: mad_std(array)),
        (
            "clipped to the end / astropy",
            lambda: sigma_clipped(array),
            lambda: sigma_clip(array, maxiters=None),
        ),
        (
            "clip_sigma to the end / astropy",
            lambda: clip_sigma(image, low=3, high=3),
            lambda: sigma_clip(array, maxiters=None),
        ),
        (
            "the same with a mask",
            lambda: clip_sigma(masked, low=3, high=3),
            lambda: sigma_clip(np.ma.array(array, mask=mask), maxiters=None),
        ),
        ("level and noise of the sky", lambda: background(image), None),
        (
            "CCD variance / numpy",
            lambda: variance_of(image, model=ccd_noise(1.8, 9.0)),
            lambda: np.maximum(array, 0) / 1.8 + (9.0 / 1.8) ** 2,
        ),
    ]
    for name, ours, theirs in rows:
        mine = best(ours)
        line = f"{name:32s} {mine * 1e3:8.1f} ms"
        if theirs is not None:
            other = best(theirs, 1)
            line += f" {other * 1e3:8.1f} ms {other / mine:7.1f} x"
        print(line)


if __name__ == "__main__":
    main()
