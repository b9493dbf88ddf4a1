"""Search for groups and datasets in a file, without following links to other files."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from ccdfx import FormatError

MARK = "ccdfx"  # the attribute of a group that is an image of ccdfx
_MOST_OBJECTS = 20_000
_MOST_STEPS = 100


def resolved(file: h5py.File, path: str, name: str) -> Any:
    """Return the group or dataset at a path, or None; refuse links to other files.

    The HDF5 library would follow external links, also in the middle of a path or behind soft links, so the
    path is followed step by step.
    """
    here: Any = file["/"]
    parts = deque(path.split("/"))
    steps = 0
    while parts:
        part = parts.popleft()
        if part in ("", "."):
            continue
        steps += 1
        if steps > _MOST_STEPS:
            raise FormatError(name, f"its path {path[:200]!r} is too long or leads in a circle")
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise FormatError(
                name, f"its member {path[:200]!r} is a link to another file", value=link.filename,
                remedy="open that file itself, if you trust it",
            )  # fmt: skip
        if isinstance(link, h5py.SoftLink):
            parts.extendleft(reversed(link.path.split("/")))
            here = file["/"] if link.path.startswith("/") else here
        else:
            here = here[part]
    return here


def image_paths(file: h5py.File, name: str) -> list[str]:
    """Return the paths of all images: those of ccdfx by number, then datasets of two axes or more by name."""
    own: list[tuple[int, str]] = []
    others: list[str] = []
    for path, item in _objects(file, name):
        if isinstance(item, h5py.Group) and MARK in item.attrs:
            number = whole_numbers(item, "number") or (0,)
            own.append((number[0], path))
        elif isinstance(item, h5py.Dataset) and _may_be_image(item):
            others.append(path)
    return [path for _, path in sorted(own)] + sorted(others)


def whole_numbers(item: Any, key: str) -> tuple[int, ...]:
    """Read the whole numbers, at most four, of an attribute; any other attribute, or none, gives ()."""
    if key not in item.attrs:
        return ()
    attribute = item.attrs.get_id(key)
    integers = isinstance(attribute.get_type(), h5py.h5t.TypeIntegerID)
    if (
        not integers
        or attribute.shape is None
        or len(attribute.shape) > 1
        or max(attribute.shape, default=1) > 4
    ):
        return ()
    value = np.empty(attribute.shape, attribute.dtype)
    attribute.read(value)
    return tuple(value.reshape(-1).tolist())


def is_outside(dataset: h5py.Dataset) -> str | None:
    """Return a phrase that states where the pixels of a dataset lie, or None if they lie in this file."""
    plan = dataset.id.get_create_plist()
    if plan.get_layout() == h5py.h5d.VIRTUAL:
        return "is virtual: its pixels lie in other datasets"
    return "has external storage: its pixels lie in other files" if plan.get_external_count() else None


def _objects(file: h5py.File, name: str) -> Iterator[tuple[str, Any]]:
    """Yield each object in the file once, by its shortest path; follow only hard links, not into images."""
    seen: set[int] = set()
    pending = deque([("", file["/"])])
    count = 0
    while pending:
        path, group = pending.popleft()
        for key in sorted(itertools.islice(group, _MOST_OBJECTS + 1)):
            count += 1
            if count > _MOST_OBJECTS:
                raise FormatError(
                    name,
                    f"holds more than {_MOST_OBJECTS} objects",
                    remedy="name the dataset: hdu='/group/data'",
                )
            # The link has the address; H5Oget_info would also compute the size of the object, which is slow.
            link = group.id.links.get_info(key.encode("utf-8", "surrogateescape"))
            if link.type != h5py.h5l.TYPE_HARD or link.u in seen:
                continue
            seen.add(link.u)
            item = group[key]
            yield f"{path}/{key}", item
            if isinstance(item, h5py.Group) and MARK not in item.attrs:
                pending.append((f"{path}/{key}", item))


def _may_be_image(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset has two axes or more of numbers, or has its pixels outside the file."""
    if is_outside(dataset):
        return True
    try:
        return dataset.dtype.kind in "buif" and dataset.ndim >= 2 and 0 not in dataset.shape
    except (TypeError, ValueError):  # a type that numpy lacks
        return False
