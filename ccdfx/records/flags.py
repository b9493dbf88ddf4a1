"""Flags: the bits of a mask."""

from __future__ import annotations

from enum import IntFlag

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.planes import as_array

_EACH_BYTE = 0x0101010101010101


class Flag(IntFlag):
    """The reason why a pixel is bad. A mask is uint8; 0 is good, any other value is bad.

    >>> Flag.SATURATED | Flag.COSMIC_RAY
    <Flag.SATURATED|COSMIC_RAY: 12>
    """

    BAD_PIXEL = 1
    NONLINEAR = 2
    SATURATED = 4
    COSMIC_RAY = 8
    NO_DATA = 16
    OUTLIER = 32
    USER_1 = 64
    USER_2 = 128


def flag_counts(mask: np.ndarray | None) -> dict[str, int]:
    """Count the pixels with each flag, for the flags that occur.

    See Also
    --------
    Flag, mask_from

    Examples
    --------
    >>> flag_counts(np.array([[0, 4], [12, 0]], dtype=np.uint8))
    {'SATURATED': 2, 'COSMIC_RAY': 1}
    """
    if mask is None:
        return {}
    flags = np.asarray(mask)
    if flags.dtype != np.uint8:
        flags = np.asarray(as_mask(flags, flags.shape))
    words = _flagged_words(flags)
    present = int(np.bitwise_or.reduce(words)) if words.size else 0
    counts: dict[str, int] = {}
    for flag in Flag:
        everywhere = int(flag) * _EACH_BYTE
        if present & everywhere:
            counts[flag.name or ""] = int(np.bitwise_count(words & np.uint64(everywhere)).sum(dtype=np.int64))
    return counts


def _flagged_words(flags: np.ndarray) -> np.ndarray:
    """Return, of eight pixels at a time as one word each, the words with a flag: few, as most pixels are good."""
    flat = np.ascontiguousarray(flags).reshape(-1)
    whole = flat.size - flat.size % 8
    words = np.frombuffer(flat[:whole].data, np.uint64)
    last = np.zeros(8, np.uint8)
    last[: flat.size - whole] = flat[whole:]
    return np.concatenate([words[np.flatnonzero(words)], last.view(np.uint64)])


def own_flags(mask: np.ndarray | None, good: np.ndarray) -> np.ndarray:
    """Copy the flags of the pixels, and set NO_DATA where a bad value has no flag.

    >>> own_flags(np.array([[0, 4, 0]], np.uint8), np.array([[True, False, False]]))
    array([[ 0,  4, 16]], dtype=uint8)
    """
    flags = np.zeros(good.shape, np.uint8) if mask is None else mask.copy()
    flags[~good & (flags == 0)] = np.uint8(Flag.NO_DATA)
    return flags


def as_mask(
    mask: object, shape: tuple[int, int], name: str = "mask", copy: bool | None = True
) -> np.ndarray | None:
    """Convert flags or a bool array (True = bad) to a uint8 mask of `shape`; None stays None.

    It is a new array, but with ``copy=None`` the same, or a view of it, where that will do.

    >>> as_mask([[True, False]], (1, 2))
    array([[1, 0]], dtype=uint8)
    """
    if mask is None or mask is np.ma.nomask:
        return None
    array = as_array(name, mask)
    if array.dtype.kind not in "bui":
        raise ArgumentTypeError(
            name, "must hold bool or integer flags", value=str(array.dtype), remedy="give True for bad pixels"
        )
    if array.shape != shape:
        raise ArgumentError(
            name,
            f"must have the shape of the image {shape}",
            value=array.shape,
            remedy="give one flag for each pixel",
        )
    if array.dtype.kind != "b" and array.size and (array.min() < 0 or array.max() > 255):
        worst = int(array.min() if array.min() < 0 else array.max())
        raise ArgumentError(
            name, "must hold flags that fit in 8 bits", value=worst, remedy="map them to ccdfx.Flag"
        )
    if copy is None and array.dtype.kind == "b":
        array = array.view(np.uint8)
    return np.array(array, dtype=np.uint8, order="C", copy=copy)
