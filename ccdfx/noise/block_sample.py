"""The blocks of a frame in which noise is measured, put together as a small frame."""

from __future__ import annotations

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import whole
from ccdfx.records.image import Image, ImageLike, adopt, as_image

MOST_BLOCKS = 2048
_SIDE, _ACROSS, _LEAST = 32, 32, 256


def block_sample(image: ImageLike, *, blocks: int = MOST_BLOCKS) -> Image:
    """Cut the blocks of 32 x 32 pixels in which `fit_noise` measures out of a frame, and put them side by side.

    A sample has at most 2 million pixels however large the frame is, and `fit_noise` of samples is that of their
    frames, so that samples can be kept instead of frames.

    Parameters
    ----------
    image : Image or 2-D array
    blocks : int
        At most so many, a multiple of 32 from 256 to 2048; they are spread evenly but not at regular distances.

    Returns
    -------
    Image
        (32 blocks, 1024) pixels with their flags and variance, or the image itself where it has no more blocks, or
        smaller ones, as frames with less than 256 pixels along a side have.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The number of blocks is not allowed.

    Examples
    --------
    >>> frame = np.arange(4096.0 * 2048).reshape(4096, 2048)
    >>> sample = block_sample(frame)
    >>> sample.shape, block_sample(sample) is sample
    ((2048, 1024), True)
    """
    from ccdfx.kernels.image.blocks import block_size, spread_blocks  # here: see ccdfx.noise

    image = as_image(image)
    remedy = "give a multiple of 32 from 256 to 2048"
    number = whole("blocks", blocks, least=_LEAST, remedy=remedy)
    if number > MOST_BLOCKS or number % _ACROSS:
        raise ArgumentError("blocks", "must be a multiple of 32, at most 2048", value=blocks, remedy=remedy)
    across = image.shape[1] // _SIDE
    if block_size(image.shape) < _SIDE or image.shape[0] // _SIDE * across <= number:
        return image
    y, x = np.divmod(spread_blocks(image.shape, _SIDE, number), across)

    def sampled(plane: np.ndarray | None) -> np.ndarray | None:
        if plane is None:
            return None
        height, width = (length // _SIDE * _SIDE for length in plane.shape)
        grid = plane[:height, :width].reshape(height // _SIDE, _SIDE, across, _SIDE)
        chosen = grid[y, :, x, :].reshape(number // _ACROSS, _ACROSS, _SIDE, _SIDE)
        return chosen.swapaxes(1, 2).reshape(number // _ACROSS * _SIDE, _ACROSS * _SIDE)

    array = sampled(image.array)
    assert array is not None
    return adopt(array, image.header, sampled(image.mask), None, sampled(image.variance))
