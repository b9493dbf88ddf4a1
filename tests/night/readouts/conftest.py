"""A night of a camera whose detector is read by four amplifiers; every readout is an extension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulated_readouts import Detector

from ccdfx.night.frames import scan as scanning
from ccdfx.operations.readouts.readout import Readout

SKY, DARK = 2500.0, 0.5  # e-, e-/s


class ManyReadouts:
    """Writes frames of several extensions; the truth is in its attributes."""

    def __init__(self, folder: Path, *, ny: int = 96, nx: int = 80) -> None:
        self.folder, self.rng = folder, np.random.default_rng(8)
        self.detector = Detector(2, 2, ny=ny, nx=nx, crosstalk=2e-4)
        self.shape = self.detector.shape
        y, x = np.mgrid[: self.shape[0], : self.shape[1]]
        self.flat = 1.0 + 0.1 * np.cos((x - nx) / 60.0) * np.cos((y - ny) / 60.0)
        self.flat /= np.median(self.flat)
        self.stars = np.column_stack([self.rng.uniform(12, size - 12, 40) for size in self.shape[::-1]])
        self.fluxes = self.rng.uniform(2e4, 9e4, 40)

    def scene(self, dx: float, dy: float) -> np.ndarray:
        """Electrons of stars and sky."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]]
        image = np.full(self.shape, SKY)
        for (cx, cy), flux in zip(self.stars, self.fluxes, strict=True):
            image += flux / 10.2 * np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / 3.24)
        return image

    def write(
        self, name: str, kind: str, light: np.ndarray | float = 0.0, exptime: float = 0.0, **cards: str
    ) -> None:
        from astropy.io import fits

        electrons = self.rng.poisson(np.broadcast_to(light + DARK * exptime, self.shape))
        hdus = [fits.PrimaryHDU()]
        values = {
            "IMAGETYP": kind,
            "EXPTIME": exptime,
            "INSTRUME": "four",
            "DATE-OBS": "2020-01-01T00:00:00",
            **cards,
        }
        for key, value in values.items():
            hdus[0].header[key] = value
        for one, image in zip(self.detector.readouts, self.detector.read(electrons, self.rng), strict=True):
            hdus.append(fits.ImageHDU(image.array, name=one.name))
            hdus[-1].header["INHERIT"] = True
        fits.HDUList(hdus).writeto(self.folder / name)

    def night(self) -> None:
        """Biases, darks, flats and three dithered frames."""
        for i in range(6):
            self.write(f"b{i}.fits", "zero")
        for i in range(4):
            self.write(f"k{i}.fits", "dark", exptime=60.0)
        for i in range(6):
            self.write(f"f{i}.fits", "flat", 25000.0 * (1 + 0.1 * i) * self.flat, 2.0, FILTER="V")
        for i, (dx, dy) in enumerate([(0, 0), (2.3, -1.6), (-3.4, 2.2)]):
            self.write(
                f"s{i}.fits", "object", self.scene(dx, dy) * self.flat, 60.0, FILTER="V", OBJECT="field"
            )


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> ManyReadouts:
    camera = ManyReadouts(tmp_path_factory.mktemp("four"))
    camera.night()
    return camera


@pytest.fixture
def read_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[Readout, ...]], None]:
    """Let the scan of a night find readouts in every frame."""

    def found(readouts: tuple[Readout, ...]) -> None:
        def scan(*args, **options):
            frames = scanning.scan(*args, **options)
            return tuple(replace(frame, readouts=readouts, problem=None) for frame in frames)

        monkeypatch.setattr("ccdfx.night.run.scan", scan)

    return found
