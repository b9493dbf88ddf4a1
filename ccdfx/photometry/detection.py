"""Detection of sources of one size in noise: arrays in, arrays out.

A `Plane` is filtered with the difference of two Gaussians, which does not respond to a flat or sloping sky, at the number
of halvings at which the sources are two to four pixels wide. The height of the result over the noise that such a filter
leaves is the significance of a source.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.engines import map_here
from ccdfx.kernels.image.resample import separable
from ccdfx.kernels.sources.maxima import drop_twins, local_maxima, measure_sources
from ccdfx.kernels.sources.peaks import peaks_above, peaks_near, sampled_difference
from ccdfx.photometry.plane import LARGEST as LARGEST
from ccdfx.photometry.plane import STEP, Plane, parts
from ccdfx.photometry.plane import prepared as prepared
from ccdfx.photometry.plane import prepared_image as prepared_image

SIGMA = 1 / 2.3548200450309493  # sigma of a Gaussian of unit FWHM
_WIDER = 2.5
_MOST = 1 << 16
_SAMPLES = 16
_MOST_EXCESS = 3.0  # resampled noise stays below this, the wings of bright stars everywhere do not
_ROWS_OF_SQUARES = 4  # in which the noise of the filtered plane is measured
_NARROW_REACH = 2.7  # sigma
_OF_HALVES = 11 / 12  # square pixels: what halving a plane, and the line between its pixels, add to the width
_NEAR = 3  # pixels of the plane
_NARROWEST = 1.15  # pixels: upper limit of the width measured for a track that is one pixel wide
_STRIP = 256  # rows that a thread filters at a time
_SOME = 128  # places that a thread looks at at a time


def _gaussian(sigma: float, radius: int) -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def smoothed(array: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve the array with a normalised Gaussian; the edges are mirrored."""
    radius = max(1, math.ceil(3.5 * sigma))
    weights = _taps(sigma, array.dtype)
    out = np.empty_like(array)
    separable(array, weights, -radius, weights, -radius, out, 0, array.shape[0])
    return out


def _taps(sigma: float, dtype: np.dtype) -> np.ndarray:
    """Return the weights of a Gaussian, as many as `separable` takes."""
    weights = _gaussian(sigma, max(1, math.ceil(3.5 * sigma)))
    return np.pad(weights, (0, -weights.size % 3)).astype(dtype)


class Filter(NamedTuple):
    """The difference of two Gaussians for sources of one size, on a level of the pyramid of a plane.

    `taps` are those of the narrow Gaussian; `half` is the next level filtered with the wide one, or None where that
    is not to be had. `noise` is what is left of the noise, in blocks.
    """

    level: int
    sigma: float
    taps: np.ndarray
    half: np.ndarray | None
    noise: np.ndarray

    def noise_at(self, places: np.ndarray) -> np.ndarray:
        """Return the noise at pixels (y, x) of the level."""
        y, x = places.T // (STEP >> self.level)
        return self.noise[y, x]


def filter_of(plane: Plane, fwhm: float, *, whole: bool = True) -> Filter:
    """Make the filter for sources of this FWHM; where not the `whole` plane is to be filtered, without `half`."""
    level = min(max(0, math.floor(math.log2(fwhm / 1.9))), len(plane.pyramid) - 1)
    array = plane.pyramid[level]
    sigma = fwhm * SIGMA / 2**level
    radius = math.ceil(3.5 * _WIDER * sigma)
    narrow, wide = _gaussian(sigma, radius), _gaussian(_WIDER * sigma, radius)
    norm = (narrow @ narrow) ** 2 - 2 * (narrow @ wide) ** 2 + (wide @ wide) ** 2
    noise = plane.noise * np.float32(math.sqrt(norm) / 2**level)
    noise = noise * np.float32(max(1.0, _excess(_sampled(array, sigma, level), noise, level)))
    taps = _gaussian(sigma, math.ceil(_NARROW_REACH * sigma)).astype(array.dtype)
    rest = (_WIDER * sigma) ** 2 - _OF_HALVES
    half = None
    if whole and rest > 1 and level + 1 < len(plane.pyramid):
        half = smoothed(plane.pyramid[level + 1], 0.5 * math.sqrt(rest))
    return Filter(level, sigma, taps, half, noise)


def _difference(array: np.ndarray, sigma: float) -> np.ndarray:
    return smoothed(array, sigma) - smoothed(array, _WIDER * sigma)


class _Sample(NamedTuple):
    """Some rows and columns of a filtered plane, and where they are."""

    values: np.ndarray
    y: np.ndarray
    x: np.ndarray


