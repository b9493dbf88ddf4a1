"""Rules that clip by a noise known beforehand; `ccdfx.kernels.stack.rule` defines a rule."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import center_of, lane_median, means, medians, trimmed_means
from ccdfx.kernels.rules.clipping import (
    CENTER_MEDIAN,
    CENTER_TRIMMED,
    P_HIGH,
    P_KEEP,
    P_LOW,
    begin,
    clip_pass,
    gather_lanes,
    least_kept,
    list_beyond,
    restore_last,
    restore_neighbours,
    value,
)
from ccdfx.kernels.rules.noise_bound import (
    detector_sigma,
    is_beyond,
    list_beyond_bound,
    list_in_doubt,
    noise_terms,
    sigma_bound,
)
from ccdfx.kernels.rules.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back


@kernel
def ccd_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median by the CCD noise; parameters: low, high, keep.

    `noise` has one row for all frames, or one for each (then `frames` is needed).
    """
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    medians(lanes, counts, center)
    if noise.shape[0] > 1:
        terms = noise_terms(noise)
        number = list_in_doubt(lanes, frames, work, terms, center)
        _clip_ends(lanes, frames, work, number, noise, terms)
    else:
        x, left = lanes, counts
        while left.size:
            medians(x, left, center)
            for k in range(left.size):
                sigma[k] = detector_sigma(noise, 0, center[k])
            left = clip_pass(x, left, work, center, sigma, 2)
            x = work.block
    restore_neighbours(work)


@kernel
def ccd_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean by the CCD noise, as `ccd_clip_median_rule` does about the median."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    if noise.shape[0] > 1:
        _clip_about_means(lanes, frames, work, noise, center)
        return
    x, left = lanes, counts
    while left.size:
        means(x, left, True, center)
        for k in range(left.size):
            sigma[k] = detector_sigma(noise, 0, center[k])
        left = clip_pass(x, left, work, center, sigma, 2)
        x = work.block
    restore_last(work)


@kernel
def _clip_ends(lanes, frames, work, number, noise, terms):
    """Clip the first `number` lanes listed in work.found about the median, each value by its own noise.

    Both ends move inwards, as in IRAF, so that the noise is only needed of values at the ends. A value whose noise is 0
    is kept.
    """
    low_limit, high_limit = work.parameters[P_LOW], work.parameters[P_HIGH]
    keeps, least = work.parameters[P_KEEP] != 0, np.int64(2)
    for j in range(number):
        i = np.int64(work.found[j])
        first, last = np.int64(0), np.int64(work.counts[i])
        if keeps:
            keep = least_kept(work.parameters, last)
            least = max(np.int64(2), keep + 1)
        while last - first >= least:
            floor, ceiling = first, last
            center = lane_median(lanes, i, first, last)
            while first < last:
                d, frame = center - value(lanes, first, i), frames[first, i]
                if not is_beyond(terms, noise, frame, d, low_limit, center):
                    break
                if keeps:
                    work.residual[i, first] = d / detector_sigma(noise, frame, center)
                first += 1
            while last > first:
                d, frame = value(lanes, last - 1, i) - center, frames[last - 1, i]
                if not is_beyond(terms, noise, frame, d, high_limit, center):
                    break
                if keeps:
                    work.residual[i, last - 1] = d / detector_sigma(noise, frame, center)
                last -= 1
            if last - first == ceiling - floor:
                break
        work.low[i], work.high[i] = first, last


@kernel
def _clip_about_means(lanes, frames, work, noise, center):
    """Clip about the mean, each value by its own noise.

    Lanes are clipped from both ends, all that need another pass at once; the few in which a value lies beyond its limit
    and one further out within its own, or none or fewer are left than must be kept, one by one.
    """
    terms, apart = noise_terms(noise), np.empty(work.counts.size, np.int64)
    x, left, others = lanes, work.counts, 0
    while left.size:
        trimmed_means(x, left, center)
        number = list_beyond_bound(x, left, work, terms, center)
        again, others = _drop_own(x, left, frames, work, number, noise, terms, center, apart, others)
        left = work.left[:again]
        gather_lanes(x, work.place, left, work.block)
        x = work.block
    _clip_each(lanes, frames, work, apart[:others], noise, terms)


