"""Checks of a reduced simulated night against its truth: levels, masters, flags and shifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.demo.detector import MAXIMUM, bias_structure, dark_rate, flat_field
from ccdfx.demo.simulate import electrons, light, sky
from ccdfx.demo.truth import TrueFrame, Truth
from ccdfx.errors import CheckFailedError

_BLOCK = 32  # pixels over which the large-scale error of a flat is averaged
_HOT = 20.0  # e-/s; above it the dark current of a pixel is measured precisely
_FAR = 5.0  # standard deviations that almost no pixel exceeds by chance


@dataclass(frozen=True)
class Check:
    """One row of the table: a quantity, its true value, the result, and the largest difference allowed."""

    quantity: str
    unit: str
    truth: float
    result: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the result agrees with the truth; NaN does not."""
        return bool(abs(self.result - self.truth) <= self.tolerance)


@dataclass(frozen=True)
class Reduced:
    """A reduced night and its truth: the content of night.json, and the directory of the products."""

    truth: Truth
    facts: Mapping[str, Any]
    directory: Path

    def image(self, product: Mapping[str, Any]) -> Any:
        """Read the image of a product; refuse one whose shape is not that of the data section."""
        from ccdfx.io import read

        image = read(self.directory / product["file"])
        if image.shape != self.truth.shape:
            raise CheckFailedError(product["file"], f"must have shape {self.truth.shape}", value=image.shape)
        return image

    def master(self, kind: str, band: str | None = None) -> Mapping[str, Any]:
        """Return the entry of the only master of a kind and filter."""
        found = [
            master
            for master in self.facts["masters"]
            if (master["kind"], master.get("filter") or None) == (kind, band)
            and (kind != "dark" or master["exptime"] == self.exptime)
        ]
        if len(found) != 1:
            label = " ".join([kind, *([band] if band else [])])
            raise CheckFailedError("masters", f"must hold one {label}", value=len(found))
        return found[0]

    def calibrated(self, band: str) -> list[tuple[Mapping[str, Any], TrueFrame]]:
        """Return the entry and the truth of each calibrated frame of a filter."""
        pairs = [(product, self.truth.frame(product["source"])) for product in self.facts["calibrated"]]
        chosen = [pair for pair in pairs if pair[1].filter == band]
        expected = sum(1 for frame in self.truth.frames if frame.kind == "science" and frame.filter == band)
        if len(chosen) != expected:
            raise CheckFailedError("calibrated", f"must hold {expected} {band} frames", value=len(chosen))
        return chosen

    def raw_of(self, file: str) -> TrueFrame:
        """Return the truth of the raw frame from which a calibrated file was made."""
        for product in self.facts["calibrated"]:
            if product["file"] == file:
                return self.truth.frame(product["source"])
        raise CheckFailedError(file, "must be among the calibrated frames")

    def per_electron(self, image: Any) -> float:
        """Return the value of one electron in the unit of an image."""
        unit = str(image.unit or "adu").lower()
        return 1.0 if unit.startswith("e") else 1.0 / self.truth.detector.gain

    @cached_property
    def exptime(self) -> float:
        """Exposure time of the science frames in s."""
        return max(frame.exptime for frame in self.truth.frames)

    @cached_property
    def flats(self) -> dict[str, np.ndarray]:
        """The true response in every filter."""
        return {band: flat_field(self.truth.detector, band) for band in self.truth.filters}

    def frames(self, kind: str, band: str | None = None) -> list[TrueFrame]:
        """Return the true raw frames of a kind and filter; darks are those with the science exposure time."""
        found = [frame for frame in self.truth.frames if frame.kind == kind and frame.filter == band]
        return [frame for frame in found if kind != "dark" or frame.exptime == self.exptime]

    def expected(self, frame: TrueFrame) -> np.ndarray:
        """Return a perfectly reduced science frame, in e- per pixel: the sky and the stars."""
        return sky(self.truth, frame) + light(self.truth, frame)

    def noise(self, frame: TrueFrame) -> float:
        """Return the noise of the sky in a calibrated frame, e- rms, as the median over the pixels.

        Included are photon noise, dark current, read noise and rounding of the frame itself, and those of the
        dark frames in the master dark; the master bias is in both and cancels.
        """
        detector = self.truth.detector
        read2 = detector.readnoise**2 + detector.gain**2 / 12
        dark = dark_rate(detector) * frame.exptime
        flat = self.flats[str(frame.filter)]
        own = frame.level * flat + dark + read2
        variance = own + (dark + read2) / max(1, len(self.frames("dark")))
        sensitive = flat > 0
        return float(np.median(np.sqrt(variance[sensitive]) / flat[sensitive]))


