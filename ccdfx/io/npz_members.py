"""Members of an npz archive: JSON and arrays, with the sizes that they claim checked before anything is read."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import CcdfxError, FormatError
from ccdfx.io.content import FileContent, MemoryContent

_MAX_JSON = 64 << 20
_JSON_RATIO = 20  # of deflated JSON, above 64 KiB: bounds the time for a file of a size
_SMALL_JSON = 1 << 16
_MAX_RATIO = 1100  # of a deflated member; deflate cannot exceed 1032
_STEP = 1 << 20
_LOCAL_HEADER = 30
_FAULTS = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RecursionError)


@dataclass(frozen=True, slots=True)
class ArrayMember:
    """An array in an archive; `offset` is that of its first pixel in the file, or None if rows cannot be read there.

    `inflated` is the number of bytes to which it inflates; 0 for one that is stored as it is.
    """

    name: str
    shape: tuple[int, int]
    dtype: np.dtype
    offset: int | None
    inflated: int = 0


@contextmanager
def archive_of(content: Any) -> Iterator[zipfile.ZipFile]:
    """Open an archive; every error of it names the file.

    Raises
    ------
    FormatError
        Also when members share bytes or names, so that they would be more than the file.
    """
    if not isinstance(content, FileContent | MemoryContent):
        raise FormatError(
            content.name, "is compressed, and npz is compressed inside", remedy="unpack it first"
        )
    stream: Any = (
        _Stream(content) if isinstance(content, FileContent) else io.BytesIO(content.read_at(0, 1 << 62))
    )
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise FormatError(content.name, "has two members of one name")
            if not content.has(sum(info.compress_size for info in archive.infolist())):
                raise FormatError(content.name, "has members that share their bytes")
            yield archive
    except _FAULTS as error:
        if isinstance(error, CcdfxError):
            raise
        rule = f"is a broken npz: {error}"
        raise FormatError(content.name, rule, remedy="copy the file again") from error


def json_of(archive: zipfile.ZipFile, file: str, name: str) -> dict[str, Any]:
    """Read a member that is a JSON object."""
    info = _info(archive, file, name)
    most = min(_MAX_JSON, max(_SMALL_JSON, _JSON_RATIO * info.compress_size))
    if info.file_size > most:
        raise FormatError(file, f"its member {name} is longer than {most} bytes", value=info.file_size)
    facts = json.loads(archive.read(info))
    if not isinstance(facts, dict):
        raise FormatError(file, f"its member {name} must be a JSON object", value=type(facts).__name__)
    return facts


def array_member(archive: zipfile.ZipFile, content: Any, name: str) -> ArrayMember:
    """Find an array; refuse objects, and a size other than that of its member. No pixel is read."""
    info = _info(archive, content.name, name)
    with archive.open(info) as stream:
        shape, fortran, dtype = _npy_header(stream, content.name, name)
        start = stream.tell()
    if dtype.hasobject or dtype.kind not in "buif" or len(shape) != 2 or min(shape) < 0:
        raise FormatError(
            content.name, f"its member {name} must hold a 2-D array of numbers", value=(shape, dtype.str)
        )
    if math.prod(shape) * dtype.itemsize != info.file_size - start:
        raise FormatError(
            content.name, f"its member {name} does not hold the array it claims", value=(shape, dtype.str)
        )
    if info.compress_type != zipfile.ZIP_STORED or fortran:
        inflated = 0 if info.compress_type == zipfile.ZIP_STORED else info.file_size
        return ArrayMember(name, shape, dtype, None, inflated)
    local = bytes(content.read_at(info.header_offset, _LOCAL_HEADER))
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    return ArrayMember(name, shape, dtype, info.header_offset + _LOCAL_HEADER + lengths + start)


def read_array(archive: zipfile.ZipFile, file: str, member: ArrayMember) -> np.ndarray:
    """Read a whole array; its checksum is verified."""
    with archive.open(_info(archive, file, member.name)) as stream:
        shape, fortran, dtype = _npy_header(stream, file, member.name)
        if (shape, dtype) != (member.shape, member.dtype):
            raise FormatError(
                file, f"its member {member.name} changed since it was opened", remedy="open it again"
            )
        data = stream.read(math.prod(shape) * dtype.itemsize + 1)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read_rows(content: Any, member: ArrayMember, rows: slice) -> np.ndarray:
    """Read rows of an array at their place in the file; its checksum is not verified."""
    assert member.offset is not None
    nx = member.shape[1]
    width = nx * member.dtype.itemsize
    count = rows.stop - rows.start
    data = content.read_at(member.offset + rows.start * width, count * width)
    return np.frombuffer(data, member.dtype, count * nx).reshape(count, nx)


def verify(archive: zipfile.ZipFile, file: str, member: ArrayMember) -> None:
    """Read a member piece by piece, so that its checksum is verified."""
    with archive.open(_info(archive, file, member.name)) as stream:
        while stream.read(_STEP):
            pass


def _npy_header(stream: Any, file: str, name: str) -> tuple[Any, bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise FormatError(file, f"its member {name} has an unknown version", value=version)
    return read[version](stream)


def _info(archive: zipfile.ZipFile, file: str, name: str) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FormatError(file, f"has no member {name}") from None
    if info.flag_bits & 1:
        raise FormatError(file, f"its member {name} is encrypted")
    if info.file_size > max(info.compress_size, 1) * _MAX_RATIO:
        raise FormatError(
            file, f"its member {name} claims more than its bytes can hold", value=info.file_size
        )
    return info


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
