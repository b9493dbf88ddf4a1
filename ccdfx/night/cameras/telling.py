"""Which raw frames tell of a camera: so few of the science frames that later ones of a night change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ccdfx.night.cameras.camera_noise import UNITS
from ccdfx.night.cameras.saturation import brightest, searched_count
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan


def telling_plan(plan: Plan, setup: Setup) -> Plan:
    """Return the part of a plan in which the camera of a setup is measured.

    It has all calibration frames. Of the science frames it has those in which the saturation is searched where all can
    be read (`searched_count` of the longest exposures), the first of the shortest exposure, and the first one whose
    header states a number that the headers of the calibration frames do not.

    Parameters
    ----------
    plan : Plan
    setup : Setup

    Returns
    -------
    Plan
        Without combined frames and images of single colours.
    """
    part = plan.without([other for other in plan.setups if other != setup]).bare
    science = [item.use.frame for item in part.science]
    first = brightest(part, setup)[: min(searched_count(setup), len(science))]  # these come before the others
    kept = {frame.file for frame in (*first, *_shortest(science), *stating_frames(part.frames_of(setup)))}
    return replace(
        part,
        science=tuple(item for item in part.science if item.use.frame.file in kept),
        colours=(),
        combined=(),
    )


def _shortest(science: list[Frame]) -> list[Frame]:
    return [min(science, key=lambda frame: frame.exptime or 0.0)] if science else []


def stating_frames(frames: Iterable[Frame]) -> list[Frame]:
    """Return for each number of the noise the first frame whose header states it."""
    frames = tuple(frames)
    found = (next((frame for frame in frames if getattr(frame, name)), None) for name in UNITS)
    return [frame for frame in found if frame is not None]
