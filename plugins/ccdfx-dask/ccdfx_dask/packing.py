"""Serialisation of functions and tiles for other processes."""

from __future__ import annotations

import io
import os
import zlib
from pickle import PicklingError
from typing import Any

import cloudpickle

from ccdfx import ArgumentError, ArgumentTypeError, CcdfxError, FileError, Image, Master, read_master

SMALL = 2**16  # bytes; a master up to this size is sent itself, without reading its file


def packed(thing: Any) -> bytes:
    """Pickle an object, a large master by the name of its file, and compress it: headers are much alike."""
    with io.BytesIO() as stream:
        _Pickler(stream).dump(thing)
        return zlib.compress(stream.getbuffer(), 1)


def unpacked(data: bytes) -> Any:
    """Restore a packed object."""
    return cloudpickle.loads(zlib.decompress(data))


def sendable(thing: Any, most: int) -> bytes:
    """Pack an object into at most `most` bytes.

    Raises
    ------
    ArgumentTypeError
        Something in it cannot be sent, such as a lock or an open file.
    ArgumentError
        It is too large.
    """
    try:
        data = packed(thing)
    except CcdfxError:
        raise
    except (TypeError, AttributeError, ValueError, PicklingError) as error:  # the errors of pickle
        raise ArgumentTypeError(
            "work", f"cannot be sent to other processes: {error}", value=type(thing).__name__,
            remedy="give frames as sources of files, ccdfx.open_source(path)",
        ) from error  # fmt: skip
    if len(data) > most:
        raise ArgumentError(
            "work", f"must not take more than {most} bytes as it is sent", value=len(data),
            remedy="write images in memory to FITS files and give ccdfx.open_source(path), masters by "
            "ccdfx.read_master(path): workers read them themselves; or raise 'sent'",
        )  # fmt: skip
    return data


class _Pickler(cloudpickle.Pickler):
    """A pickler that sends a large master by the name of its file, if the file has the same content."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, Master) and thing.image.array.nbytes > SMALL and _is_in_its_file(thing):
            return _master, (thing.name, thing.sha256)
        return super().reducer_override(thing)


def _is_in_its_file(master: Master) -> bool:
    if not (os.path.isabs(master.name) and os.path.isfile(master.name)):
        return False
    try:
        found = read_master(master.name)
    except CcdfxError:  # not a file that ccdfx reads, or one with an image that hdu= must select
        return False
    return found.sha256 == master.sha256 and _content(found.image) == _content(master.image)


def _content(image: Image) -> tuple[Any, ...]:
    """Return the fields in which equal images agree, as bytes, so that NaN equals NaN."""
    planes = (
        None if p is None else (p.dtype, p.tobytes()) for p in (image.array, image.mask, image.variance)
    )
    return *planes, image.header, image.range


def _master(name: str, sha256: str) -> Master:
    """Read a master from its file, which must be unchanged since the master was sent."""
    found = read_master(name)
    if found.sha256 != sha256:
        raise FileError(
            name,
            "was replaced or changed since it was read",
            value=f"SHA-256 {found.sha256}",
            remedy="read it again",
        )
    return found
