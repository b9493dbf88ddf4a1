"""Clipping about a clean first estimate of the result, with an allowance for the profiles of stars.

Unlike the rules that sort each lane by itself, this one looks at neighbouring pixels: it is applied to a tile of whole
rows. `settle` and `changes` prepare the estimate, `clip_profile` stores the rejection codes of
`ccdfx.kernels.stack.ranked`.

``noise`` is the table of `ccdfx.kernels.stack.rule`, one row for all frames or one for each; where the variances are
``measured``, the frames have them. ``numbers`` are low, high, the greatest finite limit, the amplitude, the level of the
sky, whether the scatter of the values is used where they stand above the sky, and the expected square of what noise
adds to a change, in variances of the estimate.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import MAD_TO_SIGMA
from ccdfx.kernels.rules.clipping import P_HIGH, P_LOW
from ccdfx.kernels.rules.noise_bound import detector_variance
from ccdfx.kernels.rules.quiet import is_clear, least_variances, mark_allowed, mark_beyond, spread_bound
from ccdfx.kernels.stack.gather import gather
from ccdfx.kernels.stack.ranked import DROPPED_HIGH, DROPPED_LOW, KEPT, MISSING
from ccdfx.kernels.stack.weighted_sums import read_variances

P_LIMIT, P_AMPLITUDE, P_LEVEL, P_SCATTER, P_EXPECTED = range(2, 7)
BLOCK = 126
PART = 16  # values of which few need more than a comparison
DOUBTFUL = 8
UNSURE = KEPT + DOUBTFUL
"""Codes of values that are kept so far; what is above `UNSURE` is beyond the noise."""
# How much a value may deviate, in what its neighbours show; chosen by simulation of profiles of a FWHM of 1.8 to 4 pixels.
OF_CORE, OF_EXCESS, OF_DEVIATION, OF_RANGE, MOST_OF_RANGE = 5.0, 1.1, 2.0, 0.05, 0.25
SECOND = 1.5  # variance of a second difference, x minus the mean of two others, over that of a value
OF_HEIGHT = 0.02  # by which profiles may differ without a reason
FEW_VALUES = 3  # so few values may have a false median where two of them are hit
ABOVE = 25.0  # squared sigmas of the estimate above the sky, from which on the scatter of the values is used


@kernel
def variances_at(frames, factors, noise, start, width, center, variances, own):
    """Store the variances [frame][pixel] of the scaled values of a block; unknown ones are infinite."""
    if own.shape[0] > 0:
        read_variances(frames, factors, start, width, own)
    for j in range(variances.shape[0]):
        if own.shape[0] > 0:
            for i in range(width):
                variances[j, i] = own[j, i] if own[j, i] >= 0 else np.inf
        else:
            row = j if noise.shape[0] > 1 else 0
            for i in range(width):
                variances[j, i] = detector_variance(noise, row, np.float64(center[i]))


@kernel
def _outside(x, lowest, highest):
    """Return how far x lies outside an interval, squared."""
    d = lowest - x if x < lowest else x - highest if x > highest else 0.0
    return d * d


@kernel
def _better(values, variances, i, center, lowest, highest, numbers):
    """Return the value that is nearest to the neighbouring estimates, where the estimate contradicts them and it."""
    limit = numbers[P_LIMIT]
    noise = 0.0
    best, least = center, np.inf
    for j in range(values.shape[0]):
        x = np.float64(values[j, i])
        if x < np.inf:
            v = variances[j, i]
            noise = v if v > noise else noise
            away = _outside(x, lowest, highest)
            best, least = (x, away) if away < least else (best, least)
    allowed, height = limit * limit * noise, limit * numbers[P_AMPLITUDE] * (best - numbers[P_LEVEL])
    apart = (center - best) * (center - best) > allowed + height * height
    hit = (_outside(center, lowest, highest) > allowed) & (least <= allowed) & apart
    return best if hit else center


@kernel
def settle(frames, factors, noise, numbers, center, count, measured, settled):
    """Store the estimate of a tile (rows, nx) without hits, and NaN where there is no value.

    The median of few values is a hit where two frames have one. Where it differs from all eight neighbours by more
    than the limits, the value that lies among them replaces it.
    """
    ny, nx = center.shape
    rows, flat = frames.shape[0], center.reshape(center.size)
    values, variances = np.empty((rows, BLOCK), center.dtype), np.empty((rows, BLOCK))
    own = np.empty((rows if measured else 0, BLOCK), center.dtype)
    for start in range(0, center.size, BLOCK):
        width = min(BLOCK, center.size - start)
        few = False
        for i in range(start, start + width):
            y, x = i // nx, i % nx
            n = count[y, x]
            settled[y, x] = center[y, x] if n > 0 else np.nan
            few |= (n > 1) & (n <= FEW_VALUES)
        if not few or numbers[P_LIMIT] == 0:
            continue
        gather(frames, factors, start, values, width)
        variances_at(frames, factors, noise, start, width, flat[start : start + width], variances, own)
        for i in range(width):
            y, x = (start + i) // nx, (start + i) % nx
            if count[y, x] < 2 or count[y, x] > FEW_VALUES:
                continue
            lowest, highest = np.inf, -np.inf
            for v in range(max(y - 1, 0), min(y + 2, ny)):
                for u in range(max(x - 1, 0), min(x + 2, nx)):
                    if (v != y or u != x) and count[v, u] > 0:
                        c = np.float64(center[v, u])
                        lowest, highest = min(lowest, c), max(highest, c)
            if lowest <= highest:
                settled[y, x] = _better(
                    values, variances, i, np.float64(center[y, x]), lowest, highest, numbers
                )


@kernel
def changes(center, reach, change):
    """Store the largest change of the estimate (rows, nx) within `reach` pixels of each pixel.

    Between whole numbers of pixels it is interpolated; NaN pixels are left out.
    """
    ny, nx = center.shape
    inner = np.int64(reach)
    outer = inner + np.int64(reach > inner)
    part = reach - inner
    near, far = np.empty(nx), np.empty(nx)
    for y in range(ny):
        for x in range(nx):
            near[x] = far[x] = 0.0
        for dy in range(max(-outer, -y), min(outer, ny - 1 - y) + 1):
            for dx in range(-outer, outer + 1):
                square = dx * dx + dy * dy
                if square > outer * outer or square == 0:
                    continue
                first, last = max(0, -dx), min(nx, nx - dx)
                row, shifted = center[y], center[y + dy]
                if square <= inner * inner:
                    for x in range(first, last):
                        d = abs(np.float64(shifted[x + dx]) - np.float64(row[x]))
                        near[x] = d if d > near[x] else near[x]
                else:
                    for x in range(first, last):
                        d = abs(np.float64(shifted[x + dx]) - np.float64(row[x]))
                        far[x] = d if d > far[x] else far[x]
        for x in range(nx):
            rest = far[x] - near[x] if far[x] > near[x] else 0.0
            change[y, x] = near[x] + part * rest if part > 0 else near[x]


@kernel
def raise_to_scatter(values, variances, center, i):
    """Multiply the variances of pixel i by the square of the scatter of its values in units of sigma, if that is above 1."""
    n = 0
    found = np.empty(values.shape[0])
    for j in range(values.shape[0]):
        x, v = np.float64(values[j, i]), variances[j, i]
        if (x < np.inf) & (v > 0) & (v < np.inf):
            square = (x - center) * (x - center) / v
            k = n
            while k > 0 and found[k - 1] > square:
                found[k] = found[k - 1]
                k -= 1
            found[k] = square
            n += 1
    if n >= 3:
        ratio = MAD_TO_SIGMA * MAD_TO_SIGMA * found[n // 2]
        if ratio > 1:
            for j in range(values.shape[0]):
                variances[j, i] *= ratio


@kernel
def _shown_around(ring, j, center, y, x, first, sign, height, change, noise, sigma):
    """Return how much a value of frame j may differ from the estimate, as its neighbours in the frame show.

    The deviations count as one sigma at least. At the core of a star it is 5 times the second largest of their deviations. It is a core where the estimate is above
    most of those around, but for noise, and its height above the sky not less than its change. Elsewhere it is 1.1
    times the third largest of their deviations of the same sign, and what may be narrower than a pixel: a quarter of
    the range of the estimate in 3 x 3 pixels, but at most twice the second largest of their deviations and a
    twentieth of that range. Infinite where there are fewer than three.
    """
    ny, nx = center.shape
    a = b = c = -np.inf  # the largest deviations of the same sign
    one = two = sigma  # the largest deviations, at least that of noise
    higher, lowest, highest = 0, np.inf, -np.inf
    for v in range(max(y - 1, 0), min(y + 2, ny)):
        for u in range(max(x - 1, 0), min(x + 2, nx)):
            here, value = np.float64(center[v, u]), np.float64(ring[v % 3, j, u - first])
            higher += here > center[y, x] + 3.0 * noise
            lowest, highest = here if here < lowest else lowest, here if here > highest else highest
            if (v != y or u != x) and value < np.inf:
                d = sign * (value - here)
                if d > a:
                    a, b, c = d, a, b
                elif d > b:
                    b, c = d, b
                elif d > c:
                    c = d
                d = abs(d)
                if d > one:
                    one, two = d, one
                elif d > two:
                    two = d
    if c == -np.inf:
        return np.inf
    if higher < 3 and height >= 0.8 * change:
        return OF_CORE * two
    narrow = OF_DEVIATION * two + OF_RANGE * (highest - lowest)
    most = MOST_OF_RANGE * (highest - lowest)
    return OF_EXCESS * max(c, 0.0) + (narrow if narrow < most else most)


@kernel
def _store_heights(ring, y, i, heights):
    """Store how high the value of each frame is above the mean of two opposite neighbours [direction][frame]; NaN if unknown."""
    for k in range(4):
        dy, dx = (0, 1) if k == 0 else (1, k - 2)
        above, middle, below = ring[(y + dy) % 3], ring[y % 3], ring[(y - dy) % 3]
        for frame in range(ring.shape[1]):
            x = np.float64(middle[frame, i])
            sides = 0.5 * np.float64(above[frame, i + dx]) + 0.5 * np.float64(below[frame, i - dx])
            heights[k, frame] = x - sides if (x < np.inf) & (sides < np.inf) else np.nan


@kernel
def _stands_out(heights, j, least):
    """Return whether a value is higher above two opposite neighbours than in the other frames, by more than `least`.

    A cosmic ray is, across its track. A value whose neighbours are missing may be one.
    """
    for k in range(4):
        total, number = 0.0, 0
        for frame in range(heights.shape[1]):
            height = heights[k, frame]
            if (frame != j) & (height == height):
                total += height
                number += 1
        own = heights[k, j]
        if (own != own) | (own * number - total > least * number):
            return True
    return False


@kernel
def _spreads(values, variances, width, total, number, greatest, spread):
    """Store the variance of the estimate of each pixel of a block: pi / 2 n / (sum 1 / sigma)^2 for n values.

    Of two it is the larger variance: the estimate is one of them.
    """
    for i in range(width):
        total[i] = number[i] = greatest[i] = 0.0
    for j in range(values.shape[0]):
        for i in range(width):
            there = values[j, i] < np.inf
            number[i] += 1.0 if there else 0.0
            v = variances[j, i]
            total[i] += 1.0 / np.sqrt(v) if there else 0.0
            greatest[i] = v if there & (v > greatest[i]) & (v < np.inf) else greatest[i]
    for i in range(width):
        of_median = 0.5 * np.pi * number[i] / (total[i] * total[i]) if total[i] > 0 else 0.0
        spread[i] = greatest[i] if number[i] == 2 else of_median


@kernel
def _allowances(numbers, center, change, spread, width, allowed):
    """Store (amplitude (c - level))^2 + (change / limit)^2 of a block, each without what the noise of c adds to it."""
    amplitude, level, expected = numbers[P_AMPLITUDE], numbers[P_LEVEL], numbers[P_EXPECTED]
    per_limit = 1.0 / (numbers[P_LIMIT] * numbers[P_LIMIT]) if numbers[P_LIMIT] > 0 else 0.0
    for i in range(width):
        above, step = np.float64(center[i]) - level, np.float64(change[i])
        from_level, from_change = above * above - spread[i], step * step - expected * spread[i]
        of_level = amplitude * amplitude * from_level if from_level > 0 else 0.0
        allowed[i] = of_level + (per_limit * from_change if from_change > 0 else 0.0)


@kernel
def is_settled(codes):
    """Return whether no code is `UNSURE` or above."""
    bits = np.uint8(0)
    for x in range(codes.size):
        bits |= codes[x]
    return bits < UNSURE


@kernel
def _store_codes(values, variances, center, spread, allowed, numbers, width, codes):
    """Store the codes of a block of one frame; return whether some values are kept by the allowance alone.

    Those have the code of a rejected value plus `DOUBTFUL`.
    """
    low, high = numbers[P_LOW] * numbers[P_LOW], numbers[P_HIGH] * numbers[P_HIGH]
    doubt = False
    for i in range(width):
        x, v = np.float64(values[i]), variances[i]
        d = x - center[i]
        limit = low if d < 0 else high
        side = DROPPED_LOW if d < 0 else DROPPED_HIGH
        known = (v > 0) & (v < np.inf)
        beyond = known & (d * d > limit * (v + spread[i]))
        kept = d * d <= limit * (v + spread[i] + allowed[i])
        within = UNSURE if known & (allowed[i] > v + spread[i]) else KEPT
        code = (side + DOUBTFUL if kept else side) if beyond else within
        codes[i] = code if x < np.inf else MISSING
        doubt |= (x < np.inf) & beyond & kept
    return doubt


@kernel
def _mark_doubts(values, noise, numbers, center, change, own, least, doubts):
    """Mark the pixels of a block where a value may not be kept, or may be kept by the allowance alone; clear others."""
    least_variances(noise, center, own, least)
    spread = spread_bound(least)
    amplitude, level, expected = numbers[P_AMPLITUDE], numbers[P_LEVEL], numbers[P_EXPECTED]
    per_limit = 1.0 / (numbers[P_LIMIT] * numbers[P_LIMIT]) if numbers[P_LIMIT] > 0 else 0.0
    mark_allowed(center, change, amplitude, level, per_limit, expected, spread, least.min(), doubts)
    closest = min(numbers[P_LOW] * numbers[P_LOW], numbers[P_HIGH] * numbers[P_HIGH])
    for j in range(least.size):
        mark_beyond(values[j, : center.size], center, closest * (least[j] + spread), doubts)


@kernel
def clip_profile(frames, factors, noise, numbers, center, change, measured, codes):
    """Store the rejection codes [frame][row][column] of a tile.

    A value x is rejected where (x - c)^2 > k^2 (v + s^2 + e^2) with its variance v, the limit k of its side, the estimate c,
    its variance s^2 and the allowance e^2 of `_allowances`. What only the allowance keeps is kept where its neighbours in
    the same frame deviate as well, since other seeing changes these too, and a cosmic ray does not: where (x - c)^2 <=
    k^2 (v + s^2) + d^2 with the d of `_shown_around`. A value whose variance is 0 or infinite is kept.
    """
    rows, kind = frames.shape[0], center.dtype
    ny, nx = center.shape
    lanes = BLOCK + 2
    ring, doubts, least = np.empty((3, rows, lanes), kind), np.empty(lanes, kind), np.empty(rows)
    own = np.empty((rows if measured else 0, lanes), kind)
    work = (
        np.empty((rows, PART), kind),
        np.empty((rows, PART)),
        np.empty((rows if measured else 0, PART), kind),
    )
    for block in range(0, nx, BLOCK):
        first, end = max(block - 1, 0), min(block + BLOCK + 1, nx)  # with the neighbours at both sides
        inside, last, width = block - first, min(block + BLOCK, nx) - first, end - first
        for y in range(-1, ny):
            if y + 1 < ny:
                gather(frames, factors, (y + 1) * nx + first, ring[(y + 1) % 3], width)
            if y < 0:
                continue
            if measured:
                read_variances(frames, factors, y * nx + first, width, own)
            c = center[y, first:end]
            _mark_doubts(ring[y % 3], noise, numbers, c, change[y, first:end], own, least, doubts)
            for j in range(rows):
                codes[j, y, first + inside : first + last] = KEPT
            for part in range(inside, last, PART):
                stop = min(part + PART, last)
                if not is_clear(doubts[part:stop]):
                    _clip_part(
                        frames, factors, noise, numbers, center, change, codes, ring, work, y, first, part, stop, width
                    )  # fmt: skip


@kernel
def _clip_part(
    frames, factors, noise, numbers, center, change, codes, ring, work, y, first, part, stop, width
):
    """Store the codes of some pixels of a block of a row: of `width` from `first` on, those from `part` to `stop`."""
    values, variances, own = work
    ny, nx = center.shape
    rows, size = values.shape[0], stop - part
    c = center[y, first + part : first + stop]
    found, ready = np.empty(size, np.uint8), np.zeros(size, np.bool_)
    sums, number, spread, allowed = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    heights = np.empty((size, 4, rows))
    for j in range(rows):
        values[j, :size] = ring[y % 3, j, part:stop]
    variances_at(frames, factors, noise, y * nx + first + part, size, c, variances, own)
    _spreads(values, variances, size, sums, number, allowed, spread)
    if numbers[P_SCATTER] > 0:
        for i in range(size):
            above = np.float64(c[i]) - numbers[P_LEVEL]
            if (above > 0) & (above * above > ABOVE * spread[i]):
                raise_to_scatter(values, variances, np.float64(c[i]), i)
    _allowances(numbers, c, change[y, first + part : first + stop], spread, size, allowed)
    for j in range(rows):
        doubt = _store_codes(values[j], variances[j], c, spread, allowed, numbers, size, found)
        if is_settled(found):
            codes[j, y, first + part : first + stop] = found
            continue
        for k in range(size):
            i = part + k  # in the block
            if doubt and found[k] > DOUBTFUL:
                found[k] -= DOUBTFUL
                d = np.float64(values[j, k]) - c[k]
                limit = numbers[P_LOW] if d < 0 else numbers[P_HIGH]
                height, step = np.float64(c[k]) - numbers[P_LEVEL], np.float64(change[y, first + i])
                sign, s = -1.0 if d < 0 else 1.0, np.sqrt(spread[k])
                sigma = np.sqrt(variances[j, k] + spread[k])
                shown = _shown_around(ring, j, center, y, first + i, first, sign, height, step, s, sigma)
                if d * d <= limit * limit * (variances[j, k] + spread[k]) + shown * shown:
                    found[k] = KEPT if d < 0 else UNSURE
            at_edge = (y == 0) | (y == ny - 1) | (i == 0) | (i == width - 1)
            if found[k] == UNSURE and at_edge:
                found[k] = KEPT
            elif found[k] == UNSURE:
                noise_of_second = np.sqrt(SECOND * (variances[j, k] + spread[k]))
                least = numbers[P_HIGH] * noise_of_second + OF_HEIGHT * (c[k] - numbers[P_LEVEL])
                if not ready[k]:
                    _store_heights(ring, y, i, heights[k])
                    ready[k] = True
                found[k] = UNSURE if _stands_out(heights[k], j, least) else KEPT
            codes[j, y, first + i] = found[k]
