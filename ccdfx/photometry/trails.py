"""Trails of satellites and other straight ridges: their maxima are no stars.

Noise gives a trail maxima all along its length. Under a filter about as wide as the trail these are hardly
more elongated than a star; that they lie on a straight line, are elongated along it, and that the image is
bright between them as well tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccdfx.photometry.detection import Filter, Shapes, filter_of, significance_at
from ccdfx.photometry.plane import Plane

_LEAST = 8
_LONG = 0.8  # roundness below which a maximum has a direction
_SURELY_LONG = 0.6
_TURN = 0.25  # radians: scatter of the directions of faint maxima
_MOST = 200
_TRIALS = 8
_SPARSE = 12  # FWHM: maxima of noise on a trail are closer together
_FILLED = 0.4  # between its maxima a trail has at least this part of their height


class Trail(NamedTuple):
    """A segment of a straight line: a point, its direction in radians, ends along it and width in pixels."""

    x: float
    y: float
    angle: float
    start: float
    end: float
    width: float

    def along(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the places along and across the line."""
        dx, dy = x - self.x, y - self.y
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return dx * cos + dy * sin, dy * cos - dx * sin


def trails_among(plane: Plane, shapes: Shapes, fwhm: float) -> list[Trail]:
    """Find the straight ridges on which eight or more elongated maxima of a filter of `fwhm` lie."""
    long = np.flatnonzero(shapes.roundness < _LONG)
    if long.size < _LEAST:
        return []
    long = long[np.argsort(shapes.roundness[long], kind="stable")[:_MOST]]
    rest, found, one = shapes.taken(long), [], None
    for _ in range(_TRIALS):
        line = _richest(rest.x, rest.y, rest.angle, fwhm)
        if line is None:
            break
        along, across = line.along(rest.x, rest.y)
        on = (np.abs(across) < _tolerance(fwhm)) & (_turn(rest.angle, line.angle) < _TURN)
        if np.median(np.diff(np.sort(along[on]))) > _SPARSE * fwhm:
            break
        one = one or filter_of(plane, fwhm, whole=False)
        places, heights = _profile(line, plane, one)
        start, end = _filled_part(places, heights > _FILLED * float(np.median(rest.snr[on])))
        inside = on & (along >= start - fwhm) & (along <= end + fwhm)
        if np.count_nonzero(inside) < _LEAST:
            break
        found.append(line._replace(start=start, end=end))
        rest = rest.taken(~on)
    return found


def on_trails(plane: Plane, trails: Sequence[Trail], shapes: Shapes, fwhm: float) -> np.ndarray:
    """Return which maxima of a filter of `fwhm` belong to the trails; stars that outshine these do not."""
    belongs = np.zeros(shapes.x.size, bool)
    if not trails:
        return belongs
    one = filter_of(plane, fwhm, whole=False)
    for trail in trails:
        along, across = trail.along(shapes.x, shapes.y)
        width = max(trail.width, fwhm)
        near = np.abs(across) < _tolerance(width)
        near &= (along > trail.start - width) & (along < trail.end + width)
        places, heights = _profile(trail, plane, one)
        height = float(np.median(heights[(places >= trail.start) & (places <= trail.end)]))
        faint = shapes.snr < max(height + 5, 1.5 * height)
        long = (shapes.roundness < _SURELY_LONG) & (_turn(shapes.angle, trail.angle) < _TURN)
        belongs |= near & (faint | long)
    return belongs


def _tolerance(width: float) -> float:
    return 1 + 0.5 * width


def _turn(angle: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """Compute the angle between two directions of either sense, 0 to pi / 2."""
    return np.abs((angle - other + np.pi / 2) % np.pi - np.pi / 2)


def _richest(x: np.ndarray, y: np.ndarray, angle: np.ndarray, fwhm: float) -> Trail | None:
    """Find the line through two maxima, both elongated along it, on which most others lie; None below 8."""
    if x.size < _LEAST:
        return None
    dx, dy = x - x[:, None], y - y[:, None]
    agree = _turn(np.arctan2(dy, dx), angle[:, None]) < _TURN
    agree &= agree.T
    np.fill_diagonal(agree, False)
    anchors = np.flatnonzero(agree.sum(axis=1) >= _LEAST - 1)
    if not anchors.size:
        return None
    agree = agree[anchors]
    others = np.argsort(~agree, axis=1, kind="stable")[:, : agree.sum(axis=1).max()]
    known = np.take_along_axis(agree, others, axis=1)
    ax = np.where(known, np.take_along_axis(dx[anchors], others, axis=1), np.nan).astype(np.float32)
    ay = np.take_along_axis(dy[anchors], others, axis=1).astype(np.float32)
    distance = np.hypot(ax, ay)
    across = ax[:, :, None] / distance[:, :, None] * ay[:, None] - (ay / distance)[:, :, None] * ax[:, None]
    near = np.abs(across) < _tolerance(fwhm)
    counts = near.sum(axis=2)
    i, j = np.unravel_index(int(np.argmax(counts)), counts.shape)
    if counts[i, j] < _LEAST - 1:
        return None
    best = np.append(others[i, near[i, j]], anchors[i])
    px, py = float(x[best].mean()), float(y[best].mean())
    cxx, cyy = np.var(x[best]), np.var(y[best])
    cxy = np.mean((x[best] - px) * (y[best] - py))
    return Trail(px, py, 0.5 * math.atan2(2 * cxy, cxx - cyy), 0.0, 0.0, fwhm)


def _profile(trail: Trail, plane: Plane, one: Filter) -> tuple[np.ndarray, np.ndarray]:
    """Compute the significance along the whole line, at steps of a pixel of the filtered plane."""
    ny, nx = plane.pyramid[one.level].shape
    step = 2**one.level
    reach = step * math.hypot(ny, nx)
    places = np.arange(-reach, reach, step)
    x = np.rint((trail.x + places * math.cos(trail.angle) + 0.5) / step - 0.5).astype(np.int64)
    y = np.rint((trail.y + places * math.sin(trail.angle) + 0.5) / step - 0.5).astype(np.int64)
    inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    return places[inside], significance_at(plane, one, np.column_stack([y, x])[inside])


def _filled_part(places: np.ndarray, bright: np.ndarray) -> tuple[float, float]:
    """Find the stretch with the greatest surplus of bright places over dark ones."""
    total = np.concatenate([[0], np.cumsum(np.where(bright, 1, -1))])
    end = int(np.argmax(total - np.minimum.accumulate(total)))
    start = int(np.argmin(total[: end + 1]))
    if end == start:
        return 0.0, 0.0
    return float(places[start]), float(places[end - 1])
