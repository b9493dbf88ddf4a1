"""Encoding of pixel values to the numbers that a file stores; values that do not fit its type are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.io.fits.pixels import Coding, decode_pixels

_REMEDY = "round or clip the values first, or write a new file with paste and write"


def fitted(values: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """Convert values to another type: exactly for integers, to the nearest number for floats.

    Raises
    ------
    ArgumentError
        For a value that is not whole, beyond the range of the type, or not finite where the type has no such
        number. The message names `name`.
    """
    if values.dtype == dtype:
        return values
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            result = values.astype(dtype)
        _refuse(values, ~np.isfinite(result) & np.isfinite(values), dtype, name)
        return result
    info = np.iinfo(dtype)
    if values.dtype.kind == "f":
        # The first number beyond an integer type is a power of two, which every float holds.
        beyond = (values < float(info.min)) | (values >= 2.0 ** int(info.max).bit_length())
        with np.errstate(invalid="ignore"):
            _refuse(values, beyond | (values != np.floor(values)) | ~np.isfinite(values), dtype, name)
    elif int(values.min()) < info.min or int(values.max()) > info.max:
        _refuse(values, _beyond(values, int(info.min), int(info.max)), dtype, name)
    return values.astype(dtype)


def encode_pixels(values: np.ndarray, coding: Coding, flagged: np.ndarray | None, name: str) -> np.ndarray:
    """Encode values so that `decode` restores them; NaN becomes BLANK where the file has one.

    Parameters
    ----------
    flagged : ndarray of bool or None
        Where a value may be equal to BLANK.

    Raises
    ------
    ArgumentError
        When `decode` would not restore the values, apart from the rounding of floats.
    """
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    holes = missing if coding.blank is not None else np.zeros(values.shape, bool)
    stored = _stored(np.where(holes, coding.dtype.type(0), values) if holes.any() else values, coding, name)
    if coding.blank is None:
        return stored
    meant = holes if flagged is None else holes | flagged
    taken = (stored == coding.blank) & ~meant
    if taken.any():
        rule = f"must not hold the value that stands for no data in the file, BLANK = {coding.blank}"
        raise ArgumentError(name, rule, value=values[taken][0], remedy="flag the pixel, or change its value")
    stored[holes] = coding.blank
    return stored


def _stored(values: np.ndarray, coding: Coding, name: str) -> np.ndarray:
    if not coding.is_plain:
        return _unscaled(values, coding, name)
    plain = fitted(values, coding.dtype, name)
    if not coding.bzero:
        return plain.astype(coding.stored)
    unsigned = f"u{coding.stored.itemsize}"
    half = np.array(1 << (8 * coding.stored.itemsize - 1), unsigned)
    flipped: Any = np.ascontiguousarray(plain).view(unsigned) ^ half
    return flipped.view(f"{'u' if coding.stored.kind == 'u' else 'i'}{coding.stored.itemsize}").astype(
        coding.stored
    )


def _unscaled(values: np.ndarray, coding: Coding, name: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        numbers = (values.astype(np.float64) - coding.bzero) / coding.bscale
    if coding.stored.kind == "f":
        return fitted(numbers, coding.stored.newbyteorder("="), name).astype(coding.stored)
    stored = fitted(np.rint(numbers), coding.stored.newbyteorder("="), name).astype(coding.stored)
    back = np.empty(values.shape, coding.dtype)
    decode_pixels(stored, replace(coding, blank=None), back)
    wanted = fitted(values, coding.dtype, name)
    if (back != wanted).any():
        rule = f"must be of the steps {coding.bscale} * n + {coding.bzero} that the file stores"
        raise ArgumentError(name, rule, value=float(wanted[back != wanted][0]), remedy=_REMEDY)
    return stored


def _beyond(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return where integers lie outside the limits; those that exceed the type of `values` are ignored."""
    info = np.iinfo(values.dtype)
    below = values < low if low > info.min else np.zeros(values.shape, bool)
    return below | (values > high) if high < info.max else below


def _refuse(values: np.ndarray, wrong: np.ndarray, dtype: np.dtype, name: str) -> None:
    if wrong.any():
        count = np.count_nonzero(wrong)
        raise ArgumentError(
            name,
            f"must fit in the {dtype} of the file, and {count} of its values do not",
            value=values[wrong][0].item(),
            remedy=_REMEDY,
        )
