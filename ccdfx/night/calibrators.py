"""Matching of frames by header metadata: the calibration frames of a setup that fit each frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.camera_settings import Temperature
from ccdfx.night.settings.choices import NightRecipe

_APPLIED = ("bias", "dark", "flat")
NO_LEVEL = (
    "no bias and no dark of {exposure} tells its level without light, which a flat would divide too, and above which photons "
    "are counted; take biases, or such darks, or state it in ADU: level = 300 in [bias] of the recipe, or 0 where there is none"
)
UNCALIBRATED = (
    "no overscan, bias, dark or flat fits, so nothing is subtracted and nothing divided: in ADU as they were read, without "
    "variance, the noise by the scatter of the pixels"
)


@dataclass(frozen=True, slots=True)
class Use:
    """How one frame is calibrated: the files of its masters (None: not applied), and what is missing.

    `dark_scale` is the factor for a dark of another exposure time, `level` a level without light that the recipe states, which
    is subtracted in the place of a bias. `missing` are the texts of warnings, in
    which `EXPOSURE` and `TEMPERATURE` stand for those of the frame: one text holds for many frames. `keeps_bias`
    says that its level without light is not known: nothing is applied to it. `dark_is_level`
    says that the dark holds the bias, and tells that level where neither an overscan nor a bias does. `as_is` says that
    nothing fits it and it is taken all the same.
    """

    frame: Frame
    bias: str | None = None
    dark: str | None = None
    dark_scale: float | None = None
    flat: str | None = None
    level: float | None = None
    missing: tuple[str, ...] = ()
    keeps_bias: bool = False
    dark_is_level: bool = False
    as_is: bool = False
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("missing",)

    @property
    def masters(self) -> tuple[str, ...]:
        """The files of the masters."""
        return tuple(name for kind in _APPLIED if (name := getattr(self, kind)) is not None)

    @property
    def uncalibrated(self) -> Use:
        """The same frame as it is, with a warning that says so."""
        return Use(self.frame, missing=(UNCALIBRATED,), as_is=True)

    @property
    def nothing(self) -> bool:
        """Whether no master, overscan or level is available for the frame, and it is not taken as it is."""
        has_level = self.frame.has_overscan or self.level is not None
        return not self.masters and not has_level and not self.as_is

    def describe(self) -> str:
        """Describe the frame and the calibration applied to it, for messages."""
        frame = self.frame
        exposure = None if frame.exptime is None else f"{frame.exptime:g} s"
        named = frame.object if frame.kind in ("science", "arc") else None
        band = frame.filter if frame.kind in ("flat", "science", "arc") else None
        what = ", ".join(str(part) for part in (frame.file, named, band, exposure) if part is not None)
        names = {kind: getattr(self, kind).rpartition("/")[2] for kind in _APPLIED if getattr(self, kind)}
        if self.dark_scale is not None and self.dark:
            names["dark"] += f" x {self.dark_scale:.4g}"
        less = ["overscan"] if frame.has_overscan else []
        less += [] if self.level is None else [f"level {self.level:g}"]
        less += [names[kind] for kind in ("bias", "dark") if kind in names]
        done = [f"assemble {len(frame.readouts)} readouts"] if len(frame.readouts) > 1 else []
        done += [f"subtract {', '.join(less)}"] if less else []
        done += [f"divide by {names['flat']}"] if "flat" in names else []
        return "; ".join([what, *done]) if done else f"{what}; as it is"


EXPOSURE, TEMPERATURE = "{exposure}", "{temperature}"
NO_DARK = "so the dark current is not subtracted"
NO_BIAS = ", so the bias is not subtracted"
OTHER_LEVEL = (
    "no bias and no dark of {exposure} fits, so the dark of {other}, which holds the bias, is subtracted from flats with the "
    "dark current of another exposure; take biases, or darks of the exposure of the flats"
)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A master bias or dark that is planned: its file, exposure time and temperature.

    `holds_bias` says that no bias is subtracted from a dark, `is_given` that it is a master of another night.
    """

    file: str
    exptime: float = 0.0
    temperature: Temperature | None = None
    holds_bias: bool = False
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Calibrators:
    """Masters of one setup: biases, darks, files of flats by filter.

    `elsewhere` says for a kind of which there is none here how the frames of other setups differ. `given` are the plans of
    masters of other nights among these, by file.
    """

    biases: tuple[Calibrator, ...] = ()
    darks: tuple[Calibrator, ...] = ()
    flats: Mapping[str | None, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    def for_dark(self, frame: Frame, recipe: NightRecipe) -> Use:
        """Select the calibration of a dark: bias only. Without one its noise is that of the scatter of the darks."""
        bias, missing = self._bias(frame, recipe)
        level = None if bias else _stated_level(frame, recipe)
        return Use(frame, bias=bias, level=level, missing=missing if level is None else ())

    def for_flat(self, frame: Frame, recipe: NightRecipe) -> Use:
        """Select the calibration of a flat: bias, and dark of its exposure time.

        Where nothing tells its level without light but darks of other exposure times that hold the bias, the nearest of
        these is subtracted: its dark current is of another time, but a flat that keeps the whole level is worse.
        """
        use = self._with_bias_and_dark(frame, recipe)
        if not use.keeps_bias or self.biases or self.elsewhere.get("bias"):
            return use
        darks = [dark for dark in _of_temperature(self.darks, frame, recipe) if dark.holds_bias]
        if not darks:
            return use
        exptime = frame.exptime or 0.0
        nearest = min(darks, key=lambda one: (one.is_given, abs(one.exptime - exptime)))
        why = OTHER_LEVEL.format(exposure=EXPOSURE, other=f"{nearest.exptime:g} s")
        return Use(frame, dark=nearest.file, missing=(why,), dark_is_level=True)

    def for_science(self, frame: Frame, recipe: NightRecipe) -> Use:
        """Select the calibration of a science frame: bias, dark of its exposure time, flat of its filter."""
        use = self._with_bias_and_dark(frame, recipe)
        flat = self.flats.get(frame.filter)
        if flat is not None or use.keeps_bias:
            return use if use.keeps_bias else replace(use, flat=flat)
        filters = ", ".join(str(name or "none") for name in self.flats)
        there = f" (there are flats of filter {filters})" if filters else self.elsewhere.get("flat", "")
        wanted = f"of filter {frame.filter}" if frame.filter else "without a filter"
        reason = f"no flat {wanted}{there}, so there is no division by a flat"
        return replace(use, missing=(*use.missing, reason))

    def _with_bias_and_dark(self, frame: Frame, recipe: NightRecipe) -> Use:
        bias, dark, scale, missing = self._bias_and_dark(frame, recipe)
        holds_bias = any(one.holds_bias for one in self.darks if one.file == dark)
        if frame.has_overscan or bias is not None or holds_bias:
            return Use(
                frame, bias, dark, scale, missing=missing, dark_is_level=holds_bias and frame.overscan is None
            )
        level = _stated_level(frame, recipe)
        if level is not None:
            return Use(frame, None, dark, scale, level=level, missing=missing[1:])  # without that of the bias
        has_biases = self.biases or self.elsewhere.get("bias")
        return Use(frame, missing=missing[:1] if has_biases else (NO_LEVEL,), keeps_bias=True)

    def _bias(self, frame: Frame, recipe: NightRecipe) -> tuple[str | None, tuple[str, ...]]:
        """Return the bias of the temperature of a frame, and what is missing."""
        fitting = _of_temperature(self.biases, frame, recipe)
        if fitting:
            return fitting[0].file, ()
        why = _other_temperature(self.biases, recipe) if self.biases else self.elsewhere.get("bias", "")
        which = f" of {TEMPERATURE}" if self.biases else ""
        return None, (f"no bias frame{which} fits{why}{NO_BIAS}",)

    def _bias_and_dark(
        self, frame: Frame, recipe: NightRecipe
    ) -> tuple[str | None, str | None, float | None, tuple[str, ...]]:
        """Return bias and dark of a frame, the factor of a dark that must be scaled, and what is missing.

        A dark from which no bias is subtracted holds it: it fits only its own exposure time, cannot be scaled,
        and is subtracted in place of the bias.
        """
        exptime = frame.exptime or 0.0
        bias, missing = self._bias(frame, recipe)
        darks = _of_temperature(self.darks, frame, recipe)
        for dark in darks:
            if equal_exposures(dark.exptime, exptime, recipe.dark.tolerance):
                return (None, dark.file, None, ()) if dark.holds_bias else (bias, dark.file, None, missing)
        if not self.darks:
            reason = f"no dark frame fits{self.elsewhere.get('dark', '')}, {NO_DARK}"
            return bias, None, None, (*missing, reason)
        if not darks:
            reason = f"no dark of {TEMPERATURE} fits{_other_temperature(self.darks, recipe)}, {NO_DARK}"
            return bias, None, None, (*missing, reason)
        near = [dark for dark in darks if dark.exptime > 0 and not dark.holds_bias]
        if recipe.dark.scale and exptime > 0 and near:
            dark = min(near, key=lambda item: (item.is_given, abs(math.log(item.exptime / exptime))))
            return bias, dark.file, exptime / dark.exptime, missing
        there = ", ".join(dict.fromkeys(f"{dark.exptime:g} s" for dark in sorted(darks, key=_exptime)))
        remedy = "dark.scale = true in the recipe scales them"
        if not near:
            remedy = "they hold the bias, or have no exposure, so they cannot be scaled"
        reason = f"no dark of {EXPOSURE} (there are darks of {there}), {NO_DARK}"
        return bias, None, None, (*missing, reason if recipe.dark.scale and near else f"{reason}; {remedy}")


def _exptime(dark: Calibrator) -> float:
    return dark.exptime


def _stated_level(frame: Frame, recipe: NightRecipe) -> float | None:
    """Return the level without light that the recipe states for frames which nothing else tells; one for all readouts is none."""
    return None if frame.has_overscan or frame.readouts else recipe.bias.level


def _of_temperature(masters: Sequence[Calibrator], frame: Frame, recipe: NightRecipe) -> list[Calibrator]:
    """Return the masters within the tolerance of a frame's temperature, those of the night and the nearest first.

    Where the frame or a master has none, it is not compared.
    """
    own = frame.temperature
    away = [
        0.0
        if own is None
        else math.inf
        if one.temperature is None
        else abs(one.temperature.value - own.value)
        for one in masters
    ]
    fitting = [
        (one.is_given, distance, number)
        for number, (one, distance) in enumerate(zip(masters, away, strict=True))
        if one.temperature is None or distance <= recipe.setup.temperature
    ]
    return [masters[number] for *_, number in sorted(fitting)]


def _other_temperature(masters: Sequence[Calibrator], recipe: NightRecipe) -> str:
    there = dict.fromkeys(f"{one.temperature.value:.3g}" for one in masters if one.temperature)
    return (
        f" (there are some of {', '.join(there)}, and setup.temperature of the recipe allows a difference of "
        f"{recipe.setup.temperature:g})"
    )


def equal_exposures(one: float, two: float, tolerance: float) -> bool:
    """Return whether two exposure times differ by at most the fraction `tolerance` of the longer one.

    >>> equal_exposures(150.04, 150.0, 0.01), equal_exposures(150.0, 120.0, 0.01)
    (True, False)
    """
    return abs(one - two) <= tolerance * max(one, two)


def clustered(frames: Iterable[Frame], tolerance: float) -> list[tuple[float, tuple[Frame, ...]]]:
    """Group frames by exposure time, shortest first.

    A time within `tolerance` of the first one of a group belongs to that group.
    """
    groups: list[tuple[float, list[Frame]]] = []
    for frame in sorted(frames, key=lambda item: item.exptime or 0.0):
        exptime = frame.exptime or 0.0
        if groups and equal_exposures(groups[-1][0], exptime, tolerance):
            groups[-1][1].append(frame)
        else:
            groups.append((exptime, [frame]))
    return [(exptime, tuple(sorted(members, key=lambda item: item.file))) for exptime, members in groups]


def by_temperature(
    frames: Iterable[Frame], tolerance: float
) -> list[tuple[Temperature | None, tuple[Frame, ...]]]:
    """Group frames by temperature, the coldest first, with the mean temperature of each group.

    A temperature within `tolerance` of the first one of a group belongs to that group. Frames without one
    belong to the only group, and are one of their own where there are several.
    """
    groups: list[list[tuple[Temperature, Frame]]] = []
    frames = tuple(frames)
    unknown = [frame for frame in frames if frame.temperature is None]
    known = [(frame.temperature, frame) for frame in frames if frame.temperature is not None]
    for temperature, frame in sorted(known, key=lambda pair: (pair[0].value, pair[1].file)):
        if groups and temperature.value - groups[-1][0][0].value <= tolerance:
            groups[-1].append((temperature, frame))
        else:
            groups.append([(temperature, frame)])
    found: list[tuple[Temperature | None, list[Frame]]] = [
        (
            Temperature(math.fsum(one.value for one, _ in pairs) / len(pairs), pairs[0][0].keyword),
            [frame for _, frame in pairs],
        )
        for pairs in groups
    ]
    if len(found) == 1:
        found = [(found[0][0], found[0][1] + unknown)]
    elif unknown:
        found.append((None, unknown))
    return [(mean, tuple(sorted(members, key=lambda item: item.file))) for mean, members in found]
