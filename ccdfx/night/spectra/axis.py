"""The axis of the dispersion, where no header tells it: from the pixels of a flat, if it is clear."""

from __future__ import annotations

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.spectra import COLUMNS, DISPAXIS, ROWS
from ccdfx.records.header import Header
from ccdfx.records.image import Image

_BINS = 64  # along each axis
_LIT = 0.3  # of the brightest part: darker ones are beyond the slit, or beyond the light of the lamp
_CLEAR, _FLAT = 0.7, 0.35  # ranges of the logarithm of the light along the dispersion, and along the slit


def axis_of_flat(flat: Image) -> str | None:
    """Return the axis along which the light of a lamp changes, where it does so clearly along one axis alone.

    Along the slit the light of its lit part is nearly the same; along the dispersion that of a lamp changes by factors.
    None where both or none change: nothing is guessed.

    Parameters
    ----------
    flat : Image (ny, nx)
        Without bias and dark.

    Examples
    --------
    >>> axis_of_flat(Image(np.linspace(100, 900, 200) * np.ones((100, 1))))
    'rows'
    >>> axis_of_flat(Image(np.full((100, 200), 50.0))) is None
    True
    """
    ranges = {}
    for name, axis in ((ROWS, 0), (COLUMNS, 1)):
        profile = _profile(np.where(flat.good, flat.array, np.nan), axis)
        profile = profile[np.isfinite(profile)]
        if len(profile) < _BINS // 4 or not profile.max() > 0:
            return None
        lit = profile[profile > _LIT * profile.max()]
        ranges[name] = float(np.log(np.percentile(lit, 97.5) / np.percentile(lit, 2.5)))
    for name, other in ((ROWS, COLUMNS), (COLUMNS, ROWS)):
        if ranges[name] > _CLEAR and ranges[other] < _FLAT:
            return name
    return None


def require_axis(dispersion: str | None, flat: Image) -> str:
    """Return the axis of a flat of spectra: that of the header, else that of its pixels.

    Raises
    ------
    ArgumentError
        Neither tells it.
    """
    if dispersion in (ROWS, COLUMNS):
        return str(dispersion)
    found = axis_of_flat(flat)
    if found is None:
        raise ArgumentError(
            "flat",
            "is of spectra, and neither its header (DISPAXIS) nor its light tells along which axis the light is spread",
            remedy='write dispersion = "rows" (wavelength along x) or "columns" (along y) into [spectrum] of an instrument '
            "file, or DISPAXIS = 1 or 2 into the headers with 'ccdfx header'",
        )
    return found


def with_axis(header: Header, dispersion: str) -> Header:
    """Write the axis into a header as programs for spectra read it: DISPAXIS 1 is along the rows, 2 along the columns.

    >>> with_axis(Header(), "columns")["DISPAXIS"]
    2
    """
    comment = f"wavelength along the {dispersion}"
    return header.set("DISPAXIS", DISPAXIS[dispersion], comment)


def axis_in(header: Header | None) -> str | None:
    """Return the axis that `with_axis` wrote into a header.

    >>> axis_in(Header({"DISPAXIS": 1})), axis_in(None) is None
    ('rows', True)
    """
    value = None if header is None else header.get("DISPAXIS")
    return next((name for name, number in DISPAXIS.items() if value == number), None)


def _profile(plane: np.ndarray, axis: int) -> np.ndarray:
    """Return the medians of the plane over one axis, in some tens of bins along the other."""
    import warnings

    plane = plane if axis == 0 else plane.T
    step = max(1, plane.shape[0] // 512)
    bins = np.array_split(plane[::step], min(_BINS, plane.shape[1]), axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a bin without any good pixel is NaN
        return np.array([np.nanmedian(one) for one in bins])
