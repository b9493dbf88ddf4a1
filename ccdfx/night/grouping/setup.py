"""Setups: what must agree in frames that are combined or applied to each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.agreement import agreeing_groups
from ccdfx.night.instruments.camera_settings import CameraSetting
from ccdfx.night.naming import slug
from ccdfx.night.readouts.frames import geometry_of
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.range import Range


@dataclass(frozen=True, slots=True)
class Setup:
    """A camera in one configuration; frames are calibrated only by frames of the same setup.

    `settings` are those of the camera that its headers say, `readouts` those of its detector where it has several,
    `detector` is its name where a file holds several detectors, and `colours` the pattern of a mosaic of colour filters
    from the first pixel of the raw frames. `shown` are the names of those that tell this setup
    from others of the night; they are not compared.
    """

    instrument: str
    shape: tuple[int, int]
    binning: tuple[int, int]
    gain: float | None
    overscan: Range | None
    data: Range
    settings: tuple[CameraSetting, ...] = ()
    readouts: tuple[Readout, ...] = ()
    detector: str | None = None
    shown: tuple[str, ...] = field(default=(), compare=False)
    colours: str | None = None
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("shown",)

    @property
    def label(self) -> str:
        """Description for messages: ``nickel, 1056 x 1024, binned 2 x 2``."""
        ny, nx = self.shape
        named = self.detector and "detector" not in self.shown
        parts = [self.instrument, *([f"detector {self.detector}"] if named else []), f"{nx} x {ny}"]
        if self.binning != (1, 1):
            parts.append(f"binned {self.binning[0]} x {self.binning[1]}")
        if self.gain is not None:
            parts.append(f"gain {self.gain:g}")
        if self.colours is not None:
            parts.append(f"colours {self.colours}")
        parts += [f"{one.name} {one.text}" for one in self.settings if one.name in self.shown]
        if self.readouts:
            parts.append(f"{len(self.readouts)} readouts")
        if self.overscan or not self.has_overscan:
            parts.append(f"overscan {self.overscan.to_fits()}" if self.overscan else "no overscan")
        return ", ".join(parts)

    @property
    def has_overscan(self) -> bool:
        """Whether an overscan tells the level of all pixels."""
        return self.overscan is not None or (bool(self.readouts) and all(one.bias for one in self.readouts))

    @property
    def tag(self) -> str:
        """Short form for file names, not always unique."""
        ny, nx = self.shape
        tag = f"{self.instrument.replace('_', '-')}-{nx}x{ny}-{self.binning[0]}x{self.binning[1]}"
        return f"{tag}-{slug(self.detector)}" if self.detector else tag


def setup_of(frame: Frame) -> Setup:
    """Return the configuration of a frame whose header could be read."""
    shape = frame.shape or (0, 0)
    # Programs write it to various digits.
    gain = None if frame.gain is None else float(f"{frame.gain.value:.4g}")
    data = frame.data or Range.whole(shape)
    binning = frame.binning or (1, 1)
    return Setup(
        frame.instrument or "",
        shape,
        binning,
        gain,
        frame.overscan,
        data,
        frame.settings,
        geometry_of(frame.readouts),
        frame.detector,
        colours=frame.colours,
    )


def groups_of(frames: Iterable[Frame]) -> dict[Setup, list[Frame]]:
    """Group frames by setup, in the order of the first frame of each.

    A frame whose header lacks the gain, a setting or the pattern of colours joins the frames that differ in nothing else, unless these
    differ among themselves in what it lacks.
    """
    alike: dict[Setup, list[tuple[int, Frame]]] = {}
    for number, frame in enumerate(frames):
        alike.setdefault(replace(setup_of(frame), gain=None, settings=(), colours=None), []).append(
            (number, frame)
        )
    found = [
        (members[0][0], _joined(setup, [frame for _, frame in members]), [frame for _, frame in members])
        for setup, numbered in alike.items()
        for _, members in agreeing_groups(numbered, lambda pair: _properties(setup_of(pair[1])))
    ]
    found.sort(key=_place)
    shown = _telling([setup for _, setup, _ in found])
    return {replace(setup, shown=shown): members for _, setup, members in found}


def differences(one: Setup, two: Setup) -> tuple[str, ...]:
    """Describe each property in which two setups differ, with both values; what one lacks is not compared.

    >>> one = Setup("iraf", (9, 9), (1, 1), None, None, Range(0, 9, 0, 9))
    >>> differences(one, replace(one, shape=(4, 9), gain=2.0))
    ('size (9 x 4, not 9 x 9)',)
    """
    found = []
    for name, first, second in (
        ("instrument", one.instrument, two.instrument),
        ("size", f"{one.shape[1]} x {one.shape[0]}", f"{two.shape[1]} x {two.shape[0]}"),
        ("binning", "{} x {}".format(*one.binning), "{} x {}".format(*two.binning)),
        ("overscan section", _section(one.overscan), _section(two.overscan)),
        ("exposed section", _section(one.data), _section(two.data)),
        ("detector", one.detector or "one", two.detector or "one"),
        ("readouts", _readouts(one), _readouts(two)),
    ):
        if first != second:
            found.append(f"{name} ({second}, not {first})")
    if None not in (one.gain, two.gain) and one.gain != two.gain:
        found.append(f"gain ({two.gain:g} e-/ADU, not {one.gain:g})")
    if None not in (one.colours, two.colours) and one.colours != two.colours:
        found.append(f"colours ({two.colours}, not {one.colours})")
    others = {setting.name: setting for setting in two.settings}
    for setting in one.settings:
        other = others.get(setting.name, setting)
        if other != setting:
            found.append(f"{setting.name} ({other.keyword} = {other.text}, not {setting.text})")
    return tuple(found)


def nearest_difference(setup: Setup, others: Iterable[Setup]) -> str | None:
    """Describe how the other setup that differs in the fewest properties differs; None without another."""
    found = sorted(filter(None, (differences(setup, other) for other in others)), key=len)
    return None if not found else " and ".join(found[0])


def _properties(setup: Setup) -> dict[str, Hashable]:
    gain = {} if setup.gain is None else {"gain": setup.gain}
    colours = {} if setup.colours is None else {"colours": setup.colours}
    return {**gain, **colours, **{setting.name: setting.value for setting in setup.settings}}


def _joined(setup: Setup, members: list[Frame]) -> Setup:
    """Return the setup with the gain, the settings and the pattern of colours that any of its frames has."""
    gains = [gain for frame in members if (gain := setup_of(frame).gain) is not None]
    settings = {setting.name: setting for frame in reversed(members) for setting in frame.settings}
    ordered = tuple(settings[name] for name in sorted(settings))
    colours = next((frame.colours for frame in members if frame.colours is not None), None)
    return replace(setup, gain=gains[0] if gains else None, settings=ordered, colours=colours)


def _telling(setups: list[Setup]) -> tuple[str, ...]:
    """Return the names of the settings in which some setups differ."""
    values: dict[str, set[str]] = {}
    for setup in setups:
        for setting in setup.settings:
            values.setdefault(setting.name, set()).add(setting.value)
    return tuple(name for name, different in values.items() if len(different) > 1)


def _place(group: tuple[int, object, object]) -> int:
    return group[0]


def _readouts(setup: Setup) -> str:
    """Describe the readouts of a setup by what is compared."""
    parts = [
        f"{one.name} {one.data.to_fits()} at {one.place.to_fits()}{'' if one.gain is None else f' gain {one.gain:g}'}"
        for one in setup.readouts
    ]
    return ", ".join(parts) or "one"


def _section(section: Range | None) -> str:
    return "none" if section is None else section.to_fits()
