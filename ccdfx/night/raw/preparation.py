"""Raw frames prepared for calibration: flagged, their overscan subtracted, and trimmed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import MismatchError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.raw.reading import raw_image, standard_header
from ccdfx.night.readouts.reading import overscan_levels_of, read_assembled
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.pipelines.pipeline import Pipeline, Step, pipeline, step
from ccdfx.records.flags import Flag
from ccdfx.records.history import Master, pixel_sha256
from ccdfx.records.image import Image
from ccdfx.records.range import Range


def prepared(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a raw frame, flag saturated and bad pixels, subtract the overscan and trim.

    Every step adds a HISTORY line.

    Raises
    ------
    FileError
        The file cannot be read.
    MismatchError
        The size of the image disagrees with the header.
    """
    raw = flagged(frame, recipe)
    return preparation(frame, raw.shape, recipe)(raw)


def prepared_of(raw: Image, frame: Frame, recipe: NightRecipe) -> Image:
    """Prepare a raw frame that was read by `raw_image`; see `prepared`."""
    raw = flagged_of(raw, frame)
    return preparation(frame, raw.shape, recipe)(raw)


def flagged(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a raw frame, and flag saturated and bad pixels; of several readouts, it is assembled.

    Raises
    ------
    FileError
        The file cannot be read.
    MismatchError
        The size of the image disagrees with the header.
    """
    raw = read_assembled(frame, recipe) if frame.readouts else raw_image(frame, recipe)
    return flagged_of(raw, frame)


def flagged_of(raw: Image, frame: Frame) -> Image:
    """Flag saturated and bad pixels of a raw frame that was read by `raw_image`; see `flagged`."""
    if raw.shape != frame.shape:
        rule = f"must have the shape {frame.shape} that its header says"
        raise MismatchError("image", rule, value=raw.shape, remedy="correct its header, or leave it out")
    raw = raw.replace(header=standard_header(raw.header, frame))
    return pipeline(*_flagging(frame, raw.shape))(raw)


def _flagging(frame: Frame, shape: tuple[int, int]) -> list[Step]:
    from ccdfx.operations.pixels.flag import mask_from, mask_saturated

    steps = []
    if frame.saturation is not None:
        steps.append(step(mask_saturated, saturation=frame.saturation.value))
    if frame.bad:
        steps.append(step(mask_from, bad_pixels=bad_pixel_map(frame, shape)))
    return steps


def overscan_options(frame: Frame, recipe: NightRecipe) -> dict[str, Any]:
    """Return the options of `subtract_overscan` that say how levels are measured."""
    return {"overscan": frame.overscan, **overscan_levels_of(recipe.overscan)}


def preparation(frame: Frame, shape: tuple[int, int], recipe: NightRecipe) -> Pipeline:
    """Build the pipeline that prepares a raw frame that is flagged."""
    from ccdfx.operations.calibration.overscan import subtract_overscan
    from ccdfx.operations.window import trim

    steps = []
    if frame.overscan is not None:
        lines = lines_kept(frame, shape)
        options = overscan_options(frame, recipe)
        if lines is not None:
            steps.append(step(trim, section=lines))
            options["overscan"] = frame.overscan.intersection(lines)
        if recipe.read.again:
            options["again"] = True
        steps.append(step(subtract_overscan, **options))
    if frame.data is not None and frame.data != Range.whole(shape):
        steps.append(step(trim, section=frame.data))
    return pipeline(*steps)


def lines_kept(frame: Frame, shape: tuple[int, int]) -> Range | None:
    """Return the lines of the data section, where the overscan covers these but not the whole frame; else None.

    The others, which have no level of their own, are trimmed before the overscan is subtracted.
    """
    overscan, data = frame.overscan, frame.data
    if overscan is None or data is None:
        return None
    (ny, nx), rows = shape, data.x_upper <= overscan.x_lower or overscan.x_upper <= data.x_lower
    if rows:
        complete = overscan.shape[0] == ny
        lines = Range(0, nx, data.y_lower, data.y_upper)
        covered = overscan.y_lower <= data.y_lower and data.y_upper <= overscan.y_upper
    else:
        complete = overscan.shape[1] == nx
        lines = Range(data.x_lower, data.x_upper, 0, ny)
        covered = overscan.x_lower <= data.x_lower and data.x_upper <= overscan.x_upper
    return lines if covered and not complete else None


def bad_pixel_map(frame: Frame, shape: tuple[int, int]) -> Master:
    """Make a map of flags over the raw frame from the bad pixels that the instrument file names."""
    flags = np.zeros(shape, np.uint8)
    for window in frame.bad:
        flags[window.slices] = np.uint8(Flag.BAD_PIXEL)
    image = Image(flags)
    return Master(image, f"bad pixels of {frame.instrument}", pixel_sha256(image))
