"""Exposures of a simulated detector that is read by several amplifiers, with the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.image import Image
from ccdfx.records.range import Range

NY, NX, OVERSCAN = 24, 32, 10  # of one readout


@dataclass(frozen=True)
class Detector:
    """A detector of `columns` x `rows` readouts, each stored by itself, with an overscan that drifts."""

    columns: int
    rows: int
    seed: int = 1
    crosstalk: float = 0.0
    ny: int = NY
    nx: int = NX
    noises: float = 6.0
    """The largest read noise in e-."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows * self.ny, self.columns * self.nx

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """All flips occur where there are four or more; gains from 1 to 4, read noise of their own."""
        count, found = self.rows * self.columns, []
        rng = np.random.default_rng(self.seed)
        for number in range(count):
            y, x = divmod(number, self.columns)
            parts = self.crosstalk * rng.uniform(0.1, 1.0, count) * (np.arange(count) != number)
            before = number % 2 * OVERSCAN  # the overscan is on the left of every other one
            found.append(
                Readout(
                    name=f"A{number}",
                    hdu=number + 1,
                    window=Range(0, self.nx + OVERSCAN, 0, self.ny),
                    data=Range(before, before + self.nx, 0, self.ny),
                    bias=(
                        Range(0, OVERSCAN, 0, self.ny)
                        if before
                        else Range(self.nx, self.nx + OVERSCAN, 0, self.ny),
                    ),
                    place=Range(x * self.nx, (x + 1) * self.nx, y * self.ny, (y + 1) * self.ny),
                    flip_x=bool(number % 2),
                    flip_y=bool(number // 2 % 2),
                    reversed_x=bool(number % 3 == 2),
                    reversed_y=bool(number % 4 == 3),
                    gain=1.0 + 3.0 * number / max(count - 1, 1),
                    readnoise=self.noises * (0.5 + 0.5 * (number + 1) / count),
                    saturation=60000.0,
                    crosstalk=tuple(parts) if self.crosstalk else (),
                )
            )
        return tuple(found)

    def read(self, electrons: np.ndarray, rng: np.random.Generator, *, noise: bool = True) -> list[Image]:
        """Read an exposure of these electrons: the stored image of each readout, in ADU."""
        signals = []
        for one in self.readouts:
            stored = electrons[one.place.slices][:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
            signals.append(stored / one.gain)
        images = []
        for number, one in enumerate(self.readouts):
            signal = signals[number].copy()
            for part, other, readout in zip(one.crosstalk, signals, self.readouts, strict=False):
                down, left = one.reversed_y != readout.reversed_y, one.reversed_x != readout.reversed_x
                signal += part * other[:: -1 if down else 1, :: -1 if left else 1]
            lines = np.arange(self.ny)[:, None]
            level = 800.0 + 150.0 * number + 8.0 * np.sin(lines / 5.0 + rng.uniform(0, 6)) + 0.3 * lines
            raw = np.broadcast_to(level, one.window.shape).copy()
            raw[one.data.slices] += signal
            if noise:
                raw += rng.normal(0.0, one.readnoise / one.gain, raw.shape)
                raw = np.round(raw)
            images.append(
                Image(np.clip(raw, 0, 65535).astype(np.uint16 if noise else np.float64), {"BUNIT": "adu"})
            )
        return images


def side_by_side(detector: Detector, images: list[Image]) -> tuple[Image, tuple[Readout, ...]]:
    """Store all readouts in one image, one beside the other."""
    joined, readouts = [], []
    for number, (image, one) in enumerate(zip(images, detector.readouts, strict=True)):
        step = number * one.window.shape[1]
        readouts.append(
            replace(
                one,
                hdu=None,
                window=one.window.moved(step, 0),
                data=one.data.moved(step, 0),
                bias=tuple(section.moved(step, 0) for section in one.bias),
            )
        )
        joined.append(image.array)
    return Image(np.concatenate(joined, axis=1), images[0].header), tuple(readouts)


def steps_at_borders(array: np.ndarray, readouts: tuple[Readout, ...]) -> list[float]:
    """Return the means of readouts that touch, one less the other."""
    means = {one.name: (one.place, float(np.mean(array[one.place.slices]))) for one in readouts}
    return [
        mean - other
        for name, (place, mean) in means.items()
        for second, (there, other) in means.items()
        if name < second
        and math.dist((place.x_lower, place.y_lower), (there.x_lower, there.y_lower)) <= max(place.shape)
    ]
