"""Calibrated frames of spectra: their axis, cosmic rays, and that they have no stars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ccdfx.night.graph.context import Context
from ccdfx.night.instruments.spectra import COLUMNS, ROWS
from ccdfx.night.spectra.axis import axis_in, with_axis
from ccdfx.night.spectra.rays import without_spectral_rays
from ccdfx.photometry.sources import SOURCE
from ccdfx.photometry.stars import FrameStars
from ccdfx.records.image import Image

_NOTHING = np.zeros(0)
NO_NUMBER = {"stars": None}
"""The fact that the stars of a spectrum were not counted."""
NO_STARS = FrameStars(np.zeros(0, SOURCE), _NOTHING, _NOTHING, np.zeros(0, bool), *(math.nan,) * 8)
"""The stars of a spectrum: its lines and traces are none, and are not measured as such."""


def with_spectrum_flags(image: Image, plan: Any, context: Context) -> Image:
    """Write the axis of a calibrated spectrum into its header, and flag its cosmic rays where the plan says so.

    The axis is that of the header of the frame, else that which its master flat tells. Without any, no rays are
    searched, and a warning says so. `plan` is the `SciencePlan` of the frame.
    """
    frame = plan.use.frame
    axis = frame.dispersion
    if axis not in (ROWS, COLUMNS):
        flat = context.master(plan.use.flat)
        axis = axis_in(None if flat is None else flat.image.header)
    if axis is None:
        if plan.cosmic_rays and image.variance is not None:
            context.warn(
                f"{plan.file} is a spectrum, and nothing tells along which axis its light is spread, so no cosmic rays are "
                'masked: write dispersion = "rows" or "columns" into [spectrum] of an instrument file, or DISPAXIS into '
                "its header"
            )
        return image
    image = image.replace(header=with_axis(image.header, axis))
    if not plan.cosmic_rays or image.variance is None:
        return image
    return without_spectral_rays(image, dispersion=axis, options=context.recipe.cosmic_rays.options)
