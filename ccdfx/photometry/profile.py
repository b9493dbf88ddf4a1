"""The profile of stars, from the growth of their flux with the radius of the aperture.

The radii are multiples of the width w that `find_sources` measures under a Gaussian window, which is the FWHM
of a Gaussian, and more than the FWHM of a profile with wings. Within w, 2 w and 3 w lie fluxes f1, f2 and f3,
above the median of the ring from 4 w to 6 w. The ratio f1 / f2 tells the shape of the core, f3 / f2 that of the
wings; both fix the exponent of a Moffat function (Moffat 1969, A&A 3, 455), which gives the FWHM and the light
outside of the aperture.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ccdfx.photometry.detection import SIGMA

APERTURES = (1.0, 2.0, 3.0)
RING = (4.0, 6.0)
_EXPONENTS = (1.7, 2.0, 2.25, 2.5, 3.0, 3.5, 4.2, 5.0, 7.0, 10.0, 20.0, 50.0, 200.0)
_REACH, _STEPS = 8.0, 4000  # of the integral of a windowed moment, in units of the FWHM


def true_fwhm(width: float, core: float) -> float:
    """Compute the FWHM of stars from their width under a window and the ratio f1 / f2 of their core.

    Parameters
    ----------
    width : float
        The median `fwhm` of `find_sources`, in pixels.
    core : float
        Flux within one width over that within two.

    Returns
    -------
    float
        In pixels: that of the profile as it is sampled, so the pixel is part of it. It is exact for Gaussian
        and Moffat functions, and for a Moffat function blurred by a Gaussian within 2 %.

    Examples
    --------
    >>> round(true_fwhm(4.0, 0.9375), 2), round(true_fwhm(4.0, 0.8367), 2)
    (4.0, 3.54)
    """
    shapes = _family()
    return width / float(np.interp(core, shapes[:, 0], shapes[:, 3]))


def total_by_growth(growth: float) -> float:
    """Compute total flux over that within two widths, from the ratio f3 / f2.

    Examples
    --------
    >>> round(total_by_growth(1.0), 3), round(total_by_growth(1.0193), 3), total_by_growth(0.99)
    (1.0, 1.026, 0.99)
    """
    if growth <= 1:  # below by noise alone; cut off, the noise would make a bias
        return growth
    shapes = _family()[::-1]
    last = float(shapes[-1, 2] - 1) / float(shapes[-1, 1] - 1)
    if growth > shapes[-1, 1]:
        return 1 + last * (growth - 1)
    return float(np.interp(growth, shapes[:, 1], shapes[:, 2]))


def total_by_core(core: float) -> float:
    """Compute total flux over that within two widths, from the ratio f1 / f2.

    It has less noise than that from f3 / f2, and is wrong by up to 1 % for a Moffat function blurred by a
    Gaussian.

    Examples
    --------
    >>> round(total_by_core(0.9375), 3), round(total_by_core(0.8367), 3)
    (1.0, 1.026)
    """
    shapes = _family()
    return float(np.interp(core, shapes[:, 0], shapes[:, 2]))


@cache
def _family() -> np.ndarray:
    """Tabulate Moffat functions and, last, the Gaussian: f1 / f2, f3 / f2, total / f2, width / FWHM."""
    rows = [_moffat(exponent) for exponent in _EXPONENTS]
    within = [1 - 0.5 ** (4 * k * k) for k in APERTURES]
    return np.array([*rows, (within[0] / within[1], 1.0, 1.0, 1.0)])


def _moffat(exponent: float) -> tuple[float, float, float, float]:
    """Compute a row of the table, for an FWHM of 1."""
    scale = 1 / (2 * math.sqrt(2 ** (1 / exponent) - 1))
    width = _windowed_width(exponent, scale)
    middle = width * math.sqrt((RING[0] ** 2 + RING[1] ** 2) / 2)  # half of the area of the ring is inside
    ring = (exponent - 1) / (math.pi * scale**2) * (1 + (middle / scale) ** 2) ** -exponent
    f1, f2, f3 = (
        1 - (1 + (k * width / scale) ** 2) ** (1 - exponent) - math.pi * (k * width) ** 2 * ring
        for k in APERTURES
    )
    return f1 / f2, f3 / f2, 1 / f2, width


def _windowed_width(exponent: float, scale: float) -> float:
    """Compute the width that equals that of its own window, as `find_sources` measures it."""
    squares = ((np.arange(_STEPS) + 0.5) * _REACH / _STEPS) ** 2
    light = np.sqrt(squares) * (1 + squares / scale**2) ** -exponent
    width = 1.0
    for _ in range(60):
        window = (width * SIGMA) ** 2
        weights = light * np.exp(-0.5 * squares / window)
        shown = 0.5 * float(weights @ squares) / float(weights.sum())
        width = math.sqrt(width / SIGMA / math.sqrt(1 / shown - 1 / window))
    return width
