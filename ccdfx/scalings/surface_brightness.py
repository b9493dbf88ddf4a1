"""Scaling of counts to surface brightness, in mag/arcsec^2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real
from ccdfx.records.image import Image
from ccdfx.scalings.scaling import Scaling, by_kernel

_POGSON = 2.5 / math.log(10.0)  # mag per unit of the natural logarithm


def surface_brightness(zero_point: float | None = None, pixel_area: float | None = None) -> Scaling:
    """Make a scaling to surface brightness in mag/arcsec^2, for counts > 0.

    ``mu = zero_point - 2.5 log10(counts) + 2.5 log10(pixel_area)``. It decreases: bright pixels have small
    numbers. Counts of 0 and below have no magnitude and are flagged.

    Parameters
    ----------
    zero_point : float, optional
        In mag: m = -2.5 log10(counts) + zero_point. By default that of the image.
    pixel_area : float, optional
        Area of one pixel, in arcsec^2. By default the product of the pixel scales of the image.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> image = Image([[100.0, 1.0]]).replace(zero_point=25.0, pixel_scale=0.5)
    >>> scale(image, scaling=surface_brightness()).array.round(3)
    array([[18.495, 23.495]])
    """
    return Scaling(
        "surface_brightness",
        {"zero_point": zero_point, "pixel_area": pixel_area},
        _magnitudes,
        _counts,
        _derivative,
        _positive,
        _check,
        _settle,
    )


def _check(zero_point: float | None, pixel_area: float | None) -> None:
    if zero_point is not None:
        real("zero_point", zero_point, remedy="give mag")
    if pixel_area is not None:
        real("pixel_area", pixel_area, above=0, remedy="give arcsec^2")


def _settle(
    image: Image, scaled: bool, zero_point: float | None, pixel_area: float | None
) -> Mapping[str, float]:
    if zero_point is None:
        zero_point = image.zero_point
    if pixel_area is None and image.pixel_scale is not None:
        pixel_area = math.prod(image.pixel_scale)
    if zero_point is None or pixel_area is None:
        missing = "zero_point" if zero_point is None else "pixel_area"
        remedy = "image.replace(zero_point=...)" if zero_point is None else "image.replace(pixel_scale=...)"
        raise ArgumentError(
            missing, "must be in the header of the image or given to surface_brightness",
            remedy=f"give {missing}=..., or use {remedy}",
        )  # fmt: skip
    return {"zero_point": zero_point, "pixel_area": pixel_area}


def _zero(zero_point: float, pixel_area: float) -> float:
    return zero_point + 2.5 * math.log10(pixel_area)


def _magnitudes(array: np.ndarray, zero_point: float, pixel_area: float) -> np.ndarray:
    zero = _zero(zero_point, pixel_area)
    if array.dtype == np.float32:
        from ccdfx.kernels.image.transcendental import logarithms

        return by_kernel(logarithms, array, zero, -_POGSON)
    return zero - 2.5 * np.log10(array)


def _counts(array: np.ndarray, zero_point: float, pixel_area: float) -> np.ndarray:
    return np.exp((_zero(zero_point, pixel_area) - array) / _POGSON)


def _derivative(array: np.ndarray, zero_point: float, pixel_area: float) -> np.ndarray:
    return -_POGSON / array


def _positive(**_options: Any) -> tuple[float, float]:
    return 0.0, math.inf
