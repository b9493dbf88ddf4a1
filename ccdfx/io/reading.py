"""Reading of images in any format."""

from __future__ import annotations

import hashlib
import inspect
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, overload

from ccdfx.errors import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    CcdfxWarning,
    FormatError,
    MismatchError,
    cause_of,
)
from ccdfx.io.content import FileContent, content_of, held
from ccdfx.io.limits import limited
from ccdfx.io.source import Format, Source
from ccdfx.records.header import Header
from ccdfx.records.history import Master
from ccdfx.records.image import Image
from ccdfx.records.parameters import renamed_options
from ccdfx.records.range import RangeLike, window_errors_about


class HasRead(Protocol):
    """A binary file object; it must be able to seek."""

    def read(self, size: int = ..., /) -> bytes: ...


FileLike = str | os.PathLike[str] | bytes | bytearray | memoryview | HasRead
"""A path, the content of a file, or an open file."""

_PREFIX = 2880
PLUGINS = {".h5": "ccdfx-hdf5", ".hdf5": "ccdfx-hdf5", ".hdf": "ccdfx-hdf5"}
"""Plugins by the suffixes of their formats, which are named where they are missing."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE_REMEDY = "open it with the program that wrote it and save FITS"


def formats() -> tuple[Format, ...]:
    """Return the known file formats: the built-in ones and those of plugins.

    >>> [format.name for format in formats()][:2]
    ['fits', 'npz']
    """
    from ccdfx import registry

    return tuple(registry.records("format").values())


@overload
def read(  # type: ignore[overload-overlap]  # a str that is not known to be "all" names one image
    path: FileLike,
    *,
    hdu: Literal["all"],
    section: RangeLike = None,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> list[Image]: ...
@overload
def read(
    path: FileLike,
    *,
    hdu: int | str | None = None,
    section: RangeLike = None,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Image: ...
@renamed_options(range="section")
def read(
    path: FileLike,
    *,
    hdu: int | str | None = None,
    section: RangeLike = None,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Image | list[Image]:
    """Read an image from a file.

    Flags (MASK), variance (UNCERT) and the window in the parent frame (LTV1, LTV2) are read too. A pixel
    without data (BLANK, NaN) is flagged NO_DATA. Checksums are verified where the file has them, and files of ccdfx
    say which flags and variance belong to an image: one that is missing or was changed is an error. The header
    keeps the order, the comments and the duplicates of its cards; those that describe the layout of the file
    are left out.

    Parameters
    ----------
    path : str, Path, bytes or binary file object
        Bytes are the content of a file. Compression and format are recognised by content, then by suffix.
    hdu : int or str, optional
        Which image: a number from 0, an EXTNAME ("SCI" or "SCI,2"), or "all" for a list of all; the first by
        default.
    section : Range or what `Range.of` accepts, optional
        Read only this window.
    plane : int, optional
        Which plane of a cube.
    checksum : bool
        Whether DATASUM and CHECKSUM must agree with the bytes, and flags and variance be those that the file was
        written with; False for a file that a program has changed without updating them, if its pixels are known
        to be valid: then flags and variance are found by the names of their HDUs.
    limit : int, optional
        To how many bytes a file compressed by gzip or bzip2, the tiles of an image, and deflated arrays of npz and HDF5
        may inflate. Default: the environment variable CCDFX_LIMIT, else 256 MiB or 100 times the compressed size,
        whichever is more.

    Returns
    -------
    Image, or list of Image for hdu="all"

    Raises
    ------
    FileError
        When the file cannot be opened.
    FormatError
        When its content is damaged, is no image, or has no known format.

    See Also
    --------
    write, open_source, read_header

    Examples
    --------
    >>> import tempfile
    >>> from ccdfx.io import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write([[1, 2], [3, 4]], folder + "/a.fits")
    ...     read(path, section=(0, 2, 1, 2)).array
    array([[3, 4]])
    """
    found = find_format(path)
    with _guarded(found, path), window_errors_about("section"), limited(limit):
        if found.read is not None:
            options = {} if limit is None else {"limit": limit}
            refuse_options(found, found.read, options)
            return found.read(path, hdu, range=section, plane=plane, checksum=checksum, **options)
        sources = _open(found, path, hdu, plane, checksum, limit)
        images = []
        for source in _listed(sources):
            with source:
                images.append(source.select(section))
        return images if hdu == "all" else images[0]


def open_source(
    path: FileLike, *, hdu: int | str | None = None, plane: int | None = None, checksum: bool = True
) -> Source:
    """Open a file for reading piece by piece; only headers are read now.

    Parameters are those of `read`. The source holds no file open between two readings; a file that is
    replaced meanwhile is an error.

    See Also
    --------
    read, open_frames
    """
    if hdu == "all":
        raise ArgumentError("hdu", "must name one image", value=hdu, remedy="use open_extensions([path])")
    found = find_format(path)
    with _guarded(found, path):
        return _open(found, path, hdu, plane, checksum)


def open_every_image(path: Any, *, checksum: bool = True) -> list[Source]:
    """Open a source for every image of a file; only headers are read now."""
    found = find_format(path)
    with _guarded(found, path):
        return _listed(_open(found, path, "all", checksum=checksum))


def _listed(sources: Any) -> list[Source]:
    """Return the sources of all images; a format of one image may give that alone."""
    return list(sources) if isinstance(sources, list | tuple) else [sources]


def read_header(path: FileLike, *, hdu: int | str | None = None) -> Header:
    """Read the header of an image as it is in the file, and no pixels; NAXIS1 and NAXIS2 give its size.

    Unlike the header of `read`, it keeps the cards that describe the layout of the file.
    """
    found = find_format(path)
    with _guarded(found, path):
        if found.read_header is not None:
            return found.read_header(path, hdu)
        with _open(found, path, hdu) as source:
            ny, nx = source.shape
            return source.header.update({"NAXIS": 2, "NAXIS1": nx, "NAXIS2": ny})


def read_master(path: str | os.PathLike[str], *, hdu: int | str | None = None) -> Master:
    """Read a master frame with the SHA-256 of its file, which a pipeline writes into the HISTORY.

    The hash is that of the bytes from which the image was read.
    """
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(
            "path", "must be the path of a file", value=type(path).__name__, remedy="write it to a file first"
        )
    content = FileContent(path)
    with content.held():
        digest = hashlib.sha256()
        for start in range(0, content.size, 1 << 20):
            digest.update(content.read_at(start, 1 << 20))
    image = read(path, hdu=hdu)
    with content.handle():  # raises if the file was replaced since
        return Master(image, os.path.abspath(os.fsdecode(path)), digest.hexdigest())


def find_format(file: Any) -> Format:
    """Find the format of a file by its content, then by its suffix.

    Raises
    ------
    FileError, FormatError
        When it cannot be opened, is empty, or has no known format; the message lists the known ones.
    """
    name, first = _beginning(file)
    suffix = Path(name).suffix.lower()
    if not first:
        raise FormatError(name, "is empty", remedy="copy the file again from where it came")
    if suffix == ".arrim" or _is_pickle(first):
        raise FormatError(name, "is a Python pickle, and opening a pickle runs whatever code is in it",
                          remedy=_PICKLE_REMEDY)  # fmt: skip
    known = formats()
    by_content = next((item for item in known if _recognised(item, first)), None)
    fitting = by_content or by_suffix(name, known)
    if fitting is not None:
        return fitting
    plugin = "ccdfx-hdf5" if first.startswith(_HDF5) else PLUGINS.get(suffix)
    listed = ", ".join(f"{found.name} ({' '.join(found.suffixes)})" for found in known)
    raise FormatError(name, f"is of no known format; known are {listed}", value=first[:8],
                      remedy=f"install {plugin}" if plugin else "save it as FITS")  # fmt: skip


def by_suffix(name: str, known: tuple[Format, ...]) -> Format | None:
    """Return the format with the longest suffix that fits the name, or None."""
    fitting = [(len(s), found) for found in known for s in found.suffixes if name.lower().endswith(s)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _beginning(file: Any) -> tuple[str, bytes]:
    """Read the name and the first bytes of an input; the position of a file object is restored."""
    if callable(getattr(file, "read", None)):
        seek, tell = getattr(file, "seek", None), getattr(file, "tell", None)
        if not (callable(seek) and callable(tell) and file.seekable()):
            raise ArgumentError(
                "path", "must be a file object that can seek", remedy="give its bytes: file.read()"
            )
        start = tell()
        first = file.read(_PREFIX)
        seek(start)
        if not isinstance(first, bytes):
            raise ArgumentError("path", "must be opened in binary mode", remedy="open(..., 'rb')")
        name = getattr(file, "name", None)
        return (name if isinstance(name, str) else "<file object>"), first
    content = FileContent(file) if isinstance(file, str | os.PathLike) else content_of(file)
    plain = getattr(content, "base", content)
    with held(plain):
        return plain.name, bytes(plain.read_at(0, _PREFIX))


def _is_pickle(first: bytes) -> bool:
    """Return whether bytes begin like a pickle of protocol 2 to 5, or like an object of protocol 0."""
    return (first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05") or first.startswith(
        (b"ccopy_reg\n", b"(i", b"(dp")
    )


def _recognised(found: Format, first: bytes) -> bool:
    try:
        return bool(found.recognises(first))
    except Exception as error:  # a plugin may fail in any way
        warnings.warn(f"the format {found.name} cannot look at files: {error!r}", CcdfxWarning, stacklevel=4)
        return False


def _open(
    found: Format,
    file: Any,
    hdu: Any,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Any:
    """Open a file with a format; options that the format does not have must keep their default."""
    options: dict[str, Any] = {} if plane is None else {"plane": plane}
    options |= {} if checksum else {"checksum": checksum}
    options |= {} if limit is None else {"limit": limit}
    refuse_options(found, found.open, options)
    return found.open(file, hdu, **options)


def refuse_options(found: Format, function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Raise `ArgumentError` for an option that a function of the format does not take."""
    for option in options.keys() - inspect.signature(function).parameters.keys():
        raise ArgumentError(
            option, f"is no option of the format {found.name}", value=options[option], remedy="leave it out"
        )


