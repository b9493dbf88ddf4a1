"""Lists of stars as a user gives them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError

_FLOOR = 0.03  # pixels: what undersampling leaves of the error of a centroid


class StarList(NamedTuple):
    """Stars, brightest first: places (n, 2), the squares of their errors in pixels, and their rows in the input."""

    places: np.ndarray
    squares: np.ndarray
    rows: np.ndarray

    def without(self, which: np.ndarray) -> StarList:
        """The list without some of its stars."""
        keep = np.ones(len(self.places), bool)
        keep[which] = False
        return StarList(*(column[keep] for column in self))


def listed(stars: Any, name: str) -> StarList:
    """The list of a table with `x` and `y`, by its `flux`, or of pairs (x, y); errors speak of `name`."""
    remedy = "give what find_sources returns, or pairs (x, y)"
    flux = snr = fwhm = None
    try:
        if getattr(getattr(stars, "dtype", None), "names", None):
            names = stars.dtype.names
            flux, snr, fwhm = (
                np.asarray(stars[key], float) if key in names else None for key in ("flux", "snr", "fwhm")
            )
            stars = np.column_stack([stars["x"], stars["y"]])
        places = (
            np.array(stars, dtype=np.float64).reshape(-1, 2)
            if len(stars) == 0
            else np.array(stars, np.float64)
        )
    except (TypeError, ValueError):
        raise ArgumentTypeError(name, "must be pairs (x, y) of numbers", value=stars, remedy=remedy) from None
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise ArgumentError(name, "must be pairs (x, y) of finite numbers", value=stars, remedy=remedy)
    rows = np.arange(len(places)) if flux is None else np.argsort(-flux, kind="stable")
    known = (
        np.zeros(len(places))
        if snr is None
        else ((3.0 if fwhm is None else fwhm) / np.maximum(snr, 1)) ** 2 / 2
    )
    return StarList(places[rows], known[rows] + _FLOOR**2, rows)
