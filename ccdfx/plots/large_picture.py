"""Large pictures for pages: an image as a grey JPEG, its flags as a transparent PNG over it."""

from __future__ import annotations

import io
import math

import numpy as np

from ccdfx.plots.limits import Limits, interval_of
from ccdfx.plots.thumbnail import encode_png
from ccdfx.records.checks import whole
from ccdfx.records.flags import Flag
from ccdfx.records.image import ImageLike, as_image

FLAG_COLOURS = {
    Flag.NO_DATA: "#8c8c8c",
    Flag.USER_2: "#0072b2",
    Flag.USER_1: "#f0e442",
    Flag.OUTLIER: "#009e73",
    Flag.NONLINEAR: "#cc79a7",
    Flag.BAD_PIXEL: "#d55e00",
    Flag.SATURATED: "#e69f00",
    Flag.COSMIC_RAY: "#56b4e9",
}
"""Colours of flags in pictures, which people who see few colours can tell apart; of several flags the last is drawn."""

_QUALITY = 70  # of the JPEG; half the size of a PNG, whose noise does not compress
_ROWS = 2  # of a block that are averaged, at most
_COLOURS = b"\0\0\0" + b"".join(bytes.fromhex(colour[1:]) for colour in FLAG_COLOURS.values())
_INDICES = np.zeros(256, np.uint8)
for _index, _flag in enumerate(FLAG_COLOURS, 1):
    _INDICES[(np.arange(256) & int(_flag)) != 0] = _index


def draw_large(image: ImageLike, *, size: int = 1200) -> bytes:
    """Draw an image in grey, at most `size` pixels wide and high, as the bytes of a JPEG.

    It is reduced by a whole factor: a pixel is the mean of two rows of its block, or of one, flagged or not, because flags are
    drawn over it; a block with a value that is not finite is black. The first row is at the bottom; black and white are the
    limits of ZScale.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
    size : int
        Smaller images are not enlarged.

    Examples
    --------
    >>> draw_large(np.arange(10000.0).reshape(100, 100))[:2]
    b'\\xff\\xd8'
    """
    from PIL import Image as Picture  # which matplotlib needs

    values = _means(as_image(image).array, _factor(as_image(image).shape, size))
    with np.errstate(over="ignore", invalid="ignore"):  # of huge values
        sample = values[::3, ::3]
        low, high = interval_of(sample[np.isfinite(sample)], Limits.of("zscale"))
        grey = (values - np.float32(low)) * np.float32(255.0 / (high - low))
        np.clip(np.nan_to_num(grey, copy=False, nan=0.0), 0.0, 255.0, out=grey)
    stored = io.BytesIO()
    Picture.fromarray(grey.astype(np.uint8)[::-1]).save(stored, "JPEG", quality=_QUALITY)
    return stored.getvalue()


def draw_flags(image: ImageLike, *, size: int = 1200) -> bytes | None:
    """Draw the flags of an image in `FLAG_COLOURS` on a transparent ground, as the bytes of a PNG; None without any.

    It is as large as that of `draw_large`. A flag is drawn where any pixel of the block has it, so that a defect of one pixel is
    seen.

    Examples
    --------
    >>> draw_flags(np.ones((8, 8))) is None
    True
    """
    mask = as_image(image).mask
    if mask is None or not mask.any():
        return None
    factor = _factor(mask.shape, size)
    ny, nx = mask.shape
    rows = mask[::factor].copy()
    for row in range(1, min(factor, ny)):  # faster than a reduction over few values
        part = mask[row::factor]
        rows[: part.shape[0]] |= part
    found = rows[:, ::factor].copy()
    for column in range(1, min(factor, nx)):
        part = rows[:, column::factor]
        found[:, : part.shape[1]] |= part
    return encode_png(_INDICES.take(found)[::-1], _COLOURS, transparent=True, level=1)


def _factor(shape: tuple[int, int], size: int) -> int:
    return max(1, math.ceil(max(shape) / whole("size", size, least=1, remedy="give pixels")))


def _means(array: np.ndarray, factor: int) -> np.ndarray:
    """Average the rows 0 and factor / 2 of blocks, over all columns; the last blocks may be smaller."""
    nx = array.shape[1]
    rows = array[::factor].astype(np.float32)
    if factor >= _ROWS:
        other = array[factor // 2 :: factor]
        rows[: other.shape[0]] += other
        rows[: other.shape[0]] *= np.float32(0.5)
    if factor == 1:
        return rows
    total = rows[:, ::factor].copy()
    for column in range(1, min(factor, nx)):
        part = rows[:, column::factor]
        total[:, : part.shape[1]] += part
    counts = np.minimum(factor, nx - np.arange(0, nx, factor))
    total /= counts.astype(np.float32)
    return total
