"""Gain and read noise of a camera: from its instrument file, the headers, or measured in flats and biases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import CcdfxError
from ccdfx.night.scan import Frame
from ccdfx.records.image import Image

MEASURED = "measured"
MOST_FLATS, MOST_BIASES = 6, 10
MOST_PIXELS = 1 << 26  # of all frames of a kind; more would not measure it better


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraNoise:
    """Gain in e-/ADU and read noise in e-, with their sources, and with errors where they were measured.

    A source is ``"instrument file"``, ``"header"``, ``"measured"``, or None where the value is not known.
    """

    gain: float | None = None
    gain_error: float | None = None
    gain_source: str | None = None
    readnoise: float | None = None
    readnoise_error: float | None = None
    readnoise_source: str | None = None
    pairs: int = 0

    @property
    def model(self) -> Any:
        """The `NoiseModel` of a CCD, or None where gain or read noise is not known."""
        if self.gain is None or self.readnoise is None:
            return None
        from ccdfx.noise import ccd_noise

        return ccd_noise(self.gain, self.readnoise)

    @property
    def source(self) -> str | None:
        """Source of both values, in words."""
        if self.gain_source == self.readnoise_source:
            return self.gain_source
        return f"gain: {self.gain_source or 'unknown'}, read noise: {self.readnoise_source or 'unknown'}"

    def as_dict(self) -> dict[str, Any]:
        """Return the values in a dictionary for JSON."""
        keys = (
            "gain",
            "gain_error",
            "readnoise",
            "readnoise_error",
            "source",
            "gain_source",
            "readnoise_source",
            "pairs",
        )
        return {key: getattr(self, key) for key in keys}


def camera_noise(
    frames: Iterable[Frame], load: Callable[[Frame], Image | None], warn: Callable[[str], None]
) -> CameraNoise:
    """Find gain and read noise of the frames of one setup; measure what neither file nor header gives.

    Parameters
    ----------
    frames : iterable of Frame
        All usable frames of the setup.
    load : callable
        Returns a frame with its overscan subtracted and trimmed, or None when it cannot be used.
    warn : callable
        Called with a message when a value cannot be measured.
    """
    frames = tuple(frames)
    said = {
        name: next((value for f in frames if (value := getattr(f, name))), None)
        for name in ("gain", "readnoise")
    }
    known: dict[str, Any] = {}
    for name, number in said.items():
        if number is not None:
            known |= {name: number.value, f"{name}_source": number.source, f"{name}_error": None}
    if all(said.values()):
        return CameraNoise(**known)
    biases = _loaded([frame for frame in frames if frame.kind == "bias"], MOST_BIASES, load)
    if "gain" in known and len(biases) > 1:
        return CameraNoise(**known, **_readnoise(biases, known["gain"], warn))
    flats = _loaded(_best_filter(frames), MOST_FLATS, load)
    found = _measured(flats, biases, warn)
    return CameraNoise(**{**found, **known})


def _readnoise(biases: list[Image], gain: float, warn: Callable[[str], None]) -> dict[str, Any]:
    """Measure the read noise in e- from differences of consecutive biases, when the gain is known."""
    import numpy as np

    from ccdfx.estimators import local_noise

    pairs = zip(biases[::2], biases[1::2], strict=False)
    found = [
        local_noise(one.replace(array=one.array - two.array.astype(np.float64))) / math.sqrt(2) * gain
        for one, two in pairs
    ]
    found = [value for value in found if math.isfinite(value)]
    if not found:
        warn("read noise is not known, and the biases are too small to measure it")
        return {}
    error = float(np.std(found, ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else None
    return {
        "readnoise": float(np.mean(found)),
        "readnoise_error": error,
        "readnoise_source": MEASURED,
        "pairs": len(found),
    }


def _measured(flats: list[Image], biases: list[Image], warn: Callable[[str], None]) -> dict[str, Any]:
    """Measure gain and read noise from pairs of flats and biases; return {} and warn if there are too few."""
    from ccdfx.noise import fit_noise
    from ccdfx.operations.calibration.calibrate import subtract_bias
    from ccdfx.operations.combining.average import median
    from ccdfx.operations.combining.combine import combine

    if len(flats) < 2 or len(biases) < 2:
        warn("gain and read noise are not known; two flats of a filter and two biases would measure them")
        return {}
    try:
        bias = combine(biases, average=median(), reject=None)
        fit = fit_noise([subtract_bias(flat, bias=bias) for flat in flats], biases)
    except CcdfxError as problem:
        warn(f"gain and read noise could not be measured: {problem}")
        return {}
    keys = ("gain", "gain_error", "readnoise", "readnoise_error", "pairs")
    return {key: getattr(fit, key) for key in keys} | {"gain_source": MEASURED, "readnoise_source": MEASURED}


def _best_filter(frames: tuple[Frame, ...]) -> list[Frame]:
    """Return the flats of the filter that has the most flats."""
    flats = [frame for frame in frames if frame.kind == "flat"]
    if not flats:
        return []
    best = Counter(frame.filter for frame in flats).most_common(1)[0][0]
    return [frame for frame in flats if frame.filter == best]


def _loaded(frames: list[Frame], most: int, load: Callable[[Frame], Image | None]) -> list[Image]:
    """Load the first usable frames, at least two if there are; the variance is not needed and dropped."""
    found: list[Image] = []
    for frame in frames:
        if len(found) >= most or (len(found) >= 2 and sum(image.size for image in found) >= MOST_PIXELS):
            break
        image = load(frame)
        if image is not None:
            found.append(image.replace(variance=None))
    return found
