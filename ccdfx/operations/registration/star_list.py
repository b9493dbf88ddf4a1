"""Star lists: positions, brightness order and errors, and how far matched stars may differ."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ccdfx.records.positions import as_pairs, fields_of

CENTROID_FLOOR = 0.03  # pixels: error of a centroid that remains from undersampling
_USUAL_FWHM = 3.0  # pixels, of a list that does not give it


class StarList(NamedTuple):
    """Stars, brightest first: positions (n, 2) as x, y, signal-to-noise ratios, FWHM, and rows in the input.

    The ratio is infinite where it is unknown; the FWHM in pixels is one for all stars, or one each.
    """

    places: np.ndarray
    snr: np.ndarray
    fwhm: float | np.ndarray
    rows: np.ndarray

    @property
    def squares(self) -> np.ndarray:
        """The squared errors of the centroids per axis in pixels: (FWHM / SNR)^2 / 2 and the floor."""
        return (self.fwhm / np.maximum(self.snr, 1)) ** 2 / 2 + CENTROID_FLOOR**2

    def without(self, which: np.ndarray) -> StarList:
        """Return the list without the stars `which`."""
        keep = np.ones(len(self.places), bool)
        keep[which] = False
        fwhm = self.fwhm[keep] if isinstance(self.fwhm, np.ndarray) else self.fwhm
        return StarList(self.places[keep], self.snr[keep], fwhm, self.rows[keep])


def star_list(stars: Any, name: str) -> StarList:
    """Make a StarList from a table with `x`, `y` (sorted by `flux`) or from pairs (x, y); errors name `name`."""
    places, names = as_pairs(name, stars), fields_of(stars)
    flux, snr, fwhm = (
        np.asarray(stars[key], float) if key in names else None for key in ("flux", "snr", "fwhm")
    )
    rows = np.arange(len(places)) if flux is None else np.argsort(-flux, kind="stable")
    return StarList(
        places[rows],
        np.full(len(places), np.inf) if snr is None else snr[rows],
        _USUAL_FWHM if fwhm is None else fwhm[rows],
        rows,
    )


def match_tolerance(fwhm: float) -> float:
    """Return how far in pixels stars of that FWHM may lie apart and match: centroids of wide stars scatter more."""
    return max(1.5, 0.4 * fwhm)
