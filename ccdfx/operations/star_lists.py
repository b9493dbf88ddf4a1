"""Lists of stars as a user gives them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ccdfx.records.positions import as_pairs, fields_of

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
    places, names = as_pairs(name, stars), fields_of(stars)
    flux, snr, fwhm = (
        np.asarray(stars[key], float) if key in names else None for key in ("flux", "snr", "fwhm")
    )
    rows = np.arange(len(places)) if flux is None else np.argsort(-flux, kind="stable")
    known = np.zeros(len(places))
    if snr is not None:
        known = ((3.0 if fwhm is None else fwhm) / np.maximum(snr, 1)) ** 2 / 2
    return StarList(places[rows], known[rows] + _FLOOR**2, rows)
