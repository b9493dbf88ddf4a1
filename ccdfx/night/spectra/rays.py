"""Cosmic rays of spectra: what stands out of its neighbours along the dispersion and along the slit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.night.spectra.response import along
from ccdfx.pipelines.pipeline import step
from ccdfx.records.image import Image

_WINDOW = 16  # pixels on either side: wider than the trace of a star, and than a line of the sky
_LEAST = 6  # at the borders, where a window is not beyond its middle
_STEP = 8  # pixels from one median to the next: lines and traces are bent, but not over so few


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
    good = image.good
    level = np.median(image.array[good]) if good.any() else 0
    values = along(np.where(good, image.array, image.dtype.type(level)), dispersion)
    sky = _running_medians(values)
    trace = _running_medians((values - sky).T).T
    return along(sky + trace, dispersion)


def _running_medians(values: np.ndarray) -> np.ndarray:
    """Return the medians of windows of the columns of a plane, at some rows, and between these interpolated."""
    count = len(values)
    centres = np.unique(np.append(np.arange(0, count, _STEP), count - 1))
    reach = np.clip(np.minimum(centres, count - 1 - centres), _LEAST, _WINDOW)  # even at the borders
    windows = zip(np.maximum(centres - reach, 0), centres + reach + 1, strict=True)
    medians = np.array([np.median(values[lower:upper], axis=0) for lower, upper in windows])
    rows = np.arange(count)
    lower = np.clip(np.searchsorted(centres, rows, side="right") - 1, 0, max(len(centres) - 2, 0))
    upper = np.minimum(lower + 1, len(centres) - 1)
    part = (rows - centres[lower]) / np.maximum(centres[upper] - centres[lower], 1)
    part = part.astype(medians.dtype)[:, None]
    return medians[lower] * (1 - part) + medians[upper] * part
