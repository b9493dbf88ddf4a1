"""An image in an HDF5 file, read by windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx import Flag, Header, Image, Range, RawLayout, windowed
from ccdfx_hdf5.content import Content, FileContent, broken_image
from ccdfx_hdf5.layout import Layout
from ccdfx_hdf5.packing import Packing, unpacked
from ccdfx_hdf5.pixels import read_window
from ccdfx_hdf5.sums import verify


@dataclass(frozen=True, slots=True)
class Parts:
    """The datasets of an image; `plane` is an index on each axis before the last two, `sums` are CRC-32 of them."""

    array: Layout
    mask: Layout | None = None
    variance: Layout | None = None
    plane: tuple[int, ...] = ()
    foreign: bool = False
    packing: Packing | None = None
    sums: tuple[tuple[Layout, int | None], ...] = ()


def implied_flags(array: np.ndarray) -> np.ndarray:
    """Flag NaN as NO_DATA, for a dataset without flags and without a packing."""
    return np.isnan(array) * np.uint8(Flag.NO_DATA)


class Hdf5Source:
    """An image in an HDF5 file, read by windows with flags and variance.

    No file stays open between two readings. `raw` is the place of the pixels in the file if they are
    contiguous and the image has neither flags nor variance; else it is None. Checksums are verified at the
    first reading of pixels, or of `raw`, unless `checksum` is False.
    """

    def __init__(
        self,
        content: Content,
        parts: Parts,
        header: Header,
        range: Range | None = None,
        *,
        checksum: bool = True,
    ) -> None:
        self.name = content.name
        self._content, self._parts, self._header = content, parts, header
        self._checksum = self._unverified = checksum
        self._range = Range.whole(self.shape) if range is None else range

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self._parts.array.shape[-2:]  # type: ignore[return-value]

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        packing = self._parts.packing
        return Image(np.zeros((1, 1), packing.dtype if packing else self._parts.array.dtype)).dtype

    @property
    def header(self) -> Header:
        """The cards of the image, or the attributes of a dataset."""
        return self._header

    @property
    def range(self) -> Range:
        """The window of the image in its parent frame."""
        return self._range

    @property
    def plane(self) -> tuple[int, ...]:
        """The index of the plane on the axes before the last two; empty for a dataset of two axes."""
        return self._parts.plane

    @property
    def packing(self) -> Packing | None:
        """The meaning of the stored numbers of a dataset, where it is not the numbers themselves."""
        return self._parts.packing

    @property
    def raw(self) -> RawLayout | None:
        """The place of the pixels in the file, or None if they must be read through `select`."""
        array, content = self._parts.array, self._content
        if (
            array.offset is None
            or self._parts.mask
            or self._parts.variance
            or self._parts.packing
            or not isinstance(content, FileContent)
        ):
            return None
        self._verify()
        ny, nx = self.shape
        number = int(np.ravel_multi_index(self.plane, array.shape[:-2])) if self.plane else 0
        offset = array.offset + number * ny * nx * array.dtype.itemsize
        return RawLayout(content.path, offset, array.dtype.str, self.shape, stamp=content.stamp)

    def select(self, range: Any = None) -> Image:
        """Read the image of a window, given in the coordinates of the parent frame."""
        window = Range.of(range, self._range)
        rows, columns = window.relative_to(self._range).slices
        parts = self._parts
        self._verify()
        array, mask, variance = (
            None
            if layout is None
            else read_window(self._content, layout, self.plane, (rows, columns), checksum=self._checksum)
            for layout in (parts.array, parts.mask, parts.variance)
        )
        assert array is not None
        if parts.packing is not None:
            array, flags = unpacked(array, parts.packing)
            mask = flags if flags.any() else None
        elif parts.foreign and array.dtype.kind == "f":
            flags = implied_flags(array)
            mask = flags if flags.any() else None
        with broken_image(self.name, parts.array.path):
            return Image(array, windowed(self._header, self._range, window), mask, window, variance)

    def _verify(self) -> None:
        if self._unverified:
            for layout, wanted in self._parts.sums:
                verify(self._content, layout, wanted)
            self._unverified = False

    def close(self) -> None:
        """Do nothing: no file stays open between two readings."""

    def __enter__(self) -> Hdf5Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"Hdf5Source({self.name!r}, {self._parts.array.path!r}, shape={self.shape}, dtype={self.dtype})"
        )
