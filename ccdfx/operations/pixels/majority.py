"""What deviates from its surroundings in most of several frames of the sky, and is no star at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.estimators.order_statistics import median_efficiency
from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.defects.paired_medians import paired_medians, paired_sorter
from ccdfx.kernels.image.bad_pixels import flagged_places
from ccdfx.operations.pixels.deviant import BlockSigmas, block_sigmas, deviant
from ccdfx.operations.pixels.encoded import FEWEST, EncodedFrames
from ccdfx.operations.pixels.runs import Runs, extended, in_long_runs, runs_at
from ccdfx.operations.pixels.sharpness import sharper, sides_at

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
_INNER = 0.1  # of the outer one of two bad columns at the edge: what lies inside of them deviates less
_QUIET = 2.0  # of the usual sigma: more is a star at rest
_SIZE = 7  # pixels: a double column is less than a third of it
_ROWS = 128  # of a tile
_SIGMA_PARTS, _MOST_SIGMA = 8, 65535  # of a half step


def deviant_in_most(
    frames: EncodedFrames, *, fwhm: float, limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the pixels and runs of columns and rows that deviate alike in most frames.

    Strong ones are found first. They are then filled from their neighbours, in place, because they move the local
    medians of others, and weaker ones are searched for.

    Parameters
    ----------
    frames : EncodedFrames
        At least three.
    fwhm : float
        Of the sharpest stars, in pixels.
    limit : float
        In sigma.

    Returns
    -------
    places : int array (pixels,)
        Of what deviates, counted row by row.
    above : bool array (pixels,)
        Whether the median over the frames of the residual is above 0.
    long : bool array (pixels,)
        Whether a pixel deviates as part of a long run.
    """
    values, known = frames.medians()
    planes = _planes(values, known)
    candidates = _candidates(planes, limit)
    strong, long = _search(frames, planes, candidates, fwhm, limit, _LEAST_PIXEL)
    above = values.ravel()[strong] > 0
    if strong.size:
        del planes, candidates  # before others take as much memory
        y, x = np.divmod(strong, frames.shape[1])
        frames, y, x = frames.without(y, x)
        frames.renew(values, known, y, x)
        planes = _planes(values, known)
        candidates = _candidates(planes, limit)
    weak, also_long = _search(frames, planes, candidates, fwhm, limit, _LEAST_COLUMN)
    return (
        np.concatenate([strong, weak]),
        np.concatenate([above, values.ravel()[weak] > 0]),
        np.concatenate([long, also_long]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Planes:
    """Medians over the frames and where they are known, their usual sigma (in half steps), and that around each pixel.

    Around stars at rest, with their photon noise, deviations are larger. The sigma around each pixel is in eighths of
    half steps, and 0 where it is so large that nothing can deviate.
    """

    values: np.ndarray
    known: np.ndarray
    usual: BlockSigmas
    sigma: np.ndarray


def _planes(values: np.ndarray, known: np.ndarray) -> _Planes:
    """Measure the scatter of medians over frames."""
    usual = block_sigmas(values, known)
    sigma = np.empty(values.shape, np.uint16)
    sort = paired_sorter("u2", _SIZE)
    work = partial(_scatter_rows, values, usual, sort, sigma)
    for _ in map_here(work, range(0, len(sigma), _ROWS)):
        pass
    return _Planes(values, known, usual, sigma)


def _scatter_rows(
    values: np.ndarray, usual: BlockSigmas, sort: PassedKernel, sigma: np.ndarray, first: int
) -> None:
    """Compute the sigma of some rows: the usual one or that about 0 around each pixel, whichever is larger.

    The latter is from the median of the absolute values. At the edges the window is moved inwards: reflected, two bad
    columns there would be the majority.
    """
    half, ny = _SIZE // 2, len(values)
    last = min(first + _ROWS, ny)
    lower, upper = min(max(first - half, 0), ny - _SIZE), min(max(last - half, 1), ny - _SIZE + 1)
    part = np.abs(values[lower : upper + _SIZE - 1]).astype(np.uint16)
    inner = np.empty((upper - lower, part.shape[1] - 2 * half), np.uint16)
    paired_medians(part, _SIZE, sort, inner)
    here = np.clip(np.arange(first, last) - half, lower, upper - 1) - lower
    scatter = np.pad(np.float32(1.4826) * inner, ((0, 0), (half, half)), mode="edge")[here]
    greatest = np.maximum(usual.rows(first, last), scatter) * np.float32(_SIGMA_PARTS)
    sigma[first:last] = np.where(greatest <= _MOST_SIGMA, np.rint(greatest), 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """What deviates along columns, or along rows (then turned): single pixels and short runs, and long runs."""

    turned: bool
    short: Runs
    long: Runs


def _candidates(planes: _Planes, limit: float) -> list[_Candidates]:
    """Find what deviates from the medians of its surroundings."""
    found = []
    for turned in (False, True):
        bad = deviant(
            planes.values,
            planes.sigma,
            planes.known,
            low=limit,
            high=limit,
            unit=_SIGMA_PARTS,
            columns=not turned,
        )
        y, x = np.divmod(flagged_places(bad, 1), bad.shape[1])
        values, sigma, known = (
            one.T if turned else one for one in (planes.values, planes.sigma, planes.known)
        )
        runs = runs_at(x, y) if turned else runs_at(y, x)
        long = runs.select(in_long_runs(runs, len(values)))
        long = extended(long, values, sigma, known, _SIGMA_PARTS)
        width = values.shape[1]
        short = ~np.isin(runs.y * width + runs.x, long.y * width + long.x)
        found.append(_Candidates(turned, runs.select(short), long))
    return found


def _search(
    frames: EncodedFrames,
    planes: _Planes,
    candidates: list[_Candidates],
    fwhm: float,
    limit: float,
    least_column: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of those candidates that deviate in most frames, and whether they do in a long run."""
    # What a saturated star has beside a pixel is more than its own light, not nothing.
    hidden = None if frames.saturated is None else frames.saturated & ~planes.known
    found: list[np.ndarray] = []
    longs: list[np.ndarray] = []
    for one in candidates:
        values = planes.values.T if one.turned else planes.values
        unseen = hidden.T if one.turned and hidden is not None else hidden
        check = partial(_confirmed, frames=frames, values=values, turned=one.turned, fwhm=fwhm, limit=limit)
        # A star may be cut by the edge. A long run there is no star, but may be a slope of the sky or of stars, of
        # which the box of the median, moved inwards, leaves most at the edge.
        y, x = one.long.y, one.long.x
        place = (x, y) if one.turned else (y, x)
        sigma = planes.sigma[place] / _SIGMA_PARTS
        quiet = planes.known[place] & (sigma > 0) & (sigma < _QUIET * planes.usual.at(*place))
        sides = sides_at(values, y, x, None, reach=3)
        kept = check(one.long, quiet=quiet, least=least_column, sides=sides, beside=_BESIDE)
        found.append(_flat(one.long, kept, one.turned, values.shape))
        longs.append(np.ones(found[-1].size, bool))
        y, x = one.short.y, one.short.x
        sides = sides_at(values, y, x, math.nan, hidden=unseen)
        place = (x, y) if one.turned else (y, x)
        kept = check(one.short, quiet=planes.known[place], least=_LEAST_PIXEL, sides=sides, beside=0.0)
        if fwhm < SHARPEST:
            kept &= values[y, x] < 0
        found.append(_flat(one.short, kept, one.turned, values.shape))
        longs.append(np.zeros(found[-1].size, bool))
    places, long = np.concatenate(found), np.concatenate(longs)
    unique, first = np.unique(places, return_index=True)
    also = np.isin(unique, places[long])
    return unique, also | long[first]


def _flat(runs: Runs, kept: np.ndarray, turned: bool, shape: tuple[int, int]) -> np.ndarray:
    """Return the places of kept pixels in the frame, counted row by row."""
    y, x = runs.y[kept], runs.x[kept]
    return x * shape[0] + y if turned else y * shape[1] + x


def median_of_most(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the median of the known values of each column, and where at least half, and three, are known.

    Elsewhere it is 0.
    """
    ranked = np.sort(stack, axis=0)  # NaN last
    count = np.sum(np.isfinite(stack), axis=0)
    enough = count >= max(FEWEST, len(stack) / 2)
    low, high = (np.where(enough, rank, 0)[None] for rank in ((count - 1) // 2, count // 2))
    pair = (np.take_along_axis(ranked, rank, axis=0)[0] for rank in (low, high))
    return np.where(enough, 0.5 * (next(pair) + next(pair)), 0.0), enough


def _beside_pairs(
    runs: Runs, means: np.ndarray, across: dict[int, np.ndarray], width: int
) -> dict[int, np.ndarray]:
    """Return what lies beside runs, where for a run at the edge with one beside it the mirror is inside of both.

    By themselves, its inner neighbour would be at both sides. A slope leaves a third of the outermost pixel there.
    """
    x = np.zeros(runs.count, np.intp)
    x[runs.numbers] = runs.x
    out = dict(across)
    for step, inner in ((-1, 2), (1, -2)):
        outside = (x + step < 0) | (x + step >= width)
        is_pair = outside & (across[inner] * np.sign(means) < _INNER * np.abs(means))
        out[step] = np.where(is_pair, across[inner], across[step])
    return out


def _confirmed(
    runs: Runs,
    *,
    frames: EncodedFrames,
    values: np.ndarray,
    turned: bool,
    quiet: np.ndarray,
    fwhm: float,
    limit: float,
    least: float,
    sides: dict[int, np.ndarray],
    beside: float,
) -> np.ndarray:
    """Return the pixels of runs that are sharp, large and significant, and seen in most frames (bool array).

    A run is judged by its `quiet` pixels, without those in stars at rest, and by the `sides` of each pixel; it must
    deviate by a part `beside` of what does there.
    """
    means = runs.means(values[runs.y, runs.x].astype(np.float64), quiet)
    across = {step: runs.means(side, quiet) for step, side in sides.items()}
    if beside > 0:
        across = _beside_pairs(runs, means, across, values.shape[1])
    kept = sharper(means, across, fwhm)
    if beside > 0:
        kept &= np.abs(means) >= beside * np.max(np.abs(list(across.values())), axis=0)
    out = kept[runs.numbers] if runs.count else np.zeros(0, bool)
    if not out.any():
        return out
    left = runs.select(out)
    quiet = quiet[out]
    pixels = np.bincount(left.numbers[quiet], minlength=left.count)
    y, x = (left.x, left.y) if turned else (left.y, left.x)
    # First along the run in each frame, then over the frames: stars of single frames on the run do not matter.
    count = len(frames.codes)
    own = np.array([left.medians(frames.residuals(k, y, x), quiet) for k in range(count)])
    middle, enough = median_of_most(own)
    seen = np.sum(np.isfinite(own), axis=0)
    errors = np.array([math.inf, *(math.sqrt(median_efficiency(n) / n) for n in range(1, count + 1))])
    along = np.sqrt([median_efficiency(max(n, 1)) / max(n, 1) for n in pixels.tolist()])
    sure = enough & (np.abs(middle) >= np.maximum(least, limit * errors[seen] * along))
    signed, typical = own * np.sign(middle), np.abs(middle)
    shown = signed >= _SHOWN * typical
    # Between the places of a star in dithered frames its wing is in most, but not as bright in all.
    if not beside:
        shown &= (middle < 0) | (signed <= np.maximum(typical / _SHOWN, typical + limit))
    sure &= np.sum(shown, axis=0) >= _FRAMES * seen
    out[out] = sure[left.numbers]
    return out
