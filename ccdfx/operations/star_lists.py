"""Star lists, made from tables or arrays of the user."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ccdfx.records.positions import as_pairs, fields_of

_FLOOR = 0.03  # pixels: error of a centroid that remains from undersampling


class StarList(NamedTuple):
    """Stars, brightest first: positions (n, 2), squared errors in pixels, and rows in the input."""

    places: np.ndarray
    squares: np.ndarray
    rows: np.ndarray

    def without(self, which: np.ndarray) -> StarList:
        """Return the list without the stars `which`."""
        keep = np.ones(len(self.places), bool)
        keep[which] = False
        return StarList(*(column[keep] for column in self))


def listed(stars: Any, name: str) -> StarList:
    """Make a StarList from a table with `x`, `y` (sorted by `flux`) or from pairs (x, y); errors name `name`."""
    places, names = as_pairs(name, stars), fields_of(stars)
    flux, snr, fwhm = (
        np.asarray(stars[key], float) if key in names else None for key in ("flux", "snr", "fwhm")
    )
    rows = np.arange(len(places)) if flux is None else np.argsort(-flux, kind="stable")
    known = np.zeros(len(places))
    if snr is not None:
        known = ((3.0 if fwhm is None else fwhm) / np.maximum(snr, 1)) ** 2 / 2
    return StarList(places[rows], known[rows] + _FLOOR**2, rows)
