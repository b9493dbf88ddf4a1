"""Covariances of neighbouring pixels in blocks of a difference of two frames."""

from __future__ import annotations

import numpy as np

_CLIP = 4.5  # standard deviations beyond which a pixel is a defect or a cosmic ray
_TERMS = 6  # of a surface of the second degree
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # (y, x) of neighbours in a row, in a column and diagonal


def neighbour_variance(
    array: np.ndarray, bad: np.ndarray, size: int, blocks: np.ndarray, scatter: np.ndarray
) -> np.ndarray:
    """Return what neighbours add to the variance of a pixel: that of a sum of many pixels, by pixel, less `scatter`².

    With the covariances C10, C01 of neighbours in a row and in a column, and C11 of diagonal ones, the variance of a
    large sum is C00 + 2 C10 + 2 C01 + 4 C11 a pixel. The squared `scatter` of `block_table` is C00 - f (C10 + C01 -
    C11), f the share of its differences whose pixels are next to one another. The covariances are those of residuals
    from a surface of the second degree, which lowers each by about 6 / N of the variance for N pixels; that is added back.

    Parameters
    ----------
    array, bad : array (ny, nx)
        A difference of two frames, and 1 where it is not to be used.
    size : int
        Side of a block.
    blocks : array (n,)
        Numbers of the blocks, row by row.
    scatter : array (n,)
        Standard deviation of a pixel of each block, NaN where it is not known.

    Returns
    -------
    array (n,)
        In the unit of the array squared, NaN where `scatter` is.
    """
    good = _tiles(bad, size, blocks) == 0
    values = _tiles(array, size, blocks).astype(np.float64)
    good &= np.isfinite(values)
    values = np.where(good, values, 0.0)
    residuals = values - _surfaces(values, good)
    good &= np.abs(residuals) <= _CLIP * scatter[:, None, None]
    residuals = np.where(good, residuals - _surfaces(residuals, good), 0.0)
    terms = np.linalg.qr(_basis(size).T)[0].T.reshape(-1, size, size)
    everywhere = np.ones_like(terms, bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        rarer = scatter**2 * size**2 / good.sum(axis=(1, 2))
    along, across, down, up = (
        _products(residuals, good, *step) + rarer * _products(terms, everywhere, *step).sum()
        for step in _STEPS
    )
    share = _adjacent(size)
    return (2.0 + share) * (along + across) + (4.0 - share) * 0.5 * (down + up)


def _tiles(array: np.ndarray, size: int, blocks: np.ndarray) -> np.ndarray:
    """Cut the blocks (n, size, size) out of an array."""
    down, across = array.shape[0] // size, array.shape[1] // size
    grid = array[: down * size, : across * size].reshape(down, size, across, size)
    return grid[blocks // across, :, blocks % across, :]


def _surfaces(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Fit a surface of the second degree to the good pixels of each block."""
    basis = _basis(values.shape[1])
    products = (basis[:, None, :] * basis[None, :, :]).reshape(_TERMS**2, -1)
    lines = values.reshape(len(values), -1)
    weights = good.reshape(len(good), -1)
    normal = np.tile(basis @ basis.T, (len(lines), 1, 1))
    spoilt = ~weights.all(axis=1)
    some = weights[spoilt].astype(np.float64)
    ridge = 1e-9 * np.eye(_TERMS)  # for blocks without good pixels
    normal[spoilt] = (some @ products.T).reshape(-1, _TERMS, _TERMS) + ridge
    right = np.where(weights, lines, 0.0) @ basis.T
    return (np.linalg.solve(normal, right[:, :, None])[:, :, 0] @ basis).reshape(values.shape)


def _basis(size: int) -> np.ndarray:
    """Return the terms (6, size²) of a surface of the second degree."""
    line = np.linspace(-1.0, 1.0, size)
    x, y = np.broadcast_arrays(line[None, :], line[:, None])
    return np.array([np.ones_like(x), x, y, x * x, x * y, y * y]).reshape(_TERMS, -1)


def _products(residuals: np.ndarray, good: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Average the products of residuals (0 where not good) at a distance, block by block."""
    ny, nx = residuals.shape[1:]
    first = slice(0, ny - dy), slice(max(-dx, 0), nx - max(dx, 0))
    second = slice(dy, ny), slice(max(dx, 0), nx - max(-dx, 0))
    one, two = ((slice(None), *part) for part in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (residuals[one] * residuals[two]).sum(axis=(1, 2)) / (good[one] & good[two]).sum(axis=(1, 2))


def _adjacent(size: int) -> float:
    """Return the share of the differences of `block_table` in a block whose pixels are next to one another."""
    counts = [0, 0, 0]
    for y in range(size):
        step = 1 + y % 3
        if y + step < size:
            counts[step - 1] += size - step
    return counts[0] / sum(counts)
