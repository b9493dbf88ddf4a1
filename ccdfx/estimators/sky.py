"""Level and noise of the empty sky of an image, measured and predicted.

The measurements are robust against stars, galaxies and gradients, so that they can be compared with a noise
model on real frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators.values import values_of
from ccdfx.kernels.image.blocks import block_size, block_table, spread_blocks
from ccdfx.records.image import ImageLike, as_image
from ccdfx.records.planes import read_only, working_dtype

_MOST_BLOCKS = 512  # of 32 x 32 pixels: level and noise are right within some 0.3 % of the noise


@dataclass(frozen=True, slots=True)
class Background:
    """Level and noise of the sky of an image, as `background` measures them.

    Attributes
    ----------
    level : float
        Value of an empty pixel.
    noise : float
        Standard deviation of an empty pixel about its surroundings.
    predicted : float or None
        The same, predicted by the variance plane in the same blocks; None without a variance.
    blocks, used : int
        Blocks examined, and blocks used as sky.
    """

    level: float
    noise: float
    predicted: float | None
    blocks: int
    used: int

    @property
    def excess(self) -> float | None:
        """`noise` divided by `predicted`; None where `predicted` is None or 0."""
        return self.noise / self.predicted if self.predicted else None


def background(image: ImageLike) -> Background:
    """Measure level and noise of the empty sky in blocks without sources, and predict the noise there.

    Parameters
    ----------
    image : Image or 2-D array
        Flagged and non-finite pixels are left out. The header is not used.

    Returns
    -------
    Background
        In the unit of the image. ``noise`` is NaN where the image is too small (below 8 x 8) or too much of
        it is flagged; ``level`` is then the median of the good pixels, NaN when there are none.

    Notes
    -----
    Blocks of 32 x 32 pixels (smaller ones in small images; at most 512, spread evenly) are used as sky when
    few of their pixels are bright outliers and their level is close to that of the others. Each result is the
    median over them. The scatter of a block comes from the mixed differences
    ``v[y, x] - v[y, x+s] - v[y+s, x] + v[y+s, x+s]``, s = 1, 2, 3 in turn, whose variance is four times that
    of a pixel; a plane or an offset of a row or column cancels in them. They are clipped at 3 sigma and the
    result is corrected for normal noise: sources in a part of a block do not raise it, and whole numbers do
    not quantise it. Measured and predicted noise agree within 1 % on simulated frames with 2000 stars per
    megapixel and within 5 % with 10000. Noise must be independent from pixel to pixel: resampling lowers the
    measured noise.

    Examples
    --------
    >>> import numpy as np
    >>> sky = background(np.random.default_rng(1).normal(100.0, 5.0, (256, 256)))
    >>> round(sky.level), round(sky.noise, 1), sky.predicted
    (100, 5.0, None)
    """
    image = as_image(image)
    size = block_size(image.shape)
    blocks = spread_blocks(image.shape, size, _MOST_BLOCKS)
    array = _blocks_of(image.array, size, blocks)
    bad = ~np.isfinite(array)
    if image.mask is not None:
        bad |= _blocks_of(image.mask, size, blocks) != 0
    table = _table(array, bad, size)
    sky = _sky_blocks(table, size)
    if not sky.any():
        values = values_of(image.array, (~image.good).view(np.uint8))
        level = values.median(0, values.count) if values.count else math.nan
        return Background(level, math.nan, None, blocks.size, 0)
    predicted = None
    if image.variance is not None:
        variance = _blocks_of(image.variance, size, blocks)
        expected = _table(variance, bad | ~np.isfinite(variance), size)
        predicted = float(np.median(np.sqrt(np.maximum(expected[sky, 1], 0.0))))
    level, noise = np.median(table[sky, 1]), np.median(table[sky, 5])
    return Background(float(level), float(noise), predicted, blocks.size, int(sky.sum()))


def sky_level(image: ImageLike) -> float:
    """Measure the level of the empty sky, robust against stars and galaxies; see `background`.

    See Also
    --------
    local_noise, statistics

    Examples
    --------
    >>> sky_level([[7.0] * 16] * 16)
    7.0
    """
    return background(image).level


def local_noise(image: ImageLike) -> float:
    """Measure the standard deviation of an empty pixel about its surroundings; see `background`.

    See Also
    --------
    predicted_noise, sky_level

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.add.outer(np.arange(64.0), np.arange(64.0))
    >>> round(local_noise(ramp + np.random.default_rng(1).normal(0, 3, (64, 64))))
    3
    """
    return background(image).noise


def predicted_noise(image: ImageLike) -> float:
    """Predict `local_noise` from the variance plane in the same blocks; see `background`.

    Raises
    ------
    ArgumentError
        The image carries no variance.

    See Also
    --------
    local_noise, add_variance

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx.records.image import Image
    >>> predicted_noise(Image(np.zeros((64, 64)), variance=np.full((64, 64), 9.0)))
    3.0
    """
    image = as_image(image)
    if image.variance is None:
        raise ArgumentError("image", "must carry a variance", remedy="start it with add_variance")
    predicted = background(image).predicted
    return math.nan if predicted is None else predicted


def _blocks_of(plane: np.ndarray, size: int, blocks: np.ndarray) -> np.ndarray:
    """Copy the listed blocks of a plane, one below the other: (blocks x size, size)."""
    ny, nx = plane.shape[0] // size, plane.shape[1] // size
    tiles = plane[: ny * size, : nx * size].reshape(ny, size, nx, size)
    return np.ascontiguousarray(tiles[blocks // max(nx, 1), :, blocks % max(nx, 1)]).reshape(-1, size)


def _table(array: np.ndarray, bad: np.ndarray, size: int) -> np.ndarray:
    """Make the `block_table` of blocks that lie one below the other."""
    blocks = np.arange(array.shape[0] // size)
    table = np.empty((blocks.size, 6))
    block_table(read_only(_floats(array)), bad.view(np.uint8), size, blocks, table)
    return table


def _sky_blocks(table: np.ndarray, size: int) -> np.ndarray:
    """Return which blocks are sky: enough good pixels, few bright outliers, a level close to the others."""
    sky = (table[:, 0] >= size * size / 2) & (table[:, 4] >= size * size / 4)
    if not sky.any():
        return sky
    outstanding = table[:, 3]
    sky &= outstanding <= max(0.01, float(np.quantile(outstanding[sky], 0.3)))
    level = table[:, 1]
    for _ in range(5):
        middle = np.median(level[sky])
        reach = 4.448 * np.median(np.abs(level[sky] - middle))
        sky &= np.abs(level - middle) <= reach + 1e-9 * abs(middle)
    return sky


def _floats(array: np.ndarray) -> np.ndarray:
    """Convert to float32 where that holds every value, else to float64."""
    return np.ascontiguousarray(array, working_dtype(array))
