"""Compiled computation of absolute magnitudes, K-corrections and variances of many pixels."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_MAGNITUDE = 2.5 / math.log(10)  # m = -2.5 log10(flux); the natural logarithm is faster


@njit(cache=True, nogil=True, error_model="numpy")
def correct_pixels(flux, weight, coefficients, matrices, modulus, results):
    """Fill `results` (3, bands, n): absolute magnitudes, K-corrections, variances of the magnitudes.

    `matrices` (2, bands, templates) converts the `coefficients` (templates, n) to fluxes: as observed, and at
    rest at 10 pc except for the distance `modulus`. The weight of a `flux` is 1 / sigma, or 0 if it is not
    used. Undefined values are NaN.
    """
    bands, pixels = flux.shape
    for band in range(bands):
        for pixel in range(pixels):
            observed = at_rest = 0.0
            for template in range(coefficients.shape[0]):
                observed += matrices[0, band, template] * coefficients[template, pixel]
                at_rest += matrices[1, band, template] * coefficients[template, pixel]
            k = -_MAGNITUDE * math.log(observed / at_rest) if observed > 0 and at_rest > 0 else np.nan
            value = flux[band, pixel]
            useful = value > 0 and weight[band, pixel] > 0
            magnitude = -_MAGNITUDE * math.log(value) - modulus - k if useful else np.nan
            results[0, band, pixel] = magnitude
            results[1, band, pixel] = k
            error = _MAGNITUDE / (weight[band, pixel] * value)
            results[2, band, pixel] = error * error if magnitude == magnitude else np.nan
