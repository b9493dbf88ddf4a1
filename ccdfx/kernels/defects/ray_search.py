"""Cosmic-ray detection in a tile, with medians only where a ray may be.

A ray is significant before the large structures, which are not negative, are subtracted; and its noise is not less
than the least of the pixels around it. What is below that limit, nearly all of a frame, needs no median. The results
are those of medians at all pixels.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.compile.llvm import lower, upper
from ccdfx.kernels.defects.cosmic_rays import (
    GROWTH,
    LAPLACIAN_NOISE,
    LEAST_STRUCTURE,
    laplacians,
    mark_everywhere,
    medians_at,
)
from ccdfx.kernels.defects.ray_plane import RAY, cut_relative, cut_usable

_ROWS, _RUN = 16, 64  # pixels that have one limit
_ROUNDING = 1 - 1e-5


@kernel
def _columns(values, top, bottom, least, greatest):
    """Store the least (or, if it has a size, the greatest) value of each column from row `top` to `bottom`."""
    for x in range(least.size):
        least[x] = values[top, x]
    for x in range(greatest.size):
        greatest[x] = values[top, x]
    for y in range(top + 1, bottom):
        row = values[y]
        for x in range(least.size):
            least[x] = lower(least[x], row[x])
        for x in range(greatest.size):
            greatest[x] = upper(greatest[x], row[x])


@kernel
def _possible(curved, raw, own, inner, limit, usable, places):
    """Store the places (y, x) of usable pixels that may exceed the limit; return how many there are.

    Only as many are stored as there is room for.
    """
    kind, count = curved.dtype.type, 0
    ny, nx = usable.shape
    nothing = np.empty(0, curved.dtype)
    least, greatest = np.empty(raw.shape[1], raw.dtype), np.empty(curved.shape[1], curved.dtype)
    for top in range(0, ny, _ROWS):
        bottom = min(top + _ROWS, ny)
        _columns(raw, top + inner, bottom + inner + own - 1, least, nothing)
        _columns(curved, top + inner, bottom + inner, nothing, greatest)
        for start in range(0, nx, _RUN):
            stop = min(start + _RUN, nx)
            floor, most = least[start + inner], greatest[start + inner]
            for x in range(start + inner, stop + inner + own - 1):
                floor = lower(floor, least[x])
            for x in range(start + inner, stop + inner):
                most = upper(most, greatest[x])
            bar = kind(0)
            if floor > bar:
                bar = kind(2.0 * np.float64(limit) * np.sqrt(np.float64(floor)) * _ROUNDING)
            if most > bar:
                for y in range(top, bottom):
                    for x in range(start, stop):
                        if (curved[y + inner, x + inner] > bar) & (usable[y, x] != 0):
                            if count < places.shape[0]:
                                places[count, 0], places[count, 1] = y, x
                            count += 1
    return count


@kernel
def _new_windows(places, size, seen):
    """Return the pixels of windows that begin at these places, without those seen before; they are then seen."""
    most = min(places.shape[0] * size * size, seen.size)
    found = np.empty((most, 2), np.int64)
    count = 0
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        for j in range(y, y + size):
            for i in range(x, x + size):
                if seen[j, i] == 0:
                    seen[j, i] = 1
                    found[count, 0], found[count, 1] = j, i
                    count += 1
    return found[:count]


@kernel
def _medians_there(source, places, size, square, sort):
    found = np.empty(places.shape[0], source.dtype)
    if places.shape[0]:
        medians_at(source, places, size, square, sort, found)
    return found


@kernel
def _weigh_there(curved, raw, places, windows):
    """Divide the Laplacians at these places by twice the noise; they are 0 where the noise is 0."""
    square, own, _, _, _, find_noise, _, _, _ = windows
    half, zero = curved.dtype.type(0.5), curved.dtype.type(0)
    variances = _medians_there(raw, places, own, square, find_noise)
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        curved[y, x] = half * curved[y, x] / np.sqrt(variances[k]) if variances[k] > zero else zero
    return variances


@kernel
def _find_significance(curved, raw, weighed, places, windows, significance):
    """Compute the significance at these places as `_significance` does; `weighed` marks the Laplacians divided."""
    square, _, large, _, _, _, find_large, _, _ = windows
    _weigh_there(curved, raw, _new_windows(places, large, weighed), windows)
    structures = _medians_there(curved, places, large, square, find_large)
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        significance[y, x] = curved[y + large // 2, x + large // 2] - structures[k]


@kernel
def _moved(places, step):
    out = np.empty(places.shape, np.int64)
    for k in range(places.shape[0]):
        out[k, 0], out[k, 1] = places[k, 0] + step, places[k, 1] + step
    return out


@kernel
def _select_sharp(pixels, raw, curved, weighed, places, shape, windows, limits):
    """Return those of the places that exceed the limits before their large structures are subtracted."""
    square, own, large, fine, coarse, _, _, find_fine, find_coarse = windows
    kind, inner = pixels.dtype.type, large // 2
    centres = _moved(places, inner)
    for k in range(centres.shape[0]):
        weighed[centres[k, 0], centres[k, 1]] = 1
    variances = _weigh_there(curved, raw, centres, windows)
    count = 0
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        if curved[y + inner, x + inner] > limits[0]:
            places[count, 0], places[count, 1], variances[count] = y, x, variances[k]
            count += 1
    places = places[:count]
    edge = GROWTH + coarse // 2
    detail = np.empty((shape[0] + 2 * edge, shape[1] + 2 * edge), pixels.dtype)
    near = _new_windows(places, coarse, np.zeros(detail.shape, np.uint8))
    further = _margin(windows) - edge - fine // 2
    values = _medians_there(pixels, _moved(near, further), fine, square, find_fine)
    for k in range(near.shape[0]):
        detail[near[k, 0], near[k, 1]] = values[k]
    rough = _medians_there(detail, places, coarse, square, find_coarse)
    least, kept = kind(LAPLACIAN_NOISE) * limits[0], 0
    for k in range(count):
        y, x = places[k, 0], places[k, 1]
        noise, most = np.sqrt(variances[k]), curved[y + inner, x + inner]
        structure = (detail[y + coarse // 2, x + coarse // 2] - rough[k]) / noise
        bar = limits[2] * max(structure, kind(LEAST_STRUCTURE))
        own_bar = least * np.sqrt(raw[y + inner + own // 2, x + inner + own // 2])
        if not (most <= bar or most * noise < own_bar):
            places[kept, 0], places[kept, 1], variances[kept], rough[kept] = y, x, noise, bar
            kept += 1
    return places[:kept], variances[:kept], rough[:kept]


@kernel
def _neighbours(places, shape, usable, known):
    """Return the usable pixels next to these places that are not yet known; they are then known."""
    found = np.empty((9 * places.shape[0], 2), np.int64)
    count = 0
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        for j in range(max(y - 1, 0), min(y + 2, shape[0])):
            for i in range(max(x - 1, 0), min(x + 2, shape[1])):
                if (known[j, i] == 0) & (usable[j, i] != 0):
                    known[j, i] = 1
                    found[count, 0], found[count, 1] = j, i
                    count += 1
    return found[:count]


@kernel
def _spread(places, significance, known, limit, marked):
    """Mark the known pixels above a limit next to these places; return all that are marked."""
    found = np.empty((9 * places.shape[0], 2), np.int64)
    count = 0
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        for j in range(max(y - 1, 0), min(y + 2, marked.shape[0])):
            for i in range(max(x - 1, 0), min(x + 2, marked.shape[1])):
                if (known[j, i] != 0) & (marked[j, i] == 0) and significance[j, i] > limit:
                    marked[j, i] = 1
                    found[count, 0], found[count, 1] = j, i
                    count += 1
    return found[:count]


@kernel
def _mark_there(pixels, raw, curved, usable, places, windows, limits):
    """Mark the rays of a tile, and of GROWTH pixels around it, by medians at these places and near rays."""
    own, inner = windows[1], windows[2] // 2
    marked = np.zeros(usable.shape, np.uint8)
    weighed = np.zeros(curved.shape, np.uint8)
    shape = (usable.shape[0] - 2 * GROWTH, usable.shape[1] - 2 * GROWTH)
    places, noises, bars = _select_sharp(pixels, raw, curved, weighed, places, shape, windows, limits)
    if places.shape[0] == 0:
        return marked
    significance = np.empty(usable.shape, pixels.dtype)
    _find_significance(curved, raw, weighed, places, windows, significance)
    known = np.zeros(usable.shape, np.uint8)
    least, count = pixels.dtype.type(LAPLACIAN_NOISE) * limits[0], 0
    for k in range(places.shape[0]):
        y, x = places[k, 0], places[k, 1]
        known[y, x] = 1
        found = significance[y, x]
        own_bar = least * np.sqrt(raw[y + inner + own // 2, x + inner + own // 2])
        if found > limits[0] and not (found <= bars[k] or found * noises[k] < own_bar):
            places[count, 0], places[count, 1] = y, x
            count += 1
    rays = places[:count]
    for growth in range(GROWTH):
        near = _neighbours(rays, usable.shape, usable, known)
        _find_significance(curved, raw, weighed, near, windows, significance)
        if growth:  # those marked before are marked still
            _spread(rays, significance, known, limits[1], marked)
        else:
            rays = _spread(rays, significance, known, limits[0], marked)
    return marked


@kernel
def _margin(windows):
    """Return how far a search looks at the frame itself."""
    _, _, large, fine, coarse, _, _, _, _ = windows
    return GROWTH + max(large // 2 + 1, coarse // 2 + fine // 2)


@kernel
def _block(plane, y_lower, x_lower, shape, reach):
    """Cut the part of a `Relative` plane of this shape at (y_lower, x_lower), plus `reach` pixels on every side."""
    block = np.empty((shape[0] + 2 * reach, shape[1] + 2 * reach), np.float32)
    cut_relative(plane, y_lower - reach, x_lower - reach, block)
    return block


@kernel
def find_rays(frame, noise, state, windows, limits, few, y_lower, x_lower, shape):
    """Mark the cosmic rays of a tile as such in `state`; return how many of them are new.

    `frame` and `noise` are the fields of `Relative` planes of values and variances, and `state` (uint8) tells which
    pixels are bad; the tile of this shape begins at (y_lower, x_lower). `windows` are the fields of `Windows`; `limits` are
    the limits of the significance of a ray, of the significance of its neighbours, and of the contrast to the fine
    structure. If rays may be at more than `few` places, medians are computed at all pixels, which is then faster.
    """
    own, large = windows[1], windows[2]
    reach = GROWTH + large // 2
    curved = np.empty((shape[0] + 2 * reach, shape[1] + 2 * reach), np.float32)
    pixels = _block(frame, y_lower, x_lower, shape, _margin(windows))
    laplacians(pixels, curved)
    raw = _block(noise, y_lower, x_lower, shape, reach + own // 2)
    usable = np.empty((shape[0] + 2 * GROWTH, shape[1] + 2 * GROWTH), np.uint8)
    cut_usable(state, large // 2, y_lower - GROWTH, x_lower - GROWTH, usable)
    places = np.empty((few, 2), np.int64)
    count = _possible(curved, raw, own, large // 2, limits[0], usable, places)
    if count == 0:
        return 0
    if count > few:
        marked = mark_everywhere(pixels, raw, curved, usable, windows, limits)
    else:
        marked = _mark_there(pixels, raw, curved, usable, places[:count], windows, limits)
    new = 0
    for y in range(shape[0]):
        row = state[y_lower + y, x_lower : x_lower + shape[1]]
        for x in range(shape[1]):
            there = marked[y + GROWTH, x + GROWTH]
            new += there & ((row[x] & RAY) == 0)
            row[x] |= RAY * there
    return new


@kernel
def find_rays_of_tiles(frame, noise, state, windows, limits, few, tiles, size):
    """Mark the rays of tiles of one size, (n, 2) of y and x, cut at the edges of the frame; return how many are new."""
    new = 0
    for k in range(tiles.shape[0]):
        y, x = tiles[k, 0], tiles[k, 1]
        shape = (min(size[0], state.shape[0] - y), min(size[1], state.shape[1] - x))
        new += find_rays(frame, noise, state, windows, limits, few, y, x, shape)
    return new