@contextmanager
def _guarded(found: Format, file: Any) -> Iterator[None]:
    """Convert any error of a format to an error of ccdfx that names file and format."""
    try:
        yield
    except CcdfxError:
        raise
    except Exception as error:
        name = file if isinstance(file, str | os.PathLike) else getattr(file, "name", "<bytes>")
        rule = f"cannot be read as {found.name}: {cause_of(error)}"
        raise FormatError(name, rule) from error


def open_frames(
    inputs: Iterable[Any], *, hdu: int | str | None = None, planes: bool = False, checksum: bool = True
) -> list[Any]:
    """Open paths, mixed with images, arrays and sources, for `combine`; only headers are read now.

    Parameters
    ----------
    inputs : iterable of path, Image, array (ny, nx) or Source
    hdu : int or str, optional
        The image of every file: a number from 0 or a name; the first by default.
    planes : bool
        Whether each plane of a cube becomes a frame.
    checksum : bool
        As in `read`: False for files with wrong checksums but valid pixels.

    Returns
    -------
    list
        A `Source` for every path (with `planes`, for every plane); other inputs unchanged.

    Raises
    ------
    FileError
        When a file cannot be opened, or is a cube and `planes` is false.

    See Also
    --------
    open_source, open_extensions, combine

    Examples
    --------
    >>> import numpy as np
    >>> [frame.shape for frame in open_frames([np.zeros((2, 3))])]
    [(2, 3)]
    """
    found: list[Any] = []
    for item in _several("inputs", inputs):
        if not isinstance(item, str | os.PathLike):
            found.append(item)
        elif planes:
            found += open_planes(item, hdu=hdu, checksum=checksum)
        else:
            found.append(open_source(item, hdu=hdu, checksum=checksum))
    return found


