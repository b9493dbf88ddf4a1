"""What numpy's and astropy's objects say of an image: pixels, header, mask, window, variance and unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records import wcs as sky
from ccdfx.records.card import STRUCTURAL
from ccdfx.records.exchange.ccddata import ccddata_fields
from ccdfx.records.flags import Flag, as_mask
from ccdfx.records.header import Header

_MASKS, _ERRORS = ("MASK",), ("UNCERT",)
_POWERS = {"VarianceUncertainty": 1, "StdDevUncertainty": 2, "InverseVariance": -1}


def fields_of_object(data: Any) -> dict[str, Any] | None:
    """Return the fields of an image from an object that holds more than pixels; None for a plain array.

    Parameters
    ----------
    data : masked array, CCDData, NDData, Quantity, HDU or HDUList of astropy, or a record that holds an image

    Returns
    -------
    dict or None
        The fields `array`, `header`, `mask`, `range`, `variance` that the object has.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When an HDU holds no image, or a list of HDUs none or several.

    Examples
    --------
    >>> sorted(fields_of_object(np.ma.masked_equal([[1, 2]], 2)))
    ['array', 'mask']
    >>> fields_of_object(np.zeros((2, 2))) is None
    True
    """
    if type(data) is np.ndarray or isinstance(data, tuple):
        return None
    if isinstance(data, np.ma.MaskedArray):
        return {"array": np.ma.getdata(data), "mask": data.mask if np.ma.is_masked(data) else None}
    if hasattr(data, "uncertainty") and hasattr(data, "wcs"):
        return ccddata_fields(data)
    if hasattr(data, "unmasked") and hasattr(data, "mask"):  # a Masked of astropy
        return {**_unit_fields(data.unmasked), "mask": np.array(data.mask)}
    if hasattr(data, "unit") and hasattr(data, "value"):
        return _unit_fields(data)
    if isinstance(data, list) and any(_is_hdu(one) for one in data):
        return _fields_of_hdus(data)
    return _fields_of_hdu(data) if _is_hdu(data) else None


def joined_fields(found: dict[str, Any], given: Any) -> dict[str, Any]:
    """Return the fields of an object and those given beside it: these replace, the masks are OR-ed.

    >>> from types import SimpleNamespace
    >>> given = SimpleNamespace(header=None, mask=[[True, False]], range=None, variance=None)
    >>> joined_fields(fields_of_object(np.ma.masked_equal([[1, 2]], 2)), given)["mask"]
    array([[1, 1]], dtype=uint8)
    """
    header, own = given.header, Header(found.get("header"))
    if header is None:
        header = own
    elif "BUNIT" in own and "BUNIT" not in Header(header):
        header = Header(header).set("BUNIT", own["BUNIT"])
    shape = np.shape(found["array"])
    masks = [as_mask(mask, shape) for mask in (found.get("mask"), given.mask)]
    here = [mask for mask in masks if mask is not None]
    mask = here[0] | here[1] if len(here) == 2 else here[0] if here else None
    fields = {"array": found["array"], "header": header, "mask": mask}
    for name in ("range", "variance"):
        own_value = getattr(given, name)
        fields[name] = found.get(name) if own_value is None else own_value
    return fields


def _unit_fields(data: Any) -> dict[str, Any]:
    unit = str(getattr(data, "unit", "") or "")
    header = Header({"BUNIT": unit}) if unit else None
    return {"array": getattr(data, "value", data), "header": header}


def _is_hdu(data: Any) -> bool:
    return hasattr(data, "header") and hasattr(data, "fileinfo") and hasattr(data, "data")


def _fields_of_hdu(hdu: Any) -> dict[str, Any]:
    full = Header(hdu.header)  # before the data are touched: astropy then removes the scaling
    array = hdu.data
    name = full.get("EXTNAME") or "the HDU"
    if array is None or getattr(array, "dtype", np.dtype(float)).names:
        raise ArgumentTypeError(
            str(name), "must hold an image", value=type(hdu).__name__, remedy="give an HDU with pixels"
        )
    header = Header(card for card in full.cards if not STRUCTURAL.match(card.keyword))
    window = sky.range_of(header, array.shape) if array.ndim == 2 else None
    return {
        "array": array,
        "header": header if window is None else sky.without_range(header, window),
        "mask": _blank_pixels(array, full),
        "range": window,
    }


def _blank_pixels(array: np.ndarray, header: Header) -> np.ndarray | None:
    """Return flags of the integers that BLANK says are undefined; in scaled pixels astropy made them NaN."""
    blank = header.number("BLANK") if "BLANK" in header else None
    if blank is None or array.dtype.kind not in "ui":
        return None
    zero = 2 ** (8 * array.dtype.itemsize - 1) if array.dtype.kind == "u" and array.dtype.itemsize > 1 else 0
    undefined = array == int(blank) + zero
    return np.where(undefined, np.uint8(Flag.NO_DATA), np.uint8(0)) if undefined.any() else None


def _fields_of_hdus(hdus: Iterable[Any]) -> dict[str, Any]:
    images = [one for one in hdus if getattr(one, "is_image", False) and one.data is not None]
    named = {str(one.header.get("EXTNAME") or "").strip().upper(): one for one in images}
    planes = [one for one in images if _name(one) in _MASKS + _ERRORS]
    pixels = [one for one in images if not any(one is plane for plane in planes)]
    if len(pixels) != 1:
        raise ArgumentError(
            "the list of HDUs",
            "must hold one image",
            value=f"{len(pixels)} images",
            remedy="give one HDU, or ccdfx.read(file, hdu=...)",
        )
    fields = _fields_of_hdu(pixels[0])
    mask, errors = named.get(_MASKS[0]), named.get(_ERRORS[0])
    if mask is not None:
        flags = np.asarray(mask.data)
        flags = (
            flags.astype(np.uint8) if flags.dtype.kind in "ui" and flags.max(initial=0) < 256 else flags != 0
        )
        fields["mask"] = flags if fields["mask"] is None else flags | fields["mask"]
    if errors is not None:
        kind = str(errors.header.get("UTYPE") or "StdDevUncertainty").strip()
        if kind not in _POWERS:
            raise ArgumentError(
                "UNCERT", f"must have a UTYPE of {', '.join(_POWERS)}", value=kind, remedy="mend the card"
            )
        with np.errstate(divide="ignore", over="ignore"):
            fields["variance"] = np.asarray(errors.data, np.float64) ** _POWERS[kind]
    return fields


def _name(hdu: Any) -> str:
    return str(hdu.header.get("EXTNAME") or "").strip().upper()
