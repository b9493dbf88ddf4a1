"""Images placed among the pixels of a larger one by whole pixels, as their rows are read, turned round or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import MismatchError
from ccdfx.operations.resampling.lazy import range_of
from ccdfx.operations.resampling.transform import Transform
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.keywords import unit_of, without_extremes
from ccdfx.records.planes import variance_as, working_dtype
from ccdfx.records.range import Range, RangeLike
from ccdfx.records.wcs import sky_cards, windowed
from ccdfx.records.wcs_affine import transformed

OF_ONE_DETECTOR = (
    "EXTNAME",
    "EXTVER",
    "CCDNAME",
    "CCDNUM",
    "CHIPID",
    "CHIPNAME",
    "IMAGEID",
    "LTV1",
    "LTV2",
    "LTM1_1",
    "LTM2_2",
)
"""Cards that name one detector, or place it: none of its mosaic."""


def is_exact(transform: Transform) -> bool:
    """Return whether a transform moves by whole pixels and turns axes round at most.

    >>> is_exact(Transform(((-1, 0), (0, 1)), (9, 3))), is_exact(Transform(offset=(0.5, 0)))
    (True, False)
    """
    (xx, xy), (yx, yy) = transform.matrix
    whole = all(step.is_integer() for step in transform.offset)
    return whole and (xy, yx) == (0, 0) and abs(xx) == abs(yy) == 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlacedImage:
    """An image among the pixels of a larger one; made by `placed_image`.

    It is a `Source`, with flags: pixels outside of the image are NaN, of infinite variance, and NO_DATA.
    """

    source: Any
    transform: Transform
    header: Header
    shape: tuple[int, int]
    dtype: np.dtype
    name: str

    @property
    def range(self) -> Range:
        """The window in the parent frame: the whole larger image."""
        return Range.whole(self.shape)

    def select(self, range: RangeLike = None) -> Image:
        """Read a window of the larger image."""
        image = self.select_planes(range)
        return image.replace(header=windowed(self.header, self.range, image.range))

    def select_planes(self, range: RangeLike = None) -> Image:
        """Read a window as `select` does, but without its header."""
        window = Range.of(range, self.range)
        array = np.full(window.shape, np.nan, self.dtype)
        mask = np.full(window.shape, np.uint8(Flag.NO_DATA))
        own = range_of(self.source)
        corners = self.transform.apply([(0, 0), (own.shape[1] - 1, own.shape[0] - 1)]).astype(int)
        (x, y), (x_last, y_last) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        there = Range(x, x_last + 1, y, y_last + 1).intersection(window)
        if there is None:
            has_variance = self._read(
                Range(own.x_lower, own.x_lower + 1, own.y_lower, own.y_lower + 1)
            ).variance
            return adopt(
                array, Header(), mask, window, None if has_variance is None else np.full_like(array, np.inf)
            )
        back = self.transform.inverse()
        ends = back.apply([(there.x_lower, there.y_lower), (there.x_upper - 1, there.y_upper - 1)])
        (left, low), (right, high) = (
            np.rint(corner).astype(int).tolist() for corner in (ends.min(axis=0), ends.max(axis=0))
        )
        part = self._read(
            Range(own.x_lower + left, own.x_lower + right + 1, own.y_lower + low, own.y_lower + high + 1)
        )
        turned = np.s_[:: int(self.transform.matrix[1][1]), :: int(self.transform.matrix[0][0])]
        target = there.relative_to(window).slices
        array[target] = part.array[turned]
        mask[target] = 0 if part.mask is None else part.mask[turned]
        variance = None
        if part.variance is not None:
            variance = np.full(window.shape, np.inf, self.dtype)
            variance[target] = variance_as(part.variance, self.dtype)[turned]
        return adopt(array, Header(), mask, window, variance)

    def _read(self, window: Range) -> Image:
        found: Image = getattr(self.source, "select_planes", self.source.select)(window)
        return found

    def close(self) -> None:
        """Close the source."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> PlacedImage:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PlacedImage({self.name!r}, shape={self.shape}, dtype={self.dtype})"


