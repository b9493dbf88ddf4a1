"""Rejection about a clean estimate of the result, tile by tile, with an allowance for the profiles of stars."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ccdfx.operations.combining.by_function import scaled_values
from ccdfx.operations.combining.kernel_call import KernelCall, center_efficiency
from ccdfx.operations.combining.maps import Wanted, empty_maps
from ccdfx.operations.combining.plan import Job
from ccdfx.operations.combining.tile_reader import RawFiles, Tile, Window, read_tile
from ccdfx.operations.rejection.rule import ProfileAllowance

SAMPLE_ROWS = 32
SAMPLE_PIXELS = 4096  # from which the noise of the frames is measured
MAD_TO_SIGMA = 1.4826
_LARGEST_NOISE = 1e300


def with_sky(job: Job, center: KernelCall) -> Job:
    """Return a job with the sky level, and the noise of the frames, that its rule leaves to be measured."""
    assert job.arrangement is not None and job.arrangement.profile is not None
    arrangement, profile = job.arrangement, job.arrangement.profile
    if profile.level is not None and not profile.scatter:
        return job
    centers, values = _sampled(job, center, profile.scatter)
    level = profile.level
    if level is None:
        level = float(np.median(centers)) if centers.size else 0.0
    profile = dataclasses.replace(profile, level=level)
    rows = arrangement.noise
    if profile.scatter:
        rows = tuple((1.0, 0.0, noise * noise, 0.0, 0.0) for noise in _noises(values))
    return dataclasses.replace(job, arrangement=dataclasses.replace(arrangement, profile=profile, noise=rows))


def _sampled(job: Job, center: KernelCall, scatter: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimates, and the scaled values (n, pixels) if they are wanted, of rows all over the frame."""
    height, width = job.shape
    rows = _spread_out(height, -(-height // SAMPLE_ROWS))
    columns = _spread_out(width, -(-len(rows) * width // SAMPLE_PIXELS))
    files, centers, values = RawFiles(job.frames), [], []
    for row in rows:
        window = Window(int(row), int(row) + 1, width)
        tile = read_tile(job.frames, files, window, job.counted, job.shared)
        maps = empty_maps(window.shape, job.kind, 0, wanted=Wanted(counts=True))
        center(tile.table, maps)
        centers.append(maps.value[maps.count > 0])
        if scatter:
            values.append(scaled_values(job, tile.table, width)[:, columns])
    return np.concatenate(centers), np.concatenate(values, axis=1) if scatter else np.empty((0, 0))


def _spread_out(size: int, step: int) -> np.ndarray:
    """Return every `step`-th place, or one more; the same ones from either end, so that a frame may be turned.

    >>> _spread_out(8, 3).tolist(), _spread_out(9, 2).tolist()
    ([2, 5], [1, 4, 7])
    """
    step |= 1  # an even step would not do for an even size
    first = next(k for k in range(step) if (size - 1 - 2 * k) % step == 0)
    return np.arange(first, size, step)


def _noises(values: np.ndarray) -> list[float]:
    """Measure the standard deviation of each frame from its differences to the median of the others.

    The variance of such a difference is that of the value and that of the median, f m / (sum 1 / sigma_j)^2 of the m others.
    """
    n = len(values)
    if n < 2:
        return [0.0] * n
    ranked = np.sort(values, axis=0)
    place = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0)
    middle = np.maximum(np.isfinite(values).sum(axis=0) - 2, 0) // 2
    lower, upper = (np.take_along_axis(ranked, np.minimum(middle + k, n - 1)[None], 0)[0] for k in (0, 1))
    found, others = [], []
    for one, rank in zip(values, place, strict=True):
        rest = np.where(rank > middle, lower, upper)
        good = np.isfinite(one) & np.isfinite(rest)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = one[good].astype(np.float64) - rest[good]
            spread = float(MAD_TO_SIGMA * np.median(np.abs(apart - np.median(apart)))) if apart.size else 0.0
        found.append(spread if spread <= _LARGEST_NOISE else _LARGEST_NOISE)  # NaN too
        others.append(int(np.median(np.isfinite(values)[:, good].sum(axis=0))) - 1 if apart.size else 1)
    factors = [center_efficiency(max(m, 1)) / max(m, 1) for m in others]
    # A power of two changes no digit, and squares stay finite.
    unit = math.ldexp(1.0, math.frexp(max(found))[1])
    found = [s / unit for s in found]
    noises = [s / math.sqrt(1 + f) for s, f in zip(found, factors, strict=True)]
    for _ in range(10):
        inverse = [1 / s for s in noises if s > 0]
        total, count = math.fsum(inverse), len(inverse)
        for j, s in enumerate(found):
            if count > 1 and noises[j] > 0:
                mean = (total - 1 / noises[j]) / (count - 1)
                variance = factors[j] / mean**2 if mean > 0 else math.inf  # all others are far noisier
                wanted = math.sqrt(max(s * s - variance, 0.01 * s * s))
                noises[j] = math.sqrt(noises[j] * wanted)
    return [noise * unit for noise in noises]


def profile_codes(job: Job, center: KernelCall, tile: Tile, window: Window) -> np.ndarray:
    """Compute the rejection codes (n, rows, nx) of a tile; its first and last rows lack their neighbours."""
    from ccdfx.kernels.rules import profile as kernels
    from ccdfx.kernels.rules import surroundings

    profile, measured, noise, numbers = _given(job)
    maps = empty_maps(window.shape, job.kind, 0, wanted=Wanted(counts=True))
    center(tile.table, maps)
    estimate, change = np.empty_like(maps.value), np.zeros_like(maps.value)
    kernels.settle(tile.table, job.factors, noise, numbers, maps.value, maps.count, measured, estimate)
    if profile.reach > 0:
        kernels.changes(estimate, profile.reach, change)
    codes = np.empty((len(job.frames), *window.shape), np.uint8)
    kernels.clip_profile(tile.table, job.factors, noise, numbers, estimate, change, measured, codes)
    surroundings.resolve_doubts(tile.table, job.factors, noise, numbers, estimate, measured, codes)
    return codes


def completes(job: Job) -> bool:
    """Return whether the mean of a job has what missing values of stars should hold."""
    by_profile = job.arrangement is not None and job.arrangement.profile is not None
    return by_profile and job.average.name == "mean" and len(job.frames) > 1


def complete_means(job: Job, tile: Tile, codes: np.ndarray, first: int, means: np.ndarray) -> None:
    """Put into means what missing values should hold; `first` is their row in the tile, of which the codes are."""
    from ccdfx.kernels.rules import surroundings

    _, measured, noise, numbers = _given(job)
    surroundings.complete_means(tile.table, job.factors, noise, numbers, codes, first, measured, means)


def _given(job: Job) -> tuple[ProfileAllowance, bool, np.ndarray, np.ndarray]:
    """Return the allowance, whether variances are used, and the noise and numbers of the kernels."""
    assert job.arrangement is not None and job.arrangement.profile is not None
    profile = job.arrangement.profile
    expected = 2 + 2 * math.log(max(math.pi * profile.reach**2, 1.0))
    numbers = np.array(
        [*profile.limits, profile.limit, profile.amplitude, profile.level or 0.0, profile.scatter, expected]
    )
    return profile, job.arrangement.variances, np.array(job.arrangement.noise, dtype=np.float64), numbers
