"""Cosmic-ray detection by L.A.Cosmic (van Dokkum 2001, PASP 113, 1420) in one block of a frame.

Arrays in, arrays out. The frame has no gaps: unknown pixels have been filled. A block is extended by `margin`
pixels, so that the result for a pixel does not depend on the block that contains it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ccdfx.kernels.compile.kernel import PassedKernel, kernel
from ccdfx.kernels.compile.llvm import upper
from ccdfx.kernels.defects.medians import window_medians, window_sorter, workspace
from ccdfx.kernels.stack.lanes import copy

GROWTH = 2  # pixels by which a ray may grow: twice by its neighbours
LEAST_STRUCTURE = 0.01  # least fine structure, in units of the noise
CANDIDATES = 64  # most lanes of a tile of candidates
# Of the limit: required significance against the pixel's own noise, which the ray itself has raised.
LAPLACIAN_NOISE = 2 / 3


class Windows(NamedTuple):
    """The windows of the four medians, and the sorters for them.

    `noise` and `large` are the windows for the noise and for the large structures of the Laplacian; the fine
    structure of the frame is the difference of the medians in the windows `fine` and `coarse`.
    """

    square: bool
    noise: int
    large: int
    fine: int
    coarse: int
    find_noise: PassedKernel
    find_large: PassedKernel
    find_fine: PassedKernel
    find_coarse: PassedKernel

    @property
    def margin(self) -> int:
        """Greatest distance, in pixels along an axis, at which other pixels affect the result for a pixel."""
        detection = self.large // 2 + max(self.noise // 2, 1)
        return GROWTH + max(detection, self.fine // 2 + self.coarse // 2)


def windows(square: bool) -> Windows:
    """Return square windows of the sizes of the paper, or slightly longer ones for rows and then columns."""
    sizes = (5, 5, 3, 7) if square else (7, 7, 5, 9)
    counts = [size * size if square else size for size in sizes]
    return Windows(square, *sizes, *(window_sorter(np.dtype(np.float32), count) for count in counts))


@kernel
def _medians(source, size, square, sort, out):
    """Compute medians in square windows, or in rows and then in columns; `out` is smaller by the window."""
    if square:
        window_medians(source, size, size, sort, out)
    else:
        rows = np.empty((source.shape[0], out.shape[1]), out.dtype)
        window_medians(source, 1, size, sort, rows)
        window_medians(rows, size, 1, sort, out)


@kernel
def medians_at(source, places, size, square, sort, out):
    """Compute `_medians` at a few places (y, x), which are the first pixels of the windows."""
    kind = source.dtype.type
    lanes = min(CANDIDATES, places.shape[0])
    height = size if square else 1
    tile, order, _ = workspace(height * size, lanes, kind)
    column, _, _ = workspace(size, lanes, kind)
    for begin in range(0, places.shape[0], lanes):
        start = min(begin, places.shape[0] - lanes)
        for step in range(1 if square else size):
            for j in range(height):
                for i in range(size):
                    for k in range(lanes):
                        y, x = places[start + k]
                        tile[j * size + i, k] = source[y + j + step, x + i]
            sort(tile, order)
            copy(tile[tile.shape[0] // 2], column[step])
        if not square:
            sort(column, order)
        copy(column[0 if square else size // 2, :lanes], out[start : start + lanes])


@kernel
def _clipped_curvature(above, here, below, out):
    """Average the positive parts of the Laplacians of the four quarters of each pixel.

    A quarter is next to two other quarters of its pixel and to one pixel in each direction, so its Laplacian
    is twice the pixel less these two: no subsampled image is needed.
    """
    quarter, zero = out.dtype.type(0.25), out.dtype.type(0)
    for x in range(out.size):
        twice = here[x + 1] + here[x + 1]
        left, right = twice - here[x], twice - here[x + 2]
        up = upper(left - above[x + 1], zero) + upper(right - above[x + 1], zero)
        down = upper(left - below[x + 1], zero) + upper(right - below[x + 1], zero)
        out[x] = quarter * (up + down)


@kernel
def _weigh(values, variances):
    """Divide the values by twice the noise; the result is 0 where the noise is 0."""
    half, zero = values.dtype.type(0.5), values.dtype.type(0)
    for x in range(values.size):
        v = variances[x]
        values[x] = half * values[x] / np.sqrt(v) if v > zero else zero


@kernel
def laplacians(pixels, out):
    """Compute the clipped Laplacians of the middle of a block, which is larger by one pixel or more on every side."""
    edge, width = (pixels.shape[0] - out.shape[0]) // 2 - 1, out.shape[1] + 2
    above, here = pixels[edge, edge : edge + width], pixels[edge + 1, edge : edge + width]
    for y in range(out.shape[0]):
        below = pixels[edge + y + 2, edge : edge + width]
        _clipped_curvature(above, here, below, out[y])
        above, here = here, below


@kernel
def _significance(curved, variances, large, square, sort, out):
    """Compute the Laplacian over twice the noise, less its large structures.

    `curved`, which is divided in place, and `variances` extend beyond `out` by half the window of the large
    structures.
    """
    reach = large // 2
    for y in range(curved.shape[0]):
        _weigh(curved[y], variances[y])
    _medians(curved, large, square, sort, out)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = curved[y + reach, x + reach] - out[y, x]


@kernel
def _candidates(significance, good, limit):
    """Return the positions (y, x) of good pixels above a limit."""
    count = 0
    for y in range(significance.shape[0]):
        for x in range(significance.shape[1]):
            count += (significance[y, x] > limit) & (good[y, x] != 0)
    places = np.empty((count, 2), np.int64)
    count = 0
    for y in range(significance.shape[0]):
        for x in range(significance.shape[1]):
            if (significance[y, x] > limit) & (good[y, x] != 0):
                places[count, 0], places[count, 1] = y, x
                count += 1
    return places


@kernel
def _grown(marked, significance, good, limit):
    """Mark the good pixels above a limit that are marked or next to a marked pixel."""
    ny, nx = marked.shape
    out = np.zeros((ny, nx), np.uint8)
    for y in range(ny):
        for x in range(nx):
            if marked[y, x]:
                for j in range(max(y - 1, 0), min(y + 2, ny)):
                    for i in range(max(x - 1, 0), min(x + 2, nx)):
                        if (significance[j, i] > limit) & (good[j, i] != 0):
                            out[j, i] = 1
    return out


@kernel
def _sharp(detail, raw, variances, significance, places, windows, limits):
    """Mark the places where the significance exceeds the limit times the fine structure over the noise.

    `raw` holds the variances before their median was taken: a hot pixel within its own noise is not a cosmic
    ray.
    """
    square, own, large, _, coarse, _, _, _, find_coarse = windows
    kind = detail.dtype.type
    rough = np.empty(places.shape[0], detail.dtype)
    medians_at(detail, places, coarse, square, find_coarse, rough)
    marked = np.zeros(significance.shape, np.uint8)
    least, inner = kind(LAPLACIAN_NOISE) * limits[0], large // 2
    for k in range(places.shape[0]):
        y, x = places[k]
        noise = np.sqrt(variances[y + inner, x + inner])
        structure = (detail[y + coarse // 2, x + coarse // 2] - rough[k]) / noise
        blunt = significance[y, x] <= limits[2] * max(structure, kind(LEAST_STRUCTURE))
        noisy = significance[y, x] * noise < least * np.sqrt(raw[y + inner + own // 2, x + inner + own // 2])
        marked[y, x] = not (blunt or noisy)
    return marked


@kernel
def mark_everywhere(pixels, raw, curved, usable, windows, limits):
    """Mark the rays of a tile, and of GROWTH pixels around it, by medians at all pixels.

    pixels, raw, curved : values, variances and Laplacians of the tile, with the margins of `find_rays`
    usable : 1 where rays may be, of the shape of the result
    """
    square, noise, large, fine, coarse, find_noise, find_large, find_fine, _ = windows
    shape = (usable.shape[0] - 2 * GROWTH, usable.shape[1] - 2 * GROWTH)
    variances = np.empty(curved.shape, pixels.dtype)
    _medians(raw, noise, square, find_noise, variances)
    significance = np.empty(usable.shape, pixels.dtype)
    _significance(curved, variances, large, square, find_large, significance)
    places = _candidates(significance, usable, limits[0])
    if places.shape[0] == 0:
        return np.zeros(usable.shape, np.uint8)
    edge = GROWTH + coarse // 2
    beyond = (pixels.shape[0] - shape[0]) // 2 - edge - fine // 2
    near = pixels[beyond : pixels.shape[0] - beyond, beyond : pixels.shape[1] - beyond].copy()
    detail = np.empty((shape[0] + 2 * edge, shape[1] + 2 * edge), pixels.dtype)
    _medians(near, fine, square, find_fine, detail)
    marked = _sharp(detail, raw, variances, significance, places, windows, limits)
    marked = _grown(marked, significance, usable, limits[0])
    return _grown(marked, significance, usable, limits[1])
