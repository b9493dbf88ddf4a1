"""Gain and read noise of a camera: from its instrument file, the headers, or measured in flats and biases."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

from ccdfx.errors import CcdfxError
from ccdfx.night.cameras.far_levels import far_levels
from ccdfx.night.frames.first_usable import first_usable
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.header_facts import Known, KnownByUnit
from ccdfx.night.settings.choices import NoiseChoice
from ccdfx.records.image import Image

MEASURED, HEADER = "measured", "header"
UNITS = {"gain": "e-/ADU", "readnoise": "e-"}
MOST_FLATS, MOST_BIASES = 6, 10
_ENOUGH_TO_CHECK = 4  # frames of a kind, where both numbers are stated
TRUSTED = 0.05  # relative error below which a measured number goes before a stated one
SIGNIFICANT = 3.0  # errors of the measured number by which a stated one must be off to be doubted
_FAR = 2.0  # ratio of gains, which no calibration of a camera misses
_NEAR = 0.1  # part of a read noise, to which most are known
NOTHING_PREDICTED = "no variance, and no noise is predicted"
TOO_FEW = "gain and read noise are not known; two flats of a filter and two biases would measure them"
Measured = tuple[float, float | None]
"""A value and its error, None where it is not known."""
MOST_PIXELS = 1 << 26  # of all frames of a kind; more would not measure it better


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraNoise:
    """Gain in e-/ADU and read noise in e-, with their sources, and with errors where they were measured.

    A source is ``"instrument file"``, ``"header"``, ``"measured"``, or None where the value is not known. What is both
    stated and measured is in `stated` and, with its error, in `measured`, by the names gain and readnoise.
    `dark_current`, in e-/s, is measured only where darks of two exposures must tell the level without light: the dark
    that is subtracted there holds the current of the exposure, whose noise is then part of that without light.
    """

    gain: float | None = None
    gain_error: float | None = None
    gain_source: str | None = None
    readnoise: float | None = None
    readnoise_error: float | None = None
    readnoise_source: str | None = None
    dark_current: float | None = None
    pairs: int = 0
    stated: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("gain_error", "readnoise_error", "pairs", "stated", "measured")

    @property
    def model(self) -> Any:
        """The `NoiseModel` of a CCD, or None where gain or read noise is not known."""
        if self.gain is None or self.readnoise is None:
            return None
        from ccdfx.noise import ccd_noise

        return ccd_noise(self.gain, self.readnoise)

    def model_above_dark(self, exptime: float | None) -> Any:
        """Return the `NoiseModel` above the level of a dark of this exposure time in s, or None as `model`.

        >>> CameraNoise(gain=2.0, readnoise=3.0, dark_current=0.4).model_above_dark(40.0).parameters["readnoise"]
        5.0
        """
        if self.readnoise is None:
            return None
        electrons = max(0.0, self.dark_current or 0.0) * (exptime or 0.0)
        return replace(self, readnoise=math.hypot(self.readnoise, math.sqrt(electrons))).model

    def of_mean(self, count: int) -> CameraNoise:
        """Return the noise of a mean of so many exposures: the gain is `count` times as large, the read noise its root.

        >>> mean = CameraNoise(gain=2.0, readnoise=3.0).of_mean(4)
        >>> mean.gain, mean.readnoise
        (8.0, 6.0)
        """
        if count == 1:
            return self
        factors: dict[str, float] = {"gain": count, "gain_error": count, "dark_current": count}
        factors |= dict.fromkeys(("readnoise", "readnoise_error"), math.sqrt(count))
        values = {name: getattr(self, name) for name in factors}
        return replace(self, **{name: v * factors[name] for name, v in values.items() if v is not None})

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
            "dark_current",
            "pairs",
        )
        measured = {name: list(pair) for name, pair in self.measured.items()}
        return {key: getattr(self, key) for key in keys} | {"stated": dict(self.stated), "measured": measured}

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> CameraNoise:
        """Make the record again of what `as_dict` returned.

        >>> CameraNoise.of_dict(CameraNoise(gain=1.5).as_dict()).gain
        1.5
        """
        known = {key: value for key, value in values.items() if key in cls.__slots__}
        measured = {name: (pair[0], pair[1]) for name, pair in values["measured"].items()}
        return cls(**{**known, "measured": measured})


def camera_noise(
    frames: Iterable[Frame],
    load: Callable[[Frame], Image | None],
    warn: Callable[[str], None],
    choice: NoiseChoice | None = None,
) -> CameraNoise:
    """Find gain and read noise of the frames of one setup, and compare what is stated with what is measured.

    Pairs of flats and of biases measure both, pairs of biases the read noise alone. In a night without biases and
    overscan the shortest darks take their place: the noise of their dark current counts as read noise. A number of a header or an
    instrument file that is off by more than `choice.tolerance` and three errors is said; see `NoiseChoice` for which
    of the two is used. The read noise is measured in ADU, and converted with the gain that is used. Flats that have less than half of the
    variance of light, with biases that agree with what is stated, measure no gain: they are saturated, or averages.

    Parameters
    ----------
    frames : iterable of Frame
        All usable frames of the setup.
    load : callable
        Returns a frame with its overscan subtracted and trimmed, or the `block_sample` of it, or None when it cannot
        be used; called from several threads.
    warn : callable
        Called with a message when a value is not known, or a stated one is wrong.
    choice : NoiseChoice, optional
        By default that of a recipe that says nothing.
    """
    frames, choice = tuple(frames), choice or NoiseChoice()
    stated = _stated(frames)
    found = _measured(frames, load)
    smoother = _smoother_flats(stated, found) if choice.prefer == "auto" else ""
    if smoother:
        warn(smoother)
        found = replace(found, gain=None)
    gain = _decided("gain", stated["gain"], found.gain, choice)
    readnoise = _decided("readnoise", stated["readnoise"], found.read_noise(gain), choice)
    if gain.value is None:
        warn(f"{found.problem or TOO_FEW}: {NOTHING_PREDICTED}")
    elif readnoise.value is None:
        warn(f"read noise is not known; two biases would measure it: {NOTHING_PREDICTED}")
    wrong = [number for number in (gain, readnoise) if number.disagrees]
    if wrong:
        remedy = "noise.prefer in a recipe decides"
        if any(isinstance(number.stated, KnownByUnit) for number in wrong):
            remedy = "are they ADU? BUNIT of the header or unit of the instrument file says that they are electrons"
        warn(f"{'; '.join(number.describe() for number in wrong)} ({remedy})")
    compared = [number for number in (gain, readnoise) if number.stated is not None and number.measured]
    return CameraNoise(
        gain=gain.value,
        gain_error=gain.error,
        gain_source=gain.source,
        readnoise=readnoise.value,
        readnoise_error=readnoise.error,
        readnoise_source=readnoise.source,
        dark_current=_dark_current(frames, load, gain.value),
        pairs=found.pairs if MEASURED in (gain.source, readnoise.source) else 0,
        stated={number.name: number.stated.value for number in compared if number.stated},
        measured={number.name: number.measured for number in compared if number.measured},
    )


@dataclass(frozen=True, slots=True)
class _Number:
    """Gain or read noise: what is used, what is stated and measured, and whether these disagree."""

    name: str
    value: float | None
    error: float | None
    source: str | None
    stated: Known | None
    measured: Measured | None
    disagrees: bool

    def describe(self) -> str:
        """Describe a disagreement, for a warning."""
        assert self.stated is not None and self.measured is not None
        value, error = self.measured
        words = {"gain": "gain", "readnoise": "read noise"}[self.name]
        within = "" if error is None else f" +- {error:.2g}"
        used = "the measured one" if self.source == MEASURED else f"that of the {self.stated.source}"
        return (
            f"the {words} of {self.stated.value:g} {UNITS[self.name]} in the {self.stated.source} is not the "
            f"{value:.3g}{within} that pairs of frames measure: {used} is used"
        )


def _decided(name: str, stated: Known | None, measured: Measured | None, choice: NoiseChoice) -> _Number:
    """Choose between a stated and a measured number."""
    if measured is None:
        value, source = (None, None) if stated is None else (stated.value, stated.source)
        return _Number(name, value, None, source, stated, measured, False)
    value, error = measured
    if stated is None:
        return _Number(name, value, error, MEASURED, stated, measured, False)
    off = abs(stated.value / value - 1.0)
    disagrees = off > choice.tolerance and off > SIGNIFICANT * (error or 0.0) / value
    precise = error is not None and error < TRUSTED * value and stated.source == HEADER
    if not isinstance(stated, KnownByUnit) and (
        choice.prefer == "measured" or (choice.prefer == "auto" and disagrees and precise)
    ):
        return _Number(name, value, error, MEASURED, stated, measured, disagrees)
    return _Number(name, stated.value, None, stated.source, stated, measured, disagrees)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """What pairs of frames measure: the gain, the read noise in ADU, with errors; or why they do not."""

    gain: Measured | None = None
    adu: Measured | None = None
    pairs: int = 0
    problem: str = ""

    def read_noise(self, gain: _Number) -> Measured | None:
        """Return the read noise in e- and its error, with the gain that is used."""
        if self.adu is None or gain.value is None:
            return None
        value, error = self.adu
        if error is not None and gain.error is not None:
            error = math.hypot(error, value * gain.error / gain.value)
        return value * gain.value, None if error is None else error * gain.value


def _stated(frames: tuple[Frame, ...]) -> dict[str, Known | None]:
    """Return gain and read noise that headers or instrument files state."""
    return {name: next((value for f in frames if (value := getattr(f, name))), None) for name in UNITS}


def _measured(frames: tuple[Frame, ...], load: Callable[[Frame], Image | None]) -> _Pairs:
    """Measure gain and read noise from pairs of flats and biases, or the read noise alone from biases."""
    from ccdfx.noise import fit_noise
    from ccdfx.operations.calibration.calibrate import subtract_bias
    from ccdfx.operations.combining.average import median
    from ccdfx.operations.combining.combine import combine

    most_biases, most_flats = _most(frames)
    biases = _loaded(_biases(frames), most_biases, load)
    biases = _without_far_levels(biases)
    if len(biases) < 2:
        return _Pairs()
    flats = _loaded(_best_filter(frames), most_flats, load)
    if len(flats) < 2:
        return _read_noise(biases)
    try:
        bias = combine(biases, average=median(), reject=None)
        fit = fit_noise([subtract_bias(flat, bias=bias) for flat in flats], biases)
    except CcdfxError as problem:
        return replace(_read_noise(biases), problem=f"gain and read noise could not be measured: {problem}")
    return _Pairs((fit.gain, fit.gain_error), (fit.readnoise_adu, fit.readnoise_adu_error), fit.pairs)


def _smoother_flats(stated: Mapping[str, Known | None], found: _Pairs) -> str:
    """Describe flats that have far less noise than light has, where biases have the read noise that is stated; else ""."""
    gain, readnoise = stated["gain"], stated["readnoise"]
    if gain is None or readnoise is None or found.gain is None or found.adu is None:
        return ""
    ratio, off = found.gain[0] / gain.value, abs(found.adu[0] * gain.value / readnoise.value - 1.0)
    if ratio < _FAR or off > _NEAR:
        return ""
    return (
        f"the flats have the noise of {found.gain[0]:.3g} e-/ADU, and not that of the {gain.value:g} in the {gain.source}, with "
        f"which the read noise of the biases agrees: they are saturated, or were averaged, so that their response is wrong "
        f"({gain.value:g} e-/ADU is used; noise.prefer in a recipe decides)"
    )


def _without_far_levels(biases: list[Image]) -> list[Image]:
    """Return the biases without those that hold light, whose photon noise is no read noise."""
    from ccdfx.estimators import mad_std_of, median_of

    levels = [float(median_of(one.array, one.good)) for one in biases]
    far = far_levels(levels, [float(mad_std_of(one.array, one.good)) for one in biases])
    return [one for place, one in enumerate(biases) if place not in far]


def _read_noise(biases: list[Image]) -> _Pairs:
    """Measure the read noise in ADU from differences of consecutive biases."""
    import numpy as np

    from ccdfx.estimators import local_noise

    pairs = zip(biases[::2], biases[1::2], strict=False)
    found = [
        local_noise(one.replace(array=one.array - two.array.astype(np.float64))) / math.sqrt(2)
        for one, two in pairs
    ]
    found = [value for value in found if math.isfinite(value)]
    if not found:
        return _Pairs()
    error = float(np.std(found, ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else None
    return _Pairs(None, (float(np.mean(found)), error), len(found))


def frames_of_noise(frames: Iterable[Frame]) -> list[Frame]:
    """Return the frames that `camera_noise` loads where all are usable."""
    frames = tuple(frames)
    kinds = zip((_biases(frames), _best_filter(frames)), _most(frames), strict=True)
    darks = [] if any(frame.kind == "bias" for frame in frames) else _darks_of(frames, max)[:1]
    wanted = [*(frame for found, most in kinds for frame in found[: _wanted(found, most)]), *darks]
    return list({frame.path: frame for frame in wanted}.values())


def _most(frames: tuple[Frame, ...]) -> tuple[int, int]:
    """Return how many biases and flats are loaded at most: some where they only check what is stated."""
    if None in _stated(frames).values():
        return MOST_BIASES, MOST_FLATS
    return _ENOUGH_TO_CHECK, _ENOUGH_TO_CHECK


def _biases(frames: tuple[Frame, ...]) -> list[Frame]:
    """Return the biases, or without any the shortest darks, where no overscan tells the level without light."""
    biases = [frame for frame in frames if frame.kind == "bias"]
    return biases or _darks_of(frames, min)


def _darks_of(frames: tuple[Frame, ...], which: Callable[[list[float]], float]) -> list[Frame]:
    """Return the darks of the shortest or longest exposure, without overscan."""
    darks = [frame for frame in frames if frame.kind == "dark" and frame.overscan is None]
    exposure = which([frame.exptime or 0.0 for frame in darks]) if darks else 0.0
    return [frame for frame in darks if (frame.exptime or 0.0) == exposure]


def _dark_current(
    frames: tuple[Frame, ...], load: Callable[[Frame], Image | None], gain: float | None
) -> float | None:
    """Measure the dark current in e-/s, where darks must take the place of biases; None where that is not so.

    It is that of most pixels: from the medians of a short and a long dark.
    """
    from ccdfx.estimators import median_of

    if gain is None or any(frame.kind == "bias" for frame in frames):
        return None
    ends = [_darks_of(frames, which) for which in (min, max)]
    if not all(ends) or ends[0][0].exptime == ends[1][0].exptime:
        return None
    images = [next(iter(_loaded(darks, 1, load)), None) for darks in ends]
    if None in images:
        return None
    short, long = (float(median_of(one.array, one.good)) for one in images if one is not None)
    return (long - short) * gain / ((ends[1][0].exptime or 0.0) - (ends[0][0].exptime or 0.0))


def _best_filter(frames: tuple[Frame, ...]) -> list[Frame]:
    """Return the flats of the filter that has the most flats."""
    flats = [frame for frame in frames if frame.kind == "flat"]
    if not flats:
        return []
    best = Counter(frame.filter for frame in flats).most_common(1)[0][0]
    return [frame for frame in flats if frame.filter == best]


def _loaded(frames: list[Frame], most: int, load: Callable[[Frame], Image | None]) -> list[Image]:
    """Load the first usable frames, at least two if there are, and keep the blocks of each that are measured."""
    return first_usable(frames, partial(_sampled, load), _wanted(frames, most))


def _wanted(frames: list[Frame], most: int) -> int:
    """Return how many frames of a kind are measured: at least two, up to a number of pixels."""
    pixels = [
        math.prod(frame.shape if frame.data is None else frame.data.shape)
        for frame in frames[:1]
        if frame.shape
    ]
    return min(most, max(2, math.ceil(MOST_PIXELS / pixels[0]))) if pixels else most


def _sampled(load: Callable[[Frame], Image | None], frame: Frame) -> Image | None:
    """Load a frame and cut out the blocks that are measured, without the variance, which is not needed."""
    from ccdfx.noise.block_sample import block_sample

    image = load(frame)
    return None if image is None else block_sample(image.replace(variance=None))
