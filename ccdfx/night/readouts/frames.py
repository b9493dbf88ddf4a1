"""Frames of several readouts: as their detector is planned, and as one readout alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ccdfx.errors import CcdfxError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.header_facts import Known
from ccdfx.operations.readouts.assembly import assembled_shape
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.range import Range

_HEADER = "header"


def assembled_frame(frame: Frame, *, overscan: bool = True) -> Frame:
    """Return a frame as it is planned: that of a detector, where it has readouts, and without what is not used.

    Parameters
    ----------
    frame : Frame
    overscan : bool
        Whether the overscan is subtracted.

    Returns
    -------
    Frame
        Of the shape of its detector, without sections, gain, read noise and saturation of its own, which are those of the
        readouts. Readouts that contradict each other are its problem.
    """
    if not frame.readouts:
        return frame if overscan else replace(frame, overscan=None)
    readouts = frame.readouts if overscan else tuple(replace(one, bias=()) for one in frame.readouts)
    try:
        shape = assembled_shape(readouts)
    except CcdfxError as error:
        return replace(frame, problem=frame.problem or str(error))
    return replace(
        frame,
        readouts=readouts,
        shape=shape,
        overscan=None,
        data=None,
        gain=None,
        readnoise=None,
        saturation=None,
    )


def frame_of_readout(frame: Frame, readout: Readout) -> Frame:
    """Return the frame that one readout alone gives: a camera of one amplifier, whose image is cut to `window`.

    Its overscan is the largest bias section beside the data, or above or below it where there is none.
    """
    window, data = readout.window, readout.data
    return replace(
        frame,
        readouts=(),
        hdu=readout.hdu,
        shape=window.shape,
        data=data.relative_to(window),
        overscan=None if (bias := _largest_bias(readout)) is None else bias.relative_to(window),
        gain=_known(readout.gain),
        readnoise=_known(readout.readnoise),
        saturation=_known(readout.saturation),
        bad=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutValues:
    """What is used of one readout: gain, read noise and saturation with their sources, and its bias level in ADU."""

    name: str
    gain: float | None = None
    gain_source: str | None = None
    readnoise: float | None = None
    readnoise_source: str | None = None
    saturation: float | None = None
    saturation_source: str | None = None
    level: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the values in a dictionary for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def with_values(readouts: Iterable[Readout], values: Mapping[str, ReadoutValues]) -> tuple[Readout, ...]:
    """Return readouts with the gain, read noise and saturation that are used, by their names."""
    return tuple(
        replace(
            one,
            gain=values[one.name].gain,
            readnoise=values[one.name].readnoise,
            saturation=values[one.name].saturation,
        )
        if one.name in values
        else one
        for one in readouts
    )


def geometry_of(readouts: Iterable[Readout]) -> tuple[Readout, ...]:
    """Return readouts as they are compared between frames: without what is measured, and the gain to four digits."""
    return tuple(
        replace(
            one,
            gain=None if one.gain is None else float(f"{one.gain:.4g}"),
            readnoise=None,
            saturation=None,
        )
        for one in readouts
    )


def _largest_bias(readout: Readout) -> Range | None:
    data = readout.data
    beside = [one for one in readout.bias if one.x_upper <= data.x_lower or one.x_lower >= data.x_upper]
    return max(beside or readout.bias, key=lambda one: math.prod(one.shape), default=None)


def _known(value: float | None) -> Known | None:
    return None if value is None else Known(value, _HEADER)
