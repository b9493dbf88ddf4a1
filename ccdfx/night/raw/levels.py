"""What is measured of a raw frame while it is in memory: its overscan, its level and its noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.night.frames.frame import Frame
from ccdfx.night.summary import plain
from ccdfx.operations.readouts.exposure import subtracted_levels
from ccdfx.records.flags import Flag, flag_counts
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_PIXELS = 1 << 18  # in which the noise is measured, in rows of the middle
_FEWEST_ROWS = 16
_FAR = 6.0  # robust standard deviations beyond which a value is an outlier


def overscan_facts(raw: Image, frame: Frame) -> dict[str, Any]:
    """Measure the clipped mean of the overscan of a raw frame that is flagged, in its unit; None of one without a section of its own.

    The overscans of several readouts were subtracted while they were assembled: `overscans` has the level of each, in ADU.
    """
    from ccdfx.estimators import sigma_clipped

    if frame.readouts:
        return {"overscan": None, "overscans": subtracted_levels(raw.header, frame.readouts)}
    if frame.overscan is None:
        return {"overscan": None}
    part = frame.overscan.slices
    return {"overscan": plain(sigma_clipped(raw.array[part], raw.good[part]).mean)}


def calibration_facts(
    frame: Frame, raw: Image, image: Image, sample: Image, *, level: float, middle: float, scatter: float
) -> dict[str, Any]:
    """Measure a calibration frame that a master is made of.

    Parameters
    ----------
    frame : Frame
    raw, image : Image
        The frame flagged, and calibrated as an input of the master.
    sample : Image
        Some of its pixels, of which levels are measured.
    level : float
        Its level.
    middle, scatter : float
        The median and the robust standard deviation of the good pixels of the sample.

    Returns
    -------
    dict
        `file`, `level`, `overscan` (in the unit of the frame), `noise` (from pixel to pixel, by their differences from
        their surroundings, in that unit), `outliers` (the part of its good pixels beyond 6 robust standard deviations), `saturated` (number
        of pixels).
    """
    from ccdfx.estimators import local_noise

    good = sample.good
    count = int(np.count_nonzero(good))
    far = np.count_nonzero(good & (np.abs(sample.array - np.float32(middle)) > _FAR * scatter))
    return {
        "file": frame.file,
        "level": plain(level),
        **overscan_facts(raw, frame),
        "noise": plain(float(local_noise(_middle(image)))),
        "outliers": plain(far / count) if count and scatter > 0 else None,
        "saturated": flag_counts(raw.mask).get(str(Flag.SATURATED.name), 0),
    }


def _middle(image: Image) -> Image:
    """Cut out the rows in the middle of a large image."""
    ny, nx = image.shape
    rows = min(ny, max(_FEWEST_ROWS, _PIXELS // nx))
    first = (ny - rows) // 2
    x, y = image.range.x_lower, image.range.y_lower
    return image.replace(variance=None).select(Range(x, x + nx, y + first, y + first + rows))
