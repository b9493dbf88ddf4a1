"""Photon transfer: the gain and read noise of a camera from pairs of flats and pairs of biases."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.kernels.blocks import block_size, block_table, spread_blocks
from ccdfx.kernels.values import values_of
from ccdfx.records.image import Image, as_images
from ccdfx.records.matching import require_match
from ccdfx.records.pixels import working_dtype

if TYPE_CHECKING:
    from ccdfx.noise.model import NoiseModel

_LEAST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """What `fit_noise` measured.

    Attributes
    ----------
    gain, gain_error : float
        e-/ADU.
    readnoise, readnoise_error : float
        e- rms per pixel.
    readnoise_adu, readnoise_adu_error : float
        The read noise as measured, in ADU; it holds the rounding to whole numbers.
    pairs : int
        Pairs of flats used.
    pair_gains : tuple of float
        The gain that each pair alone gives, from the faintest pair to the brightest.
    blocks : int
        Blocks of the frame used for the gain.
    method : str
        How it was measured, in words.
    """

    gain: float
    gain_error: float
    readnoise: float
    readnoise_error: float
    readnoise_adu: float
    readnoise_adu_error: float
    pairs: int
    pair_gains: tuple[float, ...]
    blocks: int
    method: str

    @property
    def model(self) -> NoiseModel:
        """The `ccd_noise` model with this gain and read noise."""
        from ccdfx.noise.kinds import ccd_noise

        return ccd_noise(self.gain, self.readnoise)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A mean over blocks with its error, and what each pair says alone."""

    value: float
    error: float
    alone: tuple[float, ...]
    blocks: int


def fit_noise(flats: Iterable[Any], biases: Iterable[Any]) -> NoiseFit:
    """Measure gain and read noise from at least two flats and two biases of one camera and setting.

    Parameters
    ----------
    flats : iterable of Image or 2-D array
        In ADU. **The bias must have been subtracted** (overscan, master bias, or both), because their levels
        are taken for light; they must not have been divided by a flat. Levels and gradients may differ.
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
    In blocks of 32 x 32 pixels (at most 2048 a frame). Flats are paired with their neighbour in brightness.
    With levels a, b of a block and r = a/b, the difference A - r B is free of everything that belongs to the
    pixels, and ``var(A - r B) = a (1 + r) / gain + (1 + r**2) R**2`` with R the read noise in ADU, for which
    pairs of biases give ``var(B1 - B2) = 2 R**2`` (Janesick, Photon Transfer, 2007). Variances come from the
    clipped mixed differences that `background` describes, so stars, bad columns and gradients do no harm.
    Each block is averaged over the pairs, and the scatter of the blocks gives the error; where pairs disagree
    by more than that, the error grows by the square root of their reduced chi-squared.

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
    transfer, sensitivity_to_read = _transfer(lights, read.value)
    error = math.hypot(transfer.error, sensitivity_to_read * read.error)
    if not transfer.value > 3.0 * error:
        raise ArgumentError(
            "flats", "must differ by photon noise", value=f"1/gain = {transfer.value:.2g} +- {error:.2g}",
            remedy="give different, brighter, unsaturated exposures with the bias subtracted",
        )  # fmt: skip
    gain = 1.0 / transfer.value
    gain_error = error * gain**2
    noise = math.sqrt(max(0.0, read.value))
    noise_error = read.error / (2.0 * noise) if noise else math.sqrt(read.error)
    return NoiseFit(
        gain=gain,
        gain_error=gain_error,
        readnoise=noise * gain,
        readnoise_error=math.hypot(noise_error * gain, noise * gain_error),
        readnoise_adu=noise,
        readnoise_adu_error=noise_error,
        pairs=len(lights) - 1,
        pair_gains=tuple(1.0 / value if value > 0 else math.inf for value in transfer.alone),
        blocks=transfer.blocks,
        method="photon transfer of flat pairs and bias pairs, clipped mixed differences in blocks",
    )


def _frames(name: str, frames: Iterable[Any]) -> list[Image]:
    images = as_images(frames, name)
    if len(images) < 2:
        raise ArgumentError(
            name, "must be at least two frames", value=len(images),
            remedy="noise is measured from the difference of two exposures",
        )  # fmt: skip
    return images


def _read_variance(biases: Sequence[Image]) -> _Estimate:
    """The variance of one bias pixel, from each bias and the next."""
    tables = [_table(_float(a) - _float(b), _bad(a, b)) for a, b in pairwise(biases)]
    return _combined("biases", np.array([table[:, 5] ** 2 / 2.0 for table in tables]), np.ones(len(tables)))


def _transfer(flats: Sequence[Image], read: float) -> tuple[_Estimate, float]:
    """1/gain, and by how much it falls when the read variance grows by one."""
    typical = [_median(flat) for flat in flats]
    for level in typical:
        if not level > 0:
            raise ArgumentError(
                "flats", "must have a positive level", value=level,
                remedy="subtract the bias once and leave out dark or wholly flagged frames",
            )  # fmt: skip
    estimates, weights, slopes = [], [], []
    for first, second in pairwise(sorted(range(len(flats)), key=typical.__getitem__)):
        pair = flats[first], flats[second]
        bad = _bad(*pair)  # levels of the same pixels, or their ratio would hold those that differ
        a, b = (_table(_float(flat), bad)[:, 1] for flat in pair)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where((a > 0) & (b > 0), a / b, np.nan)
            variance = _table(_scaled_difference(*pair, ratio), bad)[:, 5] ** 2
            light = a * (1.0 + ratio)
            estimates.append((variance - (1.0 + ratio**2) * read) / light)
        usable = np.isfinite(estimates[-1])
        spread = float(np.median((variance / light)[usable])) if usable.any() else 0.0
        slopes.append(float(np.median(((1.0 + ratio**2) / light)[usable])) if usable.any() else 0.0)
        weights.append(1.0 / spread**2 if spread > 0 else 0.0)
    if not sum(weights) > 0:
        raise ArgumentError(
            "flats", "must differ from each other", remedy="give different, unsaturated exposures"
        )
    return _combined("flats", np.array(estimates), np.array(weights)), float(
        np.average(slopes, weights=weights)
    )


def _scaled_difference(first: Image, second: Image, ratio: np.ndarray) -> np.ndarray:
    """first - ratio second, with one ratio a block; NaN where no block was measured."""
    shape = first.shape
    size = block_size(shape)
    grid = np.full((shape[0] // size, shape[1] // size), np.nan)
    grid.flat[spread_blocks(shape, size)] = ratio
    scale = np.full(shape, np.nan, np.float32)
    scale[: grid.shape[0] * size, : grid.shape[1] * size] = grid.repeat(size, axis=0).repeat(size, axis=1)
    return _float(first) - scale * _float(second)


def _combined(name: str, values: np.ndarray, weights: np.ndarray) -> _Estimate:
    """The mean over pairs (rows) and blocks (columns), without the blocks that lie far out."""
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
    return _Estimate(value, error * _disagreement(np.array(alone), np.array(errors)), tuple(alone), count)


def _disagreement(values: np.ndarray, errors: np.ndarray) -> float:
    """The square root of the reduced chi-squared of the pairs about their mean, at least 1."""
    usable = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    if usable.sum() < 2:
        return 1.0
    values, weights = values[usable], errors[usable] ** -2.0
    chi = float((weights * (values - np.average(values, weights=weights)) ** 2).sum()) / (len(values) - 1)
    return max(1.0, math.sqrt(chi))


def _table(array: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """`block_table` of an array; the scatter of blocks with too few good pixels is NaN."""
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
