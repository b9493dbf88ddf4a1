"""The picture of a map of bad pixels: a reduced pixel is drawn bad where any of its block is."""

from __future__ import annotations

import numpy as np

from ccdfx import plots
from ccdfx.records.image import Image


def draw_bad_pixels(image: Image, *, size: int) -> bytes:
    """Draw the pixels that are not 0 in the colour of masked ones on white, as the bytes of a PNG file.

    A defect of a single pixel would not be seen where blocks are averaged, so each reduced pixel is bad where
    any pixel of its block is.

    Parameters
    ----------
    image : Image, shape (ny, nx)
    size : int
        Greatest width and height in pixels.
    """
    step = max(1, -(-max(image.shape) // size))
    rows, columns = (np.arange(0, length, step) for length in image.shape)
    bad = np.logical_or.reduceat(np.logical_or.reduceat(image.array != 0, rows, axis=0), columns, axis=1)
    return plots.thumbnail(Image(np.ones(bad.shape, np.float32), mask=bad), size=size, limits=(0.0, 1.0))
