"""Gain and read noise measured from pairs of frames: the photon transfer method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators.values import values_of
from ccdfx.kernels.image.blocks import block_size, block_table, spread_blocks
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.records.compatibility import require_match
from ccdfx.records.image import Image, ImageLike, as_images
from ccdfx.records.planes import working_dtype

if TYPE_CHECKING:
    from ccdfx.noise.noise_model import NoiseModel


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """The noise parameters that `fit_noise` measured.

    Attributes
    ----------
    gain, gain_error : float
        e-/ADU.
    readnoise, readnoise_error : float
        e- rms per pixel.
    readnoise_adu, readnoise_adu_error : float
        The read noise as measured, in ADU; it includes the rounding to whole numbers.
    sensitivity, sensitivity_error : float
        Variation of the response from pixel to pixel, rms, as a fraction of the signal; 0 where the flats
        show none, and the error is then the detection limit.
    pairs : int
        Pairs of flats used.
    pair_gains : tuple of float
        The gain that each pair alone gives, from the faintest pair to the brightest.
    blocks : int
        Blocks of the frame used for the gain.
    method : str
        Description of the method.
    """

    gain: float
    gain_error: float
    readnoise: float
    readnoise_error: float
    readnoise_adu: float
    readnoise_adu_error: float
    sensitivity: float
    sensitivity_error: float
    pairs: int
    pair_gains: tuple[float, ...]
    blocks: int
    method: str

    @property
    def model(self) -> NoiseModel:
        """The `ccd_noise` model of frames of this camera before flat division."""
        from ccdfx.noise.builtin import ccd_noise

        return ccd_noise(self.gain, self.readnoise, self.sensitivity)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two flats A and B in blocks: level of A, ratio r of levels, var(A - r B), var(A) + r**2 var(B)."""

    level: np.ndarray
    ratio: np.ndarray
    difference: np.ndarray
    scatter: np.ndarray


def fit_noise(flats: Iterable[ImageLike], biases: Iterable[ImageLike]) -> NoiseFit:
    """Measure gain, read noise and sensitivity noise from two or more flats and biases of one camera setting.

    Parameters
    ----------
    flats : iterable of Image or 2-D array
        In ADU. **The bias must have been subtracted** (overscan, master bias, or both), because their levels
        are taken as light; they must not have been divided by a flat. Levels and gradients may differ.
        Flagged and non-finite pixels are left out: flag saturated ones.
    biases : iterable of Image or 2-D array
        In ADU, of the same shape; their level does not matter.

    Returns
    -------
    NoiseFit

    Raises
    ------
    ArgumentError
        Fewer than two of either, frames too small or flagged too much for eight blocks, flats without light,
        or flats whose difference shows no photon noise.
    MismatchError
        Frames of different shape, window, unit or binning.

    Notes
    -----
    Blocks of 32 x 32 pixels (at most 2048 per frame) are used. Flats are paired with their neighbour in
    brightness. With levels a, b of a block and r = a/b, the fixed pattern cancels in the difference A - r B,
    and ``var(A - r B) = a (1 + r) / gain + (1 + r**2) R**2`` with R the read noise in ADU, for which pairs of
    biases give ``var(B1 - B2) = 2 R**2`` (Janesick, Photon Transfer, 2007). Variances come from the clipped
    mixed differences described in `background`, which are robust against stars, bad columns and gradients.
    The scatter of the flats themselves is larger by the sensitivity s, which varies between pixels and is the
    same in both flats: ``var(A) + r**2 var(B) - var(A - r B) = 2 (s a)**2``. Noise proportional to the signal
    that changes from frame to frame makes ``var(A - r B)`` grow as a**2; flats of several levels reveal it,
    and where it exceeds five times its error, the gain is corrected for it and it is added to s.

    Each block is averaged over the pairs, and the error comes from the scatter of the blocks; where pairs
    disagree by more than that, the error is multiplied by the square root of their reduced chi-squared.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx.noise import add_noise, ccd_noise
    >>> rng, model = np.random.default_rng(1), ccd_noise(gain=2.0, readnoise=8.0)
    >>> biases = [add_noise(np.zeros((256, 256)), model=model, rng=rng) for _ in range(2)]
    >>> flats = [add_noise(np.full((256, 256), 9000.0), model=model, rng=rng) for _ in range(2)]
    >>> fit = fit_noise(flats, biases)
    >>> abs(fit.gain - 2.0) < 3 * fit.gain_error < 0.15, abs(fit.readnoise - 8.0) < 3 * fit.readnoise_error
    (True, True)
    """
    lights = _frames("flats", flats)
    darks = _frames("biases", biases)
    for name, frame in [*(("flats", f) for f in lights[1:]), *(("biases", b) for b in darks)]:
        require_match(lights[0], frame, name)
    read = _read_variance(darks)
    pairs = _pairs(lights)
    transfer, sensitivity_to_read, (slope, slope_error) = _transfer(pairs, read.value)
    error = math.hypot(transfer.error, sensitivity_to_read * read.error)
    if not transfer.value > 3.0 * error:
        raise ArgumentError(
            "flats", "must differ by photon noise", value=f"1/gain = {transfer.value:.2g} +- {error:.2g}",
            remedy="give different, brighter, unsaturated exposures with the bias subtracted",
        )  # fmt: skip
    gain = 1.0 / transfer.value
    gain_error = error * gain**2
    noise, noise_error = _root(read.value, read.error)
    fixed = _pattern(pairs)
    pattern, pattern_error = _root(fixed.value + slope, math.hypot(fixed.error, slope_error))
    return NoiseFit(
        gain=gain,
        gain_error=gain_error,
        readnoise=noise * gain,
        readnoise_error=math.hypot(noise_error * gain, noise * gain_error),
        readnoise_adu=noise,
        readnoise_adu_error=noise_error,
        sensitivity=pattern,
        sensitivity_error=pattern_error,
        pairs=len(lights) - 1,
        pair_gains=tuple(1.0 / value if value > 0 else math.inf for value in transfer.alone),
        blocks=transfer.blocks,
        method="photon transfer of flat pairs and bias pairs, clipped mixed differences in blocks",
    )


