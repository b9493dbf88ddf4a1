"""What a pixel of a star should hold in one frame, by its surroundings there and by the other frames.

Frames of other seeing, transparency or position differ from the mean m of the others, near a pixel, by small multiples of
m, of its derivatives, of its Laplacian (which is, in first order, a change of the width), of a constant, and of
the contrast of the others, their differences from m weighted by those at the pixel. The six are fitted to the values around
the pixel, which then tell what it should hold: for stars of FWHM 3 pixels and more, to a twentieth of the difference
from m. Only frames with all values around take part in m, since the profile would change where one is missing.

`resolve_doubts` decides by that which values beyond the noise are cosmic rays on a star; `complete_means` puts it in the
place of missing values, so that the mean has one profile all over a star.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.clipping import P_HIGH
from ccdfx.kernels.rules.profile import (
    OF_HEIGHT,
    P_LEVEL,
    P_SCATTER,
    UNSURE,
    is_settled,
    raise_to_scatter,
    variances_at,
)
from ccdfx.kernels.stack.gather import FACTOR_WEIGHT, gather
from ccdfx.kernels.stack.ranked import DROPPED_HIGH, KEPT

RADIUS = 3
FIT_REACH = RADIUS + 1  # with the neighbours for derivatives
SIDE = 2 * FIT_REACH + 1
MIDDLE = FIT_REACH, FIT_REACH
TERMS = 6
FEWEST_AROUND = 20  # values of the 48 around that are needed
FEWEST_OTHERS = 2  # frames that decide about a value: of two that differ, either may be right
MOST_OUTLIERS = 6  # around; where more do not fit, the profiles differ by more than the terms describe
MOST_PASSES = 3
LEAST_LEVERAGE = 0.1  # of the middle of a window: 6 terms from 48 values
OF_CHANGE = 0.6  # by which a fit may be off, of its difference from m: chosen by simulation of FWHM that differ by 1 to 1.8
OUTLIER = 5.0
MOST_SCATTER = (
    2.0  # squared, in variances: values that differ by no more have the same profile, but for noise
)
MOST_NOISE = 0.1  # of the height of a star: about what other seeing changes
TO_24_BITS = 2.0**29 + 1.0
UNLIKE = 16 + DROPPED_HIGH


@kernel
def _gather_around(frames, factors, codes, y, x, row, values, complete):
    """Store the values that are kept so far around a pixel, else infinity, and which frames have them all."""
    nx = codes.shape[2]
    for j in range(values.shape[0]):
        complete[j] = factors[j, FACTOR_WEIGHT] > 0
    for v in range(SIDE):
        gather(frames, factors, (y - FIT_REACH + v) * nx + x - FIT_REACH, row, SIDE)
        for j in range(values.shape[0]):
            for u in range(SIDE):
                code = codes[j, y - FIT_REACH + v, x - FIT_REACH + u]
                kept = (code == KEPT) | (code >= UNSURE)
                values[j, v, u] = row[j, u] if kept else np.inf
                complete[j] &= values[j, v, u] < np.inf


@kernel
def _mean_of_others(values, complete, factors, j, mean, contrast):
    """Store the weighted mean of the complete frames but j, and their contrast.

    Return the variance of the mean in units of that of a value, infinity without a frame.
    """
    total = squares = 0.0
    mean[:] = 0.0
    for i in range(values.shape[0]):
        if complete[i] & (i != j):
            w = factors[i, FACTOR_WEIGHT]
            total += w
            squares += w * w
            for v in range(SIDE):
                for u in range(SIDE):
                    mean[v, u] += w * values[i, v, u]
    if not total > 0:
        return np.inf
    mean /= total
    contrast[:] = 0.0
    for i in range(values.shape[0]):
        if complete[i] & (i != j):
            w = (values[i, FIT_REACH, FIT_REACH] - mean[MIDDLE]) * factors[i, FACTOR_WEIGHT]
            for v in range(SIDE):
                for u in range(SIDE):
                    contrast[v, u] += w * (values[i, v, u] - mean[v, u])
    return squares / (total * total)


@kernel
def _store_terms(mean, contrast, level, terms):
    """Store the terms of the fit for each pixel: height, its differences in x and y, its Laplacian, a constant, the contrast."""
    constant = mean[MIDDLE] - level
    for k in range(terms.shape[0]):
        v, u = k // (2 * RADIUS + 1) + 1, k % (2 * RADIUS + 1) + 1
        here, left, right = mean[v, u], mean[v, u - 1], mean[v, u + 1]
        below, above = mean[v - 1, u], mean[v + 1, u]
        terms[k, 0], terms[k, 4] = here - level, constant
        terms[k, 1], terms[k, 2] = 0.5 * (right - left), 0.5 * (above - below)
        terms[k, 3] = left + right + below + above - 4.0 * here
        terms[k, 5] = contrast[v, u]


@kernel
def _solve(terms, values, level, of_mean, used, normal, fit):
    """Fit the terms to the values of the pixels used; store the fit, return the leverage of the middle, or infinity.

    The difference of a value from the mean has the noise of the mean, of variance `of_mean`, with a minus sign; it would
    pass for a multiple of the Laplacian, which holds it -4 times, and of the mean: what is expected of that is added.
    The normal equations, scaled to a diagonal of 1, are solved by their Cholesky factors.
    """
    middle = terms.shape[0] // 2
    normal[:] = 0.0
    right, ahead, size = np.zeros(TERMS), np.zeros(TERMS), np.zeros(TERMS)
    for k in range(terms.shape[0]):
        if used[k]:
            x = values[k // (2 * RADIUS + 1) + 1, k % (2 * RADIUS + 1) + 1] - level
            right[0] += of_mean
            right[3] -= 4.0 * of_mean
            for a in range(TERMS):
                right[a] += terms[k, a] * x
                for b in range(a + 1):
                    normal[a, b] += terms[k, a] * terms[k, b]
    for a in range(TERMS):
        size[a] = np.sqrt(normal[a, a])
        if not size[a] > 0:
            normal[a, a] = size[a] = 1.0
    for a in range(TERMS):
        for b in range(a + 1):
            rest = normal[a, b] / (size[a] * size[b])
            for c in range(b):
                rest -= normal[a, c] * normal[b, c]
            if a == b:
                if not rest > 1e-12:
                    return np.inf
                normal[a, a] = np.sqrt(rest)
            else:
                normal[a, b] = rest / normal[b, b]
    leverage = 0.0
    for a in range(TERMS):
        fit[a], ahead[a] = right[a] / size[a], terms[middle, a] / size[a]
        for c in range(a):
            fit[a] -= normal[a, c] * fit[c]
            ahead[a] -= normal[a, c] * ahead[c]
        fit[a] /= normal[a, a]
        ahead[a] /= normal[a, a]
        leverage += ahead[a] * ahead[a]
    for a in range(TERMS - 1, -1, -1):
        for c in range(a + 1, TERMS):
            fit[a] -= normal[c, a] * fit[c]
        fit[a] /= normal[a, a]
    for a in range(TERMS):
        fit[a] /= size[a]
    return leverage


@kernel
def _value_of(terms, k, fit):
    total = 0.0
    for a in range(TERMS):
        total += terms[k, a] * fit[a]
    return total


@kernel
def _predict(terms, values, level, noise, of_mean, limit, used, normal, fit):
    """Fit the values around a pixel without outliers; return what it should hold above the level, its leverage, and the rms.

    Outliers lie off by more than `limit` times the noise of their difference, and what the fit may be off. `of_mean` is
    the variance of the mean of the others in units of that of a value.
    """
    number = 0
    for k in range(terms.shape[0]):
        v, u = k // (2 * RADIUS + 1) + 1, k % (2 * RADIUS + 1) + 1
        used[k] = (values[v, u] < np.inf) & (k != terms.shape[0] // 2)
        number += used[k]
    leverage, squares, fewest = np.inf, 0.0, max(FEWEST_AROUND, number - MOST_OUTLIERS)
    for _ in range(MOST_PASSES):
        leverage = _solve(terms, values, level, 0.0, used, normal, fit) if number >= fewest else np.inf
        if leverage == np.inf:
            return np.nan, np.inf, np.inf
        dropped, squares = 0, 0.0
        for k in range(terms.shape[0]):
            if used[k]:
                v, u = k // (2 * RADIUS + 1) + 1, k % (2 * RADIUS + 1) + 1
                found = _value_of(terms, k, fit)
                off = OF_CHANGE * abs(found - terms[k, 0]) + OF_HEIGHT * abs(terms[k, 0])
                if abs(values[v, u] - level - found) > limit * noise + off:
                    used[k] = False
                    dropped += 1
                else:
                    squares += (values[v, u] - level - found) ** 2
        number -= dropped
        if dropped == 0:
            break
    if number < fewest:
        return np.nan, np.inf, np.inf
    rms = np.sqrt(squares / (number - TERMS))
    of_mean *= min(rms, noise) ** 2 / (1 + of_mean)
    leverage = _solve(terms, values, level, of_mean, used, normal, fit)
    return _value_of(terms, terms.shape[0] // 2, fit), leverage, rms


@kernel
def _count_unsure(codes, number):
    for x in range(codes.size):
        number[x] += codes[x] == UNSURE


@kernel
def _count_missing(codes, number):
    for x in range(codes.size):
        number[x] += np.uint16(codes[x] != KEPT)


@kernel
def _settle_codes(codes):
    for x in range(codes.size):
        code = codes[x]
        codes[x] = DROPPED_HIGH if code == UNLIKE else KEPT if code == UNSURE else code


@kernel
def resolve_doubts(frames, factors, noise, numbers, center, measured, codes):
    """Keep or drop the values [frame][row][column] of a tile whose code is `UNSURE`.

    A value x that should be p, by its surroundings and the mean m of the other frames, is dropped where x - p is more
    than the limit times its noise, that of p and m and the rms of the fit included, and 0.6 |p - m| + 0.02 (m - level). It is kept where nothing
    tells: within four pixels of an edge, where fewer than two other frames have all values around, where the surroundings
    have too few or more than six of them do not fit, or where the noise is not known.
    """
    n, ny, nx = codes.shape
    values, row, complete = (
        np.empty((n, SIDE, SIDE)),
        np.empty((n, SIDE), center.dtype),
        np.empty(n, np.bool_),
    )
    contrast = np.empty((SIDE, SIDE))
    mean, terms, normal = (
        np.empty((SIDE, SIDE)),
        np.empty(((2 * RADIUS + 1) ** 2, TERMS)),
        np.empty((TERMS, TERMS)),
    )
    fit, used = np.empty(TERMS), np.empty(terms.shape[0], np.bool_)
    variances, own = np.empty((n, 1)), np.empty((n if measured else 0, 1), center.dtype)
    limit, level = numbers[P_HIGH], numbers[P_LEVEL]
    number = np.empty(nx, np.int64)
    for y in range(FIT_REACH, ny - FIT_REACH):
        number[:] = 0
        settled = True
        for j in range(n):
            if not is_settled(codes[j, y]):
                settled = False
                _count_unsure(codes[j, y], number)
        if settled:
            continue
        for x in range(FIT_REACH, nx - FIT_REACH):
            if number[x] == 0:
                continue
            _gather_around(frames, factors, codes, y, x, row, values, complete)
            here = center[y : y + 1, x]
            variances_at(frames, factors, noise, y * nx + x, 1, here, variances, own)
            if numbers[P_SCATTER] > 0:
                raise_to_scatter(
                    values[:, FIT_REACH, FIT_REACH : FIT_REACH + 1], variances, np.float64(here[0]), 0
                )
            for j in range(n):
                if codes[j, y, x] == UNSURE:
                    if (complete.sum() - complete[j] < FEWEST_OTHERS) | (variances[j, 0] == np.inf):
                        continue
                    of_mean = _mean_of_others(values, complete, factors, j, mean, contrast)
                    _store_terms(mean, contrast, level, terms)
                    sigma = np.sqrt(variances[j, 0])
                    expected, leverage, rms = _predict(
                        terms,
                        values[j],
                        level,
                        sigma * np.sqrt(1 + of_mean),
                        of_mean,
                        limit,
                        used,
                        normal,
                        fit,
                    )
                    height = mean[MIDDLE] - level
                    off = OF_CHANGE * abs(expected - height) + OF_HEIGHT * abs(height)
                    spread = np.sqrt((sigma * sigma * (1 + of_mean) + rms * rms) * (1 + leverage))
                    if values[j, FIT_REACH, FIT_REACH] - level - expected > limit * spread + off:
                        codes[j, y, x] = UNLIKE
    for j in range(n):
        for y in range(ny):
            if not is_settled(codes[j, y]):
                _settle_codes(codes[j, y])


@kernel
def complete_means(frames, factors, noise, numbers, codes, first, measured, mean_values):
    """Put into means (rows, nx) of the values kept what those that are missing should hold; `first` is their row in the tile.

    Done where the values kept differ by more than noise, the frame of a missing value has enough others around it, and the
    noise of what is put there is below a tenth of the height of the mean above the sky. It is taken as far as it differs
    from the mean of the values kept by more than its error e, by d (1 - e^2 / d^2) instead of d, since it is noisier than
    they are (James and Stein 1961). The result stays between the values kept.
    """
    n, ny, nx = codes.shape
    kind = mean_values.dtype
    values, row, complete = np.empty((n, SIDE, SIDE)), np.empty((n, SIDE), kind), np.empty(n, np.bool_)
    contrast = np.empty((SIDE, SIDE))
    mean, terms, normal = (
        np.empty((SIDE, SIDE)),
        np.empty(((2 * RADIUS + 1) ** 2, TERMS)),
        np.empty((TERMS, TERMS)),
    )
    fit, used = np.empty(TERMS), np.empty(terms.shape[0], np.bool_)
    variances, own = np.empty((n, 1)), np.empty((n if measured else 0, 1), kind)
    level = numbers[P_LEVEL]
    missing = np.empty(nx, np.uint16)
    for y in range(max(first, FIT_REACH), min(first + mean_values.shape[0], ny - FIT_REACH)):
        missing[:] = 0
        for j in range(n):
            _count_missing(codes[j, y], missing)
        for x in range(FIT_REACH, nx - FIT_REACH):
            here = mean_values[y - first : y - first + 1, x]
            if (missing[x] == 0) | (missing[x] == n) | (not here[0] > level):
                continue
            variances_at(frames, factors, noise, y * nx + x, 1, here, variances, own)
            gather(frames, factors, y * nx + x, row, 1)
            largest = squares = 0.0
            for j in range(n):
                if (codes[j, y, x] == KEPT) & (variances[j, 0] < np.inf):
                    largest = max(largest, variances[j, 0])
                if codes[j, y, x] == KEPT:
                    squares += (np.float64(row[j, 0]) - np.float64(here[0])) ** 2
            sigma, most = np.sqrt(largest), MOST_NOISE * (np.float64(here[0]) - level)
            alike = squares <= MOST_SCATTER * (n - missing[x]) * largest
            if alike | (most * most < LEAST_LEVERAGE * largest):
                continue
            _gather_around(frames, factors, codes, y, x, row, values, complete)
            of_mean = _mean_of_others(values, complete, factors, -1, mean, contrast)
            if of_mean == np.inf:
                continue
            _store_terms(mean, contrast, level, terms)
            total, weight, filled = 0.0, 0.0, False
            lowest, highest = np.inf, -np.inf
            for j in range(n):
                w = factors[j, FACTOR_WEIGHT]
                if (codes[j, y, x] == KEPT) & (w > 0):
                    total += w * values[j, FIT_REACH, FIT_REACH]
                    weight += w
                    lowest, highest = (
                        min(lowest, values[j, FIT_REACH, FIT_REACH]),
                        max(highest, values[j, FIT_REACH, FIT_REACH]),
                    )
                elif w > 0:
                    expected, leverage, rms = _predict(
                        terms,
                        values[j],
                        level,
                        sigma * np.sqrt(1 + of_mean),
                        of_mean,
                        OUTLIER,
                        used,
                        normal,
                        fit,
                    )
                    if leverage * largest <= most * most:
                        away = expected + level - np.float64(here[0])
                        error = (leverage + of_mean) * max(largest, rms * rms)
                        if away * away > error:
                            total += w * (here[0] + away - error / away)
                            weight += w
                            filled = True
            if filled:
                total /= weight
                coarse = total * TO_24_BITS
                total = coarse - (coarse - total)  # sums depend on the order of the frames by less
                here[0] = min(max(total, lowest), highest)
