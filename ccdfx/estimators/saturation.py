"""The level at which a camera saturates, found in its raw frames."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ccdfx.estimators.values import Counted, Values, good_values, values_of
from ccdfx.kernels.image.counts import whole_bits
from ccdfx.records.checks import whole
from ccdfx.records.image import Image, ImageLike, as_image

CONVERTERS = (8, 10, 12, 14, 15, 16)
"""Bits of analogue-to-digital converters; 15 for positive numbers of 16 with a sign."""
_PILED = 10.0  # times the usual number of pixels at one value below the top, that clipped values exceed
_LEAST = 4  # pixels at a top value that is no limit of a converter
_SPREAD = 16  # steps between the least and the greatest value that show that it is one
_NEAR = 0.02  # of the top value: how far below it the usual number is counted


@dataclass(frozen=True, slots=True)
class Saturation:
    """The level at or above which pixels of a camera are saturated, as `saturation_level` finds it.

    Attributes
    ----------
    level : float
        In the unit of the raw frames, ADU.
    pixels : int
        Pixels at this level in the frames; 0 where none is saturated, and the level is the converter's limit.
    step : int
        Of which all values are multiples, a power of 2: 4 where 14 bits are stored as the upper ones of 16.
    """

    level: float
    pixels: int
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The top value of a frame: which pixels have it, how many have a value below it, and the bits that are used."""

    value: float
    least: float
    where: np.ndarray
    usual: float
    median: float
    used: int


def saturation_level(frames: Iterable[ImageLike], *, bits: int | None = None) -> Saturation | None:
    """Find the level at which a camera saturates, from raw frames that need not be saturated.

    A saturated converter gives one value, its greatest, so that more pixels have the top value of all frames than
    have the values below it: ten times as many as there are at a value on average within 2 % below the top, and at
    least four where the top is no limit of a converter, (2**b - 1) * step for b = 8, 10, 12, 14, 15, 16 bits. Values
    that are all multiples of a power of 2 are those of a converter with fewer bits, shifted to the upper ones.

    Parameters
    ----------
    frames : iterable of Image or 2-D array
        As they were read out: no bias subtracted, not combined. One after the other is used, so an iterator keeps one
        in memory. Flagged and non-finite pixels are left out.
    bits : int, optional
        Bits of the converter, as BITDEPTH of a header states them.

    Returns
    -------
    Saturation or None
        None where nothing tells: no pixels pile up, and the bits are neither given nor shown by the step, or the frames
        have values above what the bits allow. The same pixels at the top in every frame are defects of the detector
        and tell nothing, unless the top is the limit of a converter.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `bits` is not a whole number above 0, or a frame is not an image.

    See Also
    --------
    mask_saturated

    Examples
    --------
    >>> sky = np.random.default_rng(1).poisson(900.0, (50, 60))
    >>> sky[10:13, 20:24] = 16383
    >>> saturation_level([sky])
    Saturation(level=16383.0, pixels=12, step=1)
    >>> saturation_level([sky[:10]]) is None
    True
    """
    if bits is not None:
        bits = whole("bits", bits, least=1, remedy="give the bits of the converter, such as 14")
    return saturation_of([top for frame in frames if (top := top_of(as_image(frame))) is not None], bits)


def saturation_of(tops: list[Top], bits: int | None = None) -> Saturation | None:
    """Find the saturation from the top values of frames, as `saturation_level` does."""
    if not tops:
        return None
    level = max(top.value for top in tops)
    step = _step(tops)
    highest = [top for top in tops if top.value == level]
    count = sum(top.where.size for top in highest)
    limits = {(2.0**depth - 1.0) * step for depth in {*CONVERTERS, bits or CONVERTERS[-1]}}
    if _piled(highest, count, level in limits):
        return Saturation(level, count, step)
    depth = bits if bits is not None else 16 - int(math.log2(step)) if 1 < step < 1 << 8 else None
    if depth is None or level > (2.0**depth - 1.0) * step:
        return None
    return Saturation((2.0**depth - 1.0) * step, 0, step)


def top_of(image: Image) -> Top | None:
    """Describe the top value of a frame; None without a good pixel above 0."""
    found, used = _with_bits(image)
    if found.count == 0 or found.maximum <= 0:
        return None
    value = found.maximum
    where = np.flatnonzero(image.array == value)
    if image.mask is not None:
        where = where[image.mask.reshape(-1)[where] == 0]
    width = max(_NEAR * value, 32.0 * (used & -used))
    near = found.between(value - width, value)[1] - where.size
    per_value = near * (used & -used or 1) / width
    return Top(value, found.minimum, where, per_value, found.median(0, found.count), used)


def _with_bits(image: Image) -> tuple[Values, int]:
    """Collect the good values of an image, and the bits that any of them has as a whole number, or 1."""
    array = image.array
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:
        counted = Counted(good_values(array, image.mask))
        return counted, int(np.bitwise_or.reduce(counted.levels.astype(np.int64), initial=0))
    good = image.good
    values = good_values(array, None if good.all() else ~good)
    if array.dtype.kind == "f":
        return values_of(values, None), int(whole_bits(values))
    return values_of(values, None), int(np.bitwise_or.reduce(values.astype(np.int64), initial=0))


def _step(tops: list[Top]) -> int:
    """Return the largest power of 2 of which all values of all frames are multiples."""
    used = 0
    for top in tops:
        used |= top.used
    step = used & -used or 1
    span = max(top.value for top in tops) - min(top.least for top in tops)
    return step if span >= _SPREAD * step else 1


def _piled(tops: list[Top], count: int, limit: bool) -> bool:
    """Return whether the pixels at the top value are more than chance and defects leave there."""
    if count <= _PILED * sum(top.usual for top in tops):
        return False
    if limit:
        return True
    same = len(tops) > 1 and all(np.array_equal(top.where, tops[0].where) for top in tops[1:])
    return count >= _LEAST and not same and all(top.median < top.value for top in tops)
