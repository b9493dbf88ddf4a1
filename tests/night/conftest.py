"""A small camera that writes raw frames: 120 x 96 exposed pixels, 8 columns of overscan on the right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx

NX, NY, OVERSCAN = 120, 96, 8
GAIN, READNOISE, LEVEL, DARK = 2.0, 6.0, 1000.0, 0.5  # e-/ADU, e-, ADU, e-/s


class Camera:
    """Writes frames with the headers of IRAF; the truth is in its attributes."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        y, x = np.mgrid[:NY, :NX]
        self.structure = 3.0 * np.sin(x / 9.0)
        self.flat = 1.0 + 0.1 * np.cos((x - 60) / 60.0) * np.cos((y - 48) / 60.0)
        self.flat /= np.median(self.flat)
        self.stars = np.column_stack([self.rng.uniform(12, NX - 12, 30), self.rng.uniform(12, NY - 12, 30)])
        self.fluxes = self.rng.uniform(4e3, 4e4, 30)

    def scene(self, dx: float, dy: float, fwhm: float = 3.0) -> np.ndarray:
        """Electrons of stars on the exposed pixels."""
        y, x = np.mgrid[:NY, :NX]
        sigma = fwhm / 2.3548
        image = np.zeros((NY, NX))
        for (cx, cy), flux in zip(self.stars, self.fluxes, strict=True):
            image += (
                flux
                * np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / (2 * sigma**2))
                / (2 * np.pi * sigma**2)
            )
        return image

    def write(self, name, imagetyp, electrons=0.0, exptime=0.0, filter=None, object="", level=LEVEL, **cards):
        """Expose, read out and write one frame; cards with the value None are left out."""
        from astropy.io import fits

        light = self.rng.poisson(np.broadcast_to(electrons + DARK * exptime, (NY, NX))) / GAIN
        raw = np.full((NY, NX + OVERSCAN), level)
        raw[:, :NX] += self.structure + light
        raw += self.rng.normal(0, READNOISE / GAIN, raw.shape)
        header = {
            "IMAGETYP": imagetyp, "OBJECT": object, "EXPTIME": exptime, "FILTER": filter, "INSTRUME": "small",
            "BIASSEC": f"[{NX + 1}:{NX + OVERSCAN},1:{NY}]", "TRIMSEC": f"[1:{NX},1:{NY}]",
            "DATE-OBS": "2020-01-01T00:00:00", "GAIN": GAIN, "RDNOISE": READNOISE, **cards,
        }  # fmt: skip
        hdu = fits.PrimaryHDU(np.clip(np.round(raw), 0, 65535).astype(np.uint16))
        for key, value in header.items():
            if value is not None:
                hdu.header[key] = value
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hdu.writeto(path)
        return path

    def biases(self, count=5, prefix="b", **cards):
        for i in range(count):
            self.write(f"{prefix}{i}.fits", "zero", **cards)

    def darks(self, count=4, exptime=60.0, prefix="k", **cards):
        for i in range(count):
            self.write(f"{prefix}{i}.fits", "dark", exptime=exptime, **cards)

    def flats(self, count=4, filter="V", **cards):
        for i in range(count):
            level = 30000.0 * (1 + 0.1 * i)
            self.write(f"f{filter}{i}.fits", "flat", level * self.flat, exptime=2.0, filter=filter, **cards)

    def science(self, name, *, object="field", filter="V", exptime=60.0, dx=0.0, dy=0.0, sky=400.0, **cards):
        electrons = (self.scene(dx, dy) + sky) * self.flat * exptime / 60.0
        self.write(name, "object", electrons, exptime=exptime, filter=filter, object=object, **cards)

    def night(self):
        """Biases, darks, flats and three dithered frames."""
        self.biases()
        self.darks()
        self.darks(3, exptime=2.0, prefix="kf")
        self.flats()
        for i, (dx, dy) in enumerate([(0, 0), (2.3, -1.6), (-3.4, 2.2)]):
            self.science(f"s{i}.fits", dx=dx, dy=dy)


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return Camera(folder)


@pytest.fixture(scope="session")
def make_camera():
    return Camera


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="session")
def done(make_camera, tmp_path_factory):
    """A night that was reduced once, for the tests that only look: the camera, the night and its folder."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "raw").mkdir()
    camera = make_camera(folder / "raw")
    camera.night()
    before = {path: path.read_bytes() for path in camera.folder.iterdir()}
    night = ccdfx.reduce_night(camera.folder, folder / "out")
    assert {path: path.read_bytes() for path in camera.folder.iterdir()} == before  # raw frames are only read
    return camera, night, folder / "out"
