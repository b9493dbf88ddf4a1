"""What deviates from its surroundings in most of several frames of the sky, and is no star at rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ccdfx.estimators.order_statistics import median_efficiency
from ccdfx.operations.pixels.deviant import block_sigma, deviant, extended, long_runs, residual_of
from ccdfx.operations.pixels.sharpness import (
    local_scatter,
    means_of_runs,
    medians_of_runs,
    runs_along_columns,
    sharper,
    sides_of,
)
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

FEWEST = 3
"""Frames: of fewer none is a majority."""
SHARPEST = 1.5
"""Pixels: FWHM of stars below which they are not told from single pixels."""

# In sigma of one frame: what changes the flux in an aperture by a third of its noise. A column crosses an aperture of
# d pixels, whose noise is 0.9 d sigma, in d pixels; a single pixel matters most where d is 3.
_LEAST_PIXEL, _LEAST_COLUMN = 1.0, 0.3
# A run must show in this part of the frames, with this part of its median deviation and with the same sign: a star
# that some fields have at this place, or a cosmic ray, does not.
_FRAMES, _SHOWN = 0.75, 1 / 2
# Three bad columns move the median of 7 x 7 pixels beside them by 1.1 sigma: less than this part of what deviates
# within 3 pixels is no defect of its own.
_BESIDE = 0.5
_QUIET = 2.0  # of the usual sigma: more is a star at rest


def deviant_in_most(frames: Sequence[Image], *, fwhm: float, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Find the pixels and runs of columns and rows that deviate alike in most frames.

    Strong ones are found first. They are then filled from their neighbours, because they move the local medians
    of others, and weaker ones are searched for.

    Parameters
    ----------
    frames : sequence of Image
        At least three, of one shape.
    fwhm : float
        Of the sharpest stars, in pixels.
    limit : float
        In sigma.

    Returns
    -------
    deviations : ndarray of float, shape (ny, nx)
        Median over the frames of the residual in local sigma, where it is known, else 0.
    found : ndarray of uint8
        1 where a pixel deviates, 2 where it does as part of a long run, else 0.
    """
    deviations, strong = _search(frames, np.zeros(frames[0].shape, bool), fwhm, limit, _LEAST_PIXEL)
    weaker, weak = _search(frames, strong != 0, fwhm, limit, _LEAST_COLUMN)
    return np.where(strong != 0, deviations, weaker), np.maximum(strong, weak)


def _search(
    frames: Sequence[Image], known_bad: np.ndarray, fwhm: float, limit: float, least_column: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find them in one pass, without the pixels known to be bad; return the same as `deviant_in_most`."""
    stack = _deviations(frames, known_bad)
    values, known = median_of_most(stack)
    usual = block_sigma(values, known)
    # Around stars at rest, with their photon noise, deviations are larger.
    sigma = np.maximum(usual, local_scatter(values))
    quiet = known & (sigma < _QUIET * usual)
    # What a saturated star has beside a pixel is more than its own light, not nothing.
    beside = np.where(_saturated(frames) & ~known, math.nan, values)
    out = np.zeros(values.shape, np.uint8)
    for turn in (False, True):
        cube = stack.swapaxes(1, 2) if turn else stack
        plane, spread, good, calm, around = (
            one.T if turn else one for one in (values, sigma, known, quiet, beside)
        )
        bad = deviant(plane, spread, good, low=limit, high=limit)
        long = extended(long_runs(bad), plane, spread, good)
        check = partial(_confirmed, stack=cube, values=plane, fwhm=fwhm, limit=limit)
        # A star may be cut by the edge. A long run there is no star, but may be a slope of the sky or of stars, of
        # which the box of the median, moved inwards, leaves most at the edge.
        across = sides_of(plane, None, reach=3)
        found = 2 * check(long, quiet=calm, least=least_column, sides=across, beside=_BESIDE).astype(np.uint8)
        across = sides_of(around, math.nan)
        single = check(bad & ~long, quiet=good, least=_LEAST_PIXEL, sides=across, beside=0.0)
        found |= single & (fwhm >= SHARPEST or plane < 0)
        out = np.maximum(out, found.T if turn else found)
    return values, out


def _deviations(frames: Sequence[Image], known_bad: np.ndarray) -> np.ndarray:
    """Compute the residuals of each frame in its usual sigma, float32 (n, ny, nx); NaN where it is not known.

    One sigma for the whole frame: one for each block would make edges, as sharp as defects, in stars.
    """
    stack = np.full((len(frames), *known_bad.shape), np.nan, np.float32)
    for plane, frame in zip(stack, frames, strict=True):
        good = frame.good & ~known_bad
        residual = residual_of(frame.array, good)
        sigma = np.median(block_sigma(residual, good))
        if sigma > 0:
            np.divide(residual, sigma, out=plane, where=good, casting="same_kind")
    return stack


def _saturated(frames: Sequence[Image]) -> np.ndarray:
    """Return the pixels that are flagged as saturated in any frame."""
    out = np.zeros(frames[0].shape, bool)
    for frame in frames:
        if frame.mask is not None:
            out |= (frame.mask & np.uint8(Flag.SATURATED)) != 0
    return out


def median_of_most(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the median of the known values of each pixel, and where at least half, and three, are known.

    Elsewhere it is 0.
    """
    ranked = np.sort(stack, axis=0)  # NaN last
    count = np.sum(np.isfinite(stack), axis=0)
    enough = count >= max(FEWEST, len(stack) / 2)
    low, high = (np.where(enough, rank, 0)[None] for rank in ((count - 1) // 2, count // 2))
    pair = (np.take_along_axis(ranked, rank, axis=0)[0].astype(np.float64) for rank in (low, high))
    return np.where(enough, 0.5 * (next(pair) + next(pair)), 0.0), enough


def _confirmed(
    bad: np.ndarray,
    *,
    stack: np.ndarray,
    values: np.ndarray,
    quiet: np.ndarray,
    fwhm: float,
    limit: float,
    least: float,
    sides: dict[int, np.ndarray],
    beside: float,
) -> np.ndarray:
    """Return the pixels of runs along columns that are sharp, large and significant, and seen in most frames.

    A run is judged by its `quiet` pixels, without those in stars at rest, and by the `sides` of each pixel; it must
    deviate by a part `beside` of what does there.
    """
    numbers, count = runs_along_columns(bad)
    if not count:
        return bad
    counted = np.where(quiet, numbers, 0)
    sides = {step: means_of_runs(side, counted, count) for step, side in sides.items()}
    means = means_of_runs(values, counted, count)
    kept = sharper(means, sides, fwhm)
    if beside > 0:
        kept &= np.abs(means) >= beside * np.max(np.abs(list(sides.values())), axis=0)
    # First along the run in each frame, then over the frames: stars of single frames on the run do not matter.
    own = np.array([medians_of_runs(one, counted, count) for one in stack])
    middle, known = (one[0] for one in median_of_most(own[:, None]))
    frames = np.sum(np.isfinite(own), axis=0)
    pixels = np.bincount(counted.ravel(), minlength=count + 1)
    errors = np.array([math.inf, *(math.sqrt(median_efficiency(n) / n) for n in range(1, len(stack) + 1))])
    along = np.sqrt([median_efficiency(max(n, 1)) / max(n, 1) for n in pixels.tolist()])
    kept &= known & (np.abs(middle) >= np.maximum(least, limit * errors[frames] * along))
    shown = np.sum(own * np.sign(middle) >= _SHOWN * np.abs(middle), axis=0)
    kept &= shown >= _FRAMES * frames
    kept[0] = False
    return kept[numbers]
