"""What deviates in most frames: residuals of frames that are stored as small integers, and their medians.

The values of a frame are stored in steps of a small part of its noise (`ENCODED_STEPS` a sigma), so that 16 bits hold a
pixel, windows are sorted twice as fast as those of float32, and residuals are whole numbers.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.defects.medians import WINDOW_LANES
from ccdfx.kernels.defects.paired_medians import paired_medians
from ccdfx.kernels.image.bad_pixels import mean_nearby
from ccdfx.kernels.stack.lanes import aligned, copy, fill

ENCODED_STEPS = 64
"""Steps a sigma: the error of rounding is below a hundredth of a sigma."""
ENCODED_ZERO = 1 << 14
"""Code of the typical value of a frame: codes reach from 256 sigma below it to 768 above, and are clipped there."""
UNKNOWN = np.uint16(0xFFFF)
"""A residual that is not known, which is sorted to the end; 0 is the code 0x8000."""
_NONE, _MIDDLE = 0xFFFF, 0x8000


@kernel
def encode(values, pivot, scale, out):
    """Store the codes of values, both (ny, nx); that of NaN means nothing."""
    low, high = np.float32(0.5), np.float32(65534.5)
    zero, factor = np.float32(ENCODED_ZERO + 0.5), np.float32(scale)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            # NaN is not above the lowest code.
            code = np.float32(values[y, x] - pivot) * factor + zero
            code = code if code > low else low
            code = code if code < high else high
            out[y, x] = np.uint16(np.int32(code))


@kernel
def _residuals(codes, y, medians, unknown, box, out):
    """Store the codes of the residuals of row y; medians are those of the boxes of a row, which lie inside the frame."""
    half, nx = box // 2, codes.shape[1]
    for x in range(half):
        out[x] = min(max(np.int32(codes[y, x]) - np.int32(medians[0]) + _MIDDLE, 1), _NONE - 1)
    for x in range(half, nx - half):
        found = np.int32(codes[y, x]) - np.int32(medians[x - half]) + np.int32(_MIDDLE)
        found = found if found > 1 else np.int32(1)
        out[x] = np.uint16(found if found < _NONE else np.int32(_NONE - 1))
    for x in range(nx - half, nx):
        found = np.int32(codes[y, x]) - np.int32(medians[nx - 2 * half - 1]) + _MIDDLE
        out[x] = min(max(found, 1), _NONE - 1)
    if unknown.shape[0] > 0:
        for x in range(nx):
            if unknown[y, x >> 3] & (128 >> (x & 7)):
                out[x] = _NONE


@kernel
def _sort_lanes(tile):
    """Sort the lanes of a tile [frame][lane] of integers: each row is inserted among those before it."""
    lanes = tile.shape[1]
    for last in range(1, tile.shape[0]):
        for row in range(last, 0, -1):
            for i in range(lanes):
                a, b = tile[row - 1, i], tile[row, i]
                tile[row - 1, i] = a if a < b else b
                tile[row, i] = b if a < b else a


@kernel
def _vote(tile, lanes, counts, least, out, known):
    """Store the medians of lanes in half steps, 0 where fewer than `least` are known; the tile is sorted."""
    frames = tile.shape[0]
    for i in range(lanes):
        counts[i] = 0
    for row in range(frames):
        for i in range(lanes):
            counts[i] += np.int32(tile[row, i] != UNKNOWN)
    whole = True
    for i in range(lanes):
        whole &= counts[i] == frames
    _sort_lanes(tile)
    if whole and frames >= least:
        low, high = (frames - 1) // 2, frames // 2
        for i in range(lanes):
            total = np.int32(tile[low, i]) + np.int32(tile[high, i]) - np.int32(2 * _MIDDLE)
            total = total if total > -32767 else np.int32(-32767)
            out[i] = np.int16(total if total < 32767 else np.int32(32767))
            known[i] = True
        return
    for i in range(lanes):
        n = counts[i]
        known[i] = n >= least
        out[i] = 0
        if known[i]:
            total = np.int32(tile[(n - 1) // 2, i]) + np.int32(tile[n // 2, i]) - 2 * _MIDDLE
            out[i] = np.int16(min(max(total, -32767), 32767))


@kernel
def residual_rows(codes, unknown, box, sort, first, last, medians, out):
    """Compute the residuals of some rows of one frame.

    Parameters
    ----------
    codes : uint16 array (ny, nx)
        From `encode`.
    unknown : uint8 array (ny, ceil(nx / 8)), or (0, 0)
        Bits of pixels that are not known, as numpy packs them.
    box : int
        Side of the box whose median is subtracted; it is moved inwards at the edges.
    sort : a `paired_sorter` of uint16
    first, last : int
        Rows.
    medians : uint16 array (rows, nx - box + 1)
        Scratch.
    out : uint16 array (rows, nx)
        Filled: residuals and 0x8000, or `UNKNOWN`.
    """
    ny, half = codes.shape[0], box // 2
    # Rows of boxes: those of the rows at the edges are the first and the last inside.
    lower = min(max(first - half, 0), ny - box)
    upper = min(max(last - 1 - half, 0), ny - box) + 1
    paired_medians(codes[lower : upper + box - 1], box, sort, medians[: upper - lower])
    for y in range(first, last):
        place = min(max(y - half, 0), ny - box) - lower
        _residuals(codes, y, medians[place], unknown, box, out[y - first])


@kernel
def residuals_at(codes, unknown, box, sort, ys, xs, out):
    """Store the codes of the residuals of one frame at places; the box is moved inwards at the edges.

    codes is (ny, nx), unknown as in `residual_rows`, ys, xs and out (uint16) have one length, `sort` is a `window_sorter`.
    """
    ny, nx = codes.shape
    half, size = box // 2, box * box
    tile, order = aligned(size, WINDOW_LANES, np.uint16), np.empty((0, 0), np.int32)
    fill(tile.reshape(tile.size), np.uint16(0))
    for start in range(0, ys.size, WINDOW_LANES):
        lanes = min(WINDOW_LANES, ys.size - start)
        for i in range(lanes):
            y = min(max(ys[start + i] - half, 0), ny - box)
            x = min(max(xs[start + i] - half, 0), nx - box)
            for j in range(box):
                for k in range(box):
                    tile[j * box + k, i] = codes[y + j, x + k]
        sort(tile, order)
        for i in range(lanes):
            y, x = ys[start + i], xs[start + i]
            found = np.int32(codes[y, x]) - np.int32(tile[size // 2, i]) + _MIDDLE
            out[start + i] = min(max(found, 1), _NONE - 1)
            if unknown.shape[0] > 0 and unknown[y, x >> 3] & (128 >> (x & 7)):
                out[start + i] = _NONE


@kernel
def majority(residuals, least, out, known):
    """Compute the medians over frames of residuals (n, pixels), in half steps, and where `least` frames know them.

    Elsewhere they are 0. Residuals that are known by all frames are sorted in blocks of adjacent pixels.
    """
    n, size = residuals.shape
    tile, counts = aligned(n, WINDOW_LANES, np.uint16), np.empty(WINDOW_LANES, np.int32)
    fill(tile.reshape(tile.size), np.uint16(0))
    for x in range(0, size, WINDOW_LANES):
        lanes = min(WINDOW_LANES, size - x)
        for k in range(n):
            copy(residuals[k, x : x + lanes], tile[k])
        _vote(tile, lanes, counts, least, out[x : x + lanes], known[x : x + lanes])


@kernel
def fill_places(codes, bad, ys, xs, reach):
    """Replace the codes of places, which are bad, by the means of the nearest good pixels, as `fill_bad` does."""
    for i in range(ys.size):
        value = mean_nearby(codes, bad, ys[i], xs[i], reach, np.float64(ENCODED_ZERO))
        codes[ys[i], xs[i]] = np.uint16(value + 0.5)
