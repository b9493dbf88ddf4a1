"""Cosmic rays of single frames, without the cores of stars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccdfx.night.words import listed
from ccdfx.operations.pixels.star_cores import LEAST_FWHM, release_stars
from ccdfx.photometry.stars import FrameStars, measure_stars
from ccdfx.pipelines.pipeline import step
from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True)
class RaySearch:
    """A frame with its cosmic rays flagged, its stars, and whether these are too narrow to find rays."""

    image: Image
    stars: FrameStars
    undersampled: bool


def without_rays(image: Image, options: Mapping[str, Any]) -> RaySearch:
    """Flag cosmic rays with the variance of the image, and measure the stars.

    Cores of stars that were taken for rays are released again. Where the FWHM is below 1.8 pixels, stars
    cannot be told from rays, and nothing is flagged.

    Parameters
    ----------
    image : Image
        With variance.
    options : mapping
        Of `mask_cosmic_rays`.
    """
    from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays

    masked = step(mask_cosmic_rays, **options)(image)
    stars = measure_stars(masked)
    if math.isfinite(stars.fwhm) and stars.fwhm >= LEAST_FWHM:
        kept = release_stars(masked, fwhm=stars.fwhm)
        return RaySearch(kept, stars if kept is masked else measure_stars(kept), False)
    # All of them may be flagged.
    plain = measure_stars(image)
    if math.isfinite(plain.fwhm) and plain.fwhm < LEAST_FWHM:
        return RaySearch(image, plain, True)
    return RaySearch(masked, stars, False)


def unmasked_frames(widths: Mapping[str, float]) -> str:
    """Write that no cosmic rays were masked in these frames, whose stars are too narrow.

    >>> unmasked_frames({"calibrated/a.fits": 1.4})
    'stars of 1.4 pixels and wider are as sharp as cosmic rays, so none are masked in calibrated/a.fits'
    """
    width = min(widths.values())
    return f"stars of {width:.2g} pixels and wider are as sharp as cosmic rays, so none are masked in {listed(list(widths))}"
