"""Resampling of an image onto another pixel grid: rotated, scaled, mirrored and shifted."""

from __future__ import annotations

import functools

import numpy as np

from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.kernels.image.bad_pixels import filled
from ccdfx.kernels.image.resample import gather_flags, resample, separable
from ccdfx.operations.resampling.shift import NOTABLE, shift, variances_of
from ccdfx.operations.resampling.taps import POLE, cardinal, check_kernel, lanczos
from ccdfx.operations.resampling.transform import HasStep, Transform, as_transform
from ccdfx.records.flags import Flag, own_flags
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import followed_levels, without_extremes
from ccdfx.records.planes import as_shape, working_dtype
from ccdfx.records.range import Range
from ccdfx.records.wcs import with_physical
from ccdfx.records.wcs_affine import transformed

_MARGIN = 6
_SAMPLE = 61  # pixels of each axis, in which the weights are averaged; a prime number
_PHASES = 4096
# Neighbours used, from the pixel before a position: for the spline, for Lanczos, for the spline's variance.
_NEAR, _LOBES, _WIDE = tuple(range(-1, 3)), tuple(range(-2, 4)), tuple(range(-4, 6))


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
    return warped(image, transform, size, kernel)


def warped(image: Image, transform: Transform, shape: tuple[int, int], kernel: str) -> Image:
    """Apply any transform as `warp` does, shifts included."""
    dtype = working_dtype(image.array)
    area = 1 / abs(transform.determinant)
    steps = _LOBES if kernel == "lanczos" else _NEAR
    tables = _tables(kernel, dtype)
    plane = filled(image.array.astype(dtype), image.good)
    plane = plane if kernel == "lanczos" else _coefficients(plane)
    array = _resampled(plane, transform, shape, tables[0], steps, area)
    variance = None
    if image.variance is not None:
        plane, unknown = variances_of(image, dtype)
        steps = _LOBES if kernel == "lanczos" else _WIDE
        variance = _resampled(plane, transform, shape, tables[1], steps, area**2)
        if unknown.any():
            inside = _resampled(np.ones_like(plane), transform, shape, tables[1], steps, 1) > 0
            reached = _spread(unknown.view(np.uint8), np.uint8(0), transform, shape, tables[2]) != 0
            variance[inside & reached] = np.inf
    # Pixels outside the image count as NO_DATA.
    own = own_flags(image.mask, image.good)
    flags = _spread(own, np.uint8(Flag.NO_DATA), transform, shape, tables[2])
    mask = None if image.mask is None and not flags.any() else flags
    header = followed_levels(without_extremes(image.header), abs(area))  # a uniform sky is multiplied by it
    header = transformed(with_physical(header, image.range), transform.matrix, transform.offset)
    header = with_correlation(header, max(1.0, 1.0 / (area * _mean_square(transform, shape, tables[1]))))
    window = image.range if shape == image.shape else Range.whole(shape)
    return adopt(array, header, mask, window, variance)


def _resampled(
    plane: np.ndarray,
    transform: Transform,
    shape: tuple[int, int],
    table: np.ndarray,
    steps: tuple[int, ...],
    gain: float,
) -> np.ndarray:
    out = np.empty(shape, plane.dtype)
    padded = np.pad(plane, _MARGIN, mode="reflect")
    resample(padded, _MARGIN, *_place(transform), table, steps, plane.dtype.type(gain), out)
    return out


def _mean_square(transform: Transform, shape: tuple[int, int], table: np.ndarray) -> float:
    """Compute the mean of the sum of squared weights over a sample of the pixels of the result."""
    matrix, origin = _place(transform)
    y, x = (np.unique(np.linspace(0, size - 1, min(size, _SAMPLE)).astype(int)) for size in shape)
    places = np.einsum("ij,jyx->iyx", matrix, np.array(np.meshgrid(x, y))) + origin[:, None, None]
    phases = np.rint((places - np.floor(places)) * _PHASES).astype(int)
    squares = table.sum(axis=1, dtype=np.float64)[phases]
    return float(np.mean(squares[0] * squares[1]))


def _spread(
    flags: np.ndarray, outside: np.uint8, transform: Transform, shape: tuple[int, int], table: np.ndarray
) -> np.ndarray:
    """Spread the flags of each pixel, and of the outside, to the pixels in which their weight is notable."""
    own = np.pad(flags, _MARGIN, constant_values=outside)
    rows = own[:-3] | own[1:-2] | own[2:-1] | own[3:]
    near = rows[:, :-3] | rows[:, 1:-2] | rows[:, 2:-1] | rows[:, 3:]
    out = np.zeros(shape, np.uint8)
    gather_flags(own, near, _MARGIN, *_place(transform), table, NOTABLE, out)
    return out


def _place(transform: Transform) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix and the offset from a pixel of the result to its position in the image."""
    back = transform.inverse()
    return np.array(back.matrix), np.array(back.offset)


def _coefficients(plane: np.ndarray) -> np.ndarray:
    """Compute the coefficients of the interpolating cubic spline: a filter of the weights sqrt(3) z**|k|."""
    radius = 12 if plane.dtype == np.float32 else 24
    weights = np.sqrt(3) * POLE ** np.abs(np.arange(-radius, radius + 1))
    weights = np.pad(weights / weights.sum(), (0, -weights.size % 3)).astype(plane.dtype)
    out = np.empty_like(plane)
    separable(plane, weights, -radius, weights, -radius, out, 0, plane.shape[0])
    return out


@functools.cache
def _tables(kernel: str, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tabulate weights of values, squared weights of variances, and weights of the four nearest pixels."""
    phase = np.arange(_PHASES + 1)[:, None] / _PHASES
    if kernel == "lanczos":
        weights = lanczos(phase - np.array(_LOBES))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights.astype(dtype), (weights**2).astype(dtype), weights[:, 1:5].copy()
    t = np.abs(phase - np.array(_NEAR))
    values = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)
    weights = cardinal(phase - np.array(_WIDE))
    return values.astype(dtype), (weights**2).astype(dtype), weights[:, 3:7].copy()
