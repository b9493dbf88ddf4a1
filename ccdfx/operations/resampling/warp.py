"""Resampling of an image onto another pixel grid: rotated, scaled, mirrored and shifted."""

from __future__ import annotations

from ccdfx.operations.resampling.affine import Affine
from ccdfx.operations.resampling.move import usual_of, whole_image
from ccdfx.operations.resampling.shift import shift
from ccdfx.operations.resampling.taps import check_kernel
from ccdfx.operations.resampling.transform import HasStep, Transform, as_transform
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.planes import as_shape, working_dtype
from ccdfx.records.range import Range


def warp(
    image: ImageLike,
    *,
    transform: Transform | HasStep,
    shape: tuple[int, int] | None = None,
    kernel: str = "spline",
) -> Image:
    """Resample an image onto the pixel grid to which a transform leads.

    Each pixel of the result has the value of the interpolating cubic spline (as
    `scipy.ndimage.affine_transform` of order 3, edges as in its mode "mirror"), or of Lanczos with three
    lobes, weights normalised to 1, at the position in the image that the transform maps to this pixel. Values
    are counts per pixel: they are multiplied by the area of a pixel of the result in pixels of the image,
    ``1 / abs(transform.determinant)``, so that the fluxes of stars and the zero points are preserved. A pure
    shift is done by `shift`.

    Parameters
    ----------
    image : Image or 2-D array
    transform : Transform or Shift
        From positions in the image to positions in the result; see `measure_transform` and `similarity`.
    shape : (ny, nx), optional
        The shape of the result; by default that of the image, whose range is then kept too.
    kernel : {"spline", "lanczos"}

    Returns
    -------
    Image
        float32, or float64 where the input needs it. As in `shift`, bad pixels are replaced by the mean of
        their neighbours before resampling, and their flags are set in every pixel in which their weight is
        0.05 or more; pixels outside the image count as NO_DATA by the same rule, and are 0. The variance is
        resampled with the squared weights, and multiplied by the square of the area; it is infinite where a
        good pixel of unknown (infinite) variance has a weight of 0.05 or more. Neighbouring pixels are
        correlated afterwards; CORRFACT in the header is as that of `shift`, with the mean of sum(weights**2)
        over the pixels times the area, at least 1. The WCS (CRPIX, CD, SIP, alternates; LTM, LTV) is transformed, so that positions
        stay, and so are PIXSCAL1, PIXSCAL2 and PIXSCALE; sections of the raw frame are removed from the
        header.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `transform` or `shape` is not valid.
    UnknownNameError
        When the kernel is unknown.

    See Also
    --------
    warped, measure_transform, align

    Notes
    -----
    The kernel is not widened where the result has larger pixels: below a scale of about 0.7 noise and
    undersampled stars alias; the exact method of ccdfx-reproject, or binning first, is better there.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import similarity
    >>> array = np.arange(6.0).reshape(2, 3)
    >>> turned = warp(array, transform=similarity(rotation=90, offset=(1, 0)), shape=(3, 2))
    >>> turned.array.round(6).tolist()
    [[3.0, 0.0], [4.0, 1.0], [5.0, 2.0]]
    """
    image, transform = as_image(image), as_transform(transform)
    check_kernel(kernel)
    size = image.shape if shape is None else as_shape(shape)
    dx, dy = transform.offset
    if transform.is_shift and size == image.shape and abs(dx) < size[1] and abs(dy) < size[0]:
        return shift(image, dx=dx, dy=dy, kernel=kernel)
    return transformed_image(image, transform, size, kernel)


def transformed_image(image: Image, transform: Transform, shape: tuple[int, int], kernel: str) -> Image:
    """Apply any transform as `warp` does, shifts included."""
    affine = Affine(transform, kernel, image.shape, shape, working_dtype(image.array))
    array, flags, variance = whole_image(affine, image, usual_of(image, affine.dtype))
    mask = None if image.mask is None and not flags.any() else flags
    window = image.range if shape == image.shape else Range.whole(shape)
    return adopt(array, affine.header(image.header, image.range), mask, window, variance)
