"""The inputs of masters, calibrated as the stack reads their rows."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import numpy as np

from ccdfx.night.calibrators import Use
from ccdfx.night.frames.planes import open_planes_of
from ccdfx.night.graph.context import Context
from ccdfx.night.products.calibrated import calibration_options
from ccdfx.night.raw.preparation import lines_kept, overscan_options
from ccdfx.night.readouts.reading import open_assembled
from ccdfx.records.image import Image
from ccdfx.records.range import Range

MEMORY = 128 << 20
"""Bytes of calibrated inputs of one master that are kept in memory; beyond it they are calibrated twice."""


def rows_or_image(
    use: Use, raw: Image, image: Image, context: Context, stack: ExitStack, *, room: bool
) -> Any:
    """Return the image while there is room in memory, else a source that calibrates its frame again row by row.

    Parameters
    ----------
    use : Use
    raw, image : Image
        The frame, flagged, and calibrated.
    context : Context
    stack : ExitStack
        Closes the source.
    room : bool
        Whether the image may stay in memory.
    """
    from ccdfx.io import open_source
    from ccdfx.operations.calibration.calibrate import plan_calibration
    from ccdfx.operations.calibration.lazy import CalibratedRows
    from ccdfx.operations.calibration.overscan import line_levels

    frame, recipe = use.frame, context.recipe
    if room or frame.shape is None or lines_kept(frame, frame.shape) is not None:
        return image
    levels = None if frame.overscan is None else line_levels(raw, **overscan_options(frame, recipe))
    options = calibration_options(use, context)
    saturation = None if frame.saturation is None else frame.saturation.value
    if saturation is not None and levels is None and raw.dtype in (np.uint16, np.int16):
        # In the pass of the calibration itself; whole numbers reach a level where they reach the next one.
        options["saturation"], saturation = math.ceil(saturation), None
    if frame.planes is not None and not frame.readouts:
        opened: Any = open_planes_of(frame)
    elif frame.readouts:
        opened = open_assembled(frame, recipe)
    else:
        opened = open_source(frame.path, hdu=frame.hdu) if frame.hdu is not None else open_source(frame.path)
    source = stack.enter_context(opened)
    return CalibratedRows(
        source=source,
        data=frame.data or Range.whole(raw.shape),
        planned=plan_calibration(image, **{**options, "again": True}),
        header=image.header,
        dtype=image.dtype,
        levels=levels,
        saturation=saturation,
        bad_pixels=raw.mask if frame.bad else None,
        keeps_variance="noise" in options,
    )
