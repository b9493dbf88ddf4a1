"""Matching of frames by header metadata: setups, and the calibration frames that fit each frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ccdfx.night.scan import Frame
from ccdfx.night.settings import NightRecipe
from ccdfx.records.range import Range


@dataclass(frozen=True, slots=True)
class Setup:
    """A camera in one configuration; frames are calibrated only by frames of the same setup."""

    instrument: str
    shape: tuple[int, int]
    binning: tuple[int, int]
    gain: float | None
    overscan: Range | None
    data: Range

    @property
    def label(self) -> str:
        """Description for messages: ``nickel, 1056 x 1024, binned 2 x 2``."""
        ny, nx = self.shape
        parts = [self.instrument, f"{nx} x {ny}"]
        if self.binning != (1, 1):
            parts.append(f"binned {self.binning[0]} x {self.binning[1]}")
        if self.gain is not None:
            parts.append(f"gain {self.gain:g}")
        parts.append(f"overscan {self.overscan.to_fits()}" if self.overscan else "no overscan")
        return ", ".join(parts)

    @property
    def tag(self) -> str:
        """Short form for file names, not always unique."""
        ny, nx = self.shape
        return f"{self.instrument.replace('_', '-')}-{nx}x{ny}-{self.binning[0]}x{self.binning[1]}"


def setup_of(frame: Frame) -> Setup:
    """Return the configuration of a frame whose header could be read."""
    shape = frame.shape or (0, 0)
    gain = None if frame.gain is None else frame.gain.value
    name = frame.instrument or ""
    return Setup(name, shape, frame.binning or (1, 1), gain, frame.overscan, frame.data or Range.whole(shape))


def groups_of(frames: Iterable[Frame]) -> dict[Setup, list[Frame]]:
    """Group frames by setup; frames without gain join the only setup that differs by nothing else."""
    groups: dict[Setup, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(setup_of(frame), []).append(frame)
    for setup in [setup for setup in groups if setup.gain is None]:
        alike = [other for other in groups if other is not setup and replace(other, gain=None) == setup]
        if len(alike) == 1:
            together = groups.pop(setup) + groups[alike[0]]
            groups[alike[0]] = sorted(together, key=lambda frame: frame.file)
    return groups


_APPLIED = ("bias", "dark", "flat")
NO_LEVEL = (
    "neither an overscan nor a bias tells the level without light, above which photons are counted, so no "
    "noise is predicted, there is no variance, and no cosmic rays are masked in single frames"
)


@dataclass(frozen=True, slots=True)
class Use:
    """How one frame is calibrated: the files of its masters (None: not applied), and what is missing.

    `dark_scale` is the factor for a dark of another exposure time; `missing` are the texts of warnings.
    """

    frame: Frame
    bias: str | None = None
    dark: str | None = None
    dark_scale: float | None = None
    flat: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def masters(self) -> tuple[str, ...]:
        """The files of the masters."""
        return tuple(name for kind in _APPLIED if (name := getattr(self, kind)) is not None)

    @property
    def nothing(self) -> bool:
        """Whether neither a master nor an overscan is available for the frame."""
        return not self.masters and self.frame.overscan is None

    def describe(self) -> str:
        """Describe the frame and the calibration applied to it, for messages."""
        frame = self.frame
        exposure = None if frame.exptime is None else f"{frame.exptime:g} s"
        named = frame.object if frame.kind == "science" else None
        band = frame.filter if frame.kind in ("flat", "science") else None
        what = ", ".join(str(part) for part in (frame.file, named, band, exposure) if part is not None)
        names = {kind: getattr(self, kind).rpartition("/")[2] for kind in _APPLIED if getattr(self, kind)}
        if self.dark_scale is not None and self.dark:
            names["dark"] += f" x {self.dark_scale:.4g}"
        less = ["overscan"] if frame.overscan is not None else []
        less += [names[kind] for kind in ("bias", "dark") if kind in names]
        done = [f"subtract {', '.join(less)}"] if less else []
        done += [f"divide by {names['flat']}"] if "flat" in names else []
        return "; ".join([what, *done]) if done else f"{what}; as it is"


@dataclass(frozen=True, slots=True)
class Calibrators:
    """Masters of one setup: bias file, darks as (exposure time, file), flats by filter."""

    bias: str | None
    darks: tuple[tuple[float, str], ...]
    flats: dict[str | None, str]

    def for_dark(self, frame: Frame) -> Use:
        """Select the calibration of a dark: bias only."""
        return Use(frame, bias=self.bias, missing=(*self._no_bias(), *self._no_level(frame)))

    def for_flat(self, frame: Frame, recipe: NightRecipe) -> Use:
        """Select the calibration of a flat: bias, and dark of its exposure time."""
        dark, scale, missing = self._dark(frame.exptime or 0.0, recipe)
        return Use(frame, self.bias, dark, scale, None, (*missing, *self._no_level(frame)))

    def for_science(self, frame: Frame, recipe: NightRecipe) -> Use:
        """Select the calibration of a science frame: bias, dark of its exposure time, flat of its filter."""
        dark, scale, missing = self._dark(frame.exptime or 0.0, recipe)
        flat = self.flats.get(frame.filter)
        if flat is None:
            filters = ", ".join(str(name or "none") for name in self.flats)
            there = f" (there are flats of filter {filters})" if filters else ""
            wanted = f"of filter {frame.filter}" if frame.filter else "without a filter"
            missing = (*missing, f"no flat {wanted}{there}, so there is no division by a flat")
        return Use(frame, self.bias, dark, scale, flat, (*missing, *self._no_level(frame)))

    def _no_level(self, frame: Frame) -> tuple[str, ...]:
        """Return the warning for a frame whose level without light nothing tells: photons lie above it."""
        return () if self.bias or frame.overscan is not None else (NO_LEVEL,)

    def _no_bias(self) -> tuple[str, ...]:
        return () if self.bias else ("no bias frame fits, so the bias is not subtracted",)

    def _dark(self, exptime: float, recipe: NightRecipe) -> tuple[str | None, float | None, tuple[str, ...]]:
        """Return the dark of an exposure time, its factor where it must be scaled, and what is missing.

        Without bias frames a dark still contains the bias: it fits only its own exposure time and cannot be
        scaled.
        """
        for seconds, name in self.darks:
            if equal_exposures(seconds, exptime, recipe.dark.tolerance):
                return name, None, ()
        if not self.darks:
            return None, None, (*self._no_bias(), "no dark frame fits, so the dark current is not subtracted")
        if recipe.dark.scale and self.bias and exptime > 0:
            near = [item for item in self.darks if item[0] > 0]
            if near:
                seconds, name = min(near, key=lambda item: abs(math.log(item[0] / exptime)))
                return name, exptime / seconds, ()
        there = ", ".join(f"{seconds:g} s" for seconds, _ in self.darks)
        reason = (
            f"no dark of {exptime:g} s (there are darks of {there}), so the dark current is not subtracted"
        )
        return None, None, (*self._no_bias(), reason)


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
