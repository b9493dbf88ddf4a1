"""A made-up camera with keywords of its own, strips without light at all sides, and 14 bits in the upper ones of 16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx


class OddCamera:
    """Writes frames; the truth is in its attributes: e-/ADU and e- of the shifted values, lines at each side."""

    nx, ny = 288, 256
    step, gain, readnoise = 4, 1.7, 6.0
    left, right, bottom, top = 8, 24, 4, 10

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = np.random.default_rng(3)
        y, x = np.mgrid[: self.ny, : self.nx]
        self.flat = 1.0 - 0.3 * ((x - 144) ** 2 + (y - 128) ** 2) / (144**2 + 128**2)

    def write(
        self, name: str, picture: str | None, seconds: float, electrons: float, band: str = "V"
    ) -> None:
        """Expose, read out and write one frame; the fourth kind of pixels is one star that saturates."""
        scene = self.rng.poisson(electrons * self.flat).astype(float)
        if picture == "light":
            scene[100:106, 50:56] = 1e6
        raw = np.zeros((self.ny + self.bottom + self.top, self.nx + self.left + self.right))
        exposed = (slice(self.bottom, self.bottom + self.ny), slice(self.left, self.left + self.nx))
        raw[exposed] = scene
        raw[exposed[0], self.left + self.nx] = 0.004 * scene[:, -1]  # charge that is read late
        adu = (
            raw / (self.step * self.gain)
            + 75.0
            + self.rng.normal(0.0, self.readnoise / (self.step * self.gain), raw.shape)
        )
        cards = [
            ("MAKER", "Odd <Cam> 3", "maker of the camera"), ("PICTURE", picture, "what it is"),
            ("SHUT_T", seconds, "exposure time [s]"), ("COLOUR", band, "filter in the beam"),
            ("LOOKS_AT", "M 51", "name of the target"), ("STARTED", "2024-05-06T01:02:03", "start (UT)"),
            ("BIN_X", 1), ("BIN_Y", 1), ("CHIPTEMP", -20.5, "temperature of the chip"), ("PRE-GAIN", 120),
        ]  # fmt: skip
        image = np.clip(np.round(adu), 0, 16383).astype(np.uint16) * np.uint16(self.step)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ccdfx.write(ccdfx.Image(image, [card for card in cards if card[1] is not None]), path)

    def night(self, *, words: bool = True) -> None:
        """Write a night whose kinds are in a keyword, or else in the names of folders."""
        plan = [("zero", 0.0, 0.0, 4), ("flat", 2.0, 12000.0, 4), ("light", 60.0, 900.0, 2)]
        for picture, seconds, electrons, count in plan:
            for number in range(count):
                self.write(f"{picture}/{number}.fits", picture if words else None, seconds, electrons)


@pytest.fixture
def odd(tmp_path: Path) -> OddCamera:
    """Return the camera, which writes into a folder of its own."""
    return OddCamera(tmp_path / "odd")