@kernel
def _drop_own(x, left, frames, work, number, noise, terms, center, apart, others):
    """Drop the values beyond the limits from the ends of the listed lanes of a block, each by its own noise.

    Return how many lanes need another pass, and how many are in `apart`: those that must be clipped one by one.
    """
    low_limit, high_limit, keeps = (
        work.parameters[P_LOW],
        work.parameters[P_HIGH],
        work.parameters[P_KEEP] != 0,
    )
    again, needed, keep = 0, np.int64(2), np.int64(0)
    for j in range(number):
        k = np.uint64(work.found[j])
        c, n, i = center[k], np.int64(left[k]), np.int64(work.lane[k])
        if keeps:
            keep = least_kept(work.parameters, work.counts[i])
            needed = max(np.int64(2), keep + 1)
        if n < needed:
            continue
        least, floor = sigma_bound(terms, c), np.int64(work.low[i])
        below, above = low_limit * least, high_limit * least
        first, last, within = np.int64(0), n, np.int64(0)
        while within < n:
            d = c - value(x, within, k)
            if not (d > 0 and d >= below):
                break
            beyond = is_beyond(terms, noise, frames[floor + within, i], d, low_limit, c)
            first += np.int64(beyond)
            within += 1
            if beyond and first < within:
                first = n + 1
        within = n
        while within > first:
            d = value(x, within - 1, k) - c
            if not (d > 0 and d >= above):
                break
            beyond = is_beyond(terms, noise, frames[floor + within - 1, i], d, high_limit, c)
            last -= np.int64(beyond)
            within -= 1
            if beyond and last > within:
                first = n + 1
        if first > n or last - first < max(keep, 1):
            apart[others] = i
            others += 1
        elif last - first < n:
            place, to = np.int64(first * x.shape[1] + np.int64(k)), np.uint64(again)
            work.low[i], work.high[i] = floor + first, floor + last
            work.place[to], work.left[to], work.lane[to] = place, last - first, i
            again += np.int64(last - first >= needed)
    return again, others


@kernel
def _clip_each(lanes, frames, work, listed, noise, terms):
    """Clip the listed lanes about the mean, each value by its own noise."""
    lane, parameters = lane_of(lanes.shape[0]), work.parameters
    for i in listed:
        n = m = np.int64(work.counts[i])
        read_lane(lanes, frames, i, n, lane)
        keep = least_kept(parameters, n)
        number = 0
        while m >= max(2, keep + 1):
            center = center_of(lane.kept_x, 0, gather_kept(lane, n), CENTER_TRIMMED)
            for r in range(n):
                lane.distance[r] = lane.x[r] - center
                lane.sigma[r] = detector_sigma(noise, lane.frame[r], center)
            number += 1
            before, m = m, drop_distant(lane, n, parameters, number)
            if m == before:
                break
        if m < keep:
            take_back(lane, number, n, keep)
        work.low[i], work.high[i] = part_lane(lanes, frames, i, n, lane)


@kernel
def _each_clip(lanes, frames, work, number, variances, kind):
    """Clip the first `number` lanes listed in work.found about this kind of centre, each value by its own variance."""
    lane, parameters = lane_of(lanes.shape[0]), work.parameters
    for i in work.found[:number]:
        n = m = np.int64(work.counts[i])
        read_lane(lanes, frames, i, n, lane)
        keep = least_kept(parameters, n)
        number = 0
        while m >= max(2, keep + 1):
            center = center_of(lane.kept_x, 0, gather_kept(lane, n), kind)
            for r in range(n):
                lane.distance[r] = lane.x[r] - center
                lane.sigma[r] = np.sqrt(variances[lane.frame[r], i])
            number += 1
            before, m = m, drop_distant(lane, n, parameters, number)
            if m == before:
                break
        if m < keep:
            take_back(lane, 1 if kind == CENTER_MEDIAN else number, n, keep)
        work.low[i], work.high[i] = part_lane(lanes, frames, i, n, lane)


@kernel
def _least_sigmas(noise, sigma):
    """Store the least sigma other than 0 of each lane; noise[frame, lane] is the variance of each value."""
    for i in range(sigma.size):
        sigma[i] = np.inf
    for j in range(noise.shape[0]):
        for i in range(sigma.size):
            v = noise[j, i]
            sigma[i] = v if (v > 0) & (v < sigma[i]) else sigma[i]
    for i in range(sigma.size):
        sigma[i] = np.sqrt(sigma[i])


@kernel
def variance_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median; parameters: low, high, keep; ``noise[frame, lane]``: variance of each value."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    medians(lanes, counts, center)
    _least_sigmas(noise, sigma)
    _each_clip(lanes, frames, work, list_beyond(lanes, counts, work, center, sigma), noise, CENTER_MEDIAN)


@kernel
def variance_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean; parameters: low, high, keep; ``noise[frame, lane]``: variance of each value."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    means(lanes, counts, True, center)
    _least_sigmas(noise, sigma)
    _each_clip(lanes, frames, work, list_beyond(lanes, counts, work, center, sigma), noise, CENTER_TRIMMED)
