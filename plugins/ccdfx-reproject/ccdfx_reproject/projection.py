"""Reprojection to another WCS: values, variance, flags and header."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ccdfx import (
    ArgumentError,
    ArgumentTypeError,
    Flag,
    Header,
    Image,
    Range,
    UnknownNameError,
    replace_masked,
)

METHODS = ("interp", "adaptive", "exact")
NOTABLE = 0.05
"""A flag counts where the pixels that carry it weigh this much, and coverage where as much is missing."""
_PATCH = 24  # pixels on either side of the middle, where the correlation of the noise is computed
_WCS_CARD = re.compile(
    r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CRDER|CSYER|CNAME)\d+[A-Z]?$|(CD|PC|PV|PS)\d+_\d+[A-Z]?$"
    r"|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)$|(WCSAXES|WCSNAME|LONPOLE|LATPOLE|RADESYS|EQUINOX|SPECSYS)[A-Z]?$"
    r"|(RADECSYS|EPOCH|PIXSCALE|PIXSCAL[12]|LTV[12]|LTM\d_\d|(BIAS|TRIM|DATA|CCD|AMP|DET)SEC)$"
)


class _Grid(NamedTuple):
    """The pixels of the result, and their sizes in pixels of the image."""

    wcs: Any
    shape: tuple[int, int]
    range: Range
    area: np.ndarray  # of each pixel, in pixels of the image; 0 where they have no common sky
    stretch: float  # the longest side of any pixel, in pixels of the image


def reproject_image(
    image: Any, *, target: Any, method: str = "interp", shape: tuple[int, int] | None = None
) -> Image:
    """Reproject an image to the pixels of another WCS.

    Parameters
    ----------
    image : Image
        With a celestial WCS.
    target : Image, Header, mapping of cards, or astropy.wcs.WCS
        The pixels of the result.
    method : {"interp", "adaptive", "exact"}
        Linear interpolation, a Hann window that grows with the pixels, or the overlap of pixels on the sky.
    shape : (ny, nx), optional
        By default that of the target.

    Returns
    -------
    Image
        float32, or float64 if the image needs it, in counts per pixel: values are multiplied by the area of
        the new pixel in old pixels. The variance is propagated with the squares of the same weights. Bad
        pixels are first replaced by the median of their neighbours; their flags, and an infinite variance,
        are set where their weight is 0.05 or more. A pixel of which less than 0.95 is covered is flagged
        NO_DATA. The header is that of the image with the WCS of the target. Noise of neighbours is correlated afterwards:
        CORRFACT there is the variance of a large sum over the sum of variances, in the middle of the result.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        One of the two has no celestial WCS, or the target has no shape.
    UnknownNameError
        For any other method.

    Examples
    --------
    >>> sky = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 2.0, "CRPIX2": 2.0, "CDELT1": -0.1, "CDELT2": 0.1}
    >>> image = Image([[0.0, 0, 0], [0, 8, 0], [0, 0, 0]], sky)
    >>> moved = reproject_image(image, target={**sky, "CRPIX1": 3.0}, shape=(3, 4))
    >>> moved.array.round(3).tolist()[1], moved.mask.tolist()[1]
    ([0.0, 0.0, 8.0, 0.0], [16, 0, 0, 0])
    """
    image = image if isinstance(image, Image) else Image.of(image)
    if method not in METHODS:
        raise UnknownNameError(
            "method", f"must be one of {', '.join(METHODS)}", value=method, remedy=f"give {METHODS[0]!r}"
        )
    own = _celestial(image, "image")
    grid = _grid(own, target, shape)
    project = partial(_projected, own, grid, method)
    dtype = np.result_type(image.dtype, np.float32)
    array, footprint = project(_without_gaps(image.array, image))
    covered = np.isfinite(array) & (grid.area > 0)
    result = np.where(covered, array * grid.area, 0).astype(dtype)
    variance = None
    if image.variance is not None:
        spread = _variance(project, image, image.variance, _apart(method, grid.stretch)) * grid.area**2
        unknown = image.good & ~np.isfinite(image.variance)
        if unknown.any():
            spread[_reached(project, unknown, grid)] = np.inf
        variance = np.where(covered, spread, 0)
    flags = _flags(project, image, grid)
    flags[~covered | (footprint < 1 - NOTABLE)] |= np.uint8(Flag.NO_DATA)
    mask = None if image.mask is None and not flags.any() else flags
    header = _header(image.header, grid.wcs)
    before = header.get("CORRFACT")
    factor = _correlation(own, grid, method, image.shape) * (before if isinstance(before, float) else 1.0)
    if factor > 1.001:
        header = header.set("CORRFACT", float(f"{factor:.6g}"), "variance of a large sum / sum of UNCERT")
    return Image(
        result,
        header,
        mask,
        grid.range,
        None if variance is None else variance.astype(dtype),
    )


def _projected(own: Any, grid: _Grid, method: str, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reproject planes (..., ny, nx); return them, NaN without data, and the covered part of each pixel."""
    import reproject

    call: Callable[..., Any] = {
        "interp": partial(reproject.reproject_interp, order="bilinear", roundtrip_coords=False),
        "adaptive": partial(reproject.reproject_adaptive, kernel="hann", roundtrip_coords=False),
        "exact": reproject.reproject_exact,
    }[method]
    with np.errstate(all="ignore"):
        result, footprint = call((planes.astype(np.float64), own), grid.wcs, shape_out=grid.shape)
    return result, footprint[(0,) * (footprint.ndim - 2)]


