"""Shift of the content of an image by a constant step, also by fractions of a pixel."""

from __future__ import annotations

from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.operations.resampling.move import Move, usual_of, whole_image
from ccdfx.operations.resampling.taps import SHIFT_KERNELS, check_kernel
from ccdfx.records.checks import real
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.planes import working_dtype


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
        same rule, and are 0 where nothing is known. The variance is resampled with the squared weights, those of a pixel
        and of its reflection at an edge added up before; it is infinite where a good pixel of unknown (infinite) variance has a weight of `NOTABLE` or more. The
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

    See Also
    --------
    measure_shift, warp

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
    move = Move.of(step_x, step_y, kernel, image.shape, working_dtype(image.array))
    array, flags, variance = whole_image(move, image, usual_of(image, move.dtype))
    unmoved = image.mask is None and not (step_x or step_y)
    mask = None if unmoved and not flags.any() else flags
    return adopt(array, move.header(image.header, image.range), mask, image.range, variance)


def _step(value: Any, name: str, size: int) -> float:
    step = real(name, value, remedy="give pixels; leave out a frame without a measured shift")
    if abs(step) >= size:
        raise ArgumentError(
            name, f"must be smaller than the frame, {size} pixels", value=step, remedy="leave the frame out"
        )
    return step
