"""Cosmic rays of single frames, without the cores of stars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.night.words import listed
from ccdfx.operations.pixels.star_cores import LEAST_FWHM, release_stars
from ccdfx.photometry.stars import FrameStars, measure_stars
from ccdfx.pipelines.pipeline import step
from ccdfx.records.image import Image

_LEAST_SIDE = 512  # pixels
_LARGEST_PART = 0.25  # of a frame, whose middle is measured first
_ENOUGH = 20  # stars
_AGREEMENT = 0.05  # of the FWHM; stars are released with a margin of a quarter
_CLEARLY = 1.1


@dataclass(frozen=True, slots=True)
class RaySearch:
    """A frame with its cosmic rays flagged, its stars, and whether these are too narrow to find rays."""

    image: Image
    stars: FrameStars
    undersampled: bool


def without_rays(image: Image, options: Mapping[str, Any]) -> RaySearch:
    """Flag cosmic rays with the variance of the image, and measure the stars.

    Cores of stars that were taken for rays are released again: by the FWHM in the middle of a large frame, if that
    of all stars then agrees with it, else by that of all stars. Where the FWHM is below 1.8 pixels, stars cannot be
    told from rays, and nothing is flagged.

    Parameters
    ----------
    image : Image
        With variance.
    options : mapping
        Of `mask_cosmic_rays`.
    """
    from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays

    masked = step(mask_cosmic_rays, **options)(image)
    width = width_in_the_middle(masked)
    if width >= _CLEARLY * LEAST_FWHM:
        kept = release_stars(masked, fwhm=width)
        stars = measure_stars(kept)
        if abs(stars.fwhm - width) <= _AGREEMENT * width:
            return RaySearch(kept, stars, False)
    stars = measure_stars(masked)
    if math.isfinite(stars.fwhm) and stars.fwhm >= LEAST_FWHM:
        kept = release_stars(masked, fwhm=stars.fwhm)
        return RaySearch(kept, stars if kept is masked else measure_stars(kept), False)
    # All of them may be flagged.
    plain = measure_stars(image)
    if math.isfinite(plain.fwhm) and plain.fwhm < LEAST_FWHM:
        return RaySearch(image, plain, True)
    return RaySearch(masked, stars, False)


def width_in_the_middle(image: Image) -> float:
    """Measure the FWHM of the stars in the middle of a large frame; NaN without enough of them, or in a small frame.

    It serves to release stars, before those of the whole frame are measured, once, and where their width alone is needed.
    """
    (y, height), (x, width) = (_middle(size) for size in image.shape)
    if height * width > _LARGEST_PART * image.size:
        return math.nan
    y, x = y + image.range.y_lower, x + image.range.x_lower
    stars = measure_stars(image.select((x, x + width, y, y + height)))
    sure = np.count_nonzero(stars.usable) >= _ENOUGH and stars.fwhm_error <= _AGREEMENT / 3 * stars.fwhm
    return stars.fwhm if sure else math.nan


def _middle(size: int) -> tuple[int, int]:
    """Return the first pixel and the length of the middle quarter of an axis, at least 512 pixels."""
    length = min(size, max(size // 4, _LEAST_SIDE))
    return (size - length) // 2, length


def unmasked_frames(widths: Mapping[str, float]) -> str:
    """Write that no cosmic rays were masked in these frames, whose stars are too narrow.

    >>> unmasked_frames({"calibrated/a.fits": 1.4})
    'stars of 1.4 pixels and wider are as sharp as cosmic rays, so none are masked in calibrated/a.fits'
    """
    width = min(widths.values())
    return f"stars of {width:.2g} pixels and wider are as sharp as cosmic rays, so none are masked in {listed(list(widths))}"
