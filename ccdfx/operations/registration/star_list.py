"""Star lists: positions, brightness order, shapes and errors, and how far matched stars may differ."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.positions import as_pairs, fields_of

CENTROID_FLOOR = 0.03  # pixels: error of a centroid that remains from undersampling
_SAMPLED_FLOOR = 0.005  # pixels: the same for a FWHM of 2 pixels and more
_SAMPLED = 2.0  # pixels
_USUAL_FWHM = 3.0  # pixels, of a list that does not give it
_TYPICAL = 30  # stars whose median FWHM is that of the list


class StarList(NamedTuple):
    """Stars, brightest first: positions (n, 2) as x, y, signal-to-noise ratios, shapes, and rows in the input.

    The ratio is infinite and the roundness 1 where they are unknown; the FWHM is in pixels.
    """

    places: np.ndarray
    snr: np.ndarray
    fwhm: np.ndarray
    roundness: np.ndarray
    rows: np.ndarray

    @property
    def squares(self) -> np.ndarray:
        """The squared errors of the centroids per axis in pixels: (FWHM / SNR)^2 / 2 and the floor."""
        return self._noise + CENTROID_FLOOR**2

    @property
    def least_squares(self) -> np.ndarray:
        """The squared errors that no scatter of few stars may disprove: noise, and pixels as wide as stars."""
        floor = np.where(self.fwhm < _SAMPLED, CENTROID_FLOOR, _SAMPLED_FLOOR)
        return self._noise + floor**2

    @property
    def _noise(self) -> np.ndarray:
        return (self.fwhm / np.maximum(self.snr, 1)) ** 2 / 2

    @property
    def typical_fwhm(self) -> float:
        """The median FWHM of the most significant stars, in pixels; that of a usual star without any."""
        best = np.argsort(-self.snr, kind="stable")[:_TYPICAL]
        return float(np.median(self.fwhm[best])) if best.size else _USUAL_FWHM

    def taken(self, which: np.ndarray) -> StarList:
        """Select stars by an index or a bool array."""
        return StarList(*(column[which] for column in self))

    def without(self, which: np.ndarray) -> StarList:
        """Return the list without the stars `which`, numbers or a bool array."""
        keep = np.ones(len(self.places), bool)
        keep[which] = False
        return self.taken(keep)


def star_list(stars: Any, name: str) -> StarList:
    """Make a StarList from a table with `x`, `y` (sorted by `flux`) or from pairs (x, y); errors name `name`.

    Raises ArgumentError where a column that is used, `flux`, `snr`, `fwhm` or `roundness`, has NaN.
    """
    places, names = as_pairs(name, stars), fields_of(stars)

    def column(key: str, default: float) -> np.ndarray:
        if key not in names:
            return np.full(len(places), default)
        try:
            values = np.ma.filled(np.ma.asarray(stars[key]).astype(float), np.nan)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                name, f"must hold numbers in {key}", remedy="leave the column out"
            ) from None
        wrong = np.isnan(values) | ((values <= 0) if key == "fwhm" else False)
        if wrong.any():
            raise ArgumentError(
                name,
                f"must have {'positive numbers' if key == 'fwhm' else 'numbers'} in {key}, not as in row "
                f"{int(np.argmax(wrong))}",
                value=float(values[wrong][0]),
                remedy="leave out these stars, or the column",
            )
        return values

    flux = column("flux", 0.0) if "flux" in names else None
    rows = np.arange(len(places)) if flux is None else np.argsort(-flux, kind="stable")
    listed = StarList(
        places,
        column("snr", np.inf),
        column("fwhm", _USUAL_FWHM),
        column("roundness", 1.0),
        np.arange(len(places)),
    )
    return listed.taken(rows)


def match_tolerance(fwhm: float) -> float:
    """Return how far in pixels stars of that FWHM may lie apart and match: centroids of wide stars scatter more."""
    return max(1.5, 0.4 * fwhm)
