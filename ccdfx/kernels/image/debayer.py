"""Interpolation of one colour of a mosaic: weighted sums of neighbours, with weights that repeat every 2 x 2 pixels."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

_NO_DATA = np.uint8(16)


@kernel
def _mirrored(place, size):
    """Return the place of a pixel that lies up to size - 1 beyond the edge, mirrored at the pixels of the edge."""
    if place < 0:
        return -place
    if place >= size:
        return 2 * size - 2 - place
    return place


@kernel
def interpolate_colour(values, flags, variance, taps, counts, weights, carried, out, lower, upper):
    """Interpolate one colour in some rows of a mosaic.

    Parameters
    ----------
    values, flags, variance : arrays (ny, nx)
        Flags uint8; flags or variance may have no rows: then all pixels are good, or no variance is computed.
    taps : int64 array (2, 4, n, 2)
        Steps (y, x) to the pixels of a sum, for the four places (2 (y % 2) + x % 2) of the pattern: those of the method,
        and those that replace them where one of these is bad, which are all of the colour itself.
    counts : int64 array (2, 4)
        Numbers of steps.
    weights : array (2, 4, n)
        Of the type of the values; each sums to 1.
    carried : uint8
        Flags of pixels that are used all the same and flag the result.
    out : (values, flags, variance)
        The results, as large as the inputs.
    lower, upper : int
        Rows.

    The frame is mirrored at the pixels of its edge, which keeps the colours. The weights of the second steps are divided
    by the sum of those of the good pixels; where none is good, all are used, and their flags stay.
    """
    made, made_flags, made_variance = out
    ny, nx = values.shape
    flagged, varied = flags.shape[0] > 0, variance.shape[0] > 0
    stop = ~carried
    zero = values.dtype.type(0)
    for y in range(lower, upper):
        for x in range(nx):
            place = 2 * (y & 1) + (x & 1)
            at_edge = y < 2 or y >= ny - 2 or x < 2 or x >= nx - 2
            kind = 0
            total, spread, share = zero, zero, zero
            found = np.uint8(0)
            while True:
                total, spread, share = zero, zero, zero
                found = np.uint8(0)
                complete = True
                table = min(kind, 1)
                for k in range(counts[table, place]):
                    yy = _mirrored(y + taps[table, place, k, 0], ny)
                    xx = _mirrored(x + taps[table, place, k, 1], nx)
                    flag = flags[yy, xx] if flagged else np.uint8(0)
                    value = values[yy, xx]
                    if kind < 2 and (flag & stop or not math.isfinite(value)):
                        complete = False
                        if kind == 0:
                            break
                        continue
                    weight = weights[table, place, k]
                    if not flag and not math.isfinite(value):
                        flag = _NO_DATA
                    found |= flag
                    total += weight * value
                    share += weight
                    if varied:
                        same = weight
                        if at_edge:  # a pixel and its mirror image are one
                            for j in range(counts[table, place]):
                                if (
                                    j != k
                                    and _mirrored(y + taps[table, place, j, 0], ny) == yy
                                    and _mirrored(x + taps[table, place, j, 1], nx) == xx
                                ):
                                    same += weights[table, place, j]
                        spread += weight * same * variance[yy, xx]
                if kind == 0 and not complete:
                    kind = 1
                elif kind == 1 and share == 0:
                    kind = 2
                else:
                    break
            if kind == 1:
                total /= share
                spread /= share * share
            made[y, x] = total
            if flagged or found:
                made_flags[y, x] = found
            if varied:
                made_variance[y, x] = spread
