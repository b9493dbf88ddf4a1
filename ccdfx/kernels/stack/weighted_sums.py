"""Sums over the survivors of each lane, with a weight or a variance for each value.

The survivors are known by rank. Where the rule does not know the frames, survivors are found by value,
between their lowest and highest value (the edges).
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.averages import (
    WEIGHTED_W,
    WEIGHTED_W2,
    WEIGHTED_W2X,
    WEIGHTED_W2XX,
    WEIGHTED_W3,
    WEIGHTED_WX,
)
from ccdfx.kernels.stack.decode import decode
from ccdfx.kernels.stack.gather import FACTOR_SCALE as FRAME_SCALE
from ccdfx.kernels.stack.gather import FACTOR_WEIGHT, FRAME_VARIANCE, FRAME_VARIANCE_KIND
from ccdfx.kernels.stack.lanes import fill

TINY = 1e-200  # a variance below this counts as 0


@kernel
def edge_shares(tile, low, high, counts, raw, weighted, edges):
    """Store the edges of the survivors, and the fraction of the values equal to an edge that survive.

    A rule by ranks may reject some of several equal values. Which frame is rejected is then arbitrary: all
    get the same fraction, so that the result does not depend on the order of the frames. With weights the
    first frames are rejected, as in IRAF: those values are removed from `raw`.
    """
    for i in range(low.size):
        edges[0, i], edges[1, i], edges[2, i], edges[3, i] = np.inf, -np.inf, 1.0, 1.0
        if low[i] >= high[i]:
            continue
        bottom, top = tile[low[i], i], tile[high[i] - 1, i]
        edges[0, i], edges[1, i] = bottom, top
        first, last = low[i], high[i]
        while first > 0 and tile[first - 1, i] == bottom:
            first -= 1
        while last < counts[i] and tile[last, i] == top:
            last += 1
        below, above = low[i] - first, last - high[i]
        if below == 0 and above == 0:
            continue
        if weighted:
            _take_out(raw, i, bottom, below)
            _take_out(raw, i, top, above)
        elif bottom == top:
            edges[2, i] = edges[3, i] = (high[i] - low[i]) / (last - first)
        else:
            inner, outer = low[i], high[i]
            while tile[inner, i] == bottom:
                inner += 1
            while tile[outer - 1, i] == top:
                outer -= 1
            edges[2, i] = (inner - low[i]) / (inner - first)
            edges[3, i] = (high[i] - outer) / (last - outer)


@kernel
def _take_out(raw, i, value, count):
    for j in range(raw.shape[0]):
        if count > 0 and raw[j, i] == value:
            raw[j, i] = np.inf
            count -= 1


@kernel
def is_whole(low, high, rows):
    """Return whether all values of a block are there and survive."""
    rejected = np.int32(0)
    for i in range(low.size):
        rejected |= low[i] | (high[i] - np.int32(rows))
    return rejected == 0


@kernel
def _store_shares(row, edges, whole, share):
    """Store the fraction of each value of a frame that survives; of a block that is whole, `edges` are not read."""
    if whole:
        fill(share, 1.0)
        return
    for i in range(share.size):
        x = np.float64(row[i])
        edge = edges[2, i] if x == edges[0, i] else (edges[3, i] if x == edges[1, i] else 1.0)
        share[i] = edge if (x >= edges[0, i]) & (x <= edges[1, i]) else 0.0


@kernel
def _add_moments(w, d, weighted):
    squares, cubes = weighted[WEIGHTED_W2], weighted[WEIGHTED_W3]
    first, second = weighted[WEIGHTED_W2X], weighted[WEIGHTED_W2XX]
    for i in range(w.size):
        squares[i] += w[i] * w[i]
    for i in range(w.size):
        cubes[i] += w[i] * w[i] * w[i]
    for i in range(w.size):
        first[i] += w[i] * w[i] * d[i]
    for i in range(w.size):
        second[i] += w[i] * w[i] * d[i] * d[i]


@kernel
def sum_weights(raw, factors, edges, whole, pivot, moments, weighted):
    """Compute the rows of `weighted`, as `averages` names them, with x from the pivot.

    Without `moments`, which the scatter of the values needs, only those of w and w x; the others are 0.
    """
    lanes = raw.shape[1]
    w, d = np.empty(lanes), np.empty(lanes)
    for k in range(weighted.shape[0]):
        fill(weighted[k], 0.0)
    for j in range(raw.shape[0]):
        weight = factors[j, FACTOR_WEIGHT]
        _store_shares(raw[j], edges, whole, w)
        for i in range(lanes):
            w[i] = weight * w[i]
        for i in range(lanes):
            d[i] = raw[j, i] - pivot[i] if w[i] > 0.0 else 0.0
        _add(w, weighted[WEIGHTED_W])
        _add_product(w, d, weighted[WEIGHTED_WX])
        if moments:
            _add_moments(w, d, weighted)


@kernel
def read_variances(frames, factors, start, width, variances):
    """Read ``variances[frame, :width]`` of all frames, scaled as the values are; infinite where unknown."""
    kind = variances.dtype.type
    # Unsigned as in `gather`: one compiled `decode` serves both.
    for j in range(np.uint64(variances.shape[0])):
        decode(frames[j, FRAME_VARIANCE], frames[j, FRAME_VARIANCE_KIND], start, variances, j, width, np.nan)
        unit = kind(1.0 / (factors[j, FRAME_SCALE] * factors[j, FRAME_SCALE]))
        for i in range(width):
            variances[j, i] *= unit


@kernel
def sum_variances(raw, factors, edges, whole, weighted, variances, spread):
    """Set spread = sum w^2 v / (sum w)^2 over the survivors, with w = 1 without weights or if all are 0."""
    lanes, total = spread.size, weighted[WEIGHTED_W]
    norm, w, v = np.zeros(lanes), np.empty(lanes), np.empty(lanes)
    fill(spread, 0.0)
    for j in range(raw.shape[0]):
        weight = factors[j, FACTOR_WEIGHT]
        _store_shares(raw[j], edges, whole, w)
        for i in range(lanes):
            w[i] = w[i] * (weight if total[i] > 0.0 else 1.0)
        for i in range(lanes):
            v[i] = w[i] * w[i] * variances[j, i] if w[i] > 0.0 else 0.0
        _add(w, norm)
        _add(v, spread)
    for i in range(lanes):
        spread[i] = spread[i] / (norm[i] * norm[i]) if norm[i] > 0.0 else 0.0


# In the sums by rank each loop over lanes either looks values up by their frame or computes, and writes one vector: then the
# compiler vectorises all that can be.


@kernel
def _column(factors, k):
    found = np.empty(factors.shape[0])
    for j in range(found.size):
        found[j] = factors[j, k]
    return found


@kernel
def _look_up(by_frame, order, found):
    """Store what belongs to the frame of each value of a rank."""
    for i in range(found.size):
        found[i] = by_frame[np.uint64(order[i])]


@kernel
def _clear_rejected(rank, low, high, x):
    """Set to 0 what belongs to values that are rejected."""
    for i in range(x.size):
        x[i] = x[i] if (low[i] <= rank) & (rank < high[i]) else 0.0


@kernel
def _add(x, total):
    for i in range(total.size):
        total[i] += x[i]


@kernel
def _add_product(w, x, total):
    for i in range(total.size):
        total[i] += w[i] * x[i]


@kernel
def sum_ordered_weights(tile, order, low, high, factors, pivot, moments, weighted):
    """Do the same as `sum_weights` where the frame of each sorted value is known."""
    lanes = tile.shape[1]
    weights, w, d, product = (
        _column(factors, FACTOR_WEIGHT),
        np.empty(lanes),
        np.empty(lanes),
        np.empty(lanes),
    )
    for k in range(weighted.shape[0]):
        fill(weighted[k], 0.0)
    for r in range(tile.shape[0]):
        rank = np.int32(r)
        _look_up(weights, order[r], w)
        _clear_rejected(rank, low, high, w)
        for i in range(lanes):
            d[i] = tile[r, i] - pivot[i]
        _clear_rejected(rank, low, high, d)  # infinite where values are missing
        _add(w, weighted[WEIGHTED_W])
        _add_product(w, d, weighted[WEIGHTED_WX])
        if moments:
            for i in range(lanes):
                product[i] = w[i] * w[i]
            _add(product, weighted[WEIGHTED_W2])
            _add_product(product, w, weighted[WEIGHTED_W3])
            for i in range(lanes):
                product[i] = product[i] * d[i]
            _add(product, weighted[WEIGHTED_W2X])
            _add_product(product, d, weighted[WEIGHTED_W2XX])


@kernel
def sum_ordered_variances(order, low, high, factors, weighted, variances, spread):
    """Do the same as `sum_variances` where the frame of each sorted value is known."""
    lanes = spread.size
    weights, norm, w, v = _column(factors, FACTOR_WEIGHT), np.zeros(lanes), np.empty(lanes), np.empty(lanes)
    total, flat, width = (
        weighted[WEIGHTED_W],
        variances.reshape(variances.size),
        np.uint64(variances.shape[1]),
    )
    fill(spread, 0.0)
    weighs = False
    for i in range(lanes):
        weighs |= total[i] > 0.0
    for r in range(order.shape[0]):
        rank, frames = np.int32(r), order[r]
        if weighs:
            _look_up(weights, frames, w)
            for i in range(lanes):
                w[i] = w[i] if total[i] > 0.0 else 1.0
        else:
            fill(w, 1.0)
        _clear_rejected(rank, low, high, w)
        for i in range(lanes):
            v[i] = flat[np.uint64(frames[i]) * width + np.uint64(i)]
        for i in range(lanes):
            v[i] = w[i] * w[i] * v[i] if w[i] > 0.0 else 0.0
        _add(w, norm)
        _add(v, spread)
    for i in range(lanes):
        spread[i] = spread[i] / (norm[i] * norm[i]) if norm[i] > 0.0 else 0.0


@kernel
def sum_inverse_variances(raw, edges, whole, pivot, variances, weighted, spread):
    """Sum w and sum w (x - pivot) with w = 1 / v of each value; spread = 1 / sum w.

    The weight is 0 for infinite v and for v of 0 (below TINY, so that nothing overflows); `spread` is
    unchanged where all weights are 0.
    """
    total, moment, w = weighted[WEIGHTED_W], weighted[WEIGHTED_WX], np.empty(spread.size)
    fill(total, 0.0)
    fill(moment, 0.0)
    for j in range(raw.shape[0]):
        _store_shares(raw[j], edges, whole, w)
        for i in range(spread.size):
            v = np.float64(variances[j, i])
            known = (w[i] > 0.0) & (v >= TINY) & (v < np.inf)
            w[i] = w[i] / v if known else 0.0
            d = raw[j, i] - pivot[i] if known else 0.0
            total[i] += w[i]
            moment[i] += w[i] * d
    for i in range(spread.size):
        spread[i] = 1.0 / total[i] if total[i] > 0.0 else spread[i]


@kernel
def sum_ordered_inverse_variances(tile, order, low, high, pivot, variances, weighted, spread):
    """Do the same as `sum_inverse_variances` where the frame of each sorted value is known."""
    total, moment = weighted[WEIGHTED_W], weighted[WEIGHTED_WX]
    fill(total, 0.0)
    fill(moment, 0.0)
    for r in range(tile.shape[0]):
        for i in range(spread.size):
            if low[i] <= r < high[i]:
                v = np.float64(variances[order[r, i], i])
                w = 1.0 / v if (v >= TINY) & (v < np.inf) else 0.0
                total[i] += w
                moment[i] += w * (tile[r, i] - pivot[i])
    for i in range(spread.size):
        spread[i] = 1.0 / total[i] if total[i] > 0.0 else spread[i]
