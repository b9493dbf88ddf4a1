"""Logarithm, inverse hyperbolic sine and power of many float32 values, by polynomials that vectorise.

They replace the functions of the C library, which take one value per call. For normal float32 numbers the
errors are below 2 units in the last place for `logarithms` and `powers`, below 4 for the others.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

# A product and a sum may be fused, with one rounding.
_FUSED = {"contract"}


def _fitted(function, low, high, degree):
    """Fit a polynomial at the Chebyshev nodes of an interval; return its coefficients, lowest first."""
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    x = 0.5 * (low + high) + 0.5 * (high - low) * nodes
    series = np.polynomial.Chebyshev.fit(x, function(x), degree, domain=[low, high])
    return series.convert(kind=np.polynomial.Polynomial).coef


def _cubic_rest(f):
    """Return (log(1 + f) - f + f**2 / 2) / f**3, by its series near 0 where the difference would cancel."""
    near = np.abs(f) < 0.02
    safe = np.where(near, 1.0, f)
    series = sum((-f) ** n / (n + 3) for n in range(12))
    return np.where(near, series, (np.log1p(safe) - safe + safe**2 / 2) / safe**3)


def _asinh_rest(square):
    """Return (asinh(a) - a) / a**3 as a function of a**2, by its series near 0 because of cancellation."""
    near = square < 1e-3
    a = np.sqrt(np.where(near, 1.0, square))
    series = -1 / 6 + square * (3 / 40 - square * (15 / 336 - square * 105 / 3456))
    return np.where(near, series, (np.arcsinh(a) - a) / a**3)


_HALF = 0.5**0.5
# log(1 + f) = f - f**2 / 2 + f**3 P(f) and 2**f = Q(f), asinh(a) = a + a**3 A(a**2); coefficients are
# constants of the compiled code.
_P = tuple(np.float32(c) for c in _fitted(_cubic_rest, _HALF - 1, 2 * _HALF - 1, 8))
_L = tuple(float(c) for c in _fitted(_cubic_rest, _HALF - 1, 2 * _HALF - 1, 11))
_A = tuple(np.float32(c) for c in _fitted(_asinh_rest, 0.0, 0.25, 7))
_Q = tuple(float(c) for c in _fitted(np.exp2, -0.5, 0.5, 7))
_ROOT_HALF_BITS = np.int32(np.float32(_HALF).view(np.int32))
_TINY, _LIFT = np.float32(1.17549435e-38), np.float32(2.0**23)
_LN2, _INV_LN2 = float(np.log(2.0)), float(1 / np.log(2.0))
_ZERO, _ONE, _HALF32, _NAN = np.float32(0.0), np.float32(1.0), np.float32(0.5), np.float32(np.nan)
_LARGE, _LN2_32 = np.float32(1e4), np.float32(_LN2)
_INFINITE = np.float32(np.inf)


@kernel(fastmath=_FUSED)
def _split(x):
    """Return the exponent e and the mantissa m of x > 0: x = m 2**e, sqrt(1/2) <= m < sqrt(2)."""
    small = x < _TINY
    bits = np.float32(x * _LIFT if small else x).view(np.int32)
    e = (bits - _ROOT_HALF_BITS) >> np.int32(23)
    mantissa = np.int32(bits - (e << np.int32(23))).view(np.float32)
    return e - np.int32(23) if small else e, mantissa


@kernel(fastmath=_FUSED)
def _log_mantissa(m):
    f = m - _ONE
    p = _P[8]
    for c in (_P[7], _P[6], _P[5], _P[4], _P[3], _P[2], _P[1], _P[0]):
        p = p * f + c
    square = f * f
    return f + square * (f * p - _HALF32)


@kernel(fastmath=_FUSED)
def _log(x):
    """Return the natural logarithm of x > 0."""
    e, m = _split(x)
    return np.float32(e) * _LN2_32 + _log_mantissa(m)


@kernel(fastmath=_FUSED)
def logarithms(x, shift, height, out):
    """Set out = shift + height log(x); NaN unless 0 < x < infinity."""
    step = height * _LN2
    high = np.float32(np.round(step * 4096.0) / 4096.0)  # few bits: its product with an exponent is exact
    low = np.float32(step - np.float64(high))
    height = np.float32(height)
    shift = np.float32(shift)
    for i in range(x.size):
        e, m = _split(x[i])
        e = np.float32(e)
        y = shift + (e * high + (e * low + height * _log_mantissa(m)))
        out[i] = y if x[i] > 0 and x[i] < _INFINITE else _NAN


@kernel(fastmath=_FUSED)
def offset_logarithms(x, origin, rate, shift, height, out):
    """Set out = shift + height log(1 + rate (x - origin)), exact near the origin; NaN where not finite."""
    origin = np.float32(origin)
    rate = np.float32(rate)
    shift = np.float32(shift)
    height = np.float32(height)
    for i in range(x.size):
        u = rate * (x[i] - origin)
        w = _ONE + u
        y = shift + height * (_log(w) + (u - (w - _ONE)) / w)
        out[i] = y if w > 0 and w < _INFINITE else _NAN


@kernel(fastmath=_FUSED)
def inverse_sinhs(x, factor, out):
    """Set out = asinh(factor x); NaN for infinity."""
    factor = np.float32(factor)
    for i in range(x.size):
        scaled = factor * x[i]
        a = abs(scaled)
        far = a > _LARGE
        near = _ONE if far else a
        square = near * near
        w = a if far else near + np.sqrt(square + _ONE)
        y = _log(w) + (_LN2_32 if far else _ZERO)  # log(2 a) for large a
        p = _A[7]
        for c in (_A[6], _A[5], _A[4], _A[3], _A[2], _A[1], _A[0]):
            p = p * square + c
        y = y if a > _HALF32 else near + near * square * p
        y = -y if scaled < 0 else y
        out[i] = y if a < _INFINITE else _NAN


@kernel(fastmath=_FUSED)
def powers(x, exponent, out):
    """Set out = x ** exponent for x >= 0 and exponent > 0, via float64; NaN for x < 0 and infinity."""
    for i in range(x.size):
        e, m = _split(x[i])
        f = np.float64(m) - 1.0
        p = _L[11]
        for c in (_L[10], _L[9], _L[8], _L[7], _L[6], _L[5], _L[4], _L[3], _L[2], _L[1], _L[0]):
            p = p * f + c
        log2 = np.float64(e) + (f + f * f * (f * p - 0.5)) * _INV_LN2
        t = min(max(exponent * log2, -200.0), 200.0)
        n = np.int32(t + 300.5) - np.int32(300)  # the nearest integer, as conversion truncates
        f = t - np.float64(n)
        q = _Q[7]
        for c in (_Q[6], _Q[5], _Q[4], _Q[3], _Q[2], _Q[1], _Q[0]):
            q = q * f + c
        y = np.float32(q * np.int64((np.int64(n) + 1023) << 52).view(np.float64))
        y = y if x[i] > 0 and x[i] < _INFINITE else _NAN
        out[i] = np.float32(0.0) if x[i] == 0 else y
