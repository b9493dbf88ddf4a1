"""Thumbnails: small grey pictures as the bytes of PNG files, made without matplotlib."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from ccdfx.plots.colours import MASKED_COLOUR
from ccdfx.plots.limits import Interval, Limits, interval_of
from ccdfx.records.checks import whole
from ccdfx.records.image import ImageLike, as_image

_MASKED = 255  # index of the masked colour in the palette; the greys come before it
_GREYS = np.repeat(np.rint(np.linspace(0, 255, _MASKED)).astype(np.uint8), 3).tobytes()
_PALETTE = _GREYS + bytes.fromhex(MASKED_COLOUR[1:])  # a third of the size of full colour


def thumbnail(image: ImageLike, *, size: int = 300, limits: str | Interval | Limits = "zscale") -> bytes:
    """Make a grey picture of an image, at most `size` pixels wide and high, as the bytes of a PNG file.

    The image is reduced by a whole factor, each pixel being the mean of the good pixels of its block; a block
    with half or more pixels masked or not finite is drawn in `MASKED_COLOUR`. The first row is at the bottom.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
    size : int
        Greatest width and height of the picture in its pixels. Smaller images are not enlarged.
    limits : str, (float, float) or Limits
        Values shown black and white. They are taken from the reduced image.

    Examples
    --------
    >>> import numpy as np
    >>> thumbnail(np.arange(10000.0).reshape(100, 100), size=50)[:4]
    b'\\x89PNG'
    """
    from ccdfx.estimators.block_means import block_means

    picture = as_image(image)
    size = whole("size", size, least=1, remedy="give pixels")
    wanted = Limits.of(limits)
    factor = max(1, -(-max(picture.shape) // size))
    values, good = block_means(picture.array, picture.good, factor)
    low, high = interval_of(values[good], wanted)
    grey = (np.clip(np.where(good, values, low), low, high) - low) / (high - low)
    colours = np.where(good, np.rint(grey * (_MASKED - 1)), _MASKED).astype(np.uint8)
    return encode_png(colours[::-1], _PALETTE)


def encode_png(indices: np.ndarray, palette: bytes, *, transparent: bool = False, level: int = 9) -> bytes:
    """Encode indices into a palette of colours, three bytes each, as a PNG; the first colour may be transparent.

    Parameters
    ----------
    indices : uint8 array, shape (ny, nx)
        The first row is at the top.
    palette : bytes
    transparent : bool
    level : int
        Of the compression, 1 to 9.
    """
    size = struct.pack(">II", indices.shape[1], indices.shape[0])
    rows = np.pad(indices, ((0, 0), (1, 0)))  # each row begins with its filter: none
    chunks = [(b"IHDR", size + b"\x08\x03\x00\x00\x00"), (b"PLTE", palette)]  # 8 bits, a palette
    chunks += [(b"tRNS", b"\x00")] if transparent else []
    chunks += [(b"IDAT", zlib.compress(rows.tobytes(), level)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
