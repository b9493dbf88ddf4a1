"""Images of several detectors moved onto common pixels: by their WCS, or by the sections of the mosaic that they cover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.mosaicking.placing import MosaicRows, is_exact, joined, placed_image
from ccdfx.operations.mosaicking.ways import WAYS
from ccdfx.operations.registration.align import wcs_transform
from ccdfx.operations.resampling.lazy import range_of, warped
from ccdfx.operations.resampling.transform import Transform
from ccdfx.records.checks import one_of
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.image import Image
from ccdfx.records.range import Range, directed_section
from ccdfx.records.wcs import astropy_wcs

_SPARSE = 20.0  # times the pixels of all images that the mosaic may have
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
_ROUNDING = 1e-3  # pixels at the end of an image: that of the cards of a WCS


def mosaic_frames(
    exposures: Sequence[Sequence[Any]], *, by: str = "auto", kernel: str = "spline"
) -> list[MosaicRows]:
    """Join the images of each exposure to one frame, all on the same pixels, ready to be combined.

    Parameters
    ----------
    exposures : sequence of sequences of Source or Image
        Those of all detectors, such as `open_source` gives, of each exposure; of one unit.
    by : {"auto", "wcs", "detsec"}
        "wcs": by the celestial WCS of each, on the pixels of the first one, which are continued. "detsec": by the section
        of the mosaic that each covers (DETSEC, binned as CCDSUM says), which leaves values as they are; exposures that
        were moved on the sky do not match then. "auto" takes the WCS where all have one, else DETSEC.
    kernel : {"spline", "lanczos"}
        Interpolation, as of `warp`, where an image is moved by fractions of pixels or turned.

    Returns
    -------
    list of Source
        One for each exposure, all of one shape, with flags, and the variance where all images have one; pixels of no image
        are NO_DATA, those of several are of the first. Values that are moved by whole pixels stay as they are. The header
        is that of the first image, with the WCS of the mosaic, without the cards in which the images differ.

    Raises
    ------
    ArgumentError
        There is none; an image has neither WCS nor DETSEC; binnings differ; or they lie so far apart that most of the
        mosaic is empty.
    AlignmentError
        A WCS is bent against the first one by more than 0.5 pixels.
    MismatchError
        Units differ.

    Examples
    --------
    >>> from ccdfx import Image
    >>> left = Image([[1.0, 2.0]], {"DETSEC": "[1:2,1:1]"})
    >>> right = Image([[4.0, 3.0]], {"DETSEC": "[4:3,1:1]"})
    >>> [frame] = mosaic_frames([[left, right]])
    >>> frame.select().array
    array([[1., 2., 3., 4.]])
    """
    one_of("by", by, WAYS)
    images = [image for exposure in exposures for image in exposure]
    if not images or not all(len(exposure) for exposure in exposures):
        raise ArgumentError("exposures", "must have one image or more each", value=len(exposures),
                            remedy="give those of the detectors")  # fmt: skip
    headers = [image.header for image in images]
    names = [str(getattr(image, "name", f"images[{number}]")) for number, image in enumerate(images)]
    shapes = [tuple(image.shape) for image in images]
    way = _way(headers, names, by)
    place = _by_wcs if way == "wcs" else _by_section
    transforms = [place(headers, shapes, names, number) for number in range(len(images))]
    corners = [
        one.apply([(x * (nx - 1), y * (ny - 1)) for x, y in _CORNERS])
        for one, (ny, nx) in zip(transforms, shapes, strict=True)
    ]
    boxes = [
        (np.floor(one.min(axis=0) + _ROUNDING), np.ceil(one.max(axis=0) - _ROUNDING) + 1) for one in corners
    ]
    lower = np.min([low for low, _ in boxes], axis=0)
    nx, ny = (int(size) for size in np.max([high for _, high in boxes], axis=0) - lower)
    total = sum(math.prod(shape) for shape in shapes)
    if nx * ny > _SPARSE * total:
        raise ArgumentError(
            "exposures", f"must lie together: their mosaic would have {nx} x {ny} pixels, {nx * ny / total:.0f} times theirs",
            value=names[0], remedy="combine those of one field",
        )  # fmt: skip
    parts: list[tuple[Range, Any]] = []
    for image, one, (low, high) in zip(images, transforms, boxes, strict=True):
        there = Transform(one.matrix, (one.offset[0] - lower[0], one.offset[1] - lower[1]), method=way)
        (x, y), (x_upper, y_upper) = (low - lower).astype(int).tolist(), (high - lower).astype(int).tolist()
        box = Range(x, x_upper, y, y_upper)
        if is_exact(there):
            parts.append((box, placed_image(image, there, (ny, nx))))
        else:
            moved = warped(_from_the_origin(image), transform=there, shape=(ny, nx), kernel=kernel)
            parts.append((box, moved))
    found, start = [], 0
    for exposure in exposures:
        found.append(joined(parts[start : start + len(exposure)], way))
        start += len(exposure)
    return found


def _from_the_origin(image: Any) -> Any:
    """Return an image whose pixels are counted from its first one; a mosaic has no parent frame."""
    if isinstance(image, Image) and range_of(image) != Range.whole(image.shape):
        return image.replace(range=Range.whole(image.shape))
    return image


def _way(headers: Sequence[Header], names: Sequence[str], by: str) -> str:
    """Return how the images are placed; refuse those that do not say it."""
    lacking = {
        "wcs": [name for name, header in zip(names, headers, strict=True) if astropy_wcs(header) is None],
        "detsec": [
            name
            for name, header in zip(names, headers, strict=True)
            if directed_section(header.get("DETSEC")) is None
        ],
    }
    wanted = ("wcs", "detsec") if by == "auto" else (by,)
    for way in wanted:
        if not lacking[way]:
            return way
    what = " or ".join({"wcs": "a celestial WCS", "detsec": "DETSEC = [x1:x2,y1:y2]"}[way] for way in wanted)
    name = lacking[wanted[-1]][0]
    raise ArgumentError(
        name, f"must have {what}, as all images of the mosaic", value=None,
        remedy="set it with 'ccdfx header FILE --set DETSEC=...', or give offsets",
    )  # fmt: skip


def _by_wcs(
    headers: Sequence[Header], shapes: Sequence[tuple[int, int]], names: Sequence[str], number: int
) -> Transform:
    """Return the transform from one image to the first, without the rounding of cards: steps by whole pixels are exact."""
    if number == 0:
        return Transform(method="reference")
    shape = shapes[number]
    found = wcs_transform(headers[number], headers[0], shape, names[number])
    matrix, far = found.matrix, max(shape)
    if np.abs(np.array(matrix) - np.eye(2)).max() * far < _ROUNDING:
        matrix = ((1.0, 0.0), (0.0, 1.0))
    dx, dy = (float(round(step)) if abs(step - round(step)) < _ROUNDING else step for step in found.offset)
    return Transform(matrix, (dx, dy), method="wcs")


def _by_section(
    headers: Sequence[Header], shapes: Sequence[tuple[int, int]], names: Sequence[str], number: int
) -> Transform:
    """Return the transform to the pixels of the mosaic that an image covers, with its flips."""
    header, (ny, nx), name = headers[number], shapes[number], names[number]
    binning = _binning(header)
    if binning != _binning(headers[0]):
        raise ArgumentError(name, f"must be binned as {names[0]} is, {_binning(headers[0])}", value=binning,
                            remedy="make mosaics of frames of one binning")  # fmt: skip
    section = directed_section(header.get("DETSEC"))
    assert section is not None
    signs, offsets = [], []
    for (first, last), size, step in zip(section, (nx, ny), binning, strict=True):
        covered = abs(last - first) + 1
        if not size <= covered / step < size + 1:
            raise ArgumentError(
                name, f"must have as many pixels as its DETSEC, {covered} / {step}, says", value=size,
                remedy="correct DETSEC, or give a frame that is trimmed",
            )  # fmt: skip
        flipped = last < first
        place = (min(first, last) - 1) / step
        signs.append(-1.0 if flipped else 1.0)
        offsets.append(float(round(place)) + (size - 1 if flipped else 0))
    return Transform(((signs[0], 0.0), (0.0, signs[1])), (offsets[0], offsets[1]), method="detsec")


def _binning(header: Header) -> tuple[int, int]:
    """Return the binning (x, y) by CCDSUM, or XBINNING and YBINNING; 1 where it is not said."""
    words = str(header.get("CCDSUM", "")).split()
    if len(words) == 2 and all(word.isdigit() and int(word) for word in words):
        return int(words[0]), int(words[1])
    x, y = (int(lenient_number(header, card) or 1) for card in ("XBINNING", "YBINNING"))
    return max(x, 1), max(y, 1)
