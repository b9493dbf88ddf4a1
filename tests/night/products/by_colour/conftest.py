"""A small camera with a mosaic of colour filters, without overscan; stars apart from each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SHAPE = (241, 256)
GAIN, READNOISE, LEVEL = 2.0, 6.0, 1000.0  # e-/ADU, e-, ADU
SKY = {"R": 300.0, "G": 600.0, "B": 400.0}  # e-
LAMP = {"R": 16000.0, "G": 40000.0, "B": 24000.0}  # e-
FWHM, RAY = 5.0, 3000.0  # pixels of the mosaic, e-


class ColourCamera:
    """Writes raw frames whose first pixels have the colours `letters`; the truth is in its attributes."""

    def __init__(self, folder: Path, letters: str, seed: int = 1, shape=SHAPE, **cards) -> None:
        self.folder, self.letters, self.shape, self.cards = folder, letters, shape, cards
        folder.mkdir(parents=True, exist_ok=True)
        self.rng = np.random.default_rng(seed)
        self.y, self.x = np.indices(shape)
        ny, nx = shape
        self.colour = np.array(list(letters))[2 * (self.y % 2) + self.x % 2]
        red_rows = np.array(["R" in letters[:2], "R" in letters[2:]])[self.y % 2]
        # What the flat takes out: vignetting, pixels, and a difference between the two kinds of green.
        self.flat = 1 + 0.1 * np.cos(2 * self.x / nx - 1) * np.cos(2 * self.y / ny - 1)
        self.flat = self.flat * self.rng.normal(1, 0.01, shape)
        self.flat[red_rows & (self.colour == "G")] *= 1.03
        self.response = {name: float(np.median(self.flat[self.colour == name])) for name in "RGB"}
        x, y = np.meshgrid(np.arange(30, nx - 29, 40), np.arange(30, ny - 29, 40))
        self.stars = np.column_stack([x.ravel(), y.ravel()]) + self.rng.uniform(-5, 5, (x.size, 2))
        self.fluxes = {name: self.rng.uniform(4e4, 2e5, x.size) for name in "RGB"}  # e-, if all pixels saw it
        self.rays: dict[str, np.ndarray] = {}
        self.steps: dict[str, tuple[float, float]] = {}

    def of_colours(self, values) -> np.ndarray:
        """An array with a value, or an array of values, for each colour."""
        return np.select([self.colour == name for name in "RGB"], [values[name] for name in "RGB"])

    def scene(self, dx: float, dy: float) -> np.ndarray:
        """Electrons of the stars."""
        sigma = FWHM / 2.3548
        made = np.zeros(self.shape)
        for row, (x, y) in enumerate(self.stars + np.array([dx, dy])):
            r2 = (self.x - x) ** 2 + (self.y - y) ** 2
            flux = self.of_colours({name: fluxes[row] for name, fluxes in self.fluxes.items()})
            made += flux * np.exp(-r2 / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        return made

    def write(self, name, kind, electrons=0.0, exptime=0.0, rays=0, **cards):
        """Write one frame, with cosmic rays of one pixel."""
        from astropy.io import fits

        light = self.rng.poisson(np.broadcast_to(electrons, self.shape)).astype(float)
        hits = np.zeros(self.shape, bool)
        hits[self.rng.integers(6, self.shape[0] - 6, rays), self.rng.integers(6, self.shape[1] - 6, rays)] = (
            True
        )
        self.rays[name] = hits
        raw = LEVEL + (light + RAY * hits) / GAIN + self.rng.normal(0, READNOISE / GAIN, self.shape)
        hdu = fits.PrimaryHDU(np.clip(np.round(raw), 0, 65535).astype(np.uint16))
        header = {
            "IMAGETYP": kind, "EXPTIME": exptime, "INSTRUME": "colour", "DATE-OBS": "2020-01-01T00:00:00",
            "GAIN": (GAIN, "e-/ADU"), "RDNOISE": READNOISE, **self.cards, **cards,
        }  # fmt: skip
        for key, value in header.items():
            hdu.header[key] = value
        hdu.writeto(self.folder / name)

    def night(self, steps, *, biases=7, flats=5, rays=40) -> None:
        """Write biases, flats of a lamp that changes its colour, and dithered frames."""
        for number in range(biases):
            self.write(f"b{number}.fits", "bias")
        for number in range(flats):
            lamp = {**LAMP, "R": LAMP["R"] * (1 + 0.1 * number)}
            self.write(f"f{number}.fits", "flat", self.of_colours(lamp) * self.flat, 2.0, FILTER="L")
        for number, (dx, dy) in enumerate(steps):
            name = f"s{number}.fits"
            self.steps[name] = (dx, dy)
            light = (self.scene(dx, dy) + self.of_colours(SKY)) * self.flat
            self.write(name, "light", light, 60.0, rays, FILTER="L", OBJECT="field")


@pytest.fixture(scope="session")
def colour_camera():
    return ColourCamera
