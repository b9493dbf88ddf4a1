"""The saturation of the cameras of a night: what is stated, and what their raw frames show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ccdfx.estimators.saturation import Saturation, Top, saturation_of, top_of
from ccdfx.night.calibrators import Use
from ccdfx.night.frames.first_usable import first_usable
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.plan import Plan
from ccdfx.records.header import lenient_number
from ccdfx.records.image import Image

FOUND = "raw frames"
MOST_PIXELS = 1 << 27  # of the frames that are searched: 8 of 4096 x 4096
_DEPTHS = ("BITDEPTH", "ADCBITS", "CAMBITS")


def find_saturations(
    plan: Plan, read: Callable[[Frame], Image | None], warn: Callable[[str], None]
) -> dict[Setup, Known]:
    """Find the saturation of each setup of a plan in its raw frames, science frames of the longest exposures first.

    A level at which pixels pile up, or the limit of the converter by BITDEPTH or by values that are multiples of 4
    or 16, is used where it lies below what header or instrument file state: a level of 65535 is that of a file format.
    What is stated in the numbers of a converter whose values were shifted is converted. `warn` is called where a
    header is belied.

    Parameters
    ----------
    plan : Plan
    read : callable
        Returns a raw frame as it is in the file, or None where it cannot be read; called from several threads.
    warn : callable
    """
    levels = {}
    for setup in plan.setups:
        frames = brightest(plan, setup)
        found = _found(frames, searched_count(setup), read)
        stated = next((frame.saturation for frame in frames if frame.saturation is not None), None)
        level = _used(stated, found)
        if level is not None and found is not None and level != stated:
            levels[setup] = level
            if stated is not None and stated.source == "header":
                how = (
                    f"{found.pixels} pixels have that value" if found.pixels else "the converter has no more"
                )
                warn(
                    f"{setup.label}: the frames saturate at {level.value:g} ADU ({how}), not at the "
                    f"{stated.value:g} of the header"
                )
    return levels


def with_saturations(plan: Plan, levels: Mapping[Setup, Known]) -> Plan:
    """Return the plan with the saturation of each setup in its frames."""

    def renewed(use: Use, setup: Setup) -> Use:
        return replace(use, frame=replace(use.frame, saturation=levels.get(setup, use.frame.saturation)))

    return replace(
        plan,
        masters=tuple(
            replace(item, inputs=tuple(renewed(use, item.setup) for use in item.inputs))
            for item in plan.masters
        ),
        science=tuple(replace(item, use=renewed(item.use, item.setup)) for item in plan.science),
    )


def saturation_facts(setup: Setup, plan: Plan) -> dict[str, Any]:
    """Return the saturation of a setup and its source, for night.json."""
    stated = next(
        (frame.saturation for frame in brightest(plan, setup) if frame.saturation is not None), None
    )
    return {
        "saturation": None if stated is None else stated.value,
        "saturation_source": None if stated is None else stated.source,
    }


def _used(stated: Known | None, found: Saturation | None) -> Known | None:
    if found is None:
        return stated
    shifted = stated is not None and found.step > 1 and stated.value * found.step <= found.level
    if stated is None or found.level < stated.value or shifted:
        level = min(found.level, stated.value * found.step) if stated is not None and shifted else found.level
        return Known(level, FOUND)
    return stated


def searched_count(setup: Setup) -> int:
    """Return in how many frames of a setup the saturation is searched, where so many can be read."""
    return math.ceil(MOST_PIXELS / math.prod(setup.shape))


def brightest(plan: Plan, setup: Setup) -> list[Frame]:
    """Return science frames, flats, darks and biases, each with the longest exposures first."""
    science = [item.use.frame for item in plan.science if item.setup == setup]
    inputs = [(item.kind, use.frame) for item in plan.masters if item.setup == setup for use in item.inputs]
    kinds = [
        science,
        *([frame for kind, frame in inputs if kind == name] for name in ("flat", "dark", "bias")),
    ]
    for frames in kinds:
        frames.sort(key=lambda frame: -(frame.exptime or 0.0))
    return [frame for frames in kinds for frame in frames]


def _found(frames: list[Frame], count: int, read: Callable[[Frame], Image | None]) -> Saturation | None:
    """Find the saturation in raw frames, up to a number of pixels in total, and the bits that their headers state."""
    measured = first_usable(frames, partial(_depth_and_top, read), count)
    depths = {depth for depth, _ in measured}
    bits = depths.pop() if len(depths) == 1 else None
    usable = bits is not None and bits.is_integer() and 0 < bits <= 32
    tops = [top for _, top in measured if top is not None]
    return saturation_of(tops, int(bits) if usable and bits is not None else None)


def _depth_and_top(
    read: Callable[[Frame], Image | None], frame: Frame
) -> tuple[float | None, Top | None] | None:
    """Return the bits of the converter that the header of a frame states, and its top value; None if it is unreadable."""
    image = read(frame)
    if image is None:
        return None
    depth = next((bits for key in _DEPTHS if (bits := lenient_number(image.header, key))), None)
    return depth, top_of(image)
