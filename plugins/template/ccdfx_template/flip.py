"""A reduction step: mirror a frame, as needed for a camera behind a flat mirror."""

from __future__ import annotations

from ccdfx import ArgumentError, Image, Step


def flip(image: Image, *, axis: str = "x") -> Image:
    """Mirror a frame left to right (axis x) or top to bottom (axis y), with its mask and variance."""
    if axis not in ("x", "y"):
        raise ArgumentError("axis", "must be 'x' or 'y'", value=axis)
    turn = (slice(None), slice(None, None, -1)) if axis == "x" else (slice(None, None, -1), slice(None))
    return image.replace(
        array=image.array[turn],
        mask=None if image.mask is None else image.mask[turn],
        variance=None if image.variance is None else image.variance[turn],
        # WCS, physical coordinates and sections are no longer valid, and wrong ones are worse than none.
        header=image.header.remove(*(key for key in image.header if _is_wcs(key))),
    )


def _is_wcs(keyword: str) -> bool:
    words = ("CRPIX", "CRVAL", "CDELT", "CTYPE", "CROTA", "LTV")
    sections = ("BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC", "AMPSEC", "DETSEC")
    return keyword[:-1] in words or keyword[:3] in ("CD1", "CD2", "PC1", "PC2", "LTM") or keyword in sections


FLIP = Step("flip", flip)
