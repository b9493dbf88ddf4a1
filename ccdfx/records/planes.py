"""Checks and conversion of the arrays of an image: pixels and variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import whole

_SHAPE = "give two whole numbers of pixels, rows first"


def working_dtype(*arrays: Any) -> np.dtype:
    """Return float64 if any argument has dtype float64 or an integer wider than 16 bits, else float32.

    >>> working_dtype(np.zeros(2, np.uint16)), working_dtype(np.zeros(2, np.int32))
    (dtype('float32'), dtype('float64'))
    """
    wide = any(a.dtype.itemsize > 4 if a.dtype.kind == "f" else a.dtype.itemsize > 2 for a in arrays)
    return np.dtype(np.float64 if wide else np.float32)


def variance_as(variance: np.ndarray, dtype: np.dtype, *, copy: bool = False) -> np.ndarray:
    """Convert the variance to a working type; values that overflow become infinite, that is unknown.

    >>> variance_as(np.array([4.0, 1e300]), np.dtype(np.float32))
    array([ 4., inf], dtype=float32)
    """
    with np.errstate(over="ignore"):
        return variance.astype(dtype, copy=copy)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the array, contiguous, as a view that cannot be written: a kernel would be compiled again for one that can.

    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def as_array(name: str, data: Any) -> np.ndarray:
    """Convert data to an array; raise an error that names `name` if rows have different lengths."""
    try:
        return np.asarray(data)
    except ValueError:
        raise ArgumentTypeError(
            name, "must be an array of numbers", remedy="rows must have one length"
        ) from None


def as_pixels(data: Any, copy: bool | None = True) -> np.ndarray:
    """Convert data to a C-ordered 2-D array of real numbers in native byte order: a new one, or with None the same if it will do."""
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(n, int | np.integer) for n in data):
        return np.zeros(as_shape(data))
    array = as_array("array", data)
    if array.dtype.kind not in "buif":
        raise ArgumentTypeError(
            "array", "must hold real numbers", value=str(array.dtype), remedy="give numbers or bool"
        )
    if array.ndim != 2 or 0 in array.shape:
        raise ArgumentError(
            "array",
            "must be a 2-D array (ny, nx) that is not empty",
            value=array.shape,
            remedy="pick one plane of a cube, give a row as [[1, 2]]",
        )
    kind = array.dtype.newbyteorder("=")
    if kind.kind == "b":
        kind = np.dtype(np.uint8)
    elif kind.kind == "f" and kind.itemsize not in (4, 8):
        kind = np.dtype(np.float32 if kind.itemsize < 4 else np.float64)
    return np.array(array, dtype=kind, order="C", copy=copy)


def as_shape(shape: Any) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise ArgumentTypeError("shape", "must be (ny, nx)", value=shape, remedy=_SHAPE)
    ny = whole("ny of the shape", shape[0], least=1, remedy=_SHAPE)
    return ny, whole("nx of the shape", shape[1], least=1, remedy=_SHAPE)


def as_variance(variance: Any, array: np.ndarray) -> np.ndarray | None:
    if variance is None:
        return None
    values = as_array("variance", variance)
    if values.dtype.kind not in "uif":
        raise ArgumentTypeError(
            "variance", "must hold real numbers", value=str(values.dtype), remedy="give squared errors"
        )
    if values.shape != array.shape:
        raise ArgumentError(
            "variance",
            f"must have the shape of the image {array.shape}",
            value=values.shape,
            remedy="give one value for each pixel",
        )
    kind = np.float64 if values.dtype.itemsize > 4 and values.dtype.kind == "f" else np.float32
    values = np.array(values, dtype=kind, order="C")
    if (values < 0).any():
        raise ArgumentError(
            "variance",
            "must not be negative",
            value=float(values[values < 0].min()),
            remedy="give squared errors",
        )
    return values
