"""Images in FITS files: opened, and read with their flags and variances."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ccdfx.io.content import Content, opened
from ccdfx.io.fits.checksum import verify
from ccdfx.io.fits.compressed.tiles import check_all_tiles, image_header
from ccdfx.io.fits.groups import Group, chosen, flag_table, flags_of, grouped, inherited
from ccdfx.io.fits.hdus import STRUCTURAL, Hdu, clean, refusal, walk
from ccdfx.io.fits.pixels import Pixels
from ccdfx.io.fits.remarks import behind_remarks, text_remarks
from ccdfx.io.inflated import InflatedContent
from ccdfx.io.limits import limited
from ccdfx.io.source import RawLayout
from ccdfx.records.card import COMMENTARY
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range, RangeLike
from ccdfx.records.wcs import range_of, windowed, without_range

_OF_ONE_HDU = frozenset({"EXTNAME", "EXTVER", "EXTLEVEL", "INHERIT", "LONGSTRN"})
_NO_HEADER = Header()


class FitsSource:
    """An image in a FITS file with its flags and variance, read by rows.

    `raw` is the layout of uncompressed pixels in the file, for an image without flags and variance; otherwise
    it is None. Checksums are verified at the first reading of pixels, or of `raw`.
    """

    def __init__(
        self,
        content: Content,
        hdus: Sequence[Hdu],
        group: Group,
        plane: int | None = None,
        checksum: bool = True,
    ) -> None:
        self.name = content.name
        self._power = group.power
        self._pixels = Pixels(content, group.image, plane, checksum=checksum)
        self._mask, self._uncertainty = (
            None if hdu is None else Pixels(content, hdu, plane, checksum=checksum)
            for hdu in (group.mask, group.uncertainty)
        )
        self._flag_table = None if group.mask is None else flag_table(group.mask)
        self._inherits = hdus[0] if checksum and inherited(hdus, group.image) else None
        header = clean(full_header(hdus, group.image))
        self._range = range_of(header, self.shape)
        self._header = without_range(header, self._range)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return self._pixels.dtype

    @property
    def header(self) -> Header:
        """The header without the cards that only describe the layout of the file."""
        return self._header

    @property
    def range(self) -> Range:
        """Where the image lies in its parent frame."""
        return self._range

    @property
    def raw(self) -> RawLayout | None:
        """Layout of the raw pixels, or None where the file must be read through `select`."""
        self._verify_primary()
        return None if self._mask or self._uncertainty else self._pixels.raw()

    def select(self, range: RangeLike = None) -> Image:
        """Read the image in a window, given in coordinates of the parent frame."""
        image = self.select_planes(range)
        window = image.range
        header = self._header if window == self._range else windowed(self._header, self._range, window)
        return adopt(image.array, header, image.mask, window, image.variance)

    def select_planes(self, range: RangeLike = None) -> Image:
        """Read a window as `select` does, but without its header: for the many tiles of a stack."""
        self._verify_primary()
        window = Range.of(range, self._range)
        rows, columns = window.relative_to(self._range).slices
        array, nodata = self._pixels.window(rows, columns)
        mask = self._flags(rows, columns, nodata)
        variance, mask = self._variance(rows, columns, mask)
        return adopt(array, _NO_HEADER, mask, window, variance)

    def of_plane(self, plane: int) -> FitsSource:
        """Return the source of another plane of the same cube; checksums, which are of all planes, are not verified again."""
        other = copy.copy(self)
        other._pixels = self._pixels.of_plane(plane)
        other._mask, other._uncertainty = (
            None if one is None else one.of_plane(plane) for one in (self._mask, self._uncertainty)
        )
        return other

    def close(self) -> None:
        """Do nothing: no file stays open between two readings."""

    def __enter__(self) -> FitsSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"FitsSource({self.name!r}, shape={self.shape}, dtype={self.dtype})"

    def _verify_primary(self) -> None:
        """Compare the checksums of the primary HDU, once, where the image inherits its cards."""
        if self._inherits is not None:
            verify(self._pixels.content, self._inherits)
            self._inherits = None

    def _flags(self, rows: slice, columns: slice, nodata: np.ndarray | None) -> np.ndarray | None:
        """Read the flags of the MASK HDU; a pixel without flags and without data becomes NO_DATA."""
        if self._mask is None:
            return nodata
        mask = flags_of(self._mask.window(rows, columns)[0], self._flag_table)
        if nodata is not None:
            mask = np.where(mask == 0, nodata, mask)
        return mask

    def _variance(
        self, rows: slice, columns: slice, mask: np.ndarray | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        if self._uncertainty is None:
            return None, mask
        values = self._uncertainty.window(rows, columns)[0]
        values = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32, copy=False)
        # In one pass, and without a temporary plane; NaN is not less than anything.
        if self._power != 2 and np.fmin.reduce(values, axis=None, initial=0) < 0:
            content, index = self._pixels.content, self._uncertainty.hdu.index
            raise refusal(content, index, "a variance must not be negative", value=float(np.nanmin(values)))
        if self._power == 2:
            with np.errstate(over="ignore"):
                values = values * values
        elif self._power == -1:
            unknown = values == 0
            with np.errstate(divide="ignore", over="ignore"):
                values = 1 / values
            if unknown.any():
                mask = np.zeros(values.shape, np.uint8) if mask is None else mask
                mask = np.where(unknown, mask | np.uint8(Flag.NO_DATA), mask)
        return values, mask


def full_header(hdus: Sequence[Hdu], hdu: Hdu) -> Header:
    """Return the header of an image as in the file, with the cards that it inherits from the primary HDU."""
    header = image_header(hdu) if hdu.kind == "tiles" else hdu.header
    if not inherited(hdus, hdu):
        return header
    own = set(header)
    added = tuple(
        card
        for card in hdus[0].header.cards
        if card.keyword not in own
        and card.keyword not in COMMENTARY
        and card.keyword not in _OF_ONE_HDU
        and not STRUCTURAL.match(card.keyword)
    )
    return Header._of(header.cards + added).remove("INHERIT") if added else header


def open_fits(
    file: Any,
    hdu: Any = None,
    *,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Any:
    """Open an image as a `FitsSource`; hdu="all" gives a list of all images. See `ccdfx.io.open_source`."""
    with limited(limit), opened(file, late=True) as content:
        return _sources(content, hdu, plane, checksum)


def read_fits(
    file: Any,
    hdu: Any = None,
    *,
    range: Any = None,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Any:
    """Read one image, or a list of all, through one handle: two versions of a file are never mixed."""
    with limited(limit), opened(file, keep=True) as content:
        sources = _sources(content, hdu, plane, checksum)
        return [source.select(range) for source in sources] if hdu == "all" else sources.select(range)


class Survey(NamedTuple):
    """What a file holds: the full headers of its images by the number of their HDU, how many HDUs it has, and remarks.

    `hdus` is None where the format has none.
    """

    headers: dict[int, Header]
    hdus: int | None
    remarks: list[str]


def survey_fits(file: Any) -> Survey:
    """Look through a file in one pass: the headers of all images, and the remarks of what its headers do not say.

    These are the text of its headers, of a compressed file that of the first one, and what follows the last HDU.
    """
    with opened(file) as content:
        hdus = list(walk(content))
        behind = behind_remarks(content, hdus)
        texts = (
            hdus[:1] if isinstance(content, InflatedContent) else hdus
        )  # the others would be inflated again
        remarks = [f"HDU {hdu.index}: {remark}" for hdu in texts for remark in text_remarks(content, hdu)]
        groups = grouped(content, hdus, recorded=True)
        if not groups:
            chosen(content, hdus, None, recorded=True)  # raises: its message lists the HDUs
        check_all_tiles(content, hdus)
        headers = {group.image.index: full_header(hdus, group.image) for group in groups}
        return Survey(headers, len(hdus), [*remarks, *behind])


def _sources(content: Content, hdu: Any, plane: int | None, checksum: bool) -> Any:
    hdus = list(walk(content))
    if isinstance(content, InflatedContent):
        content.finish(hdus[-1].end)
    return _of_hdus(content, hdus, hdu, plane, checksum)


def _of_hdus(content: Content, hdus: list[Hdu], hdu: Any, plane: int | None, checksum: bool) -> Any:
    if hdu == "all":
        groups = grouped(content, hdus, recorded=checksum)
        if not groups:
            chosen(content, hdus, None, recorded=checksum)  # raises: its message lists the HDUs
        check_all_tiles(content, hdus)
        return [FitsSource(content, hdus, group, plane, checksum) for group in groups]
    return FitsSource(content, hdus, chosen(content, hdus, hdu, recorded=checksum), plane, checksum)


def read_fits_header(file: Any, hdu: int | str | None = None) -> Header:
    """Read the header of an image as it is in the file, layout cards included, and nothing behind it."""
    with opened(file) as content:
        hdus: list[Hdu] = []
        for found in walk(content):
            hdus.append(found)
            if _is_wanted(found, hdu):
                return full_header(hdus, found)
        return full_header(hdus, chosen(content, hdus, hdu, recorded=False).image)


def _is_wanted(found: Hdu, hdu: int | str | None) -> bool:
    """Return whether `hdu` certainly names this image, without reading the rest of the file."""
    if not found.is_image or 0 in found.axes or isinstance(hdu, bool):
        return False
    return hdu is None or hdu == found.index or (isinstance(hdu, str) and hdu.strip().upper() == found.name)
