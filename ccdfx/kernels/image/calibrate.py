"""Pixelwise calibration of a run of pixels: flags, bias, noise, dark, flat and gain in one pass over memory.

All arrays are one-dimensional and contiguous. A few loops process the pixels in blocks that stay in the
nearest cache. Every loop writes one array, because LLVM stops vectorising when it would have to check more
than eight pairs of a written and another array for overlap. The first loop reads all the masters, because
reading several streams from memory at once is faster than one after the other.

A master or variance that is not given is the constant block `ZEROS` (or `ONES`, for the flat), which stays in
the cache; a mask that is not given is `NO_MASK`. Inputs are read-only arrays, so that one compiled kernel
serves all cases.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

BLOCK_PIXELS = 8192
PARAMETERS = 11
# Indices into the vector of parameters.
SATURATION, DARK_SCALE, FLAT_LEVEL, GAIN, NOISE, NOISE_GAIN, NOISE_READ, NOISE_SENSITIVITY = range(8)
# Parts of the bias' variance: to add; to add where the dark is not usable; to take from that of the dark.
BIAS_PART, BIAS_ALONE, BIAS_IN_DARK = range(8, 11)
# A flat below this fraction of its level is taken as unexposed.
DARKEST_FLAT = 1e-6

# Flag bits as the records define them; kernels do not import records, so the numbers are repeated (a test
# compares them).
FLAG_BAD_PIXEL = np.int32(1)
FLAG_SATURATED = np.int32(4)
FLAG_NO_DATA = np.int32(16)
FLAG_NONE = np.int32(0)


def _constant(value: float, dtype: type, size: int = BLOCK_PIXELS) -> np.ndarray:
    block = np.full(size, value, dtype)
    block.flags.writeable = False
    return block


ZEROS = {np.dtype(kind): _constant(0, kind) for kind in (np.float32, np.float64)}
ONES = {np.dtype(kind): _constant(1, kind) for kind in (np.float32, np.float64)}
NO_MASK = _constant(0, np.uint8, 0)


@kernel
def _part(array, start, stop, size):
    """Return the block ``start:stop`` of an array, or as many pixels of a constant block."""
    return array[start:stop] if array.size == size else array[: stop - start]


@kernel
def _values(raw, bias, dark, flat, parameters, x):
    """Compute gain * (raw - bias - scale * dark) / flat, leaving out steps where a master is not usable."""
    kind = x.dtype.type
    zero, inf, darkest = kind(0), kind(np.inf), kind(DARKEST_FLAT)
    dark_scale = kind(parameters[DARK_SCALE])
    per_level, gain = kind(1.0 / parameters[FLAT_LEVEL]), kind(parameters[GAIN])
    for i in range(x.size):
        b, d, f = bias[i], dark[i], flat[i] * per_level
        value = kind(raw[i]) - (b if abs(b) < inf else zero)
        value = value - (dark_scale * d if abs(d) < inf else zero)
        quotient = value / f
        x[i] = gain * (quotient if (f >= darkest) & (f < inf) else value)


@kernel
def _flags(raw, bias, dark, flat, parameters, x, k):
    """Set the flags that follow from the values; only the type of `x` is used."""
    kind = x.dtype.type
    inf, darkest = kind(np.inf), kind(DARKEST_FLAT)
    limit, per_level = kind(parameters[SATURATION]), kind(1.0 / parameters[FLAT_LEVEL])
    for i in range(k.size):
        value, f = kind(raw[i]), flat[i] * per_level
        bits = (FLAG_SATURATED if value >= limit else FLAG_NONE) | (
            FLAG_NONE if abs(value) < inf else FLAG_NO_DATA
        )
        sound = (abs(bias[i]) < inf) & (abs(dark[i]) < inf) & (f >= darkest) & (f < inf)
        k[i] = bits | (FLAG_NONE if sound else FLAG_BAD_PIXEL)


@kernel
def _join(mask, k):
    for i in range(k.size):
        k[i] |= np.int32(mask[i])


@kernel
def _store(k, mask):
    union = FLAG_NONE
    for i in range(mask.size):
        union |= k[i]
        mask[i] = np.uint8(k[i])
    return union


@kernel
def _sum_variances(variance, bias, bias_variance, dark, dark_variance, parameters, v):
    """Add the variances of image, bias and dark, counting once what bias and dark have in common.

    An unknown (infinite) variance stays unknown, and no part is negative.
    """
    kind = v.dtype.type
    zero, inf = kind(0), kind(np.inf)
    dark_factor = kind(parameters[DARK_SCALE] ** 2)
    both, alone, common = (
        kind(parameters[BIAS_PART]),
        kind(parameters[BIAS_ALONE]),
        kind(parameters[BIAS_IN_DARK]),
    )
    for i in range(v.size):
        b, usable = bias_variance[i], abs(dark[i]) < inf
        unknown = b if alone != zero else zero
        part = (both if usable else alone) * b if abs(b) < inf else unknown
        own = dark_variance[i] - (common * b if abs(b) < inf else zero)
        own = zero if own < zero else own
        total = variance[i] + (part if abs(bias[i]) < inf else zero)
        total = total + (dark_factor * own if usable else zero)
        v[i] = zero if total < zero else total


@kernel
def _add_noise(raw, bias, parameters, v):
    """Add the variance of the CCD equation for the bias-subtracted signal, in the square of its unit."""
    kind = v.dtype.type
    zero, inf = kind(0), kind(np.inf)
    per_count = kind(1.0 / parameters[NOISE_GAIN])
    floor = kind((parameters[NOISE_READ] / parameters[NOISE_GAIN]) ** 2)
    sensitivity, unknown = kind(parameters[NOISE_SENSITIVITY]), kind(np.nan)
    for i in range(v.size):
        b = bias[i]
        value = kind(raw[i]) - (b if abs(b) < inf else zero)
        spread = sensitivity * value
        noise = (per_count * value if value > zero else zero) + floor + spread * spread
        v[i] += noise if abs(value) < inf else unknown


@kernel
def _divide_variance(flat, flat_variance, x, parameters, v):
    """Compute var(G y / f) = (G^2 var(y) + x^2 var(f)) / f^2 with x = G y / f already in place.

    A flat without variance adds nothing even where x^2 is not finite, and a flat of unknown variance adds
    nothing where x is 0. An infinite (unknown) variance stays infinite for any flat.
    """
    kind = v.dtype.type
    zero, inf, darkest, largest = kind(0), kind(np.inf), kind(DARKEST_FLAT), np.finfo(v.dtype).max
    per_level, square = kind(1.0 / parameters[FLAT_LEVEL]), kind(1.0 / parameters[FLAT_LEVEL] ** 2)
    gain_square = kind(parameters[GAIN] ** 2)
    for i in range(v.size):
        f, value, total = flat[i] * per_level, x[i], gain_square * v[i]
        spread = value * (value * (square * flat_variance[i]))
        spread = spread if (abs(value) < inf) & (value != zero) else zero
        divisor = min(f * f, largest)  # an infinite variance over an infinite square would be NaN
        v[i] = (total + spread) / divisor if (f >= darkest) & (f < inf) else total


@kernel
def _usable(flat, mask, f):
    """Copy the flat, with zero where it is masked."""
    zero = f.dtype.type(0)
    if mask.size:
        for i in range(f.size):
            f[i] = flat[i] if mask[i] == 0 else zero
    else:
        for i in range(f.size):
            f[i] = flat[i]


@kernel
def calibrate_pixels(raw, masters, masks, variances, parameters, out, out_mask, out_variance):
    """Calibrate a run of n pixels and return the union of all flags.

    Parameters
    ----------
    raw : (n,) of uint16, int16, float32 or float64
    masters : bias, dark and flat, each (n,) of the type of `out`, or a constant block
    masks : of the image, the bad-pixel map, bias, dark and flat, each (n,) uint8, or of length 0
    variances : of the image, bias, dark and flat, like the masters
    parameters : (11,) float64, in the order of the constants of this module
    out : (n,) float32 or float64
    out_mask : (n,) uint8
    out_variance : (n,) of the type of `out`, or of length 0 when no variance is wanted
    """
    size = out.size
    flags = np.empty(BLOCK_PIXELS, np.int32)
    flats = np.empty(BLOCK_PIXELS, out.dtype)
    union = FLAG_NONE
    for start in range(0, size, BLOCK_PIXELS):
        stop = min(start + BLOCK_PIXELS, size)
        pixels, x, k, flat = raw[start:stop], out[start:stop], flags[: stop - start], flats[: stop - start]
        bias, dark = _part(masters[0], start, stop, size), _part(masters[1], start, stop, size)
        _usable(_part(masters[2], start, stop, size), masks[4][start:stop], flat)
        _values(pixels, bias, dark, flat, parameters, x)
        _flags(pixels, bias, dark, flat, parameters, x, k)
        for mask in masks:
            if mask.size:
                _join(mask[start:stop], k)
        if out_variance.size:
            v = out_variance[start:stop]
            _start_variance(variances, bias, dark, parameters, start, size, v)
            if parameters[NOISE] != 0:
                _add_noise(pixels, bias, parameters, v)
            _divide_variance(flat, _part(variances[3], start, stop, size), x, parameters, v)
        union |= _store(k, out_mask[start:stop])
    return union


@kernel
def _start_variance(variances, bias, dark, parameters, start, size, v):
    stop = start + v.size
    image_variance, bias_variance = (
        _part(variances[0], start, stop, size),
        _part(variances[1], start, stop, size),
    )
    dark_variance = _part(variances[2], start, stop, size)
    _sum_variances(image_variance, bias, bias_variance, dark, dark_variance, parameters, v)
