"""Writing of images to HDF5 files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import ccdfx
from ccdfx import ArgumentError, ArgumentTypeError, Flag, Image
from ccdfx_hdf5.cards import to_table
from ccdfx_hdf5.links import MARK
from ccdfx_hdf5.output import writable
from ccdfx_hdf5.reading import VERSION
from ccdfx_hdf5.suffixes import SUFFIXES
from ccdfx_hdf5.sums import put_members, put_sum

COMPRESSED = ".gz.h5"
CHUNK_PIXELS = 1 << 14  # a chunk has a few whole rows, so that tiles of rows seldom read one twice
_LEVEL = 4
_LARGE_TABLE = 1 << 16


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of `write` that ``ccdfx.write`` lacks."""

    compression: int | None = None
    names: tuple[str, ...] | None = None


_options: ContextVar[_Options] = ContextVar("options")


def write(
    images: Any,
    path: str | os.PathLike[str],
    *,
    compression: int | None = None,
    names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write images to an HDF5 file with chosen compression and paths, and otherwise as ``ccdfx.write``.

    Parameters
    ----------
    images : Image, array, or sequence of them
    path : str or Path
        Its suffix must be one of HDF5.
    compression : int, optional
        0 for none, which is read fastest, or a level of gzip, 1 to 9, after shuffling the bytes. By default 4
        if the name ends with ``.gz.h5``, else 0.
    names : sequence of str, optional
        The path of each image in the file, such as "flats/V". By default its EXTNAME, or "image".
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Path
        The path that was written.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an invalid level or name, or a suffix that is not one of HDF5.
    OutputExistsError, FileError
        As ``ccdfx.write``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write([[1, 2], [3, 4]], folder + "/a.h5", compression=6, names=["lamp/flat"])
    ...     ccdfx.read(path, hdu="lamp/flat").array
    array([[1, 2],
           [3, 4]])
    """
    if not str(path).lower().endswith(SUFFIXES):
        raise ArgumentError(
            "path",
            f"must end with one of {' '.join(SUFFIXES)}",
            value=str(path),
            remedy="rename it, or use ccdfx.write",
        )
    whole = isinstance(compression, int | np.integer) and not isinstance(compression, bool)
    if compression is not None and not (whole and 0 <= compression <= 9):
        raise ArgumentError(
            "compression",
            "must be a level of gzip, 1 to 9, or 0 for none",
            value=compression,
            remedy="leave it out, or give 4",
        )
    if isinstance(names, str) or not isinstance(names, Sequence | None):
        raise ArgumentTypeError(
            "names", "must be a list, one for each image", value=names, remedy="give such as ['flats/V']"
        )
    token = _options.set(_Options(compression, None if names is None else tuple(names)))
    try:
        return ccdfx.write(images, path, overwrite=overwrite)
    finally:
        _options.reset(token)


def write_hdf5(images: Sequence[Image], path: Path) -> None:
    """Write images to a new file; the caller makes it atomic."""
    options = _options.get(_Options())
    default = _LEVEL if path.name.lower().endswith(COMPRESSED) else 0
    level = default if options.compression is None else options.compression
    paths = _names(images) if options.names is None else _checked(options.names, len(images))
    with writable(path, "w") as file:
        for number, (image, place) in enumerate(zip(images, paths, strict=True)):
            _put_image(file.create_group(place), image, number, level)


def _put_image(group: h5py.Group, image: Image, number: int, level: int) -> None:
    group.attrs[MARK] = "image"
    group.attrs["version"] = VERSION
    group.attrs["number"] = number
    group.attrs["range"] = list(image.range)
    put(group, "array", image.array, level)
    if image.mask is not None:
        put_mask(group, image.mask, level)
    if image.variance is not None:
        put(group, "variance", image.variance, level)
    if image.header.cards:
        table = to_table(image.header)
        packed = table.nbytes > _LARGE_TABLE
        chunks = (min(len(table), max(1, _LARGE_TABLE // table.dtype.itemsize)),)
        group.create_dataset(
            "cards", data=table, chunks=chunks, compression="gzip" if packed else None, fletcher32=True
        )
    put_members(group)


def put_mask(group: h5py.Group, mask: np.ndarray, level: int) -> h5py.Dataset:
    """Store flags, with attributes that give the meaning of their bits."""
    dataset = put(group, "mask", mask, level)
    for flag in Flag:
        dataset.attrs[str(flag.name)] = int(flag)
    return dataset


def put(group: h5py.Group, name: str, array: np.ndarray, level: int) -> h5py.Dataset:
    """Store a plane of an image, contiguous or in chunks of rows that are shuffled and gzipped, with checksums."""
    if level == 0:
        dataset = group.create_dataset(name, data=array)
        put_sum(dataset)
        return dataset
    rows = min(len(array), max(1, CHUNK_PIXELS // array.shape[1]))
    return group.create_dataset(
        name,
        data=array,
        chunks=(rows, array.shape[1]),
        shuffle=True,
        compression="gzip",
        compression_opts=level,
        fletcher32=True,
    )


def _names(images: Sequence[Image]) -> list[str]:
    """Return the paths of images: EXTNAME or "image", with a number added to a name that is already used."""
    taken: dict[str, str] = {}
    for image in images:
        extname = str(image.header.get("EXTNAME") or "").strip().replace("/", "_").replace("\0", "")
        stem = extname if extname.strip(".") and extname.isprintable() else "image"
        name, count = stem, 1
        while name.lower() in taken:
            count += 1
            name = f"{stem}_{count}"
        taken[name.lower()] = name
    return list(taken.values())


def _checked(names: Sequence[str], count: int) -> list[str]:
    paths = [str(name).strip("/") for name in names]
    if len(paths) != count:
        raise ArgumentError(
            "names", f"must be {count}, one for each image", value=len(paths), remedy="give each image a name"
        )
    for path in paths:
        parts = path.split("/")
        if not path.isprintable() or any(not part.strip(".") for part in parts):
            raise ArgumentError(
                "names", "must be paths of printable words", value=path, remedy="such as 'flats/V'"
            )
        if any(other != path and other.startswith(path + "/") for other in paths) or paths.count(path) > 1:
            raise ArgumentError(
                "names",
                "must differ, and none may lie in another",
                value=path,
                remedy="give each image a place of its own",
            )
    return paths