def _sampled(array: np.ndarray, sigma: float, level: int) -> _Sample:
    """Filter some rows of an array: those of all squares of 128 pixels, or of rows of these far from each other."""
    stride = max(2 * (STEP >> level) // _SAMPLES, 1)
    y, x = (np.arange(0, size, stride) for size in array.shape)
    squares = y.size // _SAMPLES
    if squares <= _ROWS_OF_SQUARES:
        return _Sample(_difference(array, sigma)[np.ix_(y, x)], y, x)
    some = (np.arange(_ROWS_OF_SQUARES) * 2 + 1) * squares // (2 * _ROWS_OF_SQUARES)
    y = y[(some[:, None] * _SAMPLES + np.arange(_SAMPLES)).reshape(-1)]
    values = np.empty((y.size, x.size), array.dtype)
    narrow, wide = (
        _gaussian(width, max(1, math.ceil(3.5 * width))).astype(array.dtype)
        for width in (sigma, _WIDER * sigma)
    )
    sampled_difference(array, narrow, wide, y, stride, values)
    return _Sample(values, y, x)


def _excess(sample: _Sample, noise: np.ndarray, level: int) -> float:
    """Compute the scatter of the filtered plane over the expected noise: above 1 for correlated pixels.

    In squares of 128 pixels only the lower half of the distribution is used, which sources do not raise, and
    of the squares the lower quartile, because bright sources leave negative rings around them.
    """
    block = STEP >> level
    with np.errstate(over="ignore"):  # where there is almost no noise
        ratio = np.clip(sample.values / noise[np.ix_(sample.y // block, sample.x // block)], -1e30, 1e30)
    ny, nx = (max(size // _SAMPLES, 1) for size in ratio.shape)
    my, mx = (min(size, _SAMPLES) for size in ratio.shape)
    squares = ratio[: ny * my, : nx * mx].reshape(ny, my, nx, mx).swapaxes(1, 2).reshape(ny * nx, my * mx)
    ordered = np.sort(squares, axis=1)
    low, middle = (_ranked(ordered, part) for part in (0.1587, 0.5))
    return min(float(np.quantile(middle - low, 0.25)), _MOST_EXCESS)


def _ranked(ordered: np.ndarray, part: float) -> np.ndarray:
    """Return the quantiles of rows that are in order, linear between ranks."""
    place = part * (ordered.shape[1] - 1)
    rank = min(int(place), max(ordered.shape[1] - 2, 0))
    below, above = ordered[:, rank].astype(float), ordered[:, min(rank + 1, ordered.shape[1] - 1)]
    return below + (place - rank) * (above - below)


def detected(plane: Plane, fwhm: float, threshold: float, border: int) -> np.ndarray:
    """Find peaks above `threshold`: rows (y, x, significance) at full resolution, most significant first."""
    one = filter_of(plane, fwhm)
    array, block = plane.pyramid[one.level], STEP >> one.level
    border = max(border >> one.level, 1)
    found, heights = np.empty((_MOST, 2), np.int64), np.empty(_MOST)
    if one.half is None:
        filtered = _difference(array, one.sigma)
        limit = threshold * float(one.noise.min())
        while (count := local_maxima(filtered, limit, border, found)) > _MOST:
            limit *= 2
        heights[:count] = filtered[found[:count, 0], found[:count, 1]]
    else:
        limits = np.float32(threshold) * one.noise
        while (peaks := _peaks_above(array, one, limits, block, border)) is None:
            limits = 2 * limits
        found, heights = peaks
        count = len(found)
    return _significant(found[:count], heights[:count], one, threshold)


def _peaks_above(
    array: np.ndarray, one: Filter, limits: np.ndarray, block: int, border: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the peaks (y, x) above limits, with their heights, in strips of rows; None where they are too many."""

    def of_strip(rows: tuple[int, int]) -> tuple[int, np.ndarray, np.ndarray]:
        found, heights = np.empty((_MOST, 2), np.int64), np.empty(_MOST)
        count = peaks_above(array, one.half, one.taps, limits, block, border, *rows, found, heights)
        return count, found[: min(count, _MOST)].copy(), heights[: min(count, _MOST)].copy()

    counts, found, heights = zip(*map_here(of_strip, parts(array.shape[0], _STRIP)), strict=True)
    return None if sum(counts) > _MOST else (np.concatenate(found), np.concatenate(heights))


def detected_near(plane: Plane, fwhm: float, threshold: float, peaks: np.ndarray) -> np.ndarray:
    """Find the peaks that `detected` finds near those of another filter, without filtering the whole plane."""
    one = filter_of(plane, fwhm, whole=False)
    places = np.rint((peaks[:, :2] + 0.5) / 2**one.level - 0.5).astype(np.int64)
    found, heights = _filtered_near(plane, one, places, _NEAR)
    found, which = np.unique(found, axis=0, return_index=True)
    return _significant(found, heights[which], one, threshold)


def significance_at(plane: Plane, one: Filter, places: np.ndarray) -> np.ndarray:
    """Compute the significance at pixels (y, x) of the level of a filter, without filtering the whole plane."""
    _, heights = _filtered_near(plane, one, places, 0)
    return heights / one.noise_at(places)


def _filtered_near(
    plane: Plane, one: Filter, places: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the highest pixel (y, x) of a filtered plane near each place, with its height."""
    array = plane.pyramid[one.level]
    found, heights = np.empty((len(places), 2), np.int64), np.empty(len(places))
    taps, wide = (_gaussian(width, math.ceil(3.5 * width)) for width in (one.sigma, _WIDER * one.sigma))

    def of_some(some: tuple[int, int]) -> None:
        part = slice(*some)
        peaks_near(array, taps, wide, places[part], reach, found[part], heights[part])

    list(map_here(of_some, parts(len(places), _SOME)))
    return found, heights


def _significant(found: np.ndarray, heights: np.ndarray, one: Filter, threshold: float) -> np.ndarray:
    snr = heights / one.noise_at(found)
    order = np.argsort(-snr, kind="stable")
    order = order[snr[order] > threshold]
    centre = (found[order] + 0.5) * 2**one.level - 0.5
    return np.column_stack([centre, snr[order]])


class Shapes(NamedTuple):
    """Measurements of sources, one value for each."""

    x: np.ndarray
    y: np.ndarray
    snr: np.ndarray
    level: np.ndarray
    peak: np.ndarray
    flux: np.ndarray
    fwhm: np.ndarray
    minor: np.ndarray
    roundness: np.ndarray
    angle: np.ndarray
    sharpness: np.ndarray
    spoilt: np.ndarray

    def taken(self, which: np.ndarray) -> Shapes:
        """Select sources by an index or a bool array."""
        return Shapes(*(column[which] for column in self))


def measured(plane: Plane, peaks: np.ndarray, fwhm: float) -> Shapes:
    """Measure the shapes of the peaks (y, x, significance); keep those with a centroid near the peak."""
    # A narrower window contains too few pixels for a centroid.
    sigma = max(fwhm, 2.0) * SIGMA
    out = np.empty((len(peaks), 13))
    places = np.ascontiguousarray(peaks[:, :2])

    def of_some(some: tuple[int, int]) -> None:
        measure_sources(plane.array, plane.bad, places[slice(*some)], sigma, out[slice(*some)])

    list(map_here(of_some, parts(len(places), _SOME)))
    strayed = np.hypot(out[:, 0] - peaks[:, 1], out[:, 1] - peaks[:, 0])
    ok = np.isfinite(out[:, 4]) & (strayed < 0.75 * fwhm + 1) & (out[:, 9] < 0.1 * fwhm)
    out, snr = out[ok], peaks[ok, 2]
    # Under a window of variance w, w / (v + w) of the flux of a Gaussian of variance v is measured.
    flux = out[:, 4] * (1 + (fwhm * SIGMA / sigma) ** 2)
    amplitude = flux / (2 * np.pi * (fwhm * SIGMA) ** 2)
    mxx, myy, mxy = out[:, 6], out[:, 7], out[:, 8]
    mean, spread = 0.5 * (mxx + myy), np.hypot(0.5 * (mxx - myy), mxy)
    roundness = np.clip((mean - spread) / np.maximum(mean + spread, 1e-9), 0, 1)
    sharpness = (out[:, 11] - out[:, 12]) / amplitude
    return Shapes(
        x=out[:, 0],
        y=out[:, 1],
        snr=snr,
        level=out[:, 2],
        peak=out[:, 11],
        flux=flux,
        fwhm=_width(mean, sigma),
        minor=_width(mean - spread, sigma),
        roundness=roundness,
        angle=0.5 * np.arctan2(2 * mxy, mxx - myy),
        sharpness=sharpness,
        spoilt=out[:, 10],
    )


def _width(shown: np.ndarray, sigma: float) -> np.ndarray:
    """Compute the FWHM of a Gaussian from its variance in a window of `sigma`, 1 / (1 / v + 1 / sigma^2)."""
    return np.sqrt(1 / (1 / np.clip(shown, 1e-3, 0.94 * sigma**2) - 1 / sigma**2)) / SIGMA


def point_like(shapes: Shapes, fwhm: float) -> np.ndarray:
    """Return which sources are neither narrower than the point spread function nor made of bad pixels.

    A source must not be too narrow in any direction: a cosmic ray is narrow across its track, however long it
    is, and so are bad columns. The limits are wider for faint sources, because the scatter of the width
    varies as the inverse of the significance.
    """
    slack = np.maximum(1 - 1.5 / shapes.snr, 0)
    narrow = shapes.minor < slack * max(_NARROWEST, 0.6 * fwhm)
    line = shapes.roundness < 0.4 - 1 / shapes.snr
    return ~(narrow | line | (shapes.spoilt > 0.15))


def without_twins(shapes: Shapes, distance: float) -> Shapes:
    """Keep the most significant of sources that lie closer together than `distance`."""
    shapes = shapes.taken(np.argsort(shapes.y, kind="stable"))
    keep = np.ones(shapes.x.size, bool)
    drop_twins(shapes.x, shapes.y, shapes.snr, distance, keep)
    return shapes.taken(keep)
