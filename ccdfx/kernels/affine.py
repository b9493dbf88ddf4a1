"""Resampling a plane under an affine transform.

Row p of a table of weights belongs to places that lie p / (rows - 1) of a pixel beyond one; between two rows the
weights are interpolated. One table serves both axes.
"""

from __future__ import annotations

from numba import uint64

from ccdfx.kernels.cache import kernel

_SUMS = {"contract", "reassoc", "nsz"}


@kernel(fastmath=_SUMS)
def resample(source, margin, inverse, origin, table, steps, gain, out):
    """Fill ``out[y, x]`` with `gain` times `source` at ``inverse @ (x, y) + origin``, and with 0 outside its pixels.

    `source` has `margin` pixels around it that continue it. `steps`, a tuple because its length is then known to the
    compiler, names the neighbours that the columns of `table` weigh, in ascending order.
    """
    width, taps = source.shape[1], len(steps)
    ny, nx = source.shape[0] - 2 * margin, width - 2 * margin
    phases = table.shape[0] - 1
    # Flat views and unsigned indices: a signed one is asked first whether it counts from the end.
    pixels, weights = source.reshape(-1), table.reshape(-1)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            u = inverse[0, 0] * x + inverse[0, 1] * y + origin[0]
            v = inverse[1, 0] * x + inverse[1, 1] * y + origin[1]
            if not (u >= -0.5 and u <= nx - 0.5 and v >= -0.5 and v <= ny - 0.5):
                out[y, x] = 0
                continue
            i, j = int(u + 1) - 1, int(v + 1) - 1
            p, q = min(int((u - i) * phases), phases - 1), min(int((v - j) * phases), phases - 1)
            a, b = source.dtype.type((u - i) * phases - p), source.dtype.type((v - j) * phases - q)
            first = uint64((j + margin + steps[0]) * width + i + margin + steps[0])
            across, down = uint64(p * taps), uint64(q * taps)
            total = source.dtype.type(0)
            for m in range(taps):
                line = source.dtype.type(0)
                for n in range(taps):
                    low, high = weights[across + uint64(n)], weights[across + uint64(n + taps)]
                    line += (low + a * (high - low)) * pixels[first + uint64(m * width + n)]
                low, high = weights[down + uint64(m)], weights[down + uint64(m + taps)]
                total += (low + b * (high - low)) * line
            out[y, x] = gain * total


@kernel
def gather_flags(flags, near, margin, inverse, origin, table, notable, out):
    """OR into ``out[y, x]`` the flags of those 4 x 4 neighbours that weigh at least `notable` there.

    Geometry as in `resample`; what surrounds `flags` also stands for everything beyond. ``near[j, i]`` holds all flags
    of the 16 neighbours of a place beyond (i + 1, j + 1); `table` has four columns.
    """
    ny, nx = flags.shape
    phases = table.shape[0] - 1
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            u = inverse[0, 0] * x + inverse[0, 1] * y + origin[0] + margin
            v = inverse[1, 0] * x + inverse[1, 1] * y + origin[1] + margin
            if not (u >= 1 and u < nx - 2 and v >= 1 and v < ny - 2):
                out[y, x] |= flags[0, 0]
                continue
            i, j = int(u), int(v)
            if near[j - 1, i - 1] == 0:
                continue
            p, q = int((u - i) * phases + 0.5), int((v - j) * phases + 0.5)
            for m in range(4):
                for n in range(4):
                    if abs(table[q, m] * table[p, n]) >= notable:
                        out[y, x] |= flags[j + m - 1, i + n - 1]
