"""Levels of the lines of a readout, from its bias sections, and windows of the stored image that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.calibration.line_levels import LevelStatistic
from ccdfx.operations.calibration.overscan import LineLevels, line_levels
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.pixels.flag import mask_saturated
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range


def readout_levels(
    source: Any, readout: Readout, statistic: LevelStatistic, fit: OverscanFit | Mapping[str, Any] | None
) -> LineLevels | None:
    """Measure the levels of the lines of the data section of a readout in its bias sections."""
    if not readout.bias:
        return None
    data, window = readout.data, readout.window
    beside = [
        cut
        for section in readout.bias
        if (section.x_upper <= data.x_lower or section.x_lower >= data.x_upper)
        and (cut := section.intersection(Range(window.x_lower, window.x_upper, data.y_lower, data.y_upper)))
    ]
    across = [
        cut
        for section in readout.bias
        if (cut := section.intersection(Range(data.x_lower, data.x_upper, window.y_lower, window.y_upper)))
    ]
    sections = beside or across
    _require_apart(readout, sections)
    full = data.shape[0] if beside else data.shape[1]
    strips = [_strip(source, one, readout, data, bool(beside)) for one in sections]
    if not strips:
        raise ArgumentError(
            f"bias of readout {readout.name}", f"must lie beside, above or below the data {data.to_fits()}",
            value=[one.to_fits() for one in readout.bias], remedy="correct the section",
        )  # fmt: skip
    axis = 1 if beside else 0
    joined = Image(
        np.concatenate([strip.array for strip in strips], axis=axis),
        mask=np.concatenate([_flags(strip) for strip in strips], axis=axis),
    )
    assert joined.shape[1 - axis] == full
    try:
        return line_levels(
            joined,
            overscan=Range.whole(joined.shape),
            statistic=statistic,
            fit=fit,
            axis="rows" if beside else "columns",
        )
    except ArgumentError as error:
        raise (
            error.about(f"bias of readout {readout.name}") if error.subject == "overscan" else error
        ) from None


def _strip(source: Any, section: Range, readout: Readout, data: Range, beside: bool) -> Image:
    """Read a bias section for all lines of the data section; pixels that it lacks are flagged NO_DATA."""
    image = stored_window(source, section)
    if readout.saturation is not None:
        image = mask_saturated(image, saturation=readout.saturation)
    whole = (
        Range(section.x_lower, section.x_upper, data.y_lower, data.y_upper)
        if beside
        else Range(data.x_lower, data.x_upper, section.y_lower, section.y_upper)
    )
    if whole == section:
        return image
    array, mask = np.zeros(whole.shape, image.dtype), np.full(whole.shape, np.uint8(Flag.NO_DATA))
    there = section.relative_to(whole).slices
    array[there], mask[there] = image.array, _flags(image)
    return adopt(array, image.header, mask)


def _flags(image: Image) -> np.ndarray:
    return np.zeros(image.shape, np.uint8) if image.mask is None else image.mask


def stored_window(source: Any, window: Range) -> Image:
    """Read a window of a stored image, counted from its first pixel; `range` of the result is that window."""
    if isinstance(source, Image):
        cut = window.slices
        mask, variance = (
            None if plane is None else np.ascontiguousarray(plane[cut])
            for plane in (source.mask, source.variance)
        )
        return adopt(np.ascontiguousarray(source.array[cut]), Header(), mask, window, variance)
    origin = getattr(source, "range", None) or Range.whole(source.shape)
    select = getattr(source, "select_planes", source.select)
    image = select(window.moved(origin.x_lower, origin.y_lower))
    return adopt(image.array, image.header, image.mask, window, image.variance)


def _require_apart(readout: Readout, sections: Sequence[Range]) -> None:
    for number, one in enumerate(sections):
        for other in sections[:number]:
            if one.intersection(other):
                raise ArgumentError(
                    f"bias of readout {readout.name}", "must be sections that do not overlap",
                    value=[other.to_fits(), one.to_fits()], remedy="give every pixel once",
                )  # fmt: skip