def open_planes(path: Any, *, hdu: int | str | None = None, checksum: bool = True) -> list[Source]:
    """Open every plane of a cube as a source, the last axis slowest; an image of two axes gives one."""
    header = read_header(path, hdu=hdu)
    axes = int(header.number("NAXIS") or 2)
    count = math.prod(int(header.number(f"NAXIS{axis}") or 1) for axis in range(3, axes + 1))
    if count == 1:
        return [open_source(path, hdu=hdu, checksum=checksum)]
    return [open_source(path, hdu=hdu, plane=plane, checksum=checksum) for plane in range(count)]


def open_extensions(paths: Iterable[FileLike], *, checksum: bool = True) -> list[list[Source]]:
    """Open the images of several files by extension: first the first image of each file, and so on.

    Parameters
    ----------
    paths : iterable of path
        Files with the same number of images and the same names of images.
    checksum : bool
        As in `read`: False for files with wrong checksums but valid pixels.

    Returns
    -------
    list of list of Source
        ``write([combine(frames) for frames in open_extensions(paths)], target)`` combines files of many
        extensions.

    Raises
    ------
    MismatchError
        When a file has another number of images than the first, or an image of another name.
    """
    names = _several("paths", paths)
    files = [open_every_image(path, checksum=checksum) for path in names]
    for path, sources in zip(names, files, strict=True):
        here, there = ([source.header.get("EXTNAME") for source in f] for f in (sources, files[0]))
        if here != there:
            raise MismatchError(
                str(path),
                f"must have the images of {names[0]}: {there}",
                value=here,
                remedy="combine files of one instrument and mode",
            )
    return [list(frames) for frames in zip(*files, strict=True)]


def _several(name: str, items: Any) -> list[Any]:
    if isinstance(items, str | bytes | os.PathLike) or not isinstance(items, Iterable):
        raise ArgumentTypeError(name, "must be a list", value=items, remedy="put a single path into a list")
    return list(items)
