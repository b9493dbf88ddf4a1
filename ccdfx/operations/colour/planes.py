"""Planes of a mosaic of colours: one image for each pixel of the pattern, and the mosaic made of them again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.noise.header_gain import doubt_about_gain
from ccdfx.operations.colour.pattern import PLANES, ColourPattern, colour_pattern, with_pattern
from ccdfx.records.checks import one_of
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype
from ccdfx.records.wcs import with_physical
from ccdfx.records.wcs_affine import transformed

COLOURS = ("R", "G", "B")
COLOUR, MOSAIC = "CFAPLANE", "CFAPATT"
"""Cards of a plane: its name, and the pattern of the mosaic that it is a part of."""
_PITCHES = ("XPIXSZ", "YPIXSZ")
_GAINS, _NOISES = ("EGAIN", "GAIN"), ("RDNOISE", "READNOIS", "READNOISE", "ENOISE")
_PER_UNIT = "e-/unit"  # in the comment of a gain that a reduction has set
_MIDDLE = 0.5  # of the 2 x 2 pixels of the pattern


class ColourPlanes(NamedTuple):
    """The planes of a mosaic of colours, each of half its size; made by `split_colours`.

    `green_1` are the green pixels in the rows of red ones, `green_2` those in the rows of blue ones.
    """

    red: Image
    green_1: Image
    green_2: Image
    blue: Image


def split_colours(image: ImageLike, *, pattern: ColourPattern | str | None = None) -> ColourPlanes:
    """Split a mosaic of colours into its four planes: every second pixel of every second row.

    Parameters
    ----------
    image : Image or 2-D array
    pattern : ColourPattern or str, optional
        As it lies from the first pixel of the array, such as RGGB; by default that of the header, see `colour_pattern`.

    Returns
    -------
    ColourPlanes
        The planes R, G1, G2 and B. Of an odd number of rows or columns, those of the first pixels have one more.
        Values, flags and variances are copies. The WCS of each plane, LTM and LTV, and stated pixel scales are those
        of its pixels, so that the position of every pixel on the sky stays. The cards of the mosaic are replaced by
        CFAPLANE, the name of the plane, and CFAPATT, the pattern.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The pattern is not one of Bayer's, or neither the header nor `pattern` tells it; the image is smaller than 2 x 2.

    See Also
    --------
    debayer, merge_colours, colour_pattern

    Examples
    --------
    >>> import numpy as np
    >>> planes = split_colours(np.array([[1, 2, 1], [3, 4, 3]]), pattern="RGGB")
    >>> [plane.array.tolist() for plane in planes]
    [[[1, 1]], [[2]], [[3, 3]], [[4]]]
    """
    image = as_image(image)
    pattern = pattern_of(image, pattern)
    return ColourPlanes(*(_plane(image, pattern, name) for name in PLANES))


def colour_plane(image: ImageLike, *, colour: str, pattern: ColourPattern | str | None = None) -> Image:
    """Cut one colour out of a mosaic of colours, with half its size.

    Parameters
    ----------
    image : Image or 2-D array
    colour : str
        R, G1, G2 or B, a plane as of `split_colours`; or G, the mean of the two green ones.
    pattern : ColourPattern or str, optional
        As for `split_colours`.

    Returns
    -------
    Image
        In the mean, a pixel has the flags of both green ones: where one is bad the mean would be that of another
        place. Its variance is a quarter of the sum of both, GAIN and EGAIN in e-/ADU are doubled, and the read
        noise grows by the root of 2, so that they predict this variance (without such a gain the read noise falls by it). It has as many rows and columns as there
        are whole pairs.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As for `split_colours`.

    See Also
    --------
    split_colours, merge_colours

    Examples
    --------
    >>> import numpy as np
    >>> colour_plane(np.array([[1, 2], [4, 8]]), colour="G", pattern="RGGB").array.item()
    3.0
    """
    image = as_image(image)
    one_of("colour", colour, (*PLANES, "G"))
    pattern = pattern_of(image, pattern)
    return _green(image, pattern) if colour == "G" else _plane(image, pattern, colour)


def merge_colours(
    planes: Sequence[ImageLike], *, pattern: ColourPattern | str | None = None, like: Image | None = None
) -> Image:
    """Merge the four planes of a mosaic of colours, the inverse of `split_colours`.

    Parameters
    ----------
    planes : sequence of four Images or 2-D arrays
        R, G1, G2 and B, as of `split_colours`.
    pattern : ColourPattern or str, optional
        Of the result; by default that of `like`, or else CFAPATT of the planes.
    like : Image, optional
        A mosaic whose header and window the result has. Without it the header is that of the red plane, with the WCS
        of the mosaic.

    Returns
    -------
    Image
        With a mask if any plane has one, and with a variance if all have one.

    Raises
    ------
    ArgumentError
        There are not four planes, or the pattern is not told.
    MismatchError
        The planes differ in shape by more than one row or column, or only some have a variance.

    See Also
    --------
    split_colours

    Examples
    --------
    >>> import numpy as np
    >>> mosaic = np.arange(15).reshape(3, 5)
    >>> merged = merge_colours(split_colours(mosaic, pattern="GBRG"))
    >>> merged.array.tolist() == mosaic.tolist(), merged.header["BAYERPAT"]
    (True, 'GBRG')
    """
    images = [as_image(plane, f"planes[{number}]") for number, plane in enumerate(planes)]
    if len(images) != len(PLANES):
        raise ArgumentError(
            "planes",
            "must be four: R, G1, G2 and B",
            value=len(images),
            remedy="give all planes of the mosaic",
        )
    found = _merged_pattern(images, pattern, like)
    shape = _merged_shape(images, found)
    places = [found.place(name) for name in PLANES]
    array = np.empty(shape, np.result_type(*(image.dtype for image in images)))
    mask = np.zeros(shape, np.uint8) if any(image.mask is not None for image in images) else None
    variance = None
    if images[0].variance is not None:
        variance = np.empty(
            shape, np.result_type(*(one.variance for one in images if one.variance is not None))
        )
    for (x, y), image in zip(places, images, strict=True):
        array[y::2, x::2] = image.array
        if mask is not None and image.mask is not None:
            mask[y::2, x::2] = image.mask
        if variance is not None:
            variance[y::2, x::2] = image.variance
    if like is not None:
        return adopt(array, without_extremes(like.header), mask, like.range, variance)
    header = images[0].header.remove(COLOUR, MOSAIC)
    header = transformed(without_extremes(header), ((2.0, 0.0), (0.0, 2.0)), places[0])
    return adopt(array, with_pattern(_pitch(header, 0.5), found, shape=shape), mask, None, variance)


def pattern_of(image: Image, pattern: ColourPattern | str | None = None) -> ColourPattern:
    """Return the pattern of a mosaic: the given one, or that of its header.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        It is not one of Bayer's, or nothing tells it; the image is smaller than 2 x 2 pixels.
    """
    found = colour_pattern(image.header, shape=image.shape) if pattern is None else ColourPattern.of(pattern)
    if found is None:
        raise ArgumentError(
            "image",
            "must be a mosaic of colours: its header has no BAYERPAT, COLORTYP or CFAIMAGE",
            remedy="give the pattern, such as RGGB, as it lies from the first pixel",
        )
    if min(image.shape) < 2:
        raise ArgumentError(
            "image",
            "must have at least 2 x 2 pixels, those of a pattern",
            value=image.shape,
            remedy="give the whole mosaic",
        )
    return found


def is_mosaic(header: Header, shape: tuple[int, int]) -> bool:
    """Return whether a header says that the pixels of an array are behind filters of several colours."""
    return colour_pattern(header, shape=shape) is not None


def offset_of(pattern: ColourPattern, colour: str) -> tuple[float, float]:
    """Return where the first pixel of a plane, or the middle of the first two green ones, lies in the mosaic, (x, y).

    >>> offset_of(ColourPattern("GRBG"), "R"), offset_of(ColourPattern("GRBG"), "G")
    ((1.0, 0.0), (0.5, 0.5))
    """
    if colour == "G":
        return _MIDDLE, _MIDDLE
    x, y = pattern.place(colour)
    return float(x), float(y)


def _plane(image: Image, pattern: ColourPattern, name: str) -> Image:
    x, y = pattern.place(name)
    cut = np.s_[y::2, x::2]
    return adopt(
        image.array[cut].copy(),
        plane_header(image, pattern, name),
        None if image.mask is None else image.mask[cut].copy(),
        None,
        None if image.variance is None else image.variance[cut].copy(),
    )


def _green(image: Image, pattern: ColourPattern) -> Image:
    """Average the two green planes, and flag what one of them flags."""
    ny, nx = (size // 2 for size in image.shape)
    cuts = [np.s_[y : 2 * ny : 2, x : 2 * nx : 2] for x, y in (pattern.place("G1"), pattern.place("G2"))]
    kind = working_dtype(image.array)
    total = np.add(image.array[cuts[0]], image.array[cuts[1]], dtype=kind)
    mask = None if image.mask is None else image.mask[cuts[0]] | image.mask[cuts[1]]
    variance = None
    if image.variance is not None:
        variance = (image.variance[cuts[0]] + image.variance[cuts[1]]) * image.variance.dtype.type(0.25)
    header = _averaged(plane_header(image, pattern, "G"), image.header)
    return adopt(total * kind.type(0.5), header, mask, None, variance)


def plane_header(image: Image, pattern: ColourPattern, colour: str) -> Header:
    """Make the header of a plane: the WCS of its pixels, CFAPLANE and CFAPATT instead of the cards of the mosaic."""
    x, y = offset_of(pattern, colour)
    header = with_pattern(with_physical(without_extremes(image.header), image.range), None, shape=image.shape)
    header = transformed(header, ((0.5, 0.0), (0.0, 0.5)), (-x / 2, -y / 2))
    return colour_header(_pitch(header, 2.0), pattern, colour)


def colour_header(header: Header, pattern: ColourPattern, colour: str) -> Header:
    """Set the cards that say which colour of which mosaic an image shows."""
    header = header.set(COLOUR, colour, "colour of the mosaic that is shown")
    return header.set(MOSAIC, pattern.letters, "colours of the mosaic from its first pixel")


def _averaged(header: Header, before: Header) -> Header:
    """Set gain and read noise to those of the mean of two pixels.

    A gain that is a setting of the camera stays; the read noise is then that of the mean with the gain of a pixel.
    """
    factor = math.sqrt(0.5)
    for keyword in _GAINS:
        value = lenient_number(before, keyword)
        if value is None or value <= 0:
            continue
        if doubt_about_gain(before, keyword) is None or _PER_UNIT in before.comment(keyword):
            header, factor = header.set(keyword, 2.0 * value), math.sqrt(2.0)
    for keyword in _NOISES:
        value = lenient_number(before, keyword)
        if value is not None and value > 0:
            header = header.set(keyword, factor * value)
    return header


def _pitch(header: Header, factor: float) -> Header:
    """Multiply the stated size of a pixel of the detector."""
    for keyword in _PITCHES:
        value = lenient_number(header, keyword)
        if value is not None:
            header = header.set(keyword, factor * value)
    return header


def _merged_pattern(
    images: Sequence[Image], pattern: ColourPattern | str | None, like: Image | None
) -> ColourPattern:
    if pattern is not None:
        return ColourPattern.of(pattern)
    if like is not None:
        return pattern_of(like)
    text = images[0].header.get(MOSAIC)
    if text is None:
        raise ArgumentError(
            "pattern",
            f"is not told: the planes have no {MOSAIC}",
            remedy="give it, such as RGGB, as it lies from the first pixel of the mosaic",
        )
    return ColourPattern(str(text))


def _merged_shape(images: Sequence[Image], pattern: ColourPattern) -> tuple[int, int]:
    """Return the shape of the mosaic, of which every plane is to have the pixels of its place."""
    shape = sum(image.shape[0] for image in images) // 2, sum(image.shape[1] for image in images) // 2
    for name, image in zip(PLANES, images, strict=True):
        x, y = pattern.place(name)
        expected = ((shape[0] - y + 1) // 2, (shape[1] - x + 1) // 2)
        if image.shape != expected:
            raise MismatchError(
                f"plane {name}",
                f"must have the shape {expected} to be a part of a mosaic of {shape[1]} x {shape[0]} pixels",
                value=image.shape,
                remedy="give the planes of one mosaic, in the order R, G1, G2, B",
            )
        if (image.variance is None) != (images[0].variance is None):
            raise MismatchError(
                f"plane {name}",
                "must have a variance if and only if the others have one",
                remedy="add the variance, or remove it from all",
            )
    return shape
