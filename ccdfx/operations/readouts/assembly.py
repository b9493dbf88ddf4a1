"""Assembly of the readouts of a detector into one image, by their places on it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, ImageLike, adopt, as_image, as_images
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import as_shape
from ccdfx.records.range import Range
from ccdfx.records.wcs_affine import transformed

_OF_ONE = (
    "EXTNAME",
    "EXTVER",
    "AMPNAME",
    "AMPID",
    "AMPLIST",
    "IMAGEID",
    "NAMPSYX",
    "NEXTEND",
    "ATM1_1",
    "ATM2_2",
    "ATV1",
    "ATV2",
)
_SECTION_OF_ONE = re.compile(r"([ABCDT]SEC|(DATA|BIAS|TRIM|CCD|DET|AMP)SEC)[A-Z0-9]{1,4}")
_SHAPE_REMEDY = "give the (ny, nx) of the detector, or correct the places"


def assemble(
    images: ImageLike | Sequence[ImageLike],
    *,
    readouts: Sequence[Readout],
    shape: tuple[int, int] | None = None,
) -> Image:
    """Put the readouts of one detector together.

    Parameters
    ----------
    images : sequence of Image or 2-D array, or one
        One for each readout: its data section, or a stored image that holds it; one image for all, where one holds
        all of them.
    readouts : sequence of Readout
        Of one detector.
    shape : (ny, nx), optional
        Of the detector; by default it ends with the last place.

    Returns
    -------
    Image
        With the pixels of each readout in its place, turned round where it is read against the detector; values, flags
        and variances as they are. Pixels of no readout are NaN (0, for whole numbers), of infinite variance, and flagged
        NO_DATA. The header is that of the first image, whose WCS follows its pixels; sections and names of amplifiers go.

    Raises
    ------
    ArgumentError
        Places overlap or lie outside the shape, readouts are of several detectors, or of one name.
    MismatchError
        Units differ, or only some have a variance.

    See Also
    --------
    assemble_exposure, balance

    Examples
    --------
    >>> left = Readout(name="A", window=Range(0, 2, 0, 1), data=Range(0, 2, 0, 1), place=Range(0, 2, 0, 1))
    >>> right = Readout(
    ...     name="B", window=Range(0, 2, 0, 1), data=Range(0, 2, 0, 1), place=Range(2, 4, 0, 1), flip_x=True
    ... )
    >>> assemble([[[1, 2]], [[4, 3]]], readouts=[left, right]).array
    array([[1, 2, 3, 4]])
    """
    readouts = tuple(readouts)
    size = assembled_shape(readouts, shape)
    parts = [_data_of(one, readout) for one, readout in zip(_each(images, readouts), readouts, strict=True)]
    _require_alike(parts)
    kind = np.result_type(*(part.array for part in parts))
    array = np.zeros(size, kind) if kind.kind in "iu" else np.full(size, np.nan, kind)
    gaps = not covers(readouts, size)
    mask = np.full(size, np.uint8(Flag.NO_DATA)) if gaps else np.zeros(size, np.uint8)
    variances = [part.variance for part in parts if part.variance is not None]
    variance = np.full(size, np.inf, np.result_type(*variances)) if variances else None
    for part, readout in zip(parts, readouts, strict=True):
        there = readout.place.slices
        array[there] = oriented(part.array, readout)
        mask[there] = 0 if part.mask is None else oriented(part.mask, readout)
        if variance is not None and part.variance is not None:
            variance[there] = oriented(part.variance, readout)
    masked = gaps or any(part.mask is not None for part in parts)
    first = parts[0]
    header = without_extremes(assembled_header(first.header, readouts[0], origin=(0, 0)))
    return adopt(array, header, mask if masked else None, Range.whole(size), variance)


def assembled_shape(readouts: Sequence[Readout], shape: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return the shape (ny, nx) of the detector that readouts make up, whose places are checked.

    Raises
    ------
    ArgumentError
        There is none, places overlap or lie outside, or readouts are of several detectors or of one name.
    """
    if not readouts:
        raise ArgumentError("readouts", "must be one or more", value=0, remedy="give those of the detector")
    detectors = dict.fromkeys(one.detector for one in readouts)
    if len(detectors) > 1:
        raise ArgumentError("readouts", "must be of one detector", value=list(detectors),
                            remedy="assemble each detector by itself")  # fmt: skip
    names = [one.name for one in readouts]
    if len(set(names)) < len(names):
        raise ArgumentError(
            "readouts", "must have different names", value=names, remedy="name each by its amplifier"
        )
    least = (max(one.place.y_upper for one in readouts), max(one.place.x_upper for one in readouts))
    size = least if shape is None else as_shape(shape)
    for number, one in enumerate(readouts):
        if not Range.whole(size).contains(one.place):
            raise ArgumentError(
                f"place of readout {one.name}", f"must lie in the detector of {size[1]} x {size[0]} pixels",
                value=one.place.to_fits(), remedy=_SHAPE_REMEDY,
            )  # fmt: skip
        for other in readouts[:number]:
            if one.place.intersection(other.place):
                raise ArgumentError(
                    f"place of readout {one.name}", f"must not overlap that of {other.name}, {other.place.to_fits()}",
                    value=one.place.to_fits(), remedy=_SHAPE_REMEDY,
                )  # fmt: skip
    return size