def _root(square: float, error: float) -> tuple[float, float]:
    """Return the square root of an estimate, limited to 0 or more, and its error."""
    root = math.sqrt(max(0.0, square))
    return root, error / (2.0 * root) if square > error else math.sqrt(error)


def _frames(name: str, frames: Iterable[Any]) -> list[Image]:
    images = as_images(frames, name)
    if len(images) < 2:
        raise ArgumentError(
            name, "must be at least two frames", value=len(images),
            remedy="noise is measured from the difference of two exposures",
        )  # fmt: skip
    return images


def _read_variance(biases: Sequence[Image]) -> Estimate:
    """Estimate the variance of a bias pixel from the differences of successive biases."""
    tables = [_table(_float(a) - _float(b), _bad(a, b)) for a, b in pairwise(biases)]
    return combined("biases", np.array([table[:, 5] ** 2 / 2.0 for table in tables]), np.ones(len(tables)))


def _pairs(flats: Sequence[Image]) -> list[_Pair]:
    """Pair each flat with the next brighter one."""
    typical = [_median(flat) for flat in flats]
    for level in typical:
        if not level > 0:
            raise ArgumentError(
                "flats", "must have a positive level", value=level,
                remedy="subtract the bias once and leave out dark or wholly flagged frames",
            )  # fmt: skip
    order = sorted(range(len(flats)), key=typical.__getitem__)
    return [_pair(flats[first], flats[second]) for first, second in pairwise(order)]