def placed_image(source: Any, transform: Transform, shape: tuple[int, int]) -> PlacedImage:
    """Make a source of an image that is moved by whole pixels into a larger one of a shape (ny, nx).

    >>> source = Image([[1.0, 2.0]])
    >>> placed_image(source, Transform(((-1, 0), (0, 1)), (3, 0)), (1, 4)).select().array
    array([[nan, nan,  2.,  1.]])
    """
    header = transformed(source.header, transform.matrix, transform.offset)
    name = str(getattr(source, "name", "image"))
    return PlacedImage(source, transform, header, shape, working_dtype(source), name)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MosaicRows:
    """The images of one exposure on the pixels of their mosaic, joined as rows are read; made by `mosaic_frames`.

    It is a `Source`, with flags. `way` is how they were placed, "wcs" or "detsec".
    """

    parts: tuple[tuple[Range, Any], ...]
    header: Header
    shape: tuple[int, int]
    dtype: np.dtype
    name: str
    has_variance: bool
    way: str

    @property
    def range(self) -> Range:
        """The window in the parent frame: the whole mosaic."""
        return Range.whole(self.shape)

    @property
    def overlap(self) -> float:
        """The largest part of an image that lies on another one."""
        shared = [
            math.prod(common.shape) / math.prod(one.shape)
            for number, (one, _) in enumerate(self.parts)
            for other, _ in (*self.parts[:number], *self.parts[number + 1 :])
            if (common := one.intersection(other)) is not None
        ]
        return max(shared, default=0.0)

    def select(self, range: RangeLike = None) -> Image:
        """Read a window of the mosaic."""
        image = self.select_planes(range)
        return image.replace(header=windowed(self.header, self.range, image.range))

    def select_planes(self, range: RangeLike = None) -> Image:
        """Read a window as `select` does, but without its header."""
        window = Range.of(range, self.range)
        array = np.full(window.shape, np.nan, self.dtype)
        mask = np.full(window.shape, np.uint8(Flag.NO_DATA))
        variance = np.full(window.shape, np.inf, self.dtype) if self.has_variance else None
        for box, source in self.parts:
            there = box.intersection(window)
            if there is None:
                continue
            part = source.select_planes(there)
            target = there.relative_to(window).slices
            empty = mask[target] == Flag.NO_DATA
            array[target] = np.where(empty, part.array, array[target])
            mask[target] = np.where(empty, part.mask, mask[target])
            if variance is not None:
                variance[target] = np.where(empty, part.variance, variance[target])
        return adopt(array, Header(), mask, window, variance)

    def close(self) -> None:
        """Close the sources."""
        for _, source in self.parts:
            source.close()

    def __enter__(self) -> MosaicRows:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MosaicRows({self.name!r}, shape={self.shape}, dtype={self.dtype})"


def joined(parts: Sequence[tuple[Range, Any]], way: str) -> MosaicRows:
    """Join sources on the pixels of one mosaic, each with the window that it covers.

    Raises
    ------
    MismatchError
        Units differ.
    """
    sources = [source for _, source in parts]
    first = sources[0]
    units = dict.fromkeys(unit_of(source.header) for source in sources)
    if len(units) > 1:
        raise MismatchError(
            first.name, "must have the unit of the other images of its mosaic", value=list(units),
            remedy="convert all to electrons",
        )  # fmt: skip
    kept = {"OBJECT", "HISTORY", "COMMENT", "", *(card.keyword for card in sky_cards(first.header))}
    differing = [
        keyword
        for keyword in dict.fromkeys(card.keyword for card in first.header.cards)
        if keyword not in kept
        and any(source.header.get(keyword) != first.header.get(keyword) for source in sources[1:])
    ]
    named = [card for card in OF_ONE_DETECTOR if card in first.header]
    header = without_extremes(first.header.remove(*dict.fromkeys((*differing, *named))))
    one_row = Range(0, 1, 0, 1)
    return MosaicRows(
        tuple(parts),
        header,
        first.shape,
        np.result_type(*(source.dtype for source in sources)),
        first.name,
        all(source.select_planes(one_row).variance is not None for source in sources),
        way,
    )