def covers(readouts: Sequence[Readout], shape: tuple[int, int]) -> bool:
    """Return whether readouts, whose places do not overlap, leave no gap in a detector."""
    return sum(math.prod(one.place.shape) for one in readouts) == math.prod(shape)


def oriented(plane: np.ndarray, readout: Readout) -> np.ndarray:
    """Return a view of the stored pixels of a readout in the orientation of the detector."""
    return plane[:: -1 if readout.flip_y else 1, :: -1 if readout.flip_x else 1]


def assembled_header(header: Header, readout: Readout, *, origin: tuple[int, int]) -> Header:
    """Return the header of a detector, from that of the data section of one of its readouts.

    `origin` is the (x, y) of the first pixel of the data section in the image that the header describes.
    """
    place, (x, y) = readout.place, origin
    across = (-1, place.x_upper - 1 + x) if readout.flip_x else (1, place.x_lower - x)
    along = (-1, place.y_upper - 1 + y) if readout.flip_y else (1, place.y_lower - y)
    header = transformed(header, ((across[0], 0), (0, along[0])), (across[1], along[1]))
    sections = [card.keyword for card in header.cards if _SECTION_OF_ONE.fullmatch(card.keyword)]
    return header.remove(*_OF_ONE, *sections, "LTV1", "LTV2", "LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2")


def _each(images: Any, readouts: tuple[Readout, ...]) -> list[Image]:
    if isinstance(images, Image) or getattr(images, "ndim", 3) == 2:
        return [as_image(images)] * len(readouts)
    found = as_images(images)
    if len(found) != len(readouts):
        raise ArgumentError("images", f"must be {len(readouts)}, one for each readout, or one for all",
                            value=len(found), remedy="give them in the order of the readouts")  # fmt: skip
    return found


def _data_of(image: Image, readout: Readout) -> Image:
    """Return the data section of a readout from an image of it alone, or from one that holds it."""
    if image.range == readout.data or image.shape == readout.data.shape:
        return image
    if not image.range.contains(readout.data):
        raise MismatchError(
            f"image of readout {readout.name}", f"must hold its data section {readout.data.to_fits()}",
            value=image.range.to_fits(), remedy="give the stored image, or the data section alone",
        )  # fmt: skip
    return image.select(readout.data)


def _require_alike(parts: Sequence[Image]) -> None:
    units = dict.fromkeys(part.unit for part in parts)
    if len(units) > 1:
        raise MismatchError(
            "images", "must have one unit", value=list(units), remedy="convert all to electrons"
        )
    if len({part.variance is None for part in parts}) > 1:
        raise MismatchError("images", "must all have a variance, or none", value="some of them",
                            remedy="subtract the overscan of all")  # fmt: skip
