"""Transformation of the WCS of a header with an affine transform of the pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ccdfx.records.header import Header, lenient_number
from ccdfx.records.range import SECTIONS
from ccdfx.records.wcs import ALTERNATES, LTM, LTV, states_physical

_SIP = (("A", "B"), ("AP", "BP"))


def transformed(header: Header, matrix: Sequence[Sequence[float]], offset: tuple[float, float]) -> Header:
    """Adjust the header after the pixel at p has moved to ``matrix @ p + offset``, both 0-based.

    Reference pixels are moved in every alternate WCS; CD, or PC (also from CROTA), is multiplied by the
    inverse from the right; the SIP polynomials are composed with it. Stated physical coordinates (LTM, LTV) follow. Pixel scales are adjusted, section
    keywords removed.

    >>> turned = transformed(Header({"CRPIX1": 1.0, "CRPIX2": 3.0, "PIXSCALE": 0.4}), [[0, -2], [2, 0]], (9, 0))
    >>> turned["CRPIX1"], turned["CRPIX2"], turned["PIXSCALE"]
    (6.0, 1.0, 0.2)
    """
    forward = np.array(matrix, dtype=np.float64)
    back = np.linalg.inv(forward)
    header = header.remove(*SECTIONS)
    for alternate in ALTERNATES:
        header = _one(header, alternate, forward, back, np.array(offset, dtype=np.float64))
    for first, second in _SIP:
        header = _polynomials(header, first, second, forward, back)
    if states_physical(header):
        header = _physical(header, forward, np.array(offset, dtype=np.float64))
    return _pixel_scales(header, back)


def _one(header: Header, alternate: str, forward: np.ndarray, back: np.ndarray, offset: np.ndarray) -> Header:
    points = [f"CRPIX{axis}{alternate}" for axis in "12"]
    described = any(f"CTYPE{axis}{alternate}" in header for axis in "12")
    linear = {form: [[f"{form}{i}_{j}{alternate}" for j in "12"] for i in "12"] for form in ("CD", "PC")}
    form = next((f for f in linear if any(key in header for row in linear[f] for key in row)), None)
    described |= form is not None or any(f"CDELT{axis}{alternate}" in header for axis in "12")
    if not described and not any(point in header for point in points):
        return header
    old = np.array([_number(header, point, 0.0) for point in points])
    # FITS pixel coordinates start at 1.
    for point, value in zip(points, forward @ (old - 1) + offset + 1, strict=True):
        header = header.set(point, float(value))
    if not described:
        return header
    if form is None:
        form, before = "PC", _rotation(header, alternate)
        header = header.remove(f"CROTA1{alternate}", f"CROTA2{alternate}")
    else:
        default = np.eye(2) if form == "PC" else np.zeros((2, 2))
        before = np.array(
            [[_number(header, linear[form][i][j], default[i, j]) for j in (0, 1)] for i in (0, 1)]
        )
    after = before @ back
    for i in (0, 1):
        for j in (0, 1):
            header = header.set(linear[form][i][j], float(after[i, j]) + 0.0)
    return header


def _physical(header: Header, forward: np.ndarray, offset: np.ndarray) -> Header:
    """Compose the transform with that from physical coordinates to pixels, ``LTM @ p + LTV`` from 1."""
    identity = (1.0, 0.0, 0.0, 1.0)
    scales = [_number(header, key, one) for key, one in zip(LTM, identity, strict=True)]
    origin = np.array([_number(header, key, 0.0) for key in LTV])
    linear = forward @ np.array(scales).reshape(2, 2)
    for key, value in zip(LTV, forward @ (origin - 1) + offset + 1, strict=True):
        header = header.set(key, float(value))
    for key, value, one in zip(LTM, linear.ravel(), identity, strict=True):
        if key in header or value != one:
            header = header.set(key, float(value) + 0.0)
    return header


def _rotation(header: Header, alternate: str) -> np.ndarray:
    """Return the PC matrix that is equivalent to CROTA2."""
    angle = math.radians(_number(header, f"CROTA2{alternate}", 0.0))
    ratio = _number(header, f"CDELT2{alternate}", 1.0) / (_number(header, f"CDELT1{alternate}", 1.0) or 1.0)
    return np.array(
        [[math.cos(angle), -math.sin(angle) * ratio], [math.sin(angle) / (ratio or 1.0), math.cos(angle)]]
    )


def _polynomials(header: Header, first: str, second: str, forward: np.ndarray, back: np.ndarray) -> Header:
    """Replace the pair of SIP polynomials F(u) by ``forward @ F(back @ u)``, which has the same order."""
    orders = [int(_number(header, f"{name}_ORDER", 0)) for name in (first, second)]
    order = max(orders)
    if not 0 < order < 10:
        return header
    old = np.zeros((2, order + 1, order + 1))
    terms = [(p, q) for p in range(order + 1) for q in range(order + 1 - p)]
    for k, name in enumerate((first, second)):
        for p, q in terms:
            old[k, p, q] = _number(header, f"{name}_{p}_{q}", 0.0)
    composed = np.zeros_like(old)
    for p, q in terms:
        power = np.ones((1, 1))
        for row in [back[0]] * p + [back[1]] * q:
            power = _times(power, row)
        n = power.shape[0]
        composed[:, :n, :n] += old[:, p, q, None, None] * power
    new = np.tensordot(forward, composed, 1)
    for k, name in enumerate((first, second)):
        header = header.set(f"{name}_ORDER", order)
        for p, q in terms:
            if new[k, p, q] or f"{name}_{p}_{q}" in header:
                header = header.set(f"{name}_{p}_{q}", float(new[k, p, q]))
    return header


def _times(polynomial: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Multiply a polynomial of u and v by ``row[0] u + row[1] v``."""
    n = polynomial.shape[0]
    out = np.zeros((n + 1, n + 1))
    out[1:, :n] += row[0] * polynomial
    out[:n, 1:] += row[1] * polynomial
    return out


def _pixel_scales(header: Header, back: np.ndarray) -> Header:
    pair = [_number(header, f"PIXSCAL{axis}", 0.0) for axis in "12"]
    if all(pair):
        for axis, column in zip("12", (np.diag(pair) @ back).T, strict=True):
            header = header.set(f"PIXSCAL{axis}", float(np.hypot(*column)))
    single = _number(header, "PIXSCALE", 0.0)
    if single:
        header = header.set("PIXSCALE", single * math.sqrt(abs(float(np.linalg.det(back)))))
    return header


def _number(header: Header, keyword: str, default: float) -> float:
    value = lenient_number(header, keyword)
    return default if value is None else value
