"""The simulated detector: noiseless maps of bias, dark current, response and cosmic rays.

Every map depends only on the seed, so it can be computed again and compared with a reduced frame. Maps
cover the data section, shape (ny, nx); those that many frames share cannot be written.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

OVERSCAN = 32  # columns to the right of the data section, unless the detector has another number
BAD_OVERSCAN = -550.0  # ADU, what a bad overscan column reads too much
TRAPPED = 150.0  # e-, what a pixel of a column with a trap lacks: little in a flat, a third of a dark sky
MAXIMUM = 65535  # ADU, largest value of the converter
_FEW_COLUMNS = 8


@dataclass(frozen=True)
class Detector:
    """Parameters of the simulated detector.

    `gain` in e-/ADU, `readnoise` in e- rms, `bias_level` in ADU, `dark_current` of an ordinary pixel in e-/s.
    `hot_pixels` are (x, y, e-/s), `dead_pixels` are (x, y), `bad_columns` are x: 0-based in the data section.
    `overscan` is the number of overscan columns to the right of it, of which `bad_overscan` (0-based) read
    `BAD_OVERSCAN` ADU too low. `traps` are (x, y): from row y on, column x keeps up to `TRAPPED` e- of what
    its pixels collect.
    """

    seed: int
    shape: tuple[int, int]
    gain: float = 1.6
    readnoise: float = 5.0
    bias_level: float = 1000.0
    dark_current: float = 0.08
    hot_pixels: tuple[tuple[int, int, float], ...] = ()
    dead_pixels: tuple[tuple[int, int], ...] = ()
    bad_columns: tuple[int, ...] = ()
    overscan: int = OVERSCAN
    bad_overscan: tuple[int, ...] = ()
    traps: tuple[tuple[int, int], ...] = ()


def make_detector(seed: int, shape: tuple[int, int], overscan: int = OVERSCAN) -> Detector:
    """Make a detector with random defects: 0.1 % hot pixels, a few dead ones, one saturated column.

    One of its overscan columns is bad, if there are enough of them to tell.
    """
    ny, nx = shape
    rng = stream(seed, 1)
    column = int(nx // 3 + rng.integers(nx // 3))
    places = rng.permutation(ny * nx)
    n_hot, n_dead = max(4, ny * nx // 1000), max(2, ny * nx // 20000)
    ys, xs = np.divmod(places, nx)
    keep = np.flatnonzero(xs != column)[: n_hot + n_dead]
    pixels = [(int(xs[i]), int(ys[i])) for i in keep]
    # From barely visible to almost saturated in a science exposure, equally many in every decade.
    rates = 10.0 ** rng.uniform(0.3, 2.7, n_hot)
    hot = tuple((x, y, round(float(rate), 3)) for (x, y), rate in zip(pixels[:n_hot], rates, strict=True))
    trap = int(stream(seed, 9).integers(nx // 8, nx // 4)), int(stream(seed, 10).integers(ny // 8, ny // 4))
    bad_overscan = (int(rng.integers(overscan)),) if overscan >= _FEW_COLUMNS else ()
    return Detector(
        seed,
        (ny, nx),
        hot_pixels=hot,
        dead_pixels=tuple(pixels[n_hot:]),
        bad_columns=(column,),
        overscan=overscan,
        bad_overscan=bad_overscan,
        traps=(trap,),
    )


def bias_structure(detector: Detector) -> np.ndarray:
    """Return the bias pattern in ADU, median 0: glow at the left edge, gradient, column pattern, waves."""
    ny, nx = detector.shape
    x, y = np.arange(nx)[None, :], np.arange(ny)[:, None]
    pattern = (
        12.0 * np.exp(-x / 15.0)
        + 4.0 * y / ny
        + 0.8 * (-1.0) ** x
        + 1.5 * np.sin(2 * np.pi * x / 64.0 + y / 90.0)
    )
    return pattern - np.median(pattern)


@functools.lru_cache(maxsize=1)
def dark_rate(detector: Detector) -> np.ndarray:
    """Return the dark current in e-/s: a uniform level, a glow in one corner, and the hot pixels."""
    ny, nx = detector.shape
    x, y = np.arange(nx)[None, :], np.arange(ny)[:, None]
    glow = 0.4 * np.exp(-((nx - x) ** 2 + y**2) / (2 * (0.15 * nx) ** 2))
    rate = detector.dark_current + glow
    for x_hot, y_hot, extra in detector.hot_pixels:
        rate[y_hot, x_hot] += extra
    rate.flags.writeable = False
    return rate


@functools.lru_cache(maxsize=2)
def flat_field(detector: Detector, band: str) -> np.ndarray:
    """Return the relative response in a filter, median 1: vignetting, dust rings, 1 % pixel to pixel.

    Dead pixels have response 0.
    """
    ny, nx = detector.shape
    x, y = np.arange(nx)[None, :], np.arange(ny)[:, None]
    radius2 = ((x - 0.52 * nx) ** 2 + (y - 0.47 * ny) ** 2) / (0.25 * (nx**2 + ny**2))
    flat = 1.0 - 0.18 * radius2
    rng = stream(detector.seed, 2)
    flat *= 1.0 + 0.01 * rng.standard_normal(detector.shape)
    for _ in range(4):  # dust on the window: the same in every filter
        flat *= _dust_ring(
            x - rng.uniform(0.1, 0.9) * nx, y - rng.uniform(0.1, 0.9) * ny, rng.uniform(8.0, 14.0), 0.05
        )
    # The bytes of the name, read as an integer, give each filter its own random numbers.
    rng = stream(detector.seed, 3, int.from_bytes(band.encode(), "big"))
    for _ in range(2):  # dust on the filter itself
        flat *= _dust_ring(
            x - rng.uniform(0.1, 0.9) * nx, y - rng.uniform(0.1, 0.9) * ny, rng.uniform(14.0, 22.0), 0.03
        )
    for x_dead, y_dead in detector.dead_pixels:
        flat[y_dead, x_dead] = 0.0
    flat /= np.median(flat)
    flat.flags.writeable = False
    return flat


def _dust_ring(x: np.ndarray, y: np.ndarray, radius: float, depth: float) -> np.ndarray:
    distance = np.hypot(x, y)
    return 1.0 - depth * np.exp(-0.5 * ((distance - radius) / (0.3 * radius)) ** 2)


def cosmic_rays(
    detector: Detector, exptime: float, rng: np.random.Generator
) -> Mapping[tuple[int, int], float]:
    """Draw the cosmic rays of one exposure, (x, y) -> e-: straight tracks of several pixels."""
    ny, nx = detector.shape
    charge: dict[tuple[int, int], float] = {}
    for _ in range(rng.poisson(1.6e-7 * ny * nx * exptime)):
        x, y = rng.uniform(0, nx), rng.uniform(0, ny)
        angle, length = rng.uniform(0, 2 * np.pi), rng.exponential(5.0)
        per_pixel = rng.lognormal(np.log(1500.0), 0.6)
        steps = int(np.ceil(4 * length)) + 1
        for along in np.linspace(0.0, length, steps):
            pixel = int(x + along * np.cos(angle)), int(y + along * np.sin(angle))
            if 0 <= pixel[0] < nx and 0 <= pixel[1] < ny:
                charge[pixel] = charge.get(pixel, 0.0) + per_pixel * max(length, 1.0) / steps
    return charge


def stream(seed: int, *what: int) -> np.random.Generator:
    """Return the random generator of one component, independent of the generators of all others."""
    return np.random.default_rng([seed, *what])
