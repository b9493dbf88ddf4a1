"""Shift of the content of an image by a constant step, also by fractions of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.kernels.image.bad_pixels import filled, spread_flags
from ccdfx.kernels.image.resample import separable
from ccdfx.operations.resampling.overlaps import factor_of
from ccdfx.operations.resampling.taps import SHIFT_KERNELS, Taps, check_kernel, taps
from ccdfx.records.checks import real
from ccdfx.records.flags import Flag, own_flags
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import variance_as, working_dtype
from ccdfx.records.wcs import moved, with_physical

NOTABLE = 0.05
"""A bad pixel flags every output pixel in which its weight is at least this, of a sum of weights of 1."""


def shift(image: ImageLike, *, dx: float, dy: float, kernel: str = "spline") -> Image:
    """Move the content of an image by (+dx, +dy) pixels.

    A step by whole pixels moves values and flags exactly. Any other step resamples with one separable filter:
    the cardinal cubic spline (as `scipy.ndimage.shift` of order 3, edges as in its mode "mirror"), a spline of
    another order, or Lanczos with three lobes, its weights normalised to 1 so that a flat sky stays flat.

    Parameters
    ----------
    image : Image or 2-D array
    dx, dy : float
        In pixels; smaller than the frame.
    kernel : {"spline", "lanczos", "spline1", "spline2", "spline4", "spline5"}
        The cubic spline, Lanczos, or the spline of that order: 1 (linear interpolation) blurs stars and makes
        the noise uneven, 5 is the sharpest and rings farthest around what is undersampled.

    Returns
    -------
    Image
        Same shape and range; float32, or float64 where the input needs it. Bad pixels (flagged or not finite)
        are replaced by the mean of their neighbours before resampling, and their flags are set in every pixel
        in which their weight is `NOTABLE` = 0.05 or more. Pixels outside the input count as NO_DATA by the
        same rule, and are 0 where nothing is known. The variance is resampled with the squared weights; it is
        infinite where a good pixel of unknown (infinite) variance has a weight of `NOTABLE` or more. The
        noise of neighbouring pixels is correlated afterwards: CORRFACT in the header is the variance of a sum
        over many pixels over the sum of their variances, 1 / sum(weights**2). The reference pixel of the WCS and LTV are moved
        too, so that positions stay; section keywords, which refer to the raw frame, are removed from the
        header.

    Raises
    ------
    ArgumentError
        When a step is not finite or not smaller than the frame.
    UnknownNameError
        When the kernel is unknown.

    Notes
    -----
    The cardinal spline is ``sum_k sqrt(3) z**|k| B3(t - k)`` with ``z = sqrt(3) - 2`` (Unser 1999, IEEE
    Signal Processing Magazine 16, 22), cut where its weights fall below the precision of the pixels.

    Examples
    --------
    >>> import numpy as np
    >>> moved = shift(np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]), dx=1, dy=0)
    >>> moved.array.tolist()
    [[0.0, 1.0, 2.0], [0.0, 4.0, 5.0], [0.0, 7.0, 8.0]]
    >>> moved.mask[0].tolist()
    [16, 0, 0]
    """
    image = as_image(image)
    step_x, step_y = _step(dx, "dx", image.shape[1]), _step(dy, "dy", image.shape[0])
    check_kernel(kernel, SHIFT_KERNELS)
    header = image.header
    if step_x or step_y:
        header = moved(with_physical(without_extremes(header), image.range), step_x, step_y)
    if step_x.is_integer() and step_y.is_integer():
        return _by_whole_pixels(image, int(step_x), int(step_y), header)
    result = resampled(image, step_x, step_y, kernel)
    dtype = working_dtype(image.array)
    factor = factor_of(taps(step_x, kernel, dtype), taps(step_y, kernel, dtype))
    return result.replace(header=with_correlation(header, factor))


def resampled(
    image: Image,
    step_x: float,
    step_y: float,
    kernel: str,
    usual: tuple[float | None, float | None] = (None, None),
) -> Image:
    """Resample as `shift` does, but leave the header unchanged.

    `usual`: the value and the variance that replace a bad pixel far from any good pixel; None takes them from
    the image.
    """
    dtype = working_dtype(image.array)
    across, down = taps(step_x, kernel, dtype), taps(step_y, kernel, dtype)
    good = image.good
    flags = _flags(image.mask, good, across, down)
    outside = ~_known(step_y, image.shape[0]), ~_known(step_x, image.shape[1])
    values = filled(image.array.astype(dtype), good, usual[0])
    array = _without(_filtered(values, across, down), *outside)
    lost = ~np.isfinite(array)
    if lost.any():  # interpolation near the largest number overflows
        flags[lost] |= np.uint8(Flag.NO_DATA)
    variance = None
    if image.variance is not None:
        values, unknown = variances_of(image, dtype, usual[1])
        variance = _filtered(values, across, down, power=2)
        if unknown.any():
            variance[_spread(unknown.view(np.uint8), across, down) != 0] = np.inf
        variance = _without(variance, *outside)
    return adopt(array, without_extremes(image.header), flags, image.range, variance)


def _step(value: Any, name: str, size: int) -> float:
    step = real(name, value, remedy="give pixels; leave out a frame without a measured shift")
    if abs(step) >= size:
        raise ArgumentError(
            name, f"must be smaller than the frame, {size} pixels", value=step, remedy="leave the frame out"
        )
    return step


def _by_whole_pixels(image: Image, dx: int, dy: int, header: Any) -> Image:
    ny, nx = image.shape
    target = slice(max(dy, 0), ny + min(dy, 0)), slice(max(dx, 0), nx + min(dx, 0))
    source = slice(max(-dy, 0), ny + min(-dy, 0)), slice(max(-dx, 0), nx + min(-dx, 0))

    def put(values: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[target] = values[source]
        return out

    dtype = working_dtype(image.array)
    array = put(image.array, np.zeros(image.shape, dtype))
    outside = dx != 0 or dy != 0
    flags = None
    if image.mask is not None or outside or not image.good.all():
        flags = put(own_flags(image.mask, image.good), np.full(image.shape, np.uint8(Flag.NO_DATA)))
    variance = None
    if image.variance is not None:
        variance = put(variance_as(image.variance, dtype), np.zeros(image.shape, dtype))
    return adopt(array, header, flags, image.range, variance)


def _notable_steps(across: Taps, down: Taps) -> tuple[np.ndarray, np.ndarray]:
    """Find the steps in y and x from a pixel of the result to those that weigh at least `NOTABLE` in it."""
    weight = np.abs(np.outer(down.weights, across.weights))
    j, i = np.nonzero(weight >= min(NOTABLE, weight.max()))
    return j + down.first, i + across.first


def _spread(flags: np.ndarray, across: Taps, down: Taps) -> np.ndarray:
    """Spread the flags of each pixel to the pixels in which its weight is notable."""
    steps_y, steps_x = _notable_steps(across, down)
    out = np.zeros(flags.shape, np.uint8)
    spread_flags(flags, -steps_y, -steps_x, out)
    return out


def _flags(mask: np.ndarray | None, good: np.ndarray, across: Taps, down: Taps) -> np.ndarray:
    """Compute the flags after resampling: those of bad pixels, and NO_DATA of the outside, where notable."""
    out = np.zeros(good.shape, np.uint8) if good.all() else _spread(own_flags(mask, good), across, down)
    for axis, steps in enumerate(_notable_steps(across, down)):
        outside = np.zeros(good.shape[axis], bool)
        n = np.arange(good.shape[axis])
        for step in np.unique(steps):
            outside |= (n + step < 0) | (n + step >= good.shape[axis])
        out[(outside, slice(None)) if axis == 0 else (slice(None), outside)] |= np.uint8(Flag.NO_DATA)
    return out


def _known(step: float, size: int) -> np.ndarray:
    """Mark the output pixels whose centre lies inside the pixels of the input."""
    position = np.arange(size) - step
    return (position >= -0.5) & (position <= size - 0.5)


def _without(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Set some rows and columns of the values to 0, in place."""
    values[rows] = 0
    values[:, columns] = 0
    return values


def variances_of(image: Image, dtype: np.dtype, usual: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Fill bad or unknown variances from their neighbours; also mark good pixels of unknown variance."""
    variance = variance_as(image.variance, dtype, copy=True)  # type: ignore[arg-type]
    known, good = np.isfinite(variance), image.good
    return filled(variance, known & good, usual), good & ~known


def _filtered(values: np.ndarray, across: Taps, down: Taps, power: int = 1) -> np.ndarray:
    """Filter the values with the taps to a power."""
    out = np.empty_like(values)
    weights_y, weights_x = down.padded(values.dtype, power), across.padded(values.dtype, power)
    separable(values, weights_y, down.first, weights_x, across.first, out, 0, values.shape[0])
    return out
