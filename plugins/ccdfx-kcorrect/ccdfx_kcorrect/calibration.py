"""Calibration from counts to AB maggies per square arcsecond: zero points, pixel areas, variances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import ccdfx
from ccdfx import ArgumentError, ArgumentTypeError, CcdfxError, Image, MismatchError

# Zero points of units that imply one.
_ZERO_POINTS = {"maggy": 0.0, "nanomaggy": 22.5, "nmgy": 22.5, "mgy": 0.0}


class Exposure(NamedTuple):
    """An image with the factor and the variance that calibrate its counts."""

    image: Image
    factor: float  # maggies per square arcsecond for one count
    variance: np.ndarray | float  # of the counts


def matched_images(images: Any, section: Any) -> list[Image]:
    """Read the window of images, arrays or files, which must have one shape and lie at one place."""
    single = isinstance(images, str | bytes | Image) or getattr(images, "ndim", 3) == 2
    if single or not hasattr(images, "__iter__"):
        raise ArgumentTypeError(
            "images", "must be several images", value=type(images).__name__, remedy="give a list, one a band"
        )
    found = [_window(item, section, f"images[{i}]") for i, item in enumerate(ccdfx.open_frames(images))]
    if not found:
        raise ArgumentError("images", "must hold at least one image", value=0, remedy="give one a band")
    for i, image in enumerate(found):
        corners = {(other.range.x_lower, other.range.y_lower) for other in (image, found[0])} - {(0, 0)}
        if image.shape != found[0].shape or len(corners) > 1:  # an origin of (0, 0) matches any
            raise MismatchError(
                f"images[{i}]",
                f"must have the window {found[0].range.to_fits()} of the first image",
                value=image.range.to_fits(),
                remedy="align and trim the images to the same pixels",
            )
    return found


def _window(item: Any, section: Any, name: str) -> Image:
    try:
        source = item if hasattr(item, "select") else Image.of(item)
    except CcdfxError as error:
        raise error.about(name) from None
    try:
        return source.select(section)
    except ArgumentError as error:
        raise (error.about("section") if error.subject == "range" else error) from None
    finally:
        if hasattr(source, "close"):
            source.close()


def exposures(images: Sequence[Image], zero_points: Any, pixel_areas: Any) -> list[Exposure]:
    """Calibrate each image from the given values or from its header."""
    points = _numbers(zero_points, len(images), "zero_points")
    areas = _numbers(pixel_areas, len(images), "pixel_areas")
    return [
        Exposure(image, _factor(image, points[i], areas[i], i), _variance(image, i))
        for i, image in enumerate(images)
    ]


def _factor(image: Image, zero_point: float | None, area: float | None, i: int) -> float:
    if zero_point is None:
        zero_point = image.zero_point
    if zero_point is None and image.unit:
        zero_point = _ZERO_POINTS.get(_singular(image.unit))
    if zero_point is None:
        raise ArgumentError(
            f"images[{i}]", "must tell its zero point", value=image.unit, remedy="give zero_points= in AB mag"
        )
    if area is None and image.pixel_scale is not None:
        area = image.pixel_scale[0] * image.pixel_scale[1]
    if area is None:
        raise ArgumentError(
            f"images[{i}]",
            "must tell its pixel scale",
            value=None,
            remedy="give pixel_areas= in arcsec^2; 1 gives magnitudes of pixels",
        )
    if not area > 0:
        raise ArgumentError("pixel_areas", "must be positive", value=area, remedy="give arcsec^2")
    return float(10 ** (-0.4 * zero_point) / area)


def _singular(unit: str) -> str:
    return unit[:-3] + "y" if unit.endswith("ies") else unit


def _variance(image: Image, i: int) -> np.ndarray | float:
    if image.variance is not None:
        return image.variance
    noise = ccdfx.local_noise(image)
    if not noise > 0:
        raise ArgumentError(
            f"images[{i}]",
            "has no variance, and no noise that could be measured",
            value=noise,
            remedy="give it one with image.replace(variance=...)",
        )
    return noise**2


def _numbers(given: Any, count: int, name: str) -> list[float | None]:
    """Return one number for each image, from None, one number for all, or a sequence."""
    if given is None:
        return [None] * count
    try:
        values = np.asarray(given, np.float64)
        values = np.broadcast_to(values, count) if values.ndim == 0 else values
    except (TypeError, ValueError):
        values = np.array([])
    if values.shape != (count,) or not np.isfinite(values).all():
        raise ArgumentError(
            name,
            f"must be a finite number, or one for each of {count} images",
            value=given,
            remedy="see its help",
        )
    return [float(value) for value in values]