def scatter(values: np.ndarray) -> float:
    """Return 1.4826 times the median absolute deviation: a robust standard deviation; NaN without values."""
    if values.size == 0:
        return float("nan")
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def percent(found: np.ndarray) -> float:
    """Return the percentage of true values; 100 for an empty array, because nothing was missed."""
    return 100.0 * float(np.mean(found)) if found.size else 100.0


def check_masters(night: Reduced) -> Iterator[Check]:
    """Check bias level and structure, dark current, hot pixels and flats."""
    yield from _check_bias(night)
    yield from _check_dark(night)
    for band in night.truth.filters:
        yield from _check_flat(night, band)


def _check_bias(night: Reduced) -> Iterator[Check]:
    detector = night.truth.detector
    master = night.image(night.master("bias"))
    error = (master.array - bias_structure(detector))[master.good]
    expected = np.hypot(detector.readnoise / detector.gain, 12**-0.5) / np.sqrt(len(night.frames("bias")))
    yield Check("bias level above the overscan", "ADU", 0.0, float(np.median(error)), 0.15)
    # A median of nine is 20 % noisier than a mean; both are accepted.
    yield Check("bias structure, error rms", "ADU", float(expected), scatter(error), 0.35 * expected)


def _check_dark(night: Reduced) -> Iterator[Check]:
    detector = night.truth.detector
    facts = night.master("dark")
    master = night.image(facts)
    rate = master.array / night.per_electron(master) / facts["exptime"]
    true = dark_rate(detector)
    middle = float(np.median(true[master.good]))
    # The median of the differences: noise shifts the median of a rate that has a tail of warm pixels.
    measured = middle + float(np.median((rate - true)[master.good]))
    yield Check("dark current", "e-/s", middle, measured, 0.002)
    hot = (true > _HOT) & master.good
    ratio = rate[hot] / true[hot]
    yield Check("dark current of hot pixels, result / truth", "", 1.0, float(np.median(ratio)), 0.01)


