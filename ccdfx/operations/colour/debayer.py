"""Interpolation of a mosaic of colours to three images: red, green and blue."""

from __future__ import annotations

from functools import cache, partial
from typing import NamedTuple

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.kernels.image.debayer import interpolate_colour
from ccdfx.operations.colour.pattern import ColourPattern, with_pattern
from ccdfx.operations.colour.planes import COLOURS, colour_header, colour_plane, pattern_of
from ccdfx.records.checks import one_of
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import variance_as, working_dtype

METHODS = ("superpixel", "bilinear", "malvar")
CARRIED = np.uint8(Flag.SATURATED | Flag.NONLINEAR)
"""Flags of pixels that are not replaced by others: their light is seen, though it is more than what is stated."""
_TILE_ROWS = 128
_LEAST_SIDE = 3  # the filters reach two pixels, and are mirrored at the edges
_Sum = tuple[tuple[int, int, float], ...]  # steps y, x and a weight

# The filters of Malvar, He & Cutler (2004), in eighths.
_OWN: _Sum = ((0, 0, 1.0),)
_CROSS: _Sum = ((0, -1, 0.25), (0, 1, 0.25), (-1, 0, 0.25), (1, 0, 0.25))
_ROW: _Sum = ((0, -1, 0.5), (0, 1, 0.5))
_DIAGONAL: _Sum = ((-1, -1, 0.25), (-1, 1, 0.25), (1, -1, 0.25), (1, 1, 0.25))


def _eighths(middle: float, **rings: float) -> _Sum:
    """Make a filter of the weights of its rings: sides, diagonals and the pixels two steps away on each axis."""
    steps = {
        "row": ((0, -1), (0, 1)),
        "column": ((-1, 0), (1, 0)),
        "diagonal": ((-1, -1), (-1, 1), (1, -1), (1, 1)),
        "far_row": ((0, -2), (0, 2)),
        "far_column": ((-2, 0), (2, 0)),
    }
    found = [(0, 0, middle / 8)]
    found += [(y, x, weight / 8) for name, weight in rings.items() for y, x in steps[name]]
    return tuple(found)


_MALVAR_CROSS = _eighths(4, row=2, column=2, far_row=-1, far_column=-1)
_MALVAR_ROW = _eighths(5, row=4, diagonal=-1, far_row=-1, far_column=0.5)
_MALVAR_DIAGONAL = _eighths(6, diagonal=2, far_row=-1.5, far_column=-1.5)


def _turned(filter: _Sum) -> _Sum:
    return tuple((x, y, weight) for y, x, weight in filter)


class ColourImages(NamedTuple):
    """The images of the colours of a mosaic; made by `debayer`."""

    red: Image
    green: Image
    blue: Image


def debayer(
    image: ImageLike, *, method: str = "malvar", pattern: ColourPattern | str | None = None
) -> ColourImages:
    """Make three images of a mosaic of colours: red, green and blue.

    Parameters
    ----------
    image : Image or 2-D array
        Not moved or resampled before: its pixels are those of the detector.
    method : {"malvar", "bilinear", "superpixel"}
        "superpixel" interpolates nothing: the red, the blue and the mean of the green pixels of each 2 x 2, with half
        the size. "bilinear" takes the mean of the nearest two or four pixels of a colour. "malvar" adds the second
        derivative of the colour that was measured at the place (Malvar, He & Cutler 2004), which is sharper.
    pattern : ColourPattern or str, optional
        As for `split_colours`.

    Returns
    -------
    ColourImages
        float32, or float64 for wide input. The variance is that of the weighted sum, the sum of the squared weights times
        the variances; CORRFACT says how much more noise sums of many pixels have, where all colours are equally noisy.
        A pixel that was measured keeps its value and flags. Where a pixel of a sum is bad, the mean of the good pixels
        of the colour that "bilinear" uses takes its place; without a good one the result has the flags of all. Saturated and
        nonlinear pixels are used, and flag what they are in. In "superpixel" the green flags are those of both pixels, and
        the WCS of each image is that of its pixels: the red and blue ones lie by a quarter of a pixel beside the green.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The method is not known; else as for `split_colours`.

    See Also
    --------
    split_colours, colour_pattern

    Examples
    --------
    >>> import numpy as np
    >>> grey = debayer(np.full((6, 8), 5.0), pattern="RGGB")
    >>> grey.green.shape, float(grey.red.array.min()), float(grey.blue.array.max())
    ((6, 8), 5.0, 5.0)
    """
    image = as_image(image)
    return ColourImages(
        *(colour_image(image, colour=name, method=method, pattern=pattern) for name in COLOURS)
    )


