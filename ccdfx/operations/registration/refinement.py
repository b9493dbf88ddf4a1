"""Refinement of the shifts (steps) between images of one field, on the pixels of their common stars.

Each image is compared with the mean of the others around every star, so that stars too faint in a single
image contribute, and so that all steps are consistent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccdfx.kernels.image.resample import separable
from ccdfx.kernels.sources.maxima import gradient_sums
from ccdfx.operations.resampling.taps import taps
from ccdfx.photometry.detection import SIGMA, prepared, smoothed
from ccdfx.photometry.sources import sources_in

_THRESHOLD = 6.0
_REACH = 1.8
_ROUNDS = 6
_FEWEST = 2.5  # degrees of freedom below which no smaller number changes the factor
_WINDOWS = 8  # windows, weighted by their structure, from which a rotation is measured


class Refined(NamedTuple):
    """Steps (n, 2) relative to the reference, their standard errors (n,), and the number of stars of each."""

    steps: np.ndarray
    errors: np.ndarray
    stars: np.ndarray


def refined(planes: Sequence[np.ndarray], steps: np.ndarray, fwhm: float, reference: int) -> Refined | None:
    """Refine the steps (x, y) of float32 planes without gaps or spikes; None for fewer than 3 common stars.

    For every image, the step that minimises ``sum (mean of the others - gain image)^2`` over all stars is
    solved to first order; stars that deviate by more than 3.5 robust standard deviations are rejected. This
    is repeated until the steps converge.
    """
    places = _common_stars(planes, steps, fwhm)
    if len(places) < 3:
        return None
    sigma = fwhm * SIGMA
    bands = [smoothed(plane, 0.5 * sigma) - smoothed(plane, 3 * sigma) for plane in planes]
    count = len(bands)
    errors, stars = np.zeros(count), np.zeros(count, np.int64)
    start = steps
    for _ in range(_ROUNDS):
        moved = [moved_plane(band, step) for band, step in zip(bands, steps, strict=True)]
        inside = [covered_area(band.shape, step) for band, step in zip(bands, steps, strict=True)]
        total, depth = np.sum(moved, axis=0), np.sum(inside, axis=0)
        changes = np.zeros((count, 2))
        for i in range(count):
            others = depth - inside[i]
            template = (total - moved[i]) / np.maximum(others, 1)
            seen = places[_both(places, inside[i], others)]
            solution = step_at(template, moved[i], seen, _REACH * fwhm)
            if solution is None:
                return None
            changes[i], errors[i], stars[i] = solution
        # The mean of all images includes the image, so its offset from that mean is only (n - 1) / n as
        # large.
        steps = steps + changes * (count - 1) / count
        steps = steps - steps[reference]
        if np.abs(steps - start).max() > 0.5 * fwhm + 1:
            return None
        if np.abs(changes).max() < 0.005:
            break
    # The errors so far are relative to the mean of the others; the error of the reference adds to them.
    own = errors * math.sqrt((count - 1) / count)
    return Refined(steps, np.hypot(own, own[reference]), stars)


def _common_stars(planes: Sequence[np.ndarray], steps: np.ndarray, fwhm: float) -> np.ndarray:
    """Return positions of stars in the mean image where at least half of the images (and two) overlap."""
    total = np.zeros_like(planes[0])
    depth = np.zeros_like(planes[0])
    for plane, step in zip(planes, steps, strict=True):
        known = covered_area(plane.shape, step)
        # Backgrounds differ: they are subtracted so that the edges of the images cause no jumps in the mean.
        total += (moved_plane(plane, step) - np.float32(np.median(plane[::4, ::4]))) * known
        depth += known
    mean = prepared(total / np.maximum(depth, 1), depth >= max(2, len(planes) / 2))
    table = sources_in(mean, fwhm=fwhm, threshold=_THRESHOLD, border=math.ceil(fwhm))
    return np.ascontiguousarray(np.column_stack([table["x"], table["y"]]))


def moved_plane(plane: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Move a plane by a step (x, y); pixels without data are 0."""
    across, down = taps(step[0], "spline", plane.dtype), taps(step[1], "spline", plane.dtype)
    out = np.empty_like(plane)
    weights = down.padded(plane.dtype), across.padded(plane.dtype)
    separable(plane, weights[0], down.first, weights[1], across.first, out, 0, len(plane))
    out *= covered_area(plane.shape, step)
    return out


def covered_area(shape: tuple[int, ...], step: np.ndarray) -> np.ndarray:
    """Return 1 where a plane of this shape has pixels after a step (x, y), else 0."""
    y, x = (np.arange(size) - s for size, s in zip(shape, step[::-1], strict=True))
    inside = ((y >= 0) & (y <= shape[0] - 1)), ((x >= 0) & (x <= shape[1] - 1))
    return np.outer(*inside).astype(np.float32)


