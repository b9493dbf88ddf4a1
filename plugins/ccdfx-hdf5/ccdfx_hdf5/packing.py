"""Attributes of the CF conventions by which a dataset of another program says what its numbers mean.

`_FillValue`, `missing_value`, `valid_min`, `valid_max` and `valid_range` say which numbers are no data,
`scale_factor` and `add_offset` how the others are unpacked: value = stored * scale_factor + add_offset
(CF 1.11, sections 2.5.1 and 8.1). `_Unsigned` is that of the NetCDF Users' Guide, which has also the rule for the
units of the valid range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np

from ccdfx import ArgumentError, Flag, FormatError, Image, MismatchError

NAMES = frozenset(
    {"_FillValue", "missing_value", "valid_min", "valid_max", "valid_range", "scale_factor", "add_offset"}
    | {"_Unsigned"}
)
_MOST_VALUES = 100
# What the netCDF library stores in pixels that were never written (netcdf.h); none for single bytes.
_NETCDF_FILLS = {
    "i2": -32767, "u2": 65535, "i4": -2147483647, "u4": 4294967295, "i8": -9223372036854775806,
    "u8": 18446744073709551614, "f4": 9.9692099683868690e36, "f8": 9.9692099683868690e36,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packing:
    """The meaning of stored numbers.

    Parameters
    ----------
    missing : tuple of numpy scalars
        Stored values that are no data; the first is written for such.
    limits : tuple of numpy scalar or None
        The least and the greatest valid value, stored, or unpacked if `unpacked_limits`.
    unpacked_limits : bool
    scale, offset : float
        Of ``stored * scale + offset``.
    dtype : numpy.dtype
        The type of unpacked values.
    view : numpy.dtype
        The type as which the stored bytes are taken: that of the dataset, unless `_Unsigned` says otherwise.
    """

    missing: tuple[Any, ...]
    limits: tuple[Any, Any]
    unpacked_limits: bool
    scale: float
    offset: float
    dtype: np.dtype
    view: np.dtype

    @property
    def is_scaled(self) -> bool:
        """Whether values differ from what is stored."""
        return (self.scale, self.offset) != (1, 0)


def packing_of(dataset: h5py.Dataset, name: str) -> Packing | None:
    """Return the meaning that the attributes of a dataset give to its numbers, or None for none.

    Raises
    ------
    FormatError
        When one of these attributes is no number, or a scale of 0.
    """
    netcdf = "_NCProperties" in dataset.file.attrs
    if not netcdf and not any(key in dataset.attrs for key in NAMES):
        return None
    view = _view(dataset)
    found = {key: _numbers(dataset, key, name, view) for key in NAMES - {"_Unsigned"}}
    missing = [*_values(found["_FillValue"]), *_values(found["missing_value"])]
    if netcdf and found["_FillValue"] is None and view.str[1:] in _NETCDF_FILLS:
        missing.append(np.dtype(view.str[1:]).type(_NETCDF_FILLS[view.str[1:]]))
    scale, offset = (_one(found[key], start) for key, start in (("scale_factor", 1), ("add_offset", 0)))
    if scale == 0:
        raise _refusal(dataset, "scale_factor", name, "must not be 0", scale)
    limits = _limits(found)
    wide = [value.dtype for key in ("scale_factor", "add_offset") if (value := found[key]) is not None]
    known = [limit.dtype for limit in limits if limit is not None]
    unpacked = bool(wide and known) and known[0] == max(wide, key=_width) and _width(known[0]) > _width(view)
    packing = Packing(
        tuple(value for value in missing if not np.isnan(value)), limits, unpacked, float(scale), float(offset),
        view, view,
    )  # fmt: skip
    if packing.is_scaled:
        packing = replace(packing, dtype=_unpacked_type(view, wide))
    plain = not packing.is_scaled and not packing.missing and not known and view == dataset.dtype
    return None if plain else packing


def unpacked(stored: np.ndarray, packing: Packing) -> tuple[np.ndarray, np.ndarray]:
    """Convert stored numbers to values and flags; what is no data is flagged NO_DATA, and NaN in floats."""
    stored = stored.view(packing.view)
    bad = np.isnan(stored)
    for value in packing.missing:
        bad |= _equal(stored, value)
    values = stored
    if packing.is_scaled:
        with np.errstate(over="ignore", invalid="ignore"):
            values = (stored * np.float64(packing.scale) + packing.offset).astype(packing.dtype)
    compared = values if packing.unpacked_limits else stored
    low, high = packing.limits
    if low is not None:
        bad |= ~(compared >= low.item())
    if high is not None:
        bad |= ~(compared <= high.item())
    if values.dtype.kind == "f" and bad.any():
        values = np.where(bad, np.asarray(np.nan, values.dtype), values)
    return values, bad * np.uint8(Flag.NO_DATA)


def packed(part: Image, packing: Packing, dtype: np.dtype, label: str) -> np.ndarray:
    """Convert an image to stored numbers, of integers the nearest; NO_DATA becomes the first missing value.

    Raises
    ------
    MismatchError
        When pixels have other flags, or NO_DATA and the dataset has no value for it.
    ArgumentError
        When a value does not fit, or would be stored as a number that means no data.
    """
    values = part.array.astype(np.float64) if packing.is_scaled else part.array
    absent = np.isnan(values) if part.mask is None else np.isnan(values) | (part.mask != 0)
    others = part.mask is not None and (part.mask & ~np.uint8(Flag.NO_DATA)).any()
    if others or (absent.any() and not packing.missing and packing.view.kind != "f"):
        raise MismatchError(
            "part", f"must have no flags: the dataset {label} has no place for them",
            remedy="give part.replace(mask=None), or write the pasted image to a new file",
        )  # fmt: skip
    fill = packing.missing[0] if packing.missing else np.nan if packing.view.kind == "f" else 0
    with np.errstate(all="ignore"):
        numbers = (values - packing.offset) / packing.scale if packing.is_scaled else values
        numbers = np.rint(numbers) if packing.is_scaled and packing.view.kind != "f" else numbers
        result = numbers.astype(packing.view)
        changed = ~absent & (
            (result != numbers) if packing.view.kind != "f" else np.isfinite(values) & ~np.isfinite(result)
        )
    lost = changed | (~absent & (unpacked(result, packing)[1] != 0))
    if lost.any():
        raise ArgumentError(
            "part", f"must fit in the {dtype} of the dataset {label}, beside its numbers for no data",
            value=part.array[lost][0].item(), remedy="write the pasted image to a new file",
        )  # fmt: skip
    return np.where(absent, np.asarray(fill).astype(packing.view), result).astype(packing.view).view(dtype)


def _view(dataset: h5py.Dataset) -> np.dtype:
    dtype = dataset.dtype
    said = dataset.attrs.get_id("_Unsigned") if "_Unsigned" in dataset.attrs else None
    text = str(_text(said)).lower() if said is not None else ""
    kind = {("i", "true"): "u", ("u", "false"): "i"}.get((dtype.kind, text))
    return dtype if kind is None else np.dtype(dtype.str.replace(dtype.kind, kind))


def _numbers(dataset: h5py.Dataset, key: str, name: str, view: np.dtype) -> np.ndarray | None:
    """Read an attribute of a few numbers, or of a text of one number; None if it is absent or empty."""
    if key not in dataset.attrs:
        return None
    attribute = dataset.attrs.get_id(key)
    kind, shape = attribute.get_type(), attribute.shape
    if shape is None or 0 in shape:
        return None
    if isinstance(kind, h5py.h5t.TypeStringID):
        text = _text(attribute)
        try:
            return np.array([int(text)]) if text.strip("+- ").isdigit() else np.array([float(text)])
        except (TypeError, ValueError):
            raise _refusal(dataset, key, name, "must be a number", text) from None
    if not isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID) or len(shape) > 1:
        raise _refusal(dataset, key, name, "must be a number", str(attribute.dtype))
    most = {"missing_value": _MOST_VALUES, "valid_range": 2}.get(key, 1)
    if int(np.prod(shape)) > most or (key == "valid_range" and shape != (2,)):
        count = "two numbers" if key == "valid_range" else f"at most {most} numbers"
        raise _refusal(dataset, key, name, f"must be {count}", shape)
    value = np.empty(shape, attribute.dtype)
    attribute.read(value)
    value = value.reshape(-1)
    if key in ("scale_factor", "add_offset") and not np.isfinite(value).all():
        raise _refusal(dataset, key, name, "must be finite", value[0].item())
    if view != dataset.dtype and value.dtype == dataset.dtype:  # the sign of `_Unsigned` holds for these too
        value = value.view(view)
    return value.astype(value.dtype.newbyteorder("="))


def _text(attribute: Any) -> str:
    if attribute.shape not in ((), (1,)):
        return ""
    value = np.empty(attribute.shape, attribute.dtype)
    attribute.read(value)
    found = value.reshape(())[()]
    return (found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)).strip("\0 ")


def _values(found: np.ndarray | None) -> list[Any]:
    return [] if found is None else list(found)


def _one(found: np.ndarray | None, start: float) -> Any:
    return start if found is None else found[0].item()


def _limits(found: dict[str, np.ndarray | None]) -> tuple[Any, Any]:
    both = found["valid_range"]
    if both is not None:
        return both[0], both[1]
    low, high = found["valid_min"], found["valid_max"]
    return None if low is None else low[0], None if high is None else high[0]


def _width(dtype: np.dtype) -> tuple[bool, int]:
    return dtype.kind == "f", dtype.itemsize


def _unpacked_type(view: np.dtype, wide: list[np.dtype]) -> np.dtype:
    """Return the type of scale and offset, but never one that loses digits of what is stored."""
    if any(dtype.kind != "f" for dtype in wide):
        return np.dtype(np.float64)
    stored = view if view.kind == "f" else np.dtype(np.float32 if view.itemsize <= 2 else np.float64)
    return np.result_type(np.float32, stored, *wide).newbyteorder("=")


def _equal(stored: np.ndarray, value: Any) -> np.ndarray:
    """Compare with a missing value, in the coarser of two floating types; a number out of range equals none."""
    if stored.dtype.kind != "f":
        return stored == (int(value) if float(value).is_integer() else float(value))
    kind = value.dtype if value.dtype.kind == "f" and value.dtype.itemsize < stored.itemsize else stored.dtype
    with np.errstate(over="ignore"):
        wanted = np.asarray(value).astype(kind)
        return (
            stored.astype(kind, copy=False) == wanted if np.isfinite(wanted) else np.zeros(stored.shape, bool)
        )


def _refusal(dataset: h5py.Dataset, key: str, name: str, rule: str, value: Any) -> FormatError:
    return FormatError(
        name, f"the attribute {key} of its dataset {str(dataset.name)[:200]!r} {rule}", value=value,
        remedy="mend the attribute, or remove it if it means nothing",
    )  # fmt: skip
