"""The record of a K-correction: arrays, or images by the name of a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ccdfx import Flag, Header, Image, Range, UnknownNameError


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Corrected:
    """Absolute magnitudes, K-corrections and the fit behind them, for every pixel of a window.

    Arrays are read-only float64; undefined values are NaN. Magnitudes are those of one square arcsecond (of
    one pixel if the pixel areas were given as 1).

    Parameters
    ----------
    bands : tuple of str
        The bands, at rest, of magnitudes and K-corrections.
    magnitudes : numpy.ndarray, shape (bands, ny, nx)
        Absolute AB magnitudes.
    kcorrections : numpy.ndarray, shape (bands, ny, nx)
        mag: absolute = apparent - distance modulus - K.
    variance : numpy.ndarray, shape (bands, ny, nx)
        Of the magnitudes, in mag^2, from the variance of the flux; K is taken as exact.
    chi2 : numpy.ndarray, shape (ny, nx)
        Of the fit to the fluxes; 0 where as many templates are positive as there are bands.
    coefficients : numpy.ndarray, shape (templates, ny, nx)
        Of the templates, for the flux of one square arcsecond.
    mask : numpy.ndarray of uint8, shape (ny, nx)
        The flags of the pixel in all images, and NO_DATA where no template had a positive coefficient.
    range : Range
        The window in the parent frame.
    header : Header
        That of the first image, with a valid WCS.
    redshift, distance_modulus : float
    """

    bands: tuple[str, ...]
    magnitudes: np.ndarray
    kcorrections: np.ndarray
    variance: np.ndarray
    chi2: np.ndarray
    coefficients: np.ndarray
    mask: np.ndarray
    range: Range
    header: Header
    redshift: float
    distance_modulus: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Corrected, tuple(getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        ny, nx = self.chi2.shape
        fitted = int(np.isfinite(self.chi2).sum())
        return (
            f"Corrected {ny} x {nx} (ny, nx) at z = {self.redshift:g}, distance modulus {self.distance_modulus:.3f}\n"
            f"bands     {', '.join(self.bands)}\n"
            f"fitted    {fitted} of {ny * nx} pixels"
        )

    def magnitudes_by_band(self) -> dict[str, Image]:
        """Return an image of absolute magnitudes for each band, with flags, variance and WCS."""
        return {
            band: self._image(self.magnitudes[i], f"ABSMAG {band}", self.variance[i], band)
            for i, band in enumerate(self.bands)
        }

    def kcorrections_by_band(self) -> dict[str, Image]:
        """Return an image of K-corrections for each band, with flags and WCS."""
        return {
            band: self._image(self.kcorrections[i], f"KCORR {band}", None, band)
            for i, band in enumerate(self.bands)
        }

    def chi2_image(self) -> Image:
        """Return chi2 as an image, with flags and WCS."""
        return self._image(self.chi2, "CHI2", None, None).replace(unit=None)

    def colour(self, blue: str, red: str) -> Image:
        """Subtract the absolute magnitudes of two bands, with flags and variance.

        Raises
        ------
        UnknownNameError
            A band that is not among `bands`.
        """
        one, two = self._index(blue), self._index(red)
        return self._image(
            self.magnitudes[one] - self.magnitudes[two],
            f"COLOUR {blue} - {red}",
            self.variance[one] + self.variance[two],
            None,
        )

    def images(self) -> list[Image]:
        """Return all results as images with an EXTNAME each, for `ccdfx.write`."""
        coefficients = [
            self._image(plane, f"COEFF {i}", None, None).replace(unit=None)
            for i, plane in enumerate(self.coefficients)
        ]
        return [
            *self.magnitudes_by_band().values(),
            *self.kcorrections_by_band().values(),
            self.chi2_image(),
            *coefficients,
        ]

    def _index(self, band: str) -> int:
        if band not in self.bands:
            raise UnknownNameError(
                "band",
                "is not among those corrected to",
                value=band,
                remedy=f"take one of {', '.join(self.bands)}",
            )
        return self.bands.index(band)

    def _image(self, array: np.ndarray, name: str, variance: np.ndarray | None, band: str | None) -> Image:
        missing = np.where(np.isfinite(array), 0, int(Flag.NO_DATA)).astype(np.uint8)
        header = self.header.set("EXTNAME", name)
        image = Image(array, header, mask=self.mask | missing, range=self.range, variance=variance)
        return image.replace(unit="mag", band=band, zero_point=None)


def described(header: Header, bands: Sequence[str], redshift: float, modulus: float) -> Header:
    """Add the redshift, the distance modulus and the bands to the header of the first image."""
    header = header.set("REDSHIFT", redshift)
    if np.isfinite(modulus):
        header = header.set("DISTMOD", modulus)
    return header.add_history(
        f"kcorrect_images redshift={redshift:g}", *(f"kcorrect_images band {band}" for band in bands)
    )
