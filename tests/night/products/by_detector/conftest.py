"""A night of a camera of two detectors, the second one turned by 180 degrees, with two readouts each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

NY, NX, OVERSCAN, GAP = 96, 64, 8, 10
WIDTH = 4 * NX + GAP
STEPS = [(0.0, 0.0), (2.3, -1.6), (-3.4, 2.2)]


class TwoDetectors:
    """Writes frames of four extensions; the truth is in its attributes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, np.random.default_rng(3)
        y, x = np.mgrid[:NY, :WIDTH]
        self.flat = 1 + 0.1 * np.cos(x / 60) * np.cos(y / 50)
        self.stars = np.column_stack([self.rng.uniform(9, size - 9, 60) for size in (WIDTH, NY)])
        self.fluxes = self.rng.uniform(2e4, 9e4, 60)

    def scene(self, dx: float, dy: float) -> np.ndarray:
        """Electrons of stars and sky."""
        y, x = np.mgrid[:NY, :WIDTH]
        image = np.full(x.shape, 800.0)
        for (a, b), flux in zip(self.stars, self.fluxes, strict=True):
            image += flux / 10.2 * np.exp(-((x - a - dx) ** 2 + (y - b - dy) ** 2) / 3.24)
        return image

    def write(self, name: str, kind: str, light: Any = 0.0, exptime: float = 0.0, **cards: str) -> None:
        from astropy.io import fits

        seen = self.rng.poisson(np.broadcast_to(light, (NY, WIDTH))).astype(float)
        hdus: list[Any] = [fits.PrimaryHDU()]
        common = {"IMAGETYP": kind, "EXPTIME": exptime, "INSTRUME": "two", "DATE-OBS": "2020-01-01T00:00:00"}
        hdus[0].header.update({**common, **cards})
        for number in range(4):
            chip, amplifier = divmod(number, 2)
            start, first = chip * (2 * NX + GAP), amplifier * NX
            part = seen[:, start : start + 2 * NX]
            part = (part[::-1, ::-1] if chip else part)[:, first : first + NX]
            gain, level = 1.2 + 0.3 * number, 500.0 + 40.0 * number
            raw = np.full((NY, NX + OVERSCAN), level) + self.rng.normal(0, 4.0 / gain, (NY, NX + OVERSCAN))
            raw[:, :NX] += part / gain
            hdu = fits.ImageHDU(np.rint(raw).astype(np.uint16), name=f"im{number + 1}")
            last = start + 2 * NX - first
            place = f"[{last}:{last - NX + 1},{NY}:1]" if chip else f"[{first + 1}:{first + NX},1:{NY}]"
            hdu.header.update(
                {"CCDNAME": f"ccd{chip + 1}", "DATASEC": f"[1:{NX},1:{NY}]", "BIASSEC": f"[{NX + 1}:{NX + OVERSCAN},1:{NY}]",
                 "CCDSEC": f"[{first + 1}:{first + NX},1:{NY}]", "DETSEC": place, "GAIN": gain, "RDNOISE": 4.0}
            )  # fmt: skip
            hdus.append(hdu)
        fits.HDUList(hdus).writeto(self.folder / name)


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> TwoDetectors:
    camera = TwoDetectors(tmp_path_factory.mktemp("two"))
    for i in range(4):
        camera.write(f"b{i}.fits", "zero")
    for i in range(3):
        camera.write(f"f{i}.fits", "flat", 20000 * (1 + 0.1 * i) * camera.flat, 2.0, FILTER="V")
    for i, step in enumerate(STEPS):
        light = camera.scene(*step) * camera.flat
        camera.write(f"s{i}.fits", "object", light, 60.0, FILTER="V", OBJECT="field")
    return camera
