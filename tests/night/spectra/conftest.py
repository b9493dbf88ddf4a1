"""A small spectrograph with a long slit that writes raw frames; the wavelength runs along the columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx

NX, NY = 90, 240  # along the slit, along the dispersion
GAIN, READNOISE, LEVEL = 1.5, 5.0, 500.0  # e-/ADU, e-, ADU


class Spectrograph:
    """Writes frames with the headers of IRAF; the truth is in its attributes."""

    def __init__(self, folder: Path, seed: int = 4) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        y, x = np.mgrid[:NY, :NX]
        self.slit = ((x >= 10) & (x < 80)) * (1 + 0.15 * (x - 45) / 45)
        self.lamp = 40000 * np.exp(-(((y - 150) / 80.0) ** 2)) + 300.0
        # Small, as the part of it that is smooth along a line is light to the fit.
        self.response = 1 + 0.004 * self.rng.normal(size=(NY, NX))
        self.dead = self.rng.random((NY, NX)) < 1e-3
        self.response[self.dead] = 0.02
        lines = sum(2000 * np.exp(-(((y - place) / 1.2) ** 2) / 2) for place in range(15, NY, 31))
        trace = 1500 * np.exp(-(((x - 40) / 1.5) ** 2) / 2)
        self.light = (lines + trace * (1 + 0.3 * np.sin(y / 40)) + 50) * (self.slit > 0)
        self.arc = (sum(20000 * np.exp(-(((y - place) / 1.0) ** 2) / 2) for place in range(9, NY, 17))) * (
            self.slit > 0
        )

    def write(self, name, imagetyp, electrons=0.0, exptime=0.0, **cards):
        """Expose and write one frame."""
        from astropy.io import fits

        light = self.rng.poisson(np.broadcast_to(electrons, (NY, NX)) * self.response) / GAIN
        raw = LEVEL + light + self.rng.normal(0, READNOISE / GAIN, (NY, NX))
        hdu = fits.PrimaryHDU(np.clip(np.round(raw), 0, 65535).astype(np.uint16))
        header = {
            "IMAGETYP": imagetyp, "OBJECT": imagetyp, "EXPTIME": exptime, "FILTER": "V", "INSTRUME": "slit",
            "GAIN": GAIN, "RDNOISE": READNOISE, "GRISM": "Gr#13", "SLIT": 1.0, "DISPAXIS": 2, **cards,
        }  # fmt: skip
        hdu.header.update({key: value for key, value in header.items() if value is not None})
        hdu.writeto(self.folder / name)

    def night(self):
        """Biases, flats of the grism and of the sky without it, an arc, two exposures of a star and one of another."""
        for i in range(5):
            self.write(f"b{i}.fits", "zero", GRISM="Open", DISPAXIS=None)
            self.write(f"f{i}.fits", "flat", self.lamp * self.slit, 3.0)
        for i in range(3):
            self.write(f"i{i}.fits", "flat", 20000.0, 3.0, GRISM="Open", SLIT="Open", DISPAXIS=None)
        self.write("arc.fits", "comp", self.arc, 5.0)
        for i in range(2):
            self.write(f"s{i}.fits", "object", self.light, 60.0, OBJECT="star")
        self.write("t.fits", "object", self.light, 60.0, OBJECT="other")


@pytest.fixture(scope="session")
def spectra(tmp_path_factory):
    """A night of spectra that was reduced once: the spectrograph, the night and its folder."""
    folder = tmp_path_factory.mktemp("spectra")
    (folder / "raw").mkdir()
    camera = Spectrograph(folder / "raw")
    camera.night()
    return camera, ccdfx.reduce_night(camera.folder, folder / "out"), folder / "out"
