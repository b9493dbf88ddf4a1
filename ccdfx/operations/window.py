"""Windows of an image: select, trim, paste, and cut-outs around positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import whole
from ccdfx.records.compatibility import require_part
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image, as_images
from ccdfx.records.keywords import without_extremes
from ccdfx.records.parameters import renamed_options
from ccdfx.records.planes import working_dtype
from ccdfx.records.positions import FARTHEST, as_pairs
from ccdfx.records.range import SECTIONS, Range, RangeLike, window_errors_about
from ccdfx.records.wcs import celestial_frame, moved, moved_mosaic, states_physical, world_axes


@renamed_options(range="section")
def select(image: ImageLike, *, section: RangeLike) -> Image:
    """Cut a window out of an image.

    Parameters
    ----------
    image : Image or 2-D array
    section : Range, (x_lower, x_upper, y_lower, y_upper), (x, y, radius), '[x1:x2,y1:y2]' or None
        In pixels of the parent frame; if the image is itself a window, these are not those of its array. None
        is the whole image.

    Returns
    -------
    Image
        A copy of values, mask and variance of the window, with its `range`; the WCS, LTV, CCDSEC, AMPSEC and
        DETSEC are adjusted, so that the position of every pixel on sky and detector stays.

    Raises
    ------
    ArgumentError
        When the window is not inside the image.

    See Also
    --------
    trim, paste, cutouts

    Examples
    --------
    >>> import numpy as np
    >>> part = select(np.arange(12).reshape(3, 4), section=(1, 3, 0, 2))
    >>> part.array.tolist(), part.range.to_fits()
    ([[1, 2], [5, 6]], '[2:3,1:2]')
    """
    image = as_image(image)
    with window_errors_about("section"):
        return image.select(section)


def trim(image: ImageLike, *, section: RangeLike) -> Image:
    """Trim a frame to its useful section, such as TRIMSEC; this is `select` under its usual name.

    The section is in pixels of the parent frame and must be given; BIASSEC, TRIMSEC and DATASEC, which refer
    to the raw frame, are removed from the header. CCDSEC, AMPSEC and DETSEC become those of the section, if it
    lies in DATASEC, and LTV follows.

    See Also
    --------
    select, subtract_overscan

    Examples
    --------
    >>> import numpy as np
    >>> trim(np.zeros((10, 12)), section="[1:8,1:10]").shape
    (10, 8)
    """
    if section is None:
        raise ArgumentTypeError(
            "section", "must be a window", value=None, remedy="give a Range, four numbers or '[x1:x2,y1:y2]'"
        )
    image = as_image(image)
    with window_errors_about("section"):
        return image.select(section)


def paste(full: ImageLike, *, part: ImageLike) -> Image:
    """Paste a window back into the frame from which it was cut.

    Parameters
    ----------
    full : Image or 2-D array
    part : Image or 2-D array
        Its `range` gives its place in `full`; values, flags and variance there are replaced.

    Returns
    -------
    Image
        With the header and the window of `full`. The values have the type of `full` if that holds those of
        `part`, else float32 or float64. Flags outside `part` stay.

    Raises
    ------
    ArgumentError
        When `part` does not lie inside `full`.
    MismatchError
        When units or binning differ, or only one of the two has a variance.

    See Also
    --------
    select, update

    Examples
    --------
    >>> import numpy as np
    >>> paste(np.zeros((2, 3)), part=Image([[7.0]], range=(2, 3, 1, 2))).array
    array([[0., 0., 0.],
           [0., 0., 7.]])
    """
    full, part = as_image(full, "full"), as_image(part, "part")
    require_part(full, part)
    cut = part.range.relative_to(full.range).slices
    array = full.array.astype(_common_dtype(full, part), copy=True)
    array[cut] = part.array
    mask = variance = None
    if full.mask is not None or part.mask is not None:
        mask = np.zeros(full.shape, np.uint8) if full.mask is None else full.mask.copy()
        mask[cut] = 0 if part.mask is None else part.mask
    if full.variance is not None and part.variance is not None:
        variance = full.variance.astype(np.result_type(full.variance, part.variance), copy=True)
        variance[cut] = part.variance
    return adopt(array, without_extremes(full.header), mask, full.range, variance)


def _common_dtype(full: Image, part: Image) -> np.dtype:
    if full.dtype == part.dtype or np.can_cast(part.dtype, full.dtype):
        return full.dtype
    if full.dtype.kind in "iu" and part.dtype.kind in "iu":
        common = np.result_type(full.dtype, part.dtype)
        return common if common.kind in "iu" else np.dtype(np.float64)
    return working_dtype(full.array, part.array)


_ONE = "give either positions=, in pixels, or sky=, in degrees"


def cutouts(images: Any, *, size: int | Sequence[int], positions: Any = None, sky: Any = None) -> list[Image]:
    """Cut images of one size around positions, out of one image or several.

    Parameters
    ----------
    images : Image or 2-D array, or several of them
    size : int or (nx, ny)
        Width and height in pixels. With an odd size the position is in the central pixel.
    positions : array_like (n, 2) of x, y, or a table with fields `x` and `y`, optional
        0-based pixels of the array, as from `find_sources`.
    sky : array_like (n, 2), a table with fields `ra` and `dec`, or an astropy SkyCoord, optional
        Longitude and latitude in degrees, in the coordinate system of the WCS of each image (mostly right
        ascension and declination), which converts them to pixels; a SkyCoord has its own system. Give either
        these or `positions`.

    Returns
    -------
    list of Image
        For the first image in the order of the positions, then for the second, and so on. Values, flags and
        variance are copies; pixels beyond the edge are flagged NO_DATA, with the value NaN (0 in integers)
        and variance 0. The WCS and LTV are shifted accordingly; section keywords are removed from the
        header. The `range` is the window in the parent frame; if that would begin before the first pixel of
        the parent frame, the range starts at 0.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Positions that are not pairs of finite numbers, a size below 1, both kinds of positions or none, an
        image without WCS, a position that its WCS cannot convert.

    See Also
    --------
    select, find_sources

    Examples
    --------
    >>> part, corner = cutouts(np.arange(20.0).reshape(4, 5), size=3, positions=[(2, 1), (0, 0)])
    >>> part.array.tolist()
    [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0], [11.0, 12.0, 13.0]]
    >>> corner.mask.tolist()
    [[16, 16, 16], [16, 0, 0], [16, 0, 0]]
    """
    several = (
        isinstance(images, list | tuple) or hasattr(images, "__next__") or getattr(images, "ndim", 2) == 3
    )
    frames = as_images(images) if several else [as_image(images)]
    width, height = _size(size)
    if (positions is None) == (sky is None):
        raise ArgumentError("positions, sky", "must be one of the two", remedy=_ONE)
    pairs = None if sky is not None else as_pairs("positions", positions)
    return [
        _cutout(frame, x, y, width, height)
        for frame in frames
        for x, y in (_pixels(frame, sky) if pairs is None else pairs).tolist()
    ]


def _cutout(frame: Image, x: float, y: float, width: int, height: int) -> Image:
    x0, y0 = _first(x, width), _first(y, height)
    source = tuple(
        slice(min(max(first, 0), length), max(min(first + count, length), 0))
        for first, count, length in zip((y0, x0), (height, width), frame.shape, strict=True)
    )
    target = tuple(
        slice(part.start - first, part.stop - first) for part, first in zip(source, (y0, x0), strict=True)
    )
    inside = all(part.start < part.stop for part in source)
    whole_inside = inside and all(
        part.stop - part.start == n for part, n in zip(source, (height, width), strict=True)
    )
    blank = math.nan if frame.dtype.kind == "f" else 0

    def filled(plane: np.ndarray, value: float) -> np.ndarray:
        out = np.full((height, width), value, plane.dtype)
        if inside:
            out[target] = plane[source]
        return out

    mask = None
    if frame.mask is not None or not whole_inside:
        flags = np.zeros(frame.shape, np.uint8) if frame.mask is None else frame.mask
        mask = filled(flags, int(Flag.NO_DATA))
    x_lower, y_lower = frame.range.x_lower + x0, frame.range.y_lower + y0
    window = Range.whole((height, width))
    header = frame.header
    if min(x_lower, y_lower) >= 0:
        window = window.moved(x_lower, y_lower)
    elif not states_physical(header):  # the window cannot say where it lies
        header = header.set("LTV1", float(-frame.range.x_lower)).set("LTV2", float(-frame.range.y_lower))
    header = moved_mosaic(header, x0, y0, frame.shape[0] - y0 - height)
    return adopt(
        filled(frame.array, blank),
        moved(without_extremes(header), -x0, -y0).remove(*SECTIONS),
        mask,
        window,
        None if frame.variance is None else filled(frame.variance, 0.0),
    )


def _first(centre: float, count: int) -> int:
    """Return the first of `count` pixels whose middle is nearest to `centre`."""
    return math.floor(centre - (count - 1) / 2 + 0.5)


def _size(size: Any) -> tuple[int, int]:
    several = isinstance(size, list | tuple) or (isinstance(size, np.ndarray) and size.ndim > 0)
    pair = tuple(size) if several else (size, size)
    if len(pair) != 2:
        raise ArgumentError(
            "size", "must be pixels, or (nx, ny)", value=size, remedy="give one or two numbers"
        )
    width, height = (whole("size", number, least=1, remedy="give pixels") for number in pair)
    if max(width, height) >= FARTHEST:
        raise ArgumentError("size", "must be below 2**31", value=size, remedy="give pixels")
    return width, height


def _sky_pairs(sky: Any, wcs: Any) -> np.ndarray:
    """Convert sky positions to longitudes and latitudes in the coordinate system of a WCS."""
    if hasattr(sky, "spherical"):  # a SkyCoord, in any coordinate frame
        place = sky.transform_to(celestial_frame(wcs)).spherical
        sky = np.column_stack([np.atleast_1d(place.lon.deg), np.atleast_1d(place.lat.deg)])
    return as_pairs("sky", sky, "ra", "dec")


def _pixels(frame: Image, sky: Any) -> np.ndarray:
    """Convert sky positions to pixels of the array."""
    wcs = frame.wcs
    if wcs is None:
        raise ArgumentError(
            "sky", "needs a WCS in the header of the image", remedy="give positions= in pixels instead"
        )
    pairs = _sky_pairs(sky, wcs)
    if not len(pairs):
        return pairs
    try:
        x, y = wcs.all_world2pix(*world_axes(wcs, *pairs.T), 0, quiet=True)
    except Exception as error:  # wcslib and astropy raise exceptions of many types
        raise ArgumentError(
            "sky", f"cannot be turned into pixels: {error}", remedy="give positions that the WCS shows"
        ) from error
    places = np.column_stack([x, y])
    lost = ~np.isfinite(places).all(axis=1) | (np.abs(np.nan_to_num(places)) > FARTHEST).any(axis=1)
    if lost.any():
        raise ArgumentError(
            "sky",
            "must be where the WCS of the image can show it",
            value=pairs[lost][0].tolist(),
            remedy="leave out what is on the other side of the sky",
        )
    return places
