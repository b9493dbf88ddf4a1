"""Gain and read noise measured from pairs of frames: the photon transfer method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.noise.block_sample import block_sample
from ccdfx.noise.estimate import Estimate, combined, fitted_slope
from ccdfx.noise.neighbours import neighbour_variance
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.noise.predict import require_counts
from ccdfx.noise.rounding import COARSE, step_of, variances_of_rounded, with_rounding
from ccdfx.records.compatibility import require_match
from ccdfx.records.image import Image, ImageLike, as_images
from ccdfx.records.planes import read_only, working_dtype

if TYPE_CHECKING:
    from ccdfx.noise.noise_model import NoiseModel


_SIGNIFICANT = 5.0
_GREATEST = 4e-6  # variance in the neighbours, per electron of the level: twice what thick CCDs show
_UNLIT = 0.1  # of the typical level of a flat: an overscan in the image, or a slit's jaws
_MOST_UNLIT = 0.3  # of all pixels; where more are, it is noise that makes them low
_FAR = 0.3  # of it, beyond the eight neighbours


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
    neighbours, neighbours_error : float
        What covariances of neighbouring pixels add to the variance of photons, as a fraction of it: above 0 by the
        brighter-fatter effect and by capacitance between pixels. It is taken out of the gain.
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
    neighbours: float
    neighbours_error: float
    blocks: int
    method: str

    @property
    def model(self) -> NoiseModel:
        """The `ccd_noise` model of frames of this camera before flat division."""
        from ccdfx.noise.builtin import ccd_noise

        return ccd_noise(self.gain, self.readnoise, self.sensitivity)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two flats A and B in blocks: level of A, ratio r of levels, var(A - r B), var(A) + r**2 var(B).

    `neighbours` is what the covariances of neighbouring pixels add to var(A - r B).
    """

    level: np.ndarray
    ratio: np.ndarray
    difference: np.ndarray
    scatter: np.ndarray
    neighbours: np.ndarray