def _pair(first: Image, second: Image) -> _Pair:
    bad = _bad(first, second)  # levels must come from the same pixels, or their ratio is biased
    one, two = (_table(_float(flat), bad) for flat in (first, second))
    a, b = one[:, 1], two[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((a > 0) & (b > 0), a / b, np.nan)
        difference = _table(_scaled_difference(first, second, ratio), bad)[:, 5] ** 2
        return _Pair(a, ratio, difference, one[:, 5] ** 2 + ratio**2 * two[:, 5] ** 2)


def _transfer(pairs: Sequence[_Pair], read: float) -> tuple[Estimate, float, tuple[float, float]]:
    """Estimate 1/gain, its decrease per unit of read variance, and its slope with level (with error)."""
    estimates, weights, slopes, levels = [], [], [], []
    for pair in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            light = pair.level * (1.0 + pair.ratio)
            read_share = (1.0 + pair.ratio**2) / light
            estimates.append(pair.difference / light - read_share * read)
            levels.append(2.0 * pair.level / (1.0 + pair.ratio))
        usable = np.isfinite(estimates[-1])
        spread = _typical(pair.difference / light, usable)
        slopes.append(_typical(read_share, usable))
        weights.append(1.0 / spread**2 if spread > 0 else 0.0)
    if not sum(weights) > 0:
        raise ArgumentError(
            "flats", "must differ from each other", remedy="give different, unsaturated exposures"
        )
    values, level = np.array(estimates), np.array(levels)
    first = combined("flats", values, np.array(weights))
    means = np.array([_typical(row, np.isfinite(row)) for row in level])
    slope, slope_error = growth(first, means)
    found = combined("flats", values - slope * level, np.array(weights)) if slope else first
    distance = slope_error * float(np.average(means, weights=weights))
    found = replace(found, error=math.hypot(found.error, distance))
    return found, float(np.average(slopes, weights=weights)), (slope, slope_error)


def _pattern(pairs: Sequence[_Pair]) -> Estimate:
    """Estimate the square of the sensitivity, which is common to two flats."""
    estimates, weights = [], []
    for pair in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            square = 2.0 * pair.level**2
            estimates.append((pair.scatter - pair.difference) / square)
            spread = _typical(pair.scatter / square, np.isfinite(estimates[-1]))
        weights.append(1.0 / spread**2 if spread > 0 else 0.0)
    return combined("flats", np.array(estimates), np.array(weights))


def _typical(values: np.ndarray, usable: np.ndarray) -> float:
    return float(np.median(values[usable])) if usable.any() else 0.0


def _scaled_difference(first: Image, second: Image, ratio: np.ndarray) -> np.ndarray:
    """Compute first - ratio second, with one ratio per block; NaN where no block was measured."""
    shape = first.shape
    size = block_size(shape)
    grid = np.full((shape[0] // size, shape[1] // size), np.nan)
    grid.flat[spread_blocks(shape, size)] = ratio
    scale = np.full(shape, np.nan, np.float32)
    scale[: grid.shape[0] * size, : grid.shape[1] * size] = grid.repeat(size, axis=0).repeat(size, axis=1)
    return _float(first) - scale * _float(second)


def _table(array: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Compute the `block_table` of an array; blocks with too few good pixels are NaN except for the count."""
    size = block_size(array.shape)
    blocks = spread_blocks(array.shape, size)
    table = np.empty((blocks.size, 6))
    block_table(array, bad | ~np.isfinite(array), size, blocks, table)
    table[(table[:, 0] < size * size / 2) | (table[:, 4] < size * size / 4), 1:] = np.nan
    return table


def _median(image: Image) -> float:
    values = values_of(image.array, image.mask)
    return values.median(0, values.count) if values.count else math.nan


def _bad(*images: Image) -> np.ndarray:
    good = images[0].good
    for image in images[1:]:
        good = good & image.good
    return (~good).view(np.uint8)


def _float(image: Image) -> np.ndarray:
    return np.ascontiguousarray(image.array, working_dtype(image.array))


_LEAST_BLOCKS = 8
_SIGNIFICANT = 5.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over blocks with its error, those of each pair with their errors, and the number of blocks."""

    value: float
    error: float
    alone: tuple[float, ...]
    errors: tuple[float, ...]
    blocks: int


def combined(name: str, values: np.ndarray, weights: np.ndarray) -> Estimate:
    """Average over pairs (rows) and blocks (columns), without outlying blocks."""
    known = np.isfinite(values)
    weight = weights[:, None] * known
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        blocks = (np.where(known, values, 0.0) * weight).sum(axis=0) / total
    kept = np.isfinite(blocks)
    for _ in range(10):
        if kept.sum() < _LEAST_BLOCKS:
            raise ArgumentError(
                name, f"must have at least {_LEAST_BLOCKS} blocks of good pixels", value=int(kept.sum()),
                remedy="give larger frames (64 x 64 at least) or flag fewer pixels",
            )  # fmt: skip
        middle = np.median(blocks[kept])
        reach = 4.0 * 1.4826 * np.median(np.abs(blocks[kept] - middle))
        inside = kept & (np.abs(blocks - middle) <= reach)
        if inside.sum() in (kept.sum(), 0):
            break
        kept = inside
    count = int(kept.sum())
    error = float(blocks[kept].std(ddof=1)) / math.sqrt(count)
    alone, errors = [], []
    for row in values:
        own = row[kept & np.isfinite(row)]
        alone.append(float(own.mean()) if own.size else math.nan)
        errors.append(float(own.std(ddof=1)) / math.sqrt(own.size) if own.size > 1 else math.nan)
    value = float(blocks[kept].mean())
    return Estimate(
        value, error * _disagreement(np.array(alone), np.array(errors)), tuple(alone), tuple(errors), count
    )


def _disagreement(values: np.ndarray, errors: np.ndarray) -> float:
    """Return the square root of the reduced chi-squared of the pairs about their mean, at least 1."""
    usable = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    if usable.sum() < 2:
        return 1.0
    values, weights = values[usable], errors[usable] ** -2.0
    chi = float((weights * (values - np.average(values, weights=weights)) ** 2).sum()) / (len(values) - 1)
    return max(1.0, math.sqrt(chi))


def growth(estimate: Estimate, levels: np.ndarray) -> tuple[float, float]:
    """Fit the slope of the pairs' estimates with level; return it and its error, (0, 0) if insignificant."""
    values, errors = np.array(estimate.alone), np.array(estimate.errors)
    usable = np.isfinite(values) & np.isfinite(errors) & np.isfinite(levels) & (errors > 0)
    if usable.sum() < 2:
        return 0.0, 0.0
    values, weights, levels = values[usable], errors[usable] ** -2.0, levels[usable]
    about = levels - np.average(levels, weights=weights)
    curvature = float((weights * about**2).sum())
    if curvature == 0.0:
        return 0.0, 0.0
    slope, error = float((weights * about * values).sum()) / curvature, curvature**-0.5
    return (slope, error) if slope > _SIGNIFICANT * error else (0.0, 0.0)