def _check_flat(night: Reduced, band: str) -> Iterator[Check]:
    true = night.flats[band]
    master = night.image(night.master("flat", band))
    good = master.good & (true > 0)
    ratio = np.where(good, master.array, np.nan) / np.where(good, true, np.nan)
    ratio /= np.nanmedian(ratio)
    levels = np.array([frame.level for frame in night.frames("flat", band)])
    expected = 100.0 * float(np.sqrt(np.sum(1.0 / levels)) / levels.size)
    yield Check(f"flat {band}, error rms", "%", expected, 100.0 * scatter(ratio[good]), 0.35 * expected)
    ny, nx = (length // _BLOCK * _BLOCK for length in ratio.shape)
    blocks = ratio[:ny, :nx].reshape(ny // _BLOCK, _BLOCK, nx // _BLOCK, _BLOCK).swapaxes(1, 2)
    large = np.nanmedian(blocks.reshape(ny // _BLOCK, nx // _BLOCK, -1), axis=2)
    yield Check(f"flat {band}, error over {_BLOCK} pixels rms", "%", 0.0, 100.0 * float(np.std(large)), 0.05)


def check_flags(night: Reduced) -> Iterator[Check]:
    """Check that defects and saturated pixels are flagged in all calibrated frames, and good ones are not."""
    detector = night.truth.detector
    column, dead, hot, trapped = (np.zeros(detector.shape, bool) for _ in range(4))
    for x, y in detector.traps:
        trapped[y:, x] = True
    column[:, list(detector.bad_columns)] = True
    for x, y in detector.dead_pixels:
        dead[y, x] = True
    for x, y, _ in detector.hot_pixels:
        hot[y, x] = True
    answers: dict[str, list[np.ndarray]] = {
        name: [] for name in ("column", "dead", "trap", "hot", "full", "false")
    }
    for band in night.truth.filters:
        for product, frame in night.calibrated(band):
            image = night.image(product)
            raw = electrons(night.truth, frame) / detector.gain + detector.bias_level
            full = raw > MAXIMUM + _FAR * np.sqrt(raw / detector.gain)
            struck = np.zeros(detector.shape, bool)
            for x, y, _ in frame.cosmic_rays:
                struck[y, x] = True
            innocent = ~(column | trapped | dead | hot | struck | (raw > 0.95 * MAXIMUM))
            answers["column"].append(~image.good[column])
            answers["dead"].append(~image.good[dead])
            answers["trap"].append(~image.good[trapped])
            answers["hot"].append(_removed(night, image, frame)[hot & ~struck & ~column])
            answers["full"].append(~image.good[full])
            answers["false"].append(~image.good[innocent])
    share = {name: percent(np.concatenate(parts)) for name, parts in answers.items()}
    yield Check("bad column flagged", "%", 100.0, share["column"], 0.0)
    yield Check("dead pixels flagged", "%", 100.0, share["dead"], 0.0)
    yield Check("column with a trap flagged", "%", 100.0, share["trap"], 10.0)
    yield Check("saturated pixels flagged", "%", 100.0, share["full"], 0.0)
    yield Check("hot pixels flagged or removed", "%", 100.0, share["hot"], 1.0)
    yield Check("good pixels flagged", "%", 0.0, share["false"], 0.1)
    wrong = float("nan")
    for fact in night.facts["bad_pixels"]:
        wrong = percent((night.image(fact).array != 0) & ~(column | trapped | dead | hot))
    yield Check("good pixels in the map of bad pixels", "%", 0.0, wrong, 0.05)


def _removed(night: Reduced, image: Any, frame: TrueFrame) -> np.ndarray:
    """Find pixels that are flagged, or that agree with the sky and the stars within the noise."""
    detector = night.truth.detector
    error = image.array / night.per_electron(image) - night.expected(frame)
    flat = np.maximum(night.flats[str(frame.filter)], 1e-3)
    own = np.maximum(electrons(night.truth, frame), 0.0) + detector.readnoise**2
    dark = dark_rate(detector) * frame.exptime + detector.readnoise**2
    # A median of the darks is 25 % noisier than their mean. The gain of the pixel is known to 0.3 %.
    variance = (own + 1.5 * dark / max(1, len(night.frames("dark")))) / flat**2
    return ~image.good | (np.abs(error) < _FAR * np.sqrt(variance) + 0.01 * night.expected(frame))


def combined(night: Reduced, band: str) -> list[Mapping[str, Any]]:
    """Return the entries of the combined images of a filter."""
    found = [product for product in night.facts["combined"] if product.get("filter") == band]
    if not found:
        raise CheckFailedError("combined", f"must hold an image in filter {band}", value=0)
    return found


def reference_frame(night: Reduced, product: Mapping[str, Any]) -> TrueFrame:
    """Return the frame to which the others were aligned."""
    for shift in product["shifts"]:
        if shift["dx"] == 0 and shift["dy"] == 0:
            return night.raw_of(shift["source"])
    raise CheckFailedError(
        product["file"], "must have one frame that was not shifted", value=product["shifts"]
    )
