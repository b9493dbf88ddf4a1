"""Frames put in their places in the result: offsets measured, common pixels found, fractions moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.operations.combining.frames import StackFrame
from ccdfx.operations.combining.placement import Placement
from ccdfx.operations.resampling.overlaps import factor_of
from ccdfx.operations.resampling.taps import taps
from ccdfx.operations.resampling.transform import Transform
from ccdfx.records.wcs import astropy_wcs, converted

_SAME = 0.5  # pixels by which the steps at the corners of a frame may differ
_SPARSE = 64  # largest ratio of the pixels of the result to those of all frames


def place(
    frames: Sequence[StackFrame], placement: Placement
) -> tuple[tuple[StackFrame, ...], tuple[int, int]]:
    """Place the frames in the result; return them with their places, and the shape (ny, nx) of the result.

    Raises
    ------
    ArgumentError, MismatchError
        When the number of offsets is not that of the frames, a frame has no WCS or another scale or rotation,
        the frames have no common pixel for an intersection, or they are so far apart that most of the result
        would be empty.
    AlignmentError
        When the stars of a frame do not match.
    """
    offsets = _offsets(frames, placement.by)
    offsets -= offsets[0]
    corners = np.rint(offsets).astype(np.int64)
    sizes = np.array([frame.shape[::-1] for frame in frames])
    if placement.extent == "union":
        lower, upper = corners.min(axis=0), (corners + sizes).max(axis=0)
    else:
        lower, upper = corners.max(axis=0), (corners + sizes).min(axis=0)
        _require_overlap(frames, corners, sizes, lower, upper)
    width, height = (int(size) for size in upper - lower)
    covered = sum(frame.shape[0] * frame.shape[1] for frame in frames)
    if width * height > _SPARSE * covered:
        raise ArgumentError(
            "offsets",
            f"must leave the result mostly covered, and {height} x {width} pixels would be mostly empty",
            value=offsets.tolist(),
            remedy="combine the groups that overlap one by one",
        )
    found = []
    for frame, corner, offset in zip(frames, corners, offsets, strict=True):
        rest = offset - corner
        if placement.kernel is not None and rest.any():
            frame = _moved(frame, float(rest[0]), float(rest[1]), placement.kernel)
        x, y = (int(step) for step in corner - lower)
        found.append(dataclasses.replace(frame, x=x, y=y))
    return tuple(found), (height, width)


def _offsets(frames: Sequence[StackFrame], by: tuple[tuple[float, float], ...] | str) -> np.ndarray:
    if by == "wcs":
        return _from_wcs(frames)
    if by == "stars":
        return _from_stars(frames)
    if len(by) != len(frames):
        raise ArgumentError(
            "offsets",
            f"must be one for each of the {len(frames)} frames",
            value=len(by),
            remedy="give as many as frames",
        )
    return np.array(by, dtype=np.float64)


def _from_stars(frames: Sequence[StackFrame]) -> np.ndarray:
    from ccdfx.operations.registration.shifts import measure_shifts
    from ccdfx.operations.resampling.transform import AlignmentError

    steps = []
    for frame, step in zip(frames, measure_shifts([f.image() for f in frames]), strict=True):
        if isinstance(step, AlignmentError):
            raise AlignmentError(frame.name, step.rule, remedy=step.remedy)
        steps.append((step.dx, step.dy))
    return np.array(steps)


def _from_wcs(frames: Sequence[StackFrame]) -> np.ndarray:
    """Compute the steps of the frame centres; those of the corners must be the same."""
    systems = []
    for frame in frames:
        system = astropy_wcs(frame.header)
        if system is None:
            raise ArgumentError(
                frame.name, "must have a celestial WCS", remedy="give offsets, or place the frames by 'stars'"
            )
        systems.append(system)
    steps = np.zeros((len(frames), 2))
    for j, (frame, system) in enumerate(zip(frames, systems, strict=True)):
        ny, nx = frame.shape
        x = np.array([(nx - 1) / 2, 0, nx - 1, 0, nx - 1])
        y = np.array([(ny - 1) / 2, 0, 0, ny - 1, ny - 1])
        world = converted(system, systems[0], system.wcs_pix2world(x, y, 0))
        there = systems[0].wcs_world2pix(*world, 0)
        found = np.stack(there) - (x, y)
        if not np.isfinite(found).all() or np.abs(found - found[:, :1]).max() > _SAME:
            raise MismatchError(
                frame.name,
                f"must have the first frame's scale and rotation within {_SAME} pixels over the frame",
                value=np.round(found.T, 2).tolist(),
                remedy="resample it onto the first frame's WCS before",
            )
        steps[j] = found[:, 0]
    return steps


def _require_overlap(
    frames: Sequence[StackFrame], corners: np.ndarray, sizes: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> None:
    if (upper > lower).all():
        return
    axis = int(np.argmin(upper - lower))
    one, other = int(np.argmax(corners[:, axis])), int(np.argmin((corners + sizes)[:, axis]))
    raise MismatchError(
        frames[one].name,
        f"must share pixels with {frames[other].name}",
        value=f"{lower[axis] - upper[axis]} pixels apart",
        remedy="leave one out, or take the union",
    )


def _moved(frame: StackFrame, dx: float, dy: float, kernel: str) -> StackFrame:
    """Move the content of a frame by a fraction of a pixel, row by row as it is read."""
    from ccdfx.operations.resampling.lazy import warped

    data = warped(frame.data, transform=Transform(offset=(dx, dy)), kernel=kernel)
    factor = factor_of(taps(dx, kernel, data.dtype), taps(dy, kernel, data.dtype))
    header = with_correlation(frame.header, factor)
    return dataclasses.replace(frame, data=data, dtype=data.dtype, flagged=True, header=header, raw=None)
