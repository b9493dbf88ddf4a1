"""Opening of images: those of ccdfx, which are groups, and datasets of other programs."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from ccdfx import ArgumentError, ArgumentTypeError, FormatError, Header, Range
from ccdfx_hdf5.allowance import Allowance
from ccdfx_hdf5.cards import from_attributes, from_table
from ccdfx_hdf5.content import Content, broken_image, content_of
from ccdfx_hdf5.layout import Layout, layout_of
from ccdfx_hdf5.links import MARK, image_paths, resolved, whole_numbers
from ccdfx_hdf5.packing import packing_of
from ccdfx_hdf5.source import Hdf5Source, Parts
from ccdfx_hdf5.sums import require_members, sum_of

VERSION = 1
_LISTED = 20


def open_hdf5(
    file: Any,
    hdu: Any = None,
    *,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Any:
    """Open an image as an `Hdf5Source`, or with hdu="all" all images as a list. See `ccdfx.open_source`.

    What is opened may inflate to `limit` bytes together; by default that of `ccdfx.inflation_limit`.
    """
    content = content_of(file)
    allowance = Allowance(content, limit)
    with content.open() as opened:
        if hdu == "all":
            paths = image_paths(opened, content.name)
            if not paths:
                raise FormatError(content.name, "holds no image")
            return [_source(content, opened, path, plane, checksum, allowance) for path in paths]
        return _source(content, opened, chosen(opened, content.name, hdu), plane, checksum, allowance)


def list_images(path: Any) -> list[str]:
    """List the paths of all images in an HDF5 file; each is a value for ``hdu=``.

    The order is that of their numbers: images of ccdfx first, then datasets of two axes or more by name.

    Parameters
    ----------
    path : str, Path, bytes or binary file object

    Returns
    -------
    list of str

    Raises
    ------
    FileError, FormatError
        When the file cannot be opened or is not HDF5.

    Examples
    --------
    >>> import tempfile
    >>> from ccdfx import Image
    >>> from ccdfx_hdf5 import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write([Image([[1]]), Image([[2]])], folder + "/a.h5", names=["lamp", "sky/blue"])
    ...     list_images(path)
    ['/lamp', '/sky/blue']
    """
    content = content_of(path)
    with content.open() as file:
        return image_paths(file, content.name)


def chosen(file: h5py.File, name: str, hdu: Any) -> str:
    """Return the path of the image that `hdu` selects: None, a number from 0, a path, or its last part."""
    if isinstance(hdu, str):
        return _named(file, name, hdu)
    if hdu is not None and (isinstance(hdu, bool) or not isinstance(hdu, int | np.integer)):
        raise ArgumentTypeError(
            "hdu", "must be a path or a number from 0", value=hdu, remedy="give one of these"
        )
    paths = image_paths(file, name)
    if not paths:
        raise FormatError(name, "holds no image: no dataset of numbers with two axes or more")
    if hdu is None:
        if len(paths) == 1 or is_own(file[paths[0]]):
            return paths[0]
        raise ArgumentError(
            "hdu",
            f"must say which of {len(paths)} datasets of {name} is meant",
            value=None,
            remedy=_listed(paths),
        )
    if not 0 <= hdu < len(paths):
        raise ArgumentError(
            "hdu", f"must be 0 to {len(paths) - 1} in {name}", value=hdu, remedy=_listed(paths)
        )
    return paths[hdu]


def is_own(item: Any) -> bool:
    """Return whether an object is an image of ccdfx."""
    return isinstance(item, h5py.Group) and MARK in item.attrs


def _named(file: h5py.File, name: str, hdu: str) -> str:
    found = resolved(file, hdu, name)
    if is_own(found) or isinstance(found, h5py.Dataset):
        return hdu
    paths = image_paths(file, name)
    fitting = [path for path in paths if path.rsplit("/", 1)[-1].lower() == hdu.strip().lower()]
    if found is None and len(fitting) == 1:
        return fitting[0]
    below = (
        [path for path in paths if path.startswith("/" + hdu.strip("/") + "/")]
        if found is not None
        else paths
    )
    if found is not None and len(below) == 1:
        return below[0]
    rule = f"names nothing in {name}" if found is None else f"is a group of {name} and no image"
    raise ArgumentError("hdu", rule, value=hdu, remedy=_listed(below or paths))


def _listed(paths: list[str]) -> str:
    shown = ", ".join(repr(path[:200]) for path in paths[:_LISTED])
    rest = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return f"choose from {shown}{rest}" if paths else "it holds no image"


def _source(
    content: Content, file: h5py.File, path: str, plane: Any, checksum: bool, allowance: Allowance
) -> Hdf5Source:
    item = resolved(file, path, content.name)
    if is_own(item):
        if plane not in (None, 0):
            raise ArgumentError(
                "plane", "must be 0: an image of ccdfx is no cube", value=plane, remedy="leave it out"
            )
        return _own(content, file, item, checksum, allowance)
    array = layout_of(item, content, allowance)
    lead = _lead(array, content.name, plane)
    with broken_image(content.name, path):
        header = from_attributes(item, content.name)
        packing = packing_of(item, content.name)
    sums = ((array, sum_of(item)),) if is_own(item.parent) else ()  # a plane of ours, by its path
    header = header.remove("CRC32") if sums else header
    parts = Parts(array, plane=lead, foreign=True, packing=packing, sums=sums)
    return Hdf5Source(content, parts, header, checksum=checksum)


def _own(
    content: Content, file: h5py.File, group: h5py.Group, checksum: bool, allowance: Allowance
) -> Hdf5Source:
    name, path = content.name, str(group.name)
    version = whole_numbers(group, "version")
    if version != (VERSION,):
        raise FormatError(
            name,
            f"must hold images of ccdfx in version {VERSION}",
            value=version,
            remedy="install a newer ccdfx-hdf5",
        )
    layouts: dict[str, Layout] = {}
    sums: list[tuple[Layout, int | None]] = []
    for part in ("array", "mask", "variance"):
        dataset = resolved(file, f"{path}/{part}", name)
        if isinstance(dataset, h5py.Dataset):
            layouts[part] = layout_of(dataset, content, allowance)
            sums.append((layouts[part], sum_of(dataset)))
    if "array" not in layouts or any(found.shape != layouts["array"].shape for found in layouts.values()):
        raise FormatError(name, f"its image {path[:200]!r} must have an array, and all its parts that shape")
    table = resolved(file, f"{path}/cards", name)
    if checksum:
        cards = ["cards"] if isinstance(table, h5py.Dataset) else []
        require_members(group, [*layouts, *cards], name)
    with broken_image(name, path):
        header = from_table(table, name, allowance) if isinstance(table, h5py.Dataset) else Header()
        window = Range(*whole_numbers(group, "range"))
        if window.shape != layouts["array"].shape:
            raise FormatError(
                name, f"its image {path[:200]!r} has another shape than its range", value=tuple(window)
            )
    parts = Parts(layouts["array"], layouts.get("mask"), layouts.get("variance"), sums=tuple(sums))
    return Hdf5Source(content, parts, header, window, checksum=checksum)


def _lead(array: Layout, name: str, plane: Any) -> tuple[int, ...]:
    """Convert the number of a plane, counted in the order of the file, to an index on the leading axes."""
    axes = array.shape[:-2]
    count = math.prod(axes)
    if plane is None:
        if count > 1:
            raise FormatError(
                name, f"its dataset {array.path[:200]!r} is a cube of {count} planes", value=array.shape,
                remedy=f"choose one with plane=0 to plane={count - 1}",
            )  # fmt: skip
        plane = 0
    if isinstance(plane, bool) or not isinstance(plane, int) or not 0 <= plane < count:
        raise ArgumentError(
            "plane",
            f"must be one of the {count} planes of {name}",
            value=plane,
            remedy="plane= counts from 0, --plane of commands from 1",
        )
    return tuple(int(i) for i in np.unravel_index(plane, axes)) if axes else ()
