"""Detection of sources of one size in noise: arrays in, arrays out.

Single hot pixels are removed from a plane; it is binned until the sources are two to four pixels wide, and
filtered with the difference of two Gaussians, which does not respond to a flat or sloping sky. The height of
the result over the noise that such a filter leaves is the significance of a source.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.kernels.image.bad_pixels import clean_spikes, copy_good, fill_places, line_excess, typical
from ccdfx.kernels.image.peaks import filter_rows, halve, peaks_above, peaks_near
from ccdfx.kernels.image.resample import separable
from ccdfx.kernels.image.sources import drop_twins, local_maxima, measure_sources, noise_mesh
from ccdfx.records.image import Image

SIGMA = 1 / 2.3548200450309493  # sigma of a Gaussian of unit FWHM
STEP = 64
LARGEST = 1e30
"""Values beyond it are bad: it fits into float32, with sums of many."""
_WIDER = 2.5
_MOST = 1 << 16
_LEVELS = 4
_SAMPLES = 16
_MOST_EXCESS = 3.0  # resampled noise stays below this, the wings of bright stars everywhere do not
_ROWS_OF_SQUARES = 4  # in which the noise of the filtered plane is measured
_NARROW_REACH = 2.7  # sigma
_OF_HALVES = 11 / 12  # square pixels: what halving a plane, and the line between its pixels, add to the width
_NEAR = 3  # pixels of the plane
_COPIED = ("f4", "f8", "u2")  # dtypes that are copied as they are
_NARROWEST = 1.15  # pixels: upper limit of the width measured for a track that is one pixel wide


class Plane(NamedTuple):
    """Pixels without spikes and gaps, the bad ones, the scatter of a pixel in blocks, and binned planes."""

    array: np.ndarray
    bad: np.ndarray
    noise: np.ndarray
    pyramid: tuple[np.ndarray, ...]


def prepared(array: np.ndarray, good: np.ndarray) -> Plane:
    """Prepare an array for detection: fill bad pixels, replace spikes and count these as bad."""
    return _prepared(array, (~good).view(np.uint8))


def prepared_image(image: Image) -> Plane:
    """Prepare an image for detection, with flagged pixels and values beyond float32 as bad ones."""
    return _prepared(image.array, np.empty((0, 0), np.uint8) if image.mask is None else image.mask)


def _prepared(array: np.ndarray, mask: np.ndarray) -> Plane:
    filled, bad = np.empty(array.shape, np.float32), np.empty(array.shape, bool)
    if array.dtype.str[1:] not in _COPIED or not array.dtype.isnative:
        with np.errstate(over="ignore"):  # values beyond the largest float32 are bad
            array = array.astype(np.float32)
    known = copy_good(array, mask, LARGEST, filled, bad) == 0
    places = np.empty(0, np.int64) if known else np.flatnonzero(bad)
    if places.size:
        fill_places(filled, bad, places, 4, typical(filled, ~bad))
    noise = _noise(filled, bad)
    lines = _lines(filled, noise, places)
    if lines is not None:
        lines &= ~bad
        places = np.flatnonzero(bad | lines)
        bad |= lines
        fill_places(filled, bad, places, 4, typical(filled, ~bad))
    clean_spikes(filled, noise, STEP, 5.0, 0.25, bad)
    pyramid = [filled]
    while len(pyramid) < _LEVELS and min(pyramid[-1].shape) >= 32:
        pyramid.append(_halved(pyramid[-1]))
    return Plane(filled, bad, noise, tuple(pyramid))


def _noise(array: np.ndarray, bad: np.ndarray) -> np.ndarray:
    ny, nx = array.shape
    mesh = np.empty((-(-ny // STEP), -(-nx // STEP)), np.float32)
    noise_mesh(array, bad, STEP, mesh)
    known = mesh[np.isfinite(mesh) & (mesh > 0)]
    # Noiseless pixels still carry rounding errors.
    floor = max(1e-6 * (float(array.max()) - float(array.min())), float(np.finfo(np.float32).tiny))
    typical = float(np.median(known)) if known.size else floor
    return np.maximum(np.where(np.isfinite(mesh), mesh, typical), max(floor, 0.1 * typical))


def _lines(array: np.ndarray, noise: np.ndarray, bad: np.ndarray) -> np.ndarray | None:
    """Mark columns or rows, single or in pairs, that stand out over 128 pixels as no stellar image does.

    `bad` are the flat indices of the bad pixels. None without such lines.
    """
    ny, nx = array.shape
    stretch = 2 * STEP
    columns = np.empty((-(-ny // stretch), nx), np.float32)
    rows = np.empty((ny, -(-nx // stretch)), np.float32)
    line_excess(array, noise, STEP, columns, rows)
    y, x = bad // nx, bad % nx
    down = _outstanding(columns, _mostly(y, x, array.shape, stretch))
    across = _outstanding(rows.T, _mostly(x, y, (nx, ny), stretch)).T
    if not (down.any() or across.any()):
        return None
    return np.repeat(down, stretch, axis=0)[:ny] | np.repeat(across, stretch, axis=1)[:, :nx]


def _mostly(along: np.ndarray, across: np.ndarray, shape: tuple[int, int], stretch: int) -> np.ndarray:
    """Return which stretches along the first axis have more good pixels than bad ones, of which places are given."""
    sizes = np.minimum(shape[0] - np.arange(0, shape[0], stretch), stretch)
    counts = np.bincount(along // stretch * shape[1] + across, minlength=sizes.size * shape[1])
    return 2 * counts.reshape(sizes.size, shape[1]) < sizes[:, None]


def _outstanding(excess: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mark known outliers along the last axis, single or in pairs, whose neighbours are much closer to 0."""
    # Filled pixels have no scatter: where they are many, every column of stars would be an outlier.
    if not known.any():
        return known
    scatter = 1.4826 * np.median(np.abs(excess[known])) + 1e-9
    padded = np.pad(excess, [(0, 0), (2, 2)])
    size = excess.shape[1]
    before2, before, here, after, after2 = (padded[:, i : i + size] for i in range(5))
    high = known & (np.abs(here) > 7 * scatter)
    alone = np.abs(before + after) < 0.5 * np.abs(here)
    first = (np.abs(before + after2) < 0.4 * np.abs(here)) & (np.abs(after) > 0.6 * np.abs(here))
    second = (np.abs(after + before2) < 0.4 * np.abs(here)) & (np.abs(before) > 0.6 * np.abs(here))
    return high & (alone | first | second)