def _variance(project: Callable[..., Any], image: Image, variance: np.ndarray, apart: int) -> np.ndarray:
    """Sum the squared weights times the variances of an image.

    Pixels at distances of `apart` are projected together, so that each pixel of the result depends on only
    one of them: the square of the projected standard deviation is the squared weight times the variance.
    """
    known = np.isfinite(variance)
    deviation = np.sqrt(_without_gaps(np.where(known, variance, 0), image).clip(0))
    total: Any = 0.0
    for row in range(apart):
        planes = np.zeros((apart, *image.shape))
        for column in range(apart):
            cut = np.s_[row::apart, column::apart]
            planes[column][cut] = deviation[cut]
        total = total + (project(planes)[0] ** 2).sum(axis=0)
    return total


def _correlation(own: Any, grid: _Grid, method: str, shape: tuple[int, int]) -> float:
    """Compute the variance of a large sum over the sum of the variances, for equally noisy pixels; 1 where it is unknown.

    The weights of each pixel of the image add up to 1 in a large sum, whose variance is that of as many pixels as the
    sum covers.
    """
    rows, columns = (slice(max(0, size // 2 - _PATCH), size // 2 + _PATCH) for size in grid.shape)
    area = grid.area[rows, columns]
    patch = grid._replace(wcs=grid.wcs[rows, columns], shape=area.shape, area=area)
    even = Image(np.ones(shape))
    spread = _variance(
        partial(_projected, own, patch, method), even, even.array, _apart(method, grid.stretch)
    )
    here = np.isfinite(spread) & (spread > 0)
    return max(1.0, float(area[here].sum() / (spread * area**2)[here].sum())) if here.any() else 1.0


def _flags(project: Callable[..., Any], image: Image, grid: _Grid) -> np.ndarray:
    own = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    own[~image.good & (own == 0)] = np.uint8(Flag.NO_DATA)
    out = np.zeros(grid.shape, np.uint8)
    bits = [np.uint8(1 << n) for n in range(8) if (own & (1 << n)).any()]
    if bits:
        reached = _reached(project, np.stack([(own & bit) != 0 for bit in bits]), grid)
        for bit, spots in zip(bits, reached, strict=True):
            out[spots] |= bit
    return out


def _reached(project: Callable[..., Any], spots: np.ndarray, grid: _Grid) -> np.ndarray:
    """Return where the pixels of a map have enough weight to set a flag."""
    # The more pixels a pixel of the result covers, the lower is the weight of each.
    return np.nan_to_num(project(spots)[0]) >= NOTABLE / np.maximum(grid.area, 1)


def _without_gaps(values: np.ndarray, image: Image) -> np.ndarray:
    """Replace bad pixels by the median of their neighbours."""
    if image.good.all():
        return values
    return replace_masked(Image(values, mask=~image.good), by="median" if image.good.any() else 0.0).array


def _apart(method: str, stretch: float) -> int:
    """Return the distance from which two pixels never contribute to the same pixel of the result."""
    if method == "interp":
        return 2
    reach = {"adaptive": 2 * max(stretch, 1.0), "exact": stretch}[method]
    return math.ceil(reach * math.sqrt(2)) + 1


def _grid(own: Any, target: Any, shape: Any) -> _Grid:
    from astropy.wcs.utils import pixel_to_pixel

    wcs, known, window = _target(target)
    size = known if shape is None else _shape(shape)
    if size is None:
        raise ArgumentError(
            "target", "must say its shape, as NAXIS1 and NAXIS2 do", remedy="give shape=(ny, nx)"
        )
    if window is None or size != known:
        window = Range(0, size[1], 0, size[0])
    # The corners of the pixels, from which their sides follow.
    x, y = np.meshgrid(np.arange(size[1] + 1) - 0.5, np.arange(size[0] + 1) - 0.5)
    with np.errstate(all="ignore"):
        u, v = pixel_to_pixel(wcs, own, x, y)
        ux, vx = (np.diff(0.5 * (p[1:] + p[:-1]), axis=1) for p in (u, v))
        uy, vy = (np.diff(0.5 * (p[:, 1:] + p[:, :-1]), axis=0) for p in (u, v))
        area = np.nan_to_num(np.abs(ux * vy - uy * vx))
        sides = np.maximum(np.hypot(ux, vx), np.hypot(uy, vy))
    return _Grid(wcs, size, window, area, float(np.nanmax(sides)) if np.isfinite(sides).any() else 1.0)


def _target(target: Any) -> tuple[Any, tuple[int, int] | None, Range | None]:
    """Return the WCS of a target, and its shape and window or None."""
    from astropy.wcs import WCS

    if isinstance(target, WCS):
        if not target.has_celestial:
            raise ArgumentError(
                "target", "must have a celestial WCS", remedy="give CTYPE1, CTYPE2 of the sky"
            )
        return target.celestial, target.celestial.array_shape, None
    if isinstance(target, Image):
        return _celestial(target, "target"), target.shape, target.range
    try:
        header = Header(target)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "target", "must be an Image, a header or a WCS", value=target, remedy="read one from a file"
        ) from None
    size = header.number("NAXIS2"), header.number("NAXIS1")
    shape = None if None in size else _shape(tuple(int(n or 0) for n in size))
    return _celestial(Image.filled((1, 1), header=header), "target"), shape, None


def _celestial(image: Image, name: str) -> Any:
    wcs = image.wcs
    if wcs is None:
        raise ArgumentError(
            name, "must have a celestial WCS", remedy="solve its astrometry, or align it by stars"
        )
    return wcs.celestial


def _shape(shape: Any) -> tuple[int, int]:
    try:
        ny, nx = shape
        whole = ny == int(ny) and nx == int(nx) and not isinstance(ny, bool) and not isinstance(nx, bool)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentTypeError(
            "shape", "must be (ny, nx)", value=shape, remedy="give two whole numbers, rows first"
        ) from None
    if not whole or not (0 < ny <= 2**16 and 0 < nx <= 2**16):
        raise ArgumentError(
            "shape", "must be whole numbers from 1 to 65536", value=shape, remedy="project parts one by one"
        )
    return int(ny), int(nx)


def _header(header: Header, wcs: Any) -> Header:
    header = header.remove(*(key for key in header if _WCS_CARD.match(key)))
    return header.update(dict(wcs.to_header(relax=True)))
