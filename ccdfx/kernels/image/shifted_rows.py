"""Rows of an image moved by a constant step: values, variances and flags, each source row read once a strip.

The filter is that of `ccdfx.kernels.image.resample.separable`, in strips of columns whose rows wait in a ring in the
cache. A pixel is the sum of the same products in the same order whatever window it is computed in.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.compile.llvm import broadcast, call_vector, load_vector, splat, store_vector, vector_bytes
from ccdfx.kernels.image.resample import mirrored

_STRIP = 256  # columns of a strip
_SPARE = 64  # pixels behind rows, because vectors are filled
_ALIGNED = 16  # rows of the ring begin at multiples of so many pixels, whatever vectors hold
_BLOCK = 4  # vectors of a row whose sums stay in registers
_NO_DATA = np.uint8(16)
_PART = 128  # pixels of a row that are looked at together, since few of them are bad
_REACH = 4  # pixels from which a bad pixel may take a value


@intrinsic
def _weighted_sums(typingctx, source, start, step, end, weights, out, width):
    """Store ``sum_j weights[j] source[p_j + x]`` in ``out[x]``, with p_0 = start and p_j = p_(j - 1) + step.

    A place that reaches `end` begins again at 0, as in a ring. Up to the next `_SPARE` pixels are read and written.
    LLVM does not vectorise this loop by itself, because it does not know how the rows lie.
    """

    def codegen(context, builder, signature, args):
        _, start, step, end, _, _, width = args
        kinds = signature.args
        lists = [context.make_array(kinds[i])(context, builder, value=args[i]) for i in (0, 4, 5)]
        pixels, factors, target = (one.data for one in lists)
        taps = cgutils.unpack_tuple(builder, lists[1].shape)[0]
        item, size = context.get_value_type(kinds[0].dtype), kinds[0].dtype.bitwidth // 8
        lanes, count = vector_bytes() // size, width.type
        kind = ir.VectorType(item, lanes)
        with cgutils.for_range_slice(builder, count(0), width, count(_BLOCK * lanes), count) as (x, _):
            sums = [cgutils.alloca_once_value(builder, splat(kind, 0.0)) for _ in range(_BLOCK)]
            place = cgutils.alloca_once_value(builder, start)
            for one in sums:
                builder.store(splat(kind, 0.0), one)
            builder.store(start, place)
            with cgutils.for_range(builder, taps, intp=count) as loop:
                weight = broadcast(builder, builder.load(builder.gep(factors, [loop.index])), lanes)
                here = builder.load(place)
                first = builder.gep(pixels, [builder.add(here, x)])
                for k, one in enumerate(sums):
                    values = load_vector(builder, builder.gep(first, [count(k * lanes)]), kind, size)
                    total = call_vector(builder, "fma", weight, values, builder.load(one))
                    builder.store(total, one)
                there = builder.add(here, step)
                builder.store(builder.select(builder.icmp_signed(">=", there, end), count(0), there), place)
            for k, one in enumerate(sums):
                address = builder.gep(target, [builder.add(x, count(k * lanes))])
                store_vector(builder, builder.load(one), address, size)
        return context.get_dummy_value()

    number = types.int64
    return types.none(source, number, number, number, weights, out, number), codegen


@kernel(inline=True)
def _is_bad(plane, values, flags, y, x):
    """Return whether a pixel of the plane is no value: flagged, or not finite, or of no finite value."""
    if flags.size and flags[y, x] != 0:
        return True
    return not (np.isfinite(values[y, x]) and np.isfinite(plane[y, x]))


@kernel
def _nearby(plane, values, flags, y, x, usual):
    """Return the mean of the nearest good pixels, as `fill_bad` does, and whether there was one."""
    ny, nx = plane.shape
    for radius in range(1, _REACH + 1):
        total, weights, count = 0.0, 0.0, 0
        for j in range(max(y - radius, 0), min(y + radius + 1, ny)):
            for i in range(max(x - radius, 0), min(x + radius + 1, nx)):
                if not _is_bad(plane, values, flags, j, i):
                    weight = 1.0 / ((j - y) ** 2 + (i - x) ** 2)
                    total += weight * plane[j, i]
                    weights += weight
                    count += 1
        if count >= 3:
            value = plane.dtype.type(total / weights)
            return (value, True) if np.isfinite(value) else (usual, True)
    return usual, False


@kernel(fastmath=REORDERED_SUMS)
def _all_finite(line):
    """Return whether all numbers are finite: any other times 0 is NaN. False too where their sum would overflow."""
    nothing = line.dtype.type(0)
    total = nothing
    for x in range(line.size):
        total += line[x] * nothing
    return total == 0


@kernel
def _any_flag(flags):
    """Return whether any flag is set."""
    found = np.uint8(0)
    for x in range(flags.size):
        found = np.uint8(found | flags[x])
    return found != 0


@kernel
def _has_bad(plane, values, flags, y, lower, upper):
    """Return whether any of the pixels in a row is bad."""
    if not (_all_finite(plane[y][lower:upper]) and _all_finite(values[y][lower:upper])):
        return True
    return flags.size != 0 and _any_flag(flags[y][lower:upper])


@kernel
def _lacks(values, flags, y, lower, upper):
    """Return whether any of the pixels in a row is flagged or has no finite value."""
    if flags.size != 0 and _any_flag(flags[y][lower:upper]):
        return True
    return not _all_finite(values[y][lower:upper])


@kernel(fastmath=REORDERED_SUMS)
def _copy_finite(own, level, line):
    """Copy pixels to `line`; return whether all of them, and the values, are finite. False too where their sum overflows."""
    nothing = line.dtype.type(0)
    total, other = nothing, nothing  # of one sum, the compiler takes the common factor 0 out
    for x in range(line.size):
        value = own[x]
        line[x] = value
        total += value * nothing
        other += level[x] * nothing
    return total == 0 and other == 0


@kernel
def _load(plane, values, flags, y, left, nx, corner, usual, line):
    """Copy the pixels of a row from column `left` of the frame on to `line`, bad ones filled.

    Returns whether any in the row itself is bad, and how many have no good pixel nearby.
    """
    first, last = min(max(left, 0), nx), max(min(left + line.size, nx), 0)
    bad, far = False, 0
    if first < last:
        start, stop = first - corner, last - corner
        bad = not _copy_finite(plane[y][start:stop], values[y][start:stop], line[first - left : last - left])
        if flags.size != 0:
            bad |= _any_flag(flags[y][start:stop])
    if bad:
        for start in range(first, last, _PART):
            stop = min(start + _PART, last)
            if _has_bad(plane, values, flags, y, start - corner, stop - corner):
                far += _fill(
                    plane, values, flags, y, left, nx, corner, usual, line, start - left, stop - left
                )
    before, after = max(min(-left, line.size), 0), max(min(nx - left, line.size), 0)
    if before > 0:
        far += _fill(plane, values, flags, y, left, nx, corner, usual, line, 0, before)
    if after < line.size:
        far += _fill(plane, values, flags, y, left, nx, corner, usual, line, after, line.size)
    return bad, far


@kernel
def _fill(plane, values, flags, y, left, nx, corner, usual, line, lower, upper):
    """Fill pixels of a line that are bad, or lie beyond the frame; return how many have no good pixel nearby."""
    far, flagged = 0, flags.size != 0
    own, level = plane[y], values[y]
    mask = flags[y] if flagged else flags.reshape(-1)
    for k in range(lower, upper):
        x = k + left
        if x < 0 or x >= nx:
            x = mirrored(x, nx)
            line[k] = own[x - corner]
        x -= corner
        if (flagged and mask[x] != 0) or not (np.isfinite(own[x]) and np.isfinite(level[x])):
            line[k], near = _nearby(plane, values, flags, y, x, usual)
            far += not near
    return far


@kernel
def _spread(values, flags, y, x_lower, x_upper, corner, steps, place, out):
    """Add the flags of the bad pixels of row y of the frame to the pixels of `out` in which they are notable."""
    level = values[y - corner[0]]
    flagged = flags.size != 0
    mask = flags[y - corner[0]] if flagged else flags.reshape(-1)
    for x in range(x_lower, x_upper):
        own = mask[x - corner[1]] if flagged else np.uint8(0)
        if own == 0:
            if np.isfinite(level[x - corner[1]]):
                continue
            own = _NO_DATA
        for k in range(steps.shape[0]):
            j, i = y - steps[k, 0] - place[0], x - steps[k, 1] - place[1]
            if 0 <= j < out.shape[0] and 0 <= i < out.shape[1]:
                out[j, i] |= own


@kernel
def _spread_unknown(plane, values, flags, rows, columns, corner, steps, place, out):
    """Set infinity where a good pixel of unknown variance is notable."""
    for y in range(rows[0], rows[1]):
        row = y - corner[0]
        if _all_finite(plane[row][columns[0] - corner[1] : columns[1] - corner[1]]):
            continue
        for x in range(columns[0], columns[1]):
            column = x - corner[1]
            if np.isfinite(plane[row, column]) or not np.isfinite(values[row, column]):
                continue
            if flags.size and flags[row, column] != 0:
                continue
            for k in range(steps.shape[0]):
                j, i = y - steps[k, 0] - place[0], x - steps[k, 1] - place[1]
                if 0 <= j < out.shape[0] and 0 <= i < out.shape[1]:
                    out[j, i] = np.inf


@kernel
def _middle(kinds):
    """Return the range between the kinds at the ends that are not 0."""
    lower, upper = 0, kinds.size
    while lower < upper and kinds[lower] != 0:
        lower += 1
    while lower < upper and kinds[upper - 1] != 0:
        upper -= 1
    return lower, upper


@kernel
def _sums_near_edge(column, across, kinds, left, lower, upper, line):
    """Store the weighted sums of the pixels `lower` to `upper` of a strip that begins at column `left`."""
    for x in range(lower, upper):
        weights = across[kinds[left + x]]
        total = column.dtype.type(0)
        for i in range(weights.size):
            total += weights[i] * column[x + i]
        line[x] = total


@kernel
def shift_rows(
    plane,
    values,
    flags,
    corner,
    size,
    first_y,
    down,
    kinds_y,
    first_x,
    across,
    kinds_x,
    usual,
    rows,
    columns,
    out,
):
    """Move a plane, the values themselves or the variances, to the pixels of a window; bad pixels are filled first.

    ``out[y, x] = sum_j sum_i down[kinds_y[y], j] across[kinds_x[x], i] plane[y + first_y + j, x + first_x + i]``,
    reflected at the outermost pixels of the frame.

    Parameters
    ----------
    plane, values, flags : arrays
        Pixels of a window of the frame, which holds all that are needed and 4 more on each side that is not an edge
        of the frame. `flags` may be empty (0, 0).
    corner, size : arrays of 2
        The first pixel (y, x) of that window in the frame, and the shape of the frame.
    down, across : arrays (kinds, taps) of the type of the plane
        The weights.
    kinds_y, kinds_x : arrays of int64
        Which weights each row and column of the frame has; those that are not 0 are at both ends of the columns.
    usual : number
        For bad pixels far from any good one.
    rows, columns : arrays of 3
        The range (lower, upper) of the result that is computed, in pixels of the frame, and the first of `out`;
        others are not touched.

    Returns
    -------
    (bool, int, bool)
        Whether any pixel was bad, how many had no good pixel nearby, and whether any result is not finite.
    """
    slots, margin = down.shape[1], across.shape[1] - 1
    stride = (_STRIP + margin + _ALIGNED - 1) // _ALIGNED * _ALIGNED
    end = slots * stride
    ring = np.zeros(end + _SPARE, plane.dtype)
    column = np.zeros(stride + _SPARE, plane.dtype)
    line = np.empty(stride + _SPARE, plane.dtype)
    bad, far, lost = False, 0, False
    inner, outer = _middle(kinds_x)
    for left in range(columns[0], columns[1], _STRIP):
        width = min(_STRIP, columns[1] - left)
        before, after = min(max(inner - left, 0), width), max(min(outer - left, width), 0)
        wide = width + margin
        loaded = rows[0] + first_y
        for y in range(rows[0], rows[1]):
            while loaded < y + first_y + slots:
                start = loaded % slots * stride
                found, distant = _load(
                    plane, values, flags, mirrored(loaded, size[0]) - corner[0], left + first_x, size[1], corner[1],
                    usual, ring[start : start + wide],
                )  # fmt: skip
                bad |= found
                far += distant
                loaded += 1
            _weighted_sums(ring, (y + first_y) % slots * stride, stride, end, down[kinds_y[y]], column, wide)
            _weighted_sums(column, 0, 1, stride, across[0], line, width)
            _sums_near_edge(column, across, kinds_x, left, 0, before, line)
            _sums_near_edge(column, across, kinds_x, left, max(before, after), width, line)
            row = out[y - rows[2]][left - columns[2] : left - columns[2] + width]
            row[:] = line[:width]
            lost |= not _all_finite(line[:width])
    return bad, far, lost


@kernel
def spread_rows(plane, values, flags, corner, size, steps, place, out_flags, out):
    """Spread flags, or infinity for unknown variances, to the pixels in which they are notable.

    `steps` (n, 2) lead from a pixel of the result to those of the frame that are notable in it; ``out[0, 0]`` is the
    pixel `place` of the frame. Flags are spread to `out_flags`, unknown variances to `out`; either may be empty.
    """
    shape = out_flags.shape if out_flags.size else out.shape
    rows, columns = np.empty(2, np.int64), np.empty(2, np.int64)
    rows[0] = max(place[0] + steps[:, 0].min(), corner[0], 0)
    rows[1] = min(place[0] + shape[0] + steps[:, 0].max(), corner[0] + values.shape[0], size[0])
    columns[0] = max(place[1] + steps[:, 1].min(), corner[1], 0)
    columns[1] = min(place[1] + shape[1] + steps[:, 1].max(), corner[1] + values.shape[1], size[1])
    if columns[1] <= columns[0]:
        return
    if out_flags.size:
        for y in range(rows[0], rows[1]):
            for start in range(columns[0], columns[1], _PART):
                stop = min(start + _PART, columns[1])
                if _lacks(values, flags, y - corner[0], start - corner[1], stop - corner[1]):
                    _spread(values, flags, y, start, stop, corner, steps, place, out_flags)
    if out.size:
        _spread_unknown(plane, values, flags, rows, columns, corner, steps, place, out)


@kernel
def shift_squares(
    plane, values, flags, size, first_y, down, kinds_y, first_x, across, kinds_x, usual, places, out
):
    """Move squares of a whole plane as `shift_rows` does, one below the other.

    `places` (n, 2) are their first pixels (y, x) in the result, `out` is (n * side, side). Returns the same.
    """
    side = out.shape[1]
    corner = np.zeros(2, np.int64)
    rows, columns = np.empty(3, np.int64), np.empty(3, np.int64)
    bad, far, lost = False, 0, False
    for k in range(places.shape[0]):
        rows[0], rows[1], rows[2] = places[k, 0], places[k, 0] + side, places[k, 0] - k * side
        columns[0], columns[1], columns[2] = places[k, 1], places[k, 1] + side, places[k, 1]
        found, distant, gone = shift_rows(
            plane, values, flags, corner, size, first_y, down, kinds_y, first_x, across, kinds_x, usual, rows,
            columns, out,
        )  # fmt: skip
        bad |= found
        far += distant
        lost |= gone
    return bad, far, lost


@kernel
def spread_squares(plane, values, flags, size, steps, places, side, out_flags, out):
    """Spread flags and unknown variances in such squares as `spread_rows` does."""
    corner = np.zeros(2, np.int64)
    for k in range(places.shape[0]):
        lower, upper = k * side, (k + 1) * side
        spread_rows(
            plane, values, flags, corner, size, steps, places[k], out_flags[lower:upper], out[lower:upper]
        )