def _halved(array: np.ndarray) -> np.ndarray:
    out = np.empty((array.shape[0] // 2, array.shape[1] // 2), array.dtype)
    halve(array, out)
    return out


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


def significance(plane: Plane, fwhm: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Filter a plane for sources of this FWHM; return it, its noise in blocks, and the number of halvings."""
    one = filter_of(plane, fwhm)
    array = plane.pyramid[one.level]
    if one.half is None:
        return _difference(array, one.sigma), one.noise, one.level
    filtered = np.empty_like(array)
    filter_rows(array, one.half, one.taps, 0, 1, filtered)
    return filtered, one.noise, one.level


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
    values = np.zeros((y.size, x.size), array.dtype)
    row = np.empty((1, array.shape[1]), array.dtype)
    for width, sign in ((sigma, 1), (_WIDER * sigma, -1)):
        taps = _taps(width, array.dtype)
        reach = max(1, math.ceil(3.5 * width))
        for k, at in enumerate(y):
            separable(array, taps, int(at) - reach, taps, -reach, row, 0, 1)
            values[k] += sign * row[0, ::stride]
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
    squares = ratio[: ny * my, : nx * mx].reshape(ny, my, nx, mx)
    low, middle = np.quantile(squares, (0.1587, 0.5), axis=(1, 3))
    return min(float(np.quantile(middle - low, 0.25)), _MOST_EXCESS)


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
        while (
            count := peaks_above(array, one.half, one.taps, limits, block, border, found, heights)
        ) > _MOST:
            limits = 2 * limits
    return _significant(found[:count], heights[:count], one, threshold)


def detected_near(plane: Plane, fwhm: float, threshold: float, peaks: np.ndarray) -> np.ndarray:
    """Find the peaks that `detected` finds near those of another filter, without filtering the whole plane."""
    one = filter_of(plane, fwhm, whole=False)
    array = plane.pyramid[one.level]
    places = np.rint((peaks[:, :2] + 0.5) / 2**one.level - 0.5).astype(np.int64)
    found, heights = np.empty((len(places), 2), np.int64), np.empty(len(places))
    taps, wide = (_gaussian(width, math.ceil(3.5 * width)) for width in (one.sigma, _WIDER * one.sigma))
    peaks_near(array, taps, wide, places, _NEAR, found, heights)
    found, which = np.unique(found, axis=0, return_index=True)
    return _significant(found, heights[which], one, threshold)


def _significant(found: np.ndarray, heights: np.ndarray, one: Filter, threshold: float) -> np.ndarray:
    block = STEP >> one.level
    snr = heights / one.noise[found[:, 0] // block, found[:, 1] // block]
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
    measure_sources(plane.array, plane.bad, np.ascontiguousarray(peaks[:, :2]), sigma, out)
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
