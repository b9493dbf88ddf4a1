"""Light in an overscan section: its level follows the light of the frames where it should not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night.frames.frame import Frame
from ccdfx.records.image import Image
from ccdfx.records.range import Range

# Charge that is transferred late, and the shift of an amplifier under light, are below 1 % of the light.
LEAST_SHARE = 0.02
# In standard deviations of the pixels of the overscan, and in drifts of its level between frames without light.
LEAST_NOISE, LEAST_DRIFT = 5.0, 3.0
LEAST_LIGHT = 10.0  # in standard deviations
LEAST_GROWTH = 1.1  # of the noise of the overscan: light has photon noise, a level that jumps has none
_LEAST_CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class SectionLevels:
    """Medians of the overscan and of the exposed pixels of a raw frame, and the noise of the pixels of its overscan.

    `dark` says whether the frame is known to have no light, as a bias or a dark.
    """

    overscan: float
    exposed: float
    scatter: float
    dark: bool


def light_in_overscan(frames: Sequence[SectionLevels]) -> float | None:
    """Return the share of the light of frames that their overscan sees, or None where it sees none.

    The level without light is that of the darkest frames. The share of a frame is the rise of its overscan over
    that of its exposed pixels, above the level without light; of several frames it is the median, so that one
    saturated frame, whose charge spills over, decides nothing. An overscan sees light where the share is above
    2 %, the levels are correlated (above 0.9), the rise is above 5 standard deviations of the pixels of the
    overscan and 3 times the range of its level in frames without light, and these pixels have at least 1.1 times
    the noise that they have without light: late charge is less, drifts do not follow the light, and a level
    that jumped between two kinds of frames has no photon noise.

    >>> bias = SectionLevels(overscan=300.0, exposed=300.0, scatter=5.0, dark=True)
    >>> flat = SectionLevels(overscan=15300.0, exposed=30300.0, scatter=90.0, dark=False)
    >>> light_in_overscan([bias, flat])
    0.5
    >>> light_in_overscan([bias, SectionLevels(310.0, 30300.0, 5.0, dark=False)]) is None
    True
    """
    if len(frames) < 2:
        return None
    darkest = [one for one in frames if one.dark] or [min(frames, key=lambda one: one.exposed)]
    zero = float(np.median([one.overscan for one in darkest]))
    base = float(np.median([one.exposed for one in darkest]))
    scatter = float(np.median([one.scatter for one in darkest]))
    drift = max(one.overscan for one in darkest) - min(one.overscan for one in darkest)
    light = np.array([one.exposed - base for one in frames])
    rise = np.array([one.overscan - zero for one in frames])
    if light.max() <= LEAST_LIGHT * scatter or rise.max() <= max(LEAST_NOISE * scatter, LEAST_DRIFT * drift):
        return None
    lit = light > LEAST_LIGHT * scatter
    if (
        float(np.median([one.scatter for one, is_lit in zip(frames, lit, strict=True) if is_lit]))
        < LEAST_GROWTH * scatter
    ):
        return None
    share = float(np.median(rise[lit] / light[lit]))
    correlation = float(np.corrcoef(light, rise)[0, 1])
    return share if share > LEAST_SHARE and correlation > _LEAST_CORRELATION else None


def refuse_lit_overscan(
    frames: Iterable[Frame],
    load: Callable[[Frame], Image | None],
    *,
    known: Mapping[str, SectionLevels | None] | None = None,
) -> None:
    """Refuse the overscan of the frames of one setup where its level follows their light.

    Parameters
    ----------
    frames : iterable of Frame
        All usable frames of the setup, with one overscan section.
    load : callable
        Returns a raw frame as it was read, or None where it cannot be read; called from several threads. The
        `telling_frames` alone are read.
    known : mapping, optional
        Levels of some frames, by file, from `levels_or_none`: these are not read again.

    Raises
    ------
    ArgumentError
        The overscan sees light; the levels are named.
    """
    frames, known = list(frames), known or {}
    chosen = telling_frames(frames)
    limits = [frame.saturation.value for frame in frames if frame.overscan and frame.saturation is not None]
    unknown = [frame for frame in chosen if frame.file not in known]
    measured = map_here(partial(_loaded_levels, load), unknown)
    found = {**known, **{frame.file: one for frame, one in zip(unknown, measured, strict=True)}}
    levels = [found[frame.file] for frame in chosen]
    refuse_lit_levels(chosen, levels, saturation=min(limits, default=math.inf))


def telling_frames(frames: Iterable[Frame]) -> list[Frame]:
    """Choose the frames of one setup whose levels tell whether its overscan sees light.

    At most three of a kind, of different exposure times; none where no frame has light or an overscan.
    """
    frames = [frame for frame in frames if frame.overscan is not None]
    kinds = {
        kind: [one for one in frames if one.kind == kind] for kind in ("bias", "dark", "flat", "science")
    }
    if not frames or not (kinds["flat"] or kinds["science"]):
        return []
    return [frame for members in kinds.values() for frame in _spread(members)]


def refuse_lit_levels(
    frames: Sequence[Frame], levels: Sequence[SectionLevels | None], *, saturation: float = math.inf
) -> None:
    """Refuse the overscan of the `telling_frames` of a setup where their levels say that it sees light.

    Parameters
    ----------
    frames : sequence of Frame
    levels : sequence of SectionLevels or None
        From `section_levels`, one a frame.
    saturation : float
        Frames whose exposed pixels reach it are left out.

    Raises
    ------
    ArgumentError
        The overscan sees light; the levels are named.
    """
    found = [one for one in levels if one is not None and one.exposed < saturation]
    share = light_in_overscan(found)
    if share is None:
        return
    overscan = frames[0].overscan
    low, high = min(found, key=_exposed), max(found, key=_exposed)
    raise ArgumentError(
        "overscan",
        f"must not see light: the level of {overscan.to_fits() if overscan else ''} rises from "
        f"{low.overscan:.0f} to {high.overscan:.0f} where that of the exposed pixels rises from "
        f"{low.exposed:.0f} to {high.exposed:.0f}",
        value=f"{share:.0%} of the light",
        remedy="give the section that is dark in an instrument file (sections.overscan), or use = false in "
        "the table [overscan] of the recipe",
    )


def _spread(frames: Sequence[Frame]) -> list[Frame]:
    """Return a few frames that differ in exposure time as much as they do."""
    ordered = sorted(frames, key=lambda frame: (frame.exptime or 0.0, frame.file))
    last = len(ordered) - 1
    return [ordered[place] for place in sorted({0, last // 2, last})] if ordered else []


def _loaded_levels(load: Callable[[Frame], Image | None], frame: Frame) -> SectionLevels | None:
    try:
        image = load(frame)
    except CcdfxError:
        return None
    return None if image is None else levels_or_none(frame, image)


def levels_or_none(frame: Frame, image: Image) -> SectionLevels | None:
    """Measure the levels of a raw frame as `section_levels` does; None also where its sections do not fit it."""
    try:
        return section_levels(frame, image)
    except CcdfxError:
        return None


def section_levels(frame: Frame, image: Image) -> SectionLevels | None:
    """Measure the levels of a raw frame, which can be done while it is read for something else.

    Parameters
    ----------
    frame : Frame
    image : Image
        The frame as it was read.

    Returns
    -------
    SectionLevels or None
        None where the frame has no overscan, or a section has no good pixels.
    """
    from ccdfx.estimators import median_of

    if frame.overscan is None:
        return None
    good, dark_part = image.good, frame.overscan.slices
    overscan, exposed = (
        float(median_of(image.array[part], good[part]))
        for part in (dark_part, (frame.data or Range.whole(image.shape)).slices)
    )
    scatter = _scatter(image.array[dark_part], good[dark_part])
    if not np.isfinite([overscan, scatter, exposed]).all():
        return None
    return SectionLevels(overscan, exposed, scatter, frame.kind in ("bias", "dark"))


def _scatter(part: np.ndarray, good: np.ndarray) -> float:
    """Return the standard deviation of pixels by the differences of neighbours, which drifts along lines leave.

    It is that of values clipped at 3 sigma: the median deviation of whole numbers is too coarse.
    """
    from ccdfx.estimators import sigma_clipped

    if part.shape[1] < 2:
        part, good = part.T, good.T
    steps = np.diff(part.astype(np.float64), axis=1)
    return float(sigma_clipped(steps, good[:, 1:] & good[:, :-1]).std) / math.sqrt(2.0)


def _exposed(levels: SectionLevels) -> float:
    return levels.exposed