def _both(places: np.ndarray, one: np.ndarray, others: np.ndarray) -> np.ndarray:
    x, y = np.round(places).astype(np.int64).T
    return (one[y, x] > 0) & (others[y, x] > 0)


class WindowStep(NamedTuple):
    """A step (x, y) fitted in windows, its error, and the significance of a rotation or scale, in sigma."""

    step: np.ndarray
    error: float
    turned: float


def least_squares_step(template: np.ndarray, image: np.ndarray) -> WindowStep | None:
    """Fit the step from `image` to `template` in windows on a grid."""
    ny, nx = template.shape
    radius = max(min(ny, nx) / 16, 4.0)
    y, x = (np.arange(radius, size, 1.4 * radius) for size in (ny, nx))
    grid = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    fitted = step_at(template, image, grid, radius, clip=False)
    if fitted is None:
        return None
    sums = np.empty((len(grid), 6))
    gradient_sums(template, image, np.ascontiguousarray(grid), radius, sums)
    return WindowStep(fitted[0], fitted[1], _turned(sums, grid))


def _turned(sums: np.ndarray, places: np.ndarray) -> float:
    """Fit step, scale and rotation to the sums of windows; return the significance of the latter two."""
    x, y = ((places - places.mean(axis=0)) / max(float(np.ptp(places)), 1.0)).T
    one, none = np.ones_like(x), np.zeros_like(x)
    # The step of a window (2 rows) from the four numbers: step x, step y, scale, rotation.
    basis = np.stack([np.column_stack([one, none, x, -y]), np.column_stack([none, one, y, x])], axis=1)
    xx, xy, yy, bx, by, _ = sums.T
    normal = np.stack([np.column_stack([xx, xy]), np.column_stack([xy, yy])], axis=1)
    there = np.einsum("nki,nkl,nlj->ij", basis, normal, basis)
    right = np.stack([bx, by], axis=1)
    energy = xx + yy
    count = effective_count(energy)
    if count < _WINDOWS or np.linalg.cond(there) > 1e10:
        return 0.0
    inverse = np.linalg.inv(there)
    solution = inverse @ np.einsum("nki,nk->i", basis, right)
    rest = np.einsum("nki,nk->ni", basis, right - np.einsum("nkl,nlj,j->nk", normal, basis, solution))
    covariance = inverse @ (rest.T @ rest) @ inverse * (count / (count - 4))
    errors = np.sqrt(np.diag(covariance))[2:]
    return float(np.max(np.abs(solution[2:]) / np.maximum(errors, 1e-12)))


def effective_count(weights: np.ndarray) -> float:
    """Compute how many equal weights give a mean of the same variance."""
    return float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300))


def _few(count: float) -> float:
    """Compute by what the variance of a step exceeds that from the residuals of `count` windows.

    The step takes one of their degrees of freedom per axis, and the scatter of few is itself uncertain: the
    second factor is the variance of Student's distribution.
    """
    free = 2 * (count - 1)
    return count / max(count - 1, 0.5) * (free / (free - 2) if free > _FEWEST else _FEWEST / (_FEWEST - 2))


def step_at(
    template: np.ndarray, image: np.ndarray, places: np.ndarray, radius: float, clip: bool = True
) -> tuple[np.ndarray, float, int] | None:
    """Fit the step from `image` to `template` in windows at `places`, with rejection of deviant windows.

    Return the step, its error from the scatter of the windows, few of which may hold nearly all structure (one
    to three bright stars do), and the number of windows kept; None where
    fewer than three are kept, or where their gradients do not determine the step.
    """
    sums = np.empty((len(places), 6))
    gradient_sums(template, image, np.ascontiguousarray(places), radius, sums)
    kept = np.ones(len(sums), bool)
    for _ in range(5):
        xx, xy, yy, bx, by, power = sums[kept].sum(axis=0)
        determinant = xx * yy - xy * xy
        if kept.sum() < 3 or min(xx, yy) < 1e-3 * power or not determinant > 1e-6 * xx * yy:
            return None
        inverse = np.array([[yy, -xy], [-xy, xx]]) / determinant
        step = inverse @ [bx, by]
        residual = sums[:, 3:5] - np.column_stack([sums[:, :2] @ step, sums[:, 1:3] @ step])
        deviation = np.abs(residual) / np.sqrt(sums[:, 5:] + 1e-30)
        now = (deviation <= 3.5 * 1.4826 * np.median(deviation[kept]) + 1e-12).all(axis=1)
        if not clip or (now == kept).all():
            break
        kept = now
    residual = residual[kept]
    covariance = (
        inverse @ (residual.T @ residual) @ inverse * _few(effective_count(sums[kept, 0] + sums[kept, 2]))
    )
    return step, float(np.sqrt(np.diag(covariance).max())), int(kept.sum())
