"""npz: images in a zip archive of numpy arrays and JSON; nothing is unpickled.

The member ``ccdfx.json`` holds the version and the number of images. Image number i is ``i/array.npy``,
``i/header.json`` (cards as [keyword, value, comment], and the window) and, where there are any,
``i/mask.npy`` and ``i/variance.npy``.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, FormatError
from ccdfx.io.content import FileContent, MemoryContent, opened
from ccdfx.io.fits.encode import fitted
from ccdfx.io.source import Format, ImageSource
from ccdfx.records.card import Card
from ccdfx.records.compatibility import require_part
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_VERSION = 1
_MAX_JSON = 64 << 20
_MAX_RATIO = 1100  # of a deflated member; deflate cannot exceed 1032
_TOC = "ccdfx.json"


def open_npz(file: Any, hdu: int | str | None = None) -> Any:
    """Open an image as an `ImageSource`, or a list of all for hdu="all"; `hdu` counts images from 0."""
    with opened(file) as content, _archive(content) as archive:
        count = _count(archive, content.name)
        if hdu == "all":
            return [ImageSource(_image(archive, content.name, i), content.name) for i in range(count)]
        number = _number(hdu, count, content.name)
        return ImageSource(_image(archive, content.name, number), content.name)


def write_npz(images: Sequence[Image], path: Path) -> None:
    """Write images to a new npz; the caller must make this atomic."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _put_json(archive, _TOC, {"format": "ccdfx image", "version": _VERSION, "images": len(images)})
        for i, image in enumerate(images):
            cards = [_card_json(card) for card in image.header.cards]
            flags = {flag.name: int(flag) for flag in Flag}
            _put_json(
                archive, f"{i}/header.json", {"cards": cards, "range": list(image.range), "flags": flags}
            )
            for name in ("array", "mask", "variance"):
                value = getattr(image, name)
                if value is not None:
                    with archive.open(_info(f"{i}/{name}.npy"), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, value, allow_pickle=False)


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


def _archive(content: Any) -> zipfile.ZipFile:
    if not isinstance(content, FileContent | MemoryContent):
        raise FormatError(
            content.name, "is compressed, and npz is compressed inside", remedy="unpack it first"
        )
    stream: Any = (
        _Stream(content) if isinstance(content, FileContent) else io.BytesIO(content.read_at(0, 1 << 62))
    )
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _broken(content.name, error) from error


class _Stream(io.RawIOBase):
    """A `FileContent` as a stream for zipfile, with no handle that stays open."""

    def __init__(self, content: FileContent) -> None:
        self._content, self._position = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._content.size}[whence]
        if start + offset < 0:
            raise ValueError("negative position")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._content.read_at(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _count(archive: zipfile.ZipFile, name: str) -> int:
    facts = _json(archive, name, _TOC)
    if facts.get("format") != "ccdfx image" or facts.get("version") != _VERSION:
        raise FormatError(name, f"must be an image of ccdfx in version {_VERSION}", value=facts)
    count = facts.get("images")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(archive.namelist()):
        raise FormatError(name, "claims an impossible number of images", value=count)
    return count


def _image(archive: zipfile.ZipFile, name: str, number: int) -> Image:
    facts = _json(archive, name, f"{number}/header.json")
    try:
        header = Header([_card(item) for item in facts["cards"]])
        window = Range(*facts["range"])
        array = _array(archive, name, f"{number}/array.npy")
        members = set(archive.namelist())
        mask, variance = (
            _array(archive, name, f"{number}/{part}.npy") if f"{number}/{part}.npy" in members else None
            for part in ("mask", "variance")
        )
        return Image(array, header, mask, window, variance)
    except FormatError:
        raise
    except (CcdfxError, KeyError, TypeError, ValueError) as error:
        raise FormatError(name, f"image {number} is broken: {error}") from error


def _member(archive: zipfile.ZipFile, name: str, member: str) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise FormatError(name, f"has no member {member}") from None
    if info.flag_bits & 1:
        raise FormatError(name, f"its member {member} is encrypted")
    if info.file_size > max(info.compress_size, 1) * _MAX_RATIO:
        raise FormatError(
            name, f"its member {member} claims more than its bytes can hold", value=info.file_size
        )
    return info


def _json(archive: zipfile.ZipFile, name: str, member: str) -> dict[str, Any]:
    info = _member(archive, name, member)
    if info.file_size > _MAX_JSON:
        raise FormatError(name, f"its member {member} is longer than {_MAX_JSON} bytes", value=info.file_size)
    try:
        facts = json.loads(archive.read(info))
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RecursionError) as error:
        raise _broken(name, error) from error
    if not isinstance(facts, dict):
        raise FormatError(name, f"its member {member} must be a JSON object", value=type(facts).__name__)
    return facts


def _array(archive: zipfile.ZipFile, name: str, member: str) -> np.ndarray:
    """Read an array; refuse objects, and a size other than that of its member, before reading data."""
    info = _member(archive, name, member)
    try:
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in read:
                raise FormatError(name, f"its member {member} has an unknown version", value=version)
            shape, fortran, dtype = read[version](stream)
            size = math.prod(shape) * dtype.itemsize
            if dtype.hasobject or dtype.kind not in "buif" or len(shape) != 2 or min(shape) < 0:
                raise FormatError(
                    name, f"its member {member} must hold a 2-D array of numbers", value=(shape, dtype.str)
                )
            if size != info.file_size - stream.tell():
                raise FormatError(
                    name, f"its member {member} does not hold the array it claims", value=(shape, dtype.str)
                )
            array = np.frombuffer(stream.read(size + 1), dtype)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise error if isinstance(error, CcdfxError) else _broken(name, error) from error
    return array.reshape(shape, order="F" if fortran else "C")


def _broken(name: str, error: Exception) -> FormatError:
    return FormatError(name, f"is a broken npz: {error}", remedy="copy the file again")


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