def colour_image(
    image: ImageLike, *, colour: str, method: str = "malvar", pattern: ColourPattern | str | None = None
) -> Image:
    """Make the image of one colour (R, G or B) of a mosaic; see `debayer`."""
    image = as_image(image)
    one_of("colour", colour, COLOURS)
    one_of("method", method, METHODS)
    pattern = pattern_of(image, pattern)
    if method == "superpixel":
        return _cropped(colour_plane(image, colour=colour, pattern=pattern), image.shape)
    if min(image.shape) < _LEAST_SIDE:
        raise ArgumentError(
            "image",
            f"must have at least {_LEAST_SIDE} rows and columns to be interpolated",
            value=image.shape,
            remedy='use the method "superpixel"',
        )
    dtype = working_dtype(image.array)
    values = np.ascontiguousarray(image.array, dtype)
    nothing = np.zeros((0, values.shape[1]), np.uint8)
    flags = nothing if image.mask is None else np.ascontiguousarray(image.mask)
    variance = nothing.astype(dtype)
    if image.variance is not None:
        variance = np.ascontiguousarray(variance_as(image.variance, dtype))
    sums = _sums(method, pattern.letters, colour), _sums("bilinear", pattern.letters, colour)
    taps, counts, weights = _tables(sums, dtype)
    out = np.empty_like(values), np.zeros(values.shape, np.uint8), np.empty_like(variance)
    work = partial(_rows, (values, flags, variance), (taps, counts, weights), out)
    tiles = [(y, min(y + _TILE_ROWS, len(values))) for y in range(0, len(values), _TILE_ROWS)]
    for _ in map_here(work, tiles):
        pass
    header = with_pattern(without_extremes(image.header), None, shape=image.shape)
    header = with_correlation(colour_header(header, pattern, colour), correlation_of(method, pattern, colour))
    mask = out[1] if image.mask is not None or out[1].any() else None
    return adopt(out[0], header, mask, image.range, None if image.variance is None else out[2])


def correlation_of(method: str, pattern: ColourPattern, colour: str) -> float:
    """Compute the variance of a sum over many pixels, over the sum of their variances, for equally noisy pixels.

    >>> round(correlation_of("bilinear", ColourPattern("RGGB"), "R"), 3)
    7.111
    """
    if method == "superpixel":
        return 1.0
    totals, squares = np.zeros((2, 2)), 0.0
    for place, terms in enumerate(_sums(method, pattern.letters, colour)):
        y, x = divmod(place, 2)
        for dy, dx, weight in terms:
            totals[(y + dy) % 2, (x + dx) % 2] += weight
            squares += weight**2
    return float((totals**2).sum() / squares)


@cache
def _sums(method: str, letters: str, colour: str) -> tuple[_Sum, ...]:
    """Return the weighted sum that a method makes at each place of the pattern (2 y + x)."""
    pattern = ColourPattern(letters)
    malvar = method == "malvar"
    found = []
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        if pattern.colour(x, y) == colour:
            terms = _OWN
        elif colour == "G":
            terms = _MALVAR_CROSS if malvar else _CROSS
        elif pattern.colour(x, y) != "G":
            terms = _MALVAR_DIAGONAL if malvar else _DIAGONAL
        else:
            beside = pattern.colour(x + 1, y) == colour
            terms = _MALVAR_ROW if malvar else _ROW
            terms = terms if beside else _turned(terms)
        found.append(terms)
    return tuple(found)


def _tables(
    methods: tuple[tuple[_Sum, ...], ...], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, their numbers and weights as arrays, of both methods at each place."""
    most = max(len(terms) for sums in methods for terms in sums)
    taps, counts = np.zeros((2, 4, most, 2), np.int64), np.zeros((2, 4), np.int64)
    weights = np.zeros((2, 4, most), dtype)
    for kind, sums in enumerate(methods):
        for place, terms in enumerate(sums):
            counts[kind, place] = len(terms)
            for k, (dy, dx, weight) in enumerate(terms):
                taps[kind, place, k], weights[kind, place, k] = (dy, dx), weight
    return taps, counts, weights


def _rows(
    planes: tuple[np.ndarray, np.ndarray, np.ndarray],
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    rows: tuple[int, int],
) -> None:
    interpolate_colour(*planes, *tables, CARRIED, out, *rows)


def _cropped(plane: Image, shape: tuple[int, int]) -> Image:
    """Cut a plane to the pairs of rows and columns that are whole, as the green one is, as an image of its own."""
    ny, nx = shape[0] // 2, shape[1] // 2
    if plane.shape == (ny, nx):
        return plane
    cut = plane.select((0, nx, 0, ny))
    header: Header = cut.header
    return adopt(cut.array, header, cut.mask, None, cut.variance)
