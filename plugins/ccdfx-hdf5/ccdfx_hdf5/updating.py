"""The update of a window of an image in a file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import ccdfx
from ccdfx import ArgumentError, Image, MismatchError
from ccdfx_hdf5.content import damage
from ccdfx_hdf5.links import resolved
from ccdfx_hdf5.output import writable
from ccdfx_hdf5.packing import packed
from ccdfx_hdf5.reading import chosen, is_own, open_hdf5
from ccdfx_hdf5.source import implied_flags
from ccdfx_hdf5.sums import renew_members, renew_sum
from ccdfx_hdf5.writing import put_mask

_REMEDY = "round or clip the values first, or write a new file with paste and write"


def update_hdf5(path: Path, part: Image, target: Path, *, hdu: Any = None, plane: int | None = None) -> None:
    """Copy the file `path` to `target` with a part put into one of its images; the caller makes it atomic.

    Everything else in the file stays as it is. If the part has flags and an image of ccdfx has none, a mask
    is added; a dataset of another program cannot store flags, except NO_DATA for its NaN.
    """
    source = open_hdf5(path, hdu, plane=plane)
    pasted = ccdfx.paste(source.select(part.range), part=part)  # raises an error if they do not match
    rows, columns = part.range.relative_to(source.range).slices
    shutil.copyfile(path, target)
    with writable(target, "r+") as file, damage(str(path)):
        item = resolved(file, chosen(file, str(path), hdu), str(path))
        dataset = item["array"] if is_own(item) else item
        if source.packing is None:
            stored = _fitted(part.array, dataset.dtype, source.dtype)
        else:
            stored = packed(part, source.packing, dataset.dtype, repr(item.name))
        dataset[(*source.plane, rows, columns)] = stored
        if is_own(item):
            _put_rest(item, source.shape, pasted, (rows, columns))
            for name in {"array", "mask", "variance"} & set(item):
                renew_sum(item[name])
            renew_members(item)
        elif (
            source.packing is None
            and part.mask is not None
            and (part.mask & ~implied_flags(part.array)).any()
        ):
            raise MismatchError(
                "part", f"must have no flags: the dataset {item.name!r} has no place for them",
                remedy="give part.replace(mask=None), or write the pasted image to a new file",
            )  # fmt: skip


def _put_rest(group: h5py.Group, shape: tuple[int, int], pasted: Image, window: tuple[slice, slice]) -> None:
    if pasted.mask is not None:
        mask = group["mask"] if "mask" in group else put_mask(group, np.zeros(shape, np.uint8), 0)
        mask[window] = pasted.mask
    if pasted.variance is not None:
        group["variance"][window] = pasted.variance


def _fitted(values: np.ndarray, stored: np.dtype, dtype: np.dtype) -> np.ndarray:
    """Convert values to the type of the file: without any change for integers, to the nearest for floats."""
    with np.errstate(all="ignore"):
        cast = values.astype(dtype)
        if dtype.kind == "f":
            lost = np.isfinite(values) & ~np.isfinite(cast)
        else:
            most = 1 if stored.kind == "b" else int(np.iinfo(dtype).max)
            beyond = values >= 2.0 ** most.bit_length() if values.dtype.kind == "f" else values > most
            lost = beyond | (cast != values)
    if lost.any():
        raise ArgumentError(
            "part", f"must fit in the {stored} of the file", value=values[lost][0].item(), remedy=_REMEDY
        )
    return cast
