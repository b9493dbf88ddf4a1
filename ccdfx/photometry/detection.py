"""Detection of sources of one size in noise: arrays in, arrays out.

Single hot pixels are removed from a plane; it is binned until the sources are two to four pixels wide, and
filtered with the difference of two Gaussians, which does not respond to a flat or sloping sky. The height of
the result over the noise that such a filter leaves is the significance of a source.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.kernels.image.bad_pixels import fill_bad, typical
from ccdfx.kernels.image.resample import separable
from ccdfx.kernels.image.sources import (
    clean_spikes,
    drop_twins,
    line_excess,
    local_maxima,
    measure_sources,
    noise_mesh,
)

SIGMA = 1 / 2.3548200450309493  # sigma of a Gaussian of unit FWHM
STEP = 64
_WIDER = 2.5
_MOST = 1 << 16
_LEVELS = 4
_SAMPLES = 16
_MOST_EXCESS = 3.0  # resampled noise stays below this, the wings of bright stars everywhere do not
_NARROWEST = 1.15  # pixels: upper limit of the width measured for a track that is one pixel wide


class Plane(NamedTuple):
    """Pixels without spikes and gaps, the bad ones, the scatter of a pixel in blocks, and binned planes."""

    array: np.ndarray
    bad: np.ndarray
    noise: np.ndarray
    pyramid: tuple[np.ndarray, ...]


def prepared(array: np.ndarray, good: np.ndarray) -> Plane:
    """Prepare an array for detection: fill bad pixels, replace spikes and count these as bad."""
    with np.errstate(over="ignore"):  # values beyond the largest float32 are bad
        filled, bad = array.astype(np.float32), ~good
    if bad.any():
        fill_bad(filled, bad, 4, typical(filled, good))
    noise = _noise(filled, bad)
    lines = _lines(filled, noise, good) & ~bad
    if lines.any():
        bad |= lines
        fill_bad(filled, lines | ~good, 4, typical(filled, good))
    cleaned = filled.copy()
    clean_spikes(filled, noise, STEP, 5.0, 0.25, cleaned, bad)
    pyramid = [cleaned]
    while len(pyramid) < _LEVELS and min(pyramid[-1].shape) >= 32:
        pyramid.append(_halved(pyramid[-1]))
    return Plane(cleaned, bad, noise, tuple(pyramid))


def _noise(array: np.ndarray, bad: np.ndarray) -> np.ndarray:
    ny, nx = array.shape
    mesh = np.empty((-(-ny // STEP), -(-nx // STEP)), np.float32)
    noise_mesh(array, bad, STEP, mesh)
    known = mesh[np.isfinite(mesh) & (mesh > 0)]
    # Noiseless pixels still carry rounding errors.
    floor = max(1e-6 * float(np.ptp(array)), float(np.finfo(np.float32).tiny))
    typical = float(np.median(known)) if known.size else floor
    return np.maximum(np.where(np.isfinite(mesh), mesh, typical), max(floor, 0.1 * typical))


def _lines(array: np.ndarray, noise: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Mark columns or rows, single or in pairs, that stand out over 128 pixels as no stellar image does."""
    ny, nx = array.shape
    stretch = 2 * STEP
    columns = np.empty((-(-ny // stretch), nx), np.float32)
    rows = np.empty((ny, -(-nx // stretch)), np.float32)
    line_excess(array, noise, STEP, columns, rows)
    down = _outstanding(columns, _mostly(good, stretch))
    across = _outstanding(rows.T, _mostly(good.T, stretch)).T
    return np.repeat(down, stretch, axis=0)[:ny] | np.repeat(across, stretch, axis=1)[:, :nx]


def _mostly(good: np.ndarray, stretch: int) -> np.ndarray:
    """Return which stretches along the first axis have more good pixels than bad ones."""
    starts = np.arange(0, len(good), stretch)
    sizes = np.minimum(len(good) - starts, stretch)
    return 2 * np.add.reduceat(good, starts, axis=0, dtype=np.int64) > sizes[:, None]


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
    ny, nx = array.shape[0] // 2 * 2, array.shape[1] // 2 * 2
    rows = array[0:ny:2] + array[1:ny:2]
    return np.float32(0.25) * (rows[:, 0:nx:2] + rows[:, 1:nx:2])


def _gaussian(sigma: float, radius: int) -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def smoothed(array: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve the array with a normalised Gaussian; the edges are mirrored."""
    radius = max(1, math.ceil(3.5 * sigma))
    weights = _gaussian(sigma, radius)
    weights = np.pad(weights, (0, -weights.size % 3)).astype(array.dtype)
    out = np.empty_like(array)
    separable(array, weights, -radius, weights, -radius, out, 0, array.shape[0])
    return out


def significance(plane: Plane, fwhm: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Filter a plane for sources of this FWHM; return it, its noise in blocks, and the number of halvings."""
    level = min(max(0, math.floor(math.log2(fwhm / 1.9))), len(plane.pyramid) - 1)
    array = plane.pyramid[level]
    sigma = fwhm * SIGMA / 2**level
    filtered = smoothed(array, sigma) - smoothed(array, _WIDER * sigma)
    radius = math.ceil(3.5 * _WIDER * sigma)
    narrow, wide = _gaussian(sigma, radius), _gaussian(_WIDER * sigma, radius)
    norm = (narrow @ narrow) ** 2 - 2 * (narrow @ wide) ** 2 + (wide @ wide) ** 2
    noise = plane.noise * np.float32(math.sqrt(norm) / 2**level)
    return filtered, noise * np.float32(max(1.0, _excess(filtered, noise, level))), level


def _excess(filtered: np.ndarray, noise: np.ndarray, level: int) -> float:
    """Compute the scatter of the filtered plane over the expected noise: above 1 for correlated pixels.

    In squares of 128 pixels only the lower half of the distribution is used, which sources do not raise, and
    of the squares the lower quartile, because bright sources leave negative rings around them.
    """
    block = STEP >> level
    stride = max(2 * block // _SAMPLES, 1)
    y, x = (np.arange(0, size, stride) for size in filtered.shape)
    with np.errstate(over="ignore"):  # where there is almost no noise
        ratio = np.clip(filtered[np.ix_(y, x)] / noise[np.ix_(y // block, x // block)], -1e30, 1e30)
    ny, nx = (max(size // _SAMPLES, 1) for size in ratio.shape)
    my, mx = (min(size, _SAMPLES) for size in ratio.shape)
    squares = ratio[: ny * my, : nx * mx].reshape(ny, my, nx, mx)
    low, middle = np.quantile(squares, (0.1587, 0.5), axis=(1, 3))
    return min(float(np.quantile(middle - low, 0.25)), _MOST_EXCESS)


def detected(plane: Plane, fwhm: float, threshold: float, border: int) -> np.ndarray:
    """Find peaks above `threshold`: rows (y, x, significance) at full resolution, most significant first."""
    filtered, noise, level = significance(plane, fwhm)
    limit = threshold * float(noise.min())
    found = np.empty((_MOST, 2), np.int64)
    while (count := local_maxima(filtered, limit, max(border >> level, 1), found)) > _MOST:
        limit *= 2
    found = found[:count]
    block = STEP >> level
    snr = filtered[found[:, 0], found[:, 1]] / noise[found[:, 0] // block, found[:, 1] // block]
    order = np.argsort(-snr, kind="stable")
    order = order[snr[order] > threshold]
    centre = (found[order] + 0.5) * 2**level - 0.5
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
