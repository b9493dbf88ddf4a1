"""Opening of many images at once: planes of a cube, a list of mixed inputs, or files by extension."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

from ccdfx.errors import ArgumentTypeError, MismatchError
from ccdfx.io.reading import open_every_image, open_source, read_header
from ccdfx.io.source import Source


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


def open_extensions(paths: Iterable[Any], *, checksum: bool = True) -> list[list[Source]]:
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
