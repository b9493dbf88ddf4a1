"""npz: images in a zip archive of numpy arrays and JSON; nothing is unpickled.

The member ``ccdfx.json`` holds the version and the number of images. Image number i is ``i/array.npy``,
``i/header.json`` (cards as [keyword, value, comment], the window, and which planes there are) and, where there are
any, ``i/mask.npy`` and ``i/variance.npy``. Each member has a CRC-32 in the archive.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, FormatError
from ccdfx.io.content import opened
from ccdfx.io.fits.encode import fitted
from ccdfx.io.limits import INFLATION_REMEDY, inflation_limit, limited
from ccdfx.io.npz_members import (
    ArrayMember,
    archive_of,
    array_member,
    json_of,
    read_array,
    read_rows,
    verify,
)
from ccdfx.io.source import Format
from ccdfx.records.card import Card
from ccdfx.records.compatibility import require_part
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range, RangeLike
from ccdfx.records.wcs import windowed

PLANES = ("array", "mask", "variance")
_VERSION = 1
_TOC = "ccdfx.json"


class NpzSource:
    """An image in an npz, read by rows.

    Checksums are verified at the first reading of pixels. Rows of arrays that are not deflated are read at their place
    in the file; deflated ones, as other programs write them, are inflated as a whole at the first reading and kept.
    """

    raw = None

    def __init__(self, content: Any, planes: dict[str, ArrayMember], header: Header, range: Range) -> None:
        self.name = content.name
        self._content, self._planes, self._header, self._range = content, planes, header, range
        self._whole: dict[str, np.ndarray] = {}
        self._verified = False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_whole": {}, "_verified": False}

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self._planes["array"].shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return Image(np.zeros((1, 1), self._planes["array"].dtype)).dtype

    @property
    def inflated(self) -> int:
        """Number of bytes to which its deflated arrays inflate."""
        return sum(member.inflated for member in self._planes.values())

    @property
    def header(self) -> Header:
        """The header of the image."""
        return self._header

    @property
    def range(self) -> Range:
        """The window of the image in its parent frame."""
        return self._range

    def select(self, range: RangeLike = None) -> Image:
        """Read the image of a window, given in the coordinates of the parent frame."""
        window = Range.of(range, self._range)
        cut = window.relative_to(self._range).slices
        planes = self._windows(*cut)
        header = self._header if window == self._range else windowed(self._header, self._range, window)
        try:
            return Image(planes["array"], header, planes.get("mask"), window, planes.get("variance"))
        except CcdfxError as error:  # such as a negative variance
            raise FormatError(
                self.name, f"image {self._planes['array'].name[:-10]} is broken: {error}"
            ) from error

    def close(self) -> None:
        """Do nothing: no file stays open between two readings."""

    def __enter__(self) -> NpzSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"NpzSource({self.name!r}, shape={self.shape}, dtype={self.dtype})"

    def _windows(self, rows: slice, columns: slice) -> dict[str, np.ndarray]:
        """Read rows and columns of the planes."""
        found: dict[str, np.ndarray] = {}
        if not self._verified:
            found = self._verify(every_row=(rows.start, rows.stop) == (0, self.shape[0]))
        for name, member in self._planes.items():
            if name in self._whole:
                found[name] = self._whole[name][rows]
            elif name not in found:
                found[name] = read_rows(self._content, member, rows)
        return {name: values[:, columns] for name, values in found.items()}

    def _verify(self, every_row: bool) -> dict[str, np.ndarray]:
        """Compare the checksums; return the arrays that were read for it and are wanted as a whole."""
        found: dict[str, np.ndarray] = {}
        with archive_of(self._content) as archive:
            for name, member in self._planes.items():
                if member.offset is None:
                    self._whole[name] = read_array(archive, self.name, member)
                elif every_row:
                    found[name] = read_array(archive, self.name, member)
                else:
                    verify(archive, self.name, member)
        self._verified = True
        return found


def open_npz(file: Any, hdu: int | str | None = None, *, limit: int | None = None) -> Any:
    """Open an image as an `NpzSource`, or a list of all for hdu="all"; `hdu` counts images from 0.

    What is opened may inflate to `limit` bytes together; by default that of `inflation_limit`.
    """
    with limited(limit), opened(file) as content, archive_of(content) as archive:
        count = _count(archive, content.name)
        numbers = range(count) if hdu == "all" else [_number(hdu, count, content.name)]
        sources = [_source(archive, content, number) for number in numbers]
        most = inflation_limit(content.size)
    claimed = sum(source.inflated for source in sources)
    if claimed > most:
        rule = f"inflates to more than the {most} bytes that a file of its size may inflate to"
        raise FormatError(content.name, rule, value=claimed, remedy=INFLATION_REMEDY)
    return sources if hdu == "all" else sources[0]


def write_npz(images: Sequence[Image], path: Path) -> None:
    """Write images to a new npz; the caller must make this atomic."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _put_json(archive, _TOC, {"format": "ccdfx image", "version": _VERSION, "images": len(images)})
        for i, image in enumerate(images):
            cards = [_card_json(card) for card in image.header.cards]
            flags = {flag.name: int(flag) for flag in Flag}
            planes = [name for name in PLANES if getattr(image, name) is not None]
            facts = {"cards": cards, "range": list(image.range), "planes": planes, "flags": flags}
            _put_json(archive, f"{i}/header.json", facts)
            for name in planes:
                with archive.open(_info(f"{i}/{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, getattr(image, name), allow_pickle=False)


def update_npz(path: Path, part: Image, target: Path, *, hdu: int | str | None = None) -> None:
    """Write the images of `path` to `target`, `part` pasted into one; the caller must make this atomic."""
    images = [source.select() for source in open_npz(path, "all")]
    number = _number(hdu, len(images), os.fspath(path))
    images[number] = _pasted(images[number], part)
    write_npz(images, target)


def _pasted(image: Image, part: Image) -> Image:
    """Paste the part into its window of the image, whose types are kept."""
    require_part(image, part)
    cut = part.range.relative_to(image.range).slices
    planes: dict[str, np.ndarray] = {"array": image.array.copy()}
    planes["array"][cut] = fitted(part.array, image.dtype, "part")
    if image.mask is not None or part.mask is not None:
        planes["mask"] = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
        planes["mask"][cut] = 0 if part.mask is None else part.mask
    if image.variance is not None and part.variance is not None:
        planes["variance"] = image.variance.copy()
        planes["variance"][cut] = fitted(part.variance, image.variance.dtype, "variance of part")
    return image.replace(**planes)


def _number(hdu: int | str | None, count: int, name: str) -> int:
    number = 0 if hdu is None else hdu
    if isinstance(number, bool) or not isinstance(number, int):
        raise ArgumentTypeError(
            "hdu", "must be a number from 0 in an npz", value=hdu, remedy="give the number of the image"
        )
    if not 0 <= number < count:
        raise ArgumentError("hdu", f"must be 0 to {count - 1} in {name}", value=number, remedy="count from 0")
    return number


def recognises(first: bytes) -> bool:
    """Return whether a file that begins with these bytes is an npz of ccdfx: ``ccdfx.json`` comes first."""
    return first.startswith(b"PK\x03\x04") and first[30 : 30 + len(_TOC)] == _TOC.encode()


def _count(archive: zipfile.ZipFile, name: str) -> int:
    facts = json_of(archive, name, _TOC)
    if facts.get("format") != "ccdfx image" or facts.get("version") != _VERSION:
        raise FormatError(name, f"must be an image of ccdfx in version {_VERSION}", value=facts)
    count = facts.get("images")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(archive.namelist()):
        raise FormatError(name, "claims an impossible number of images", value=count)
    return count


def _source(archive: zipfile.ZipFile, content: Any, number: int) -> NpzSource:
    """Find the planes of an image; the file says which belong to it, unless it was written before files did."""
    facts = json_of(archive, content.name, f"{number}/header.json")
    members = set(archive.namelist())
    present = [name for name in PLANES if f"{number}/{name}.npy" in members]
    if facts.get("planes", present) != present:
        raise FormatError(
            content.name, f"image {number} must have the planes that its header names, {facts['planes']}",
            value=present, remedy="copy the file again",
        )  # fmt: skip
    names = {"array": None, **dict.fromkeys(present)}  # in any case an array
    planes = {name: array_member(archive, content, f"{number}/{name}.npy") for name in names}
    try:
        header = Header([_card(item) for item in facts["cards"]])
        window = Range(*facts["range"])
    except (CcdfxError, KeyError, TypeError, ValueError) as error:
        raise FormatError(content.name, f"image {number} is broken: {error}") from error
    for name, member in planes.items():
        if member.shape != window.shape or 0 in member.shape:
            raise FormatError(
                content.name, f"image {number} is broken: its {name} must have the shape of its range",
                value=member.shape,
            )  # fmt: skip
    return NpzSource(content, planes, header, window)


def _put_json(archive: zipfile.ZipFile, name: str, facts: Any) -> None:
    archive.writestr(_info(name), json.dumps(facts))


def _info(name: str) -> zipfile.ZipInfo:
    """Return a member without the time of writing, so that equal images give equal files."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _card_json(card: Card) -> list[Any]:
    value: Any = card.value
    if isinstance(value, complex):
        value = {"complex": [value.real, value.imag]}
    return [card.keyword, value, card.comment]


def _card(item: Any) -> Card:
    keyword, value, comment = item
    if isinstance(value, dict):
        value = complex(*value["complex"])
    if not isinstance(keyword, str) or not isinstance(comment, str):
        raise TypeError("a card must be keyword, value and comment")
    return Card(keyword, value, comment)


FORMAT = Format(
    name="npz",
    suffixes=(".npz",),
    recognises=recognises,
    open=open_npz,
    write=write_npz,
    update=update_npz,
    description="ccdfx images in a zip of numpy arrays and JSON, without pickle",
)
