"""Cosmic rays of spectra: what stands out of its neighbours along the dispersion and along the slit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.night.spectra.response import along
from ccdfx.pipelines.pipeline import step
from ccdfx.records.image import Image

_WINDOW = 25  # pixels on either side: wider than the trace of a star, and than a line of the sky


def without_spectral_rays(image: Image, *, dispersion: str, options: Mapping[str, Any]) -> Image:
    """Flag the cosmic rays of a spectrum as COSMIC_RAY; values and variance are unchanged.

    Lines of the sky are sharp along the dispersion and the traces of stars along the slit, so both would be taken for
    rays. The running median along the slit, which has the lines, is subtracted, and of what remains the running median
    along the dispersion, which has the traces. Rays are searched in the rest, with the variance of the spectrum itself.

    Parameters
    ----------
    image : Image
        With variance.
    dispersion : {"rows", "columns"}
    options : mapping
        Of `mask_cosmic_rays`.
    """
    from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays

    rest = image.array - smooth_light(image, dispersion)
    found = step(mask_cosmic_rays, **options)(image.replace(array=rest.astype(image.dtype, copy=False)))
    return found.replace(array=image.array)


def smooth_light(image: Image, dispersion: str) -> np.ndarray:
    """Return the lines of the sky and the traces of a spectrum as the medians of neighbours, along slit and dispersion."""
    from scipy.ndimage import median_filter

    good = image.good
    level = np.median(image.array[good]) if good.any() else 0
    values = along(np.where(good, image.array, image.dtype.type(level)), dispersion)
    width = 2 * _WINDOW + 1
    sky = median_filter(values, size=(width, 1), mode="nearest")
    trace = median_filter(values - sky, size=(1, width), mode="nearest")
    return along(sky + trace, dispersion)
