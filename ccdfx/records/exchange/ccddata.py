"""Lossless exchange with `astropy.nddata.CCDData`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentTypeError, CcdfxWarning
from ccdfx.records import wcs as sky
from ccdfx.records.header import Header


def to_ccddata(image: Any) -> Any:
    """Convert to a CCDData with the pixels, mask, flags, variance, unit, header and WCS of the image."""
    from astropy import units
    from astropy.nddata import CCDData, VarianceUncertainty

    header = sky.with_range(image.header, image.range).to_astropy()
    return CCDData(
        image.array.copy(),
        unit=astropy_unit(str(image.header["BUNIT"]).strip()) if image.unit else units.dimensionless_unscaled,
        mask=None if image.mask is None else image.mask != 0,
        flags=None if image.mask is None else image.mask.copy(),
        uncertainty=None if image.variance is None else VarianceUncertainty(image.variance.copy()),
        wcs=image.wcs,
        header=header,
    )


def astropy_unit(text: str) -> Any:
    """Return the unit of this name, as written or in lower case (ADU), or else an unrecognised unit."""
    from astropy import units

    for name in (text, text.lower()):
        try:
            return units.Unit(name)
        except ValueError:
            continue
    return units.Unit(text, parse_strict="silent")


def ccddata_fields(data: Any) -> dict[str, Any]:
    """Return the fields of an image from a CCDData or NDData; if it has both flags and a mask, the flags are used.

    A WCS that no cards can hold and a point spread function are left out with a CcdfxWarning.
    """
    if not (hasattr(data, "uncertainty") and (hasattr(data, "header") or hasattr(data, "meta"))):
        raise ArgumentTypeError("data", "must be a CCDData", value=data, remedy="give arrays to Image(...)")
    header = Header(data.header if hasattr(data, "header") else data.meta)
    flags = data.flags if isinstance(getattr(data, "flags", None), np.ndarray) else None
    mask = data.mask if flags is None else flags
    window = sky.range_of(header, data.data.shape)
    if (
        hasattr(data.wcs, "to_header") and sky.astropy_wcs(header) is None
    ):  # CCDData removes the WCS cards from the header
        header = header.update(Header(data.wcs.to_header(relax=True)))
    lost = [] if data.wcs is None or hasattr(data.wcs, "to_header") else ["its WCS"]
    lost += [] if getattr(data, "psf", None) is None else ["its psf"]
    if lost:
        warnings.warn(
            f"{type(data).__name__}: {' and '.join(lost)} cannot be kept in a header, and is left out",
            CcdfxWarning,
            stacklevel=2,
        )
    unit = str(data.unit) if data.unit is not None else ""
    text = str(header.get("BUNIT", "")).strip()
    if unit and unit not in (text, text.lower()):
        header = header.set("BUNIT", unit)
    variance = None
    if data.uncertainty is not None:
        from astropy.nddata import VarianceUncertainty

        variance = data.uncertainty.represent_as(VarianceUncertainty).array
    header = sky.without_range(header, window)
    return {"array": data.data, "header": header, "mask": mask, "range": window, "variance": variance}