@np.errstate(all="ignore")  # values beyond the type, and those that are none, belong to no block
def fit_noise(flats: Iterable[ImageLike], biases: Iterable[ImageLike]) -> NoiseFit:
    """Measure gain, read noise and sensitivity noise from two or more flats and biases of one camera setting.

    Parameters
    ----------
    flats : iterable of Image or 2-D array
        In ADU. **The bias must have been subtracted** (overscan, master bias, or both), because their levels
        are taken as light; they must not have been divided by a flat. Levels and gradients may differ.
        Flagged and non-finite pixels are left out (flag saturated ones), and those below a tenth of the typical level.
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
        Frames of different shape, window, unit or binning, or neither in ADU nor in electrons, whose gain is 1.

    See Also
    --------
    ccd_noise, variance_of

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

    Charge that is collected repels what follows into the neighbours (brighter-fatter effect): the variance of a pixel
    is lower than that of the photons, by up to a fifth at 60,000 electrons, and the missing part is in the covariances
    of neighbouring pixels (Antilogus et al. 2014, JINST 9 C03048; Astier et al. 2019, A&A 629 A36). These are added
    for the eight neighbours, less those of the biases. Their error is several times that of the variance; where
    the level says that they are small, by 4e-6 an electron at most, they are added in part, and what may be left is
    in the error. What lies beyond those neighbours, taken as 0.3 of the correction, is in the error too, or is
    taken out by a decline of the estimates with the level, where flats of several levels show it better.

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
    require_counts("flats", lights[0].unit)
    lights, darks = ([block_sample(frame) for frame in frames] for frames in (lights, darks))
    read, read_neighbours = _read_variance(darks, step_of(darks) or step_of(lights))
    pairs = _pairs(lights)
    found = _transfer(pairs, read.value, read_neighbours.value)
    transfer, sensitivity_to_read, (slope, slope_error) = found.estimate, found.read_share, found.growth
    error = math.hypot(transfer.error, sensitivity_to_read * read.error)
    if not transfer.value > 3.0 * error:
        raise ArgumentError(
            "flats", "must differ by photon noise", value=f"1/gain = {transfer.value:.2g} +- {error:.2g}",
            remedy="give different, brighter, unsaturated exposures with the bias subtracted",
        )  # fmt: skip
    gain = 1.0 / transfer.value
    gain_error = error * gain * gain
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
        neighbours=found.neighbours.value * gain,
        neighbours_error=found.neighbours.error * gain,
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


def _read_variance(biases: Sequence[Image], step: float) -> tuple[Estimate, Estimate]:
    """Estimate the variance of a bias pixel, and what neighbours add to it, from successive biases in such steps."""

    def measured(pair: tuple[Image, Image]) -> tuple[np.ndarray, np.ndarray]:
        array, bad = _float(pair[0]) - _float(pair[1]), _bad(*pair)
        scatter = _table(array, bad)[:, 5]
        if step > 1.0 and not np.nanmedian(scatter) > COARSE * step:
            rounded = _rounded(array, bad, step) / 2.0
            return rounded, np.zeros_like(rounded)
        return scatter**2 / 2.0, _neighbours(array, bad, scatter) / 2.0

    variances, neighbours = zip(*map_here(measured, list(pairwise(biases))), strict=True)
    equal = np.ones(len(variances))
    found = combined("biases", np.array(variances), equal)
    value, error = with_rounding(found.value, found.error, step)
    return replace(found, value=value, error=error), combined("biases", np.array(neighbours), equal)


def _rounded(array: np.ndarray, bad: np.ndarray, step: float) -> np.ndarray:
    from ccdfx.kernels.image.blocks import block_size, spread_blocks

    size = block_size(array.shape)
    return variances_of_rounded(array, bad, size, spread_blocks(array.shape, size), step)


def _pairs(flats: Sequence[Image]) -> list[_Pair]:
    """Pair each flat with the next brighter one."""
    typical = list(map_here(_median, flats))
    for level in typical:
        if not level > 0:
            raise ArgumentError(
                "flats", "must have a positive level", value=level,
                remedy="subtract the bias once and leave out dark or wholly flagged frames",
            )  # fmt: skip
    order = sorted(range(len(flats)), key=typical.__getitem__)
    return list(map_here(_pair, [(flats[first], flats[second]) for first, second in pairwise(order)]))


def _pair(flats: tuple[Image, Image]) -> _Pair:
    first, second = flats
    # Levels must come from the same pixels, or their ratio is biased.
    bad = _bad(first, second) | _unlit(first)
    one, two = (_table(_float(flat), bad) for flat in (first, second))
    a, b = one[:, 1], two[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((a > 0) & (b > 0), a / b, np.nan)
        array = _scaled_difference(first, second, ratio)
        scatter = _table(array, bad)[:, 5]
        both = one[:, 5] ** 2 + ratio**2 * two[:, 5] ** 2
        return _Pair(a, ratio, scatter**2, both, _neighbours(array, bad, scatter))


@dataclass(frozen=True, slots=True)
class _Transfer:
    """1/gain, its decrease per unit of read variance, its growth with the level, and the part of neighbours in it."""

    estimate: Estimate
    read_share: float
    growth: tuple[float, float]
    neighbours: Estimate


def _transfer(pairs: Sequence[_Pair], read: float, read_neighbours: float) -> _Transfer:
    """Estimate 1/gain."""
    estimates, neighbours, weights, slopes, levels = [], [], [], [], []
    for pair in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            light = pair.level * (1.0 + pair.ratio)
            read_share = (1.0 + pair.ratio**2) / light
            estimates.append(pair.difference / light - read_share * read)
            neighbours.append(pair.neighbours / light - read_share * read_neighbours)
            levels.append(2.0 * pair.level / (1.0 + pair.ratio))
        usable = np.isfinite(estimates[-1])
        spread = _typical(pair.difference / light, usable)
        slopes.append(_typical(read_share, usable))
        weights.append(float(np.float64(spread) ** -2.0) if spread > 0 else 0.0)
    if not sum(weights) > 0:
        raise ArgumentError(
            "flats", "must differ from each other", remedy="give different, unsaturated exposures"
        )
    weight, level = np.array(weights), np.array(levels)
    means = np.array([_typical(row, np.isfinite(row)) for row in level])
    mean_level = float(np.average(means, weights=weight))
    added = combined("flats", np.array(neighbours), weight, same=False)  # it grows with the level
    part, left = _believed(added, mean_level)
    values = np.array(estimates) + part * np.array(neighbours)
    found = combined("flats", values, weight)
    slope, error = fitted_slope(found, means)
    far = _FAR * abs(part * added.value) if abs(added.value) > _SIGNIFICANT * added.error else 0.0
    declines = 0.0 < error * mean_level < far
    if declines or slope > _SIGNIFICANT * error > 0.0:
        found = combined("flats", values - slope * level, weight)
        found = replace(found, error=math.hypot(found.error, error * mean_level, left))
    else:
        found = replace(found, error=math.hypot(found.error, far, left))
    grows = (slope, error) if slope > _SIGNIFICANT * error else (0.0, 0.0)
    return _Transfer(found, float(np.average(slopes, weights=weight)), grows, added)


def _believed(neighbours: Estimate, level: float) -> tuple[float, float]:
    """Return which part of the covariances is added to 1/gain, and the error of what may be left.

    They are normal about 0 with the greatest that the level allows, and known with their error; what is
    significant is added whole.
    """
    expected = _GREATEST * level  # 4e-6 times the electrons of the level, times 1/gain
    if abs(neighbours.value) > _SIGNIFICANT * neighbours.error:
        return 1.0, 0.0
    part = expected**2 / (expected**2 + neighbours.error**2) if expected > 0 else 0.0
    return part, (1.0 - part) * expected


def _pattern(pairs: Sequence[_Pair]) -> Estimate:
    """Estimate the square of the sensitivity, which is common to two flats."""
    estimates, weights = [], []
    for pair in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            square = 2.0 * pair.level**2
            estimates.append((pair.scatter - pair.difference) / square)
            spread = _typical(pair.scatter / square, np.isfinite(estimates[-1]))
        weights.append(float(np.float64(spread) ** -2.0) if spread > 0 else 0.0)
    return combined("flats", np.array(estimates), np.array(weights))


def _typical(values: np.ndarray, usable: np.ndarray) -> float:
    return float(np.median(values[usable])) if usable.any() else 0.0


def _neighbours(array: np.ndarray, bad: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    from ccdfx.kernels.image.blocks import block_size, spread_blocks

    size = block_size(array.shape)
    return neighbour_variance(array, bad, size, spread_blocks(array.shape, size), scatter)


def _scaled_difference(first: Image, second: Image, ratio: np.ndarray) -> np.ndarray:
    """Compute first - ratio second, with one ratio per block; NaN where no block was measured."""
    from ccdfx.kernels.image.blocks import block_size, spread_blocks

    shape = first.shape
    size = block_size(shape)
    grid = np.full((shape[0] // size, shape[1] // size), np.nan)
    grid.flat[spread_blocks(shape, size)] = ratio
    scale = np.full(shape, np.nan, np.float32)
    scale[: grid.shape[0] * size, : grid.shape[1] * size] = grid.repeat(size, axis=0).repeat(size, axis=1)
    return _float(first) - scale * _float(second)


def _table(array: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Compute the `block_table` of an array; blocks with too few good pixels are NaN except for the count."""
    from ccdfx.kernels.image.blocks import block_size, block_table, spread_blocks

    size = block_size(array.shape)
    blocks = spread_blocks(array.shape, size)
    table = np.empty((blocks.size, 6))
    block_table(read_only(array), bad | ~np.isfinite(array), size, blocks, table)
    table[(table[:, 0] < size * size / 2) | (table[:, 4] < size * size / 4), 1:] = np.nan
    return table


def _median(image: Image) -> float:
    from ccdfx.estimators.values import values_of

    values = values_of(image.array, image.mask)
    return values.median(0, values.count) if values.count else math.nan


def _bad(*images: Image) -> np.ndarray:
    good = images[0].good
    for image in images[1:]:
        good = good & image.good
    return (~good).view(np.uint8)


def _unlit(flat: Image) -> np.ndarray:
    """Return the pixels that hardly see the light of a flat: in a block with others their level is not that of its noise."""
    unlit = flat.array < _UNLIT * _median(flat)
    return (unlit & (np.count_nonzero(unlit) < _MOST_UNLIT * unlit.size)).view(np.uint8)


def _float(image: Image) -> np.ndarray:
    return np.ascontiguousarray(image.array, working_dtype(image.array))
