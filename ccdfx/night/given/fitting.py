"""Which given masters fit a setup, and how they take their place among those of the night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ccdfx.night import naming
from ccdfx.night.calibrators import Calibrator, Calibrators, Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.master import GivenMaster, GivenMasters, TakenPlan
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.grouping.setup import Setup, differences, setup_of
from ccdfx.night.instruments.header_facts import KnownByUnit
from ccdfx.night.words import listed

_SHOWN = 3  # differences in a sentence
_ON_DETECTOR = "window"  # trimming changes the cards of this setting


@dataclass(frozen=True, slots=True)
class Candidates:
    """The given masters that fit one setup, and the end of the names of its files."""

    setup: Setup
    masters: tuple[GivenMaster, ...] = ()
    tag: str = ""

    def join(self, known: Calibrators, kind: str) -> Calibrators:
        """Add the masters of a kind behind those of the night: one of the night goes first wherever it fits."""
        masters = [one for one in self.masters if one.frame.kind == kind]
        if kind == "flat":
            first = {
                one.frame.filter: one for one in reversed(masters) if one.frame.filter not in known.flats
            }
            masters = list(first.values())
            files = self._files(known.flats.values(), masters)
            known = replace(known, flats={**dict(zip(first, files, strict=True)), **known.flats})
        elif kind == "dark":
            files = self._files([one.file for one in known.darks], masters)
            known = replace(known, darks=(*known.darks, *map(_calibrator, files, masters)))
        else:
            files = self._files([one.file for one in known.biases], masters)
            known = replace(known, biases=(*known.biases, *map(_calibrator, files, masters)))
        plans = {file: self._plan(file, one) for file, one in zip(files, masters, strict=True)}
        return replace(known, given={**known.given, **plans})

    def _plan(self, file: str, master: GivenMaster) -> TakenPlan:
        frame = master.frame
        degrees = frame.temperature
        return TakenPlan(
            kind=str(frame.kind),
            setup=self.setup,
            file=file,
            master=master,
            filter=frame.filter if frame.kind == "flat" else None,
            exptime=frame.exptime if frame.kind == "dark" else None,
            temperature=None if degrees is None or frame.kind == "flat" else degrees.value,
        )

    def _files(self, own: Iterable[str], masters: Sequence[GivenMaster]) -> list[str]:
        """Make names of files like those of the night, and unlike those that there are."""
        there = [file.removeprefix("masters/").removesuffix(f"{self.tag}.fits") for file in own]
        stems = naming.unique([*there, *(_stem(one, masters) for one in masters)])[len(there) :]
        return [f"masters/{stem}{self.tag}.fits" for stem in stems]


def _calibrator(file: str, master: GivenMaster) -> Calibrator:
    frame = master.frame
    holds_bias = frame.kind == "dark" and master.holds_bias
    return Calibrator(file, frame.exptime or 0.0, frame.temperature, holds_bias=holds_bias, is_given=True)


def fitting(masters: GivenMasters, setup: Setup, frames: Iterable[Frame], tag: str) -> Candidates:
    """Return the given masters that nothing in a setup contradicts, in the order given."""
    frames = tuple(frames)
    return Candidates(setup, tuple(one for one in masters if not contradictions(one, setup, frames)), tag)


def taken_for(uses: Iterable[Use], candidates: Iterable[Mapping[str, TakenPlan]]) -> tuple[TakenPlan, ...]:
    """Return those of the candidates that are used."""
    needed = {file for use in uses for file in use.masters}
    return tuple(item for plans in candidates for file, item in plans.items() if file in needed)


def contradictions(master: GivenMaster, setup: Setup, frames: Iterable[Frame]) -> tuple[str, ...]:
    """Describe in what a master contradicts a setup; what its header does not tell contradicts nothing.

    Exposure time and temperature are compared where a frame looks for its master.

    Parameters
    ----------
    master : GivenMaster
    setup : Setup
    frames : iterable of Frame
        Of the setup.
    """
    frame = master.frame
    if frame.instrument != setup.instrument:
        return (f"instrument ({frame.instrument}, not {setup.instrument})",)
    found = []
    if frame.shape not in (setup.data.shape, setup.shape):
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (frame.shape or (0, 0), setup.data.shape)]
        found.append(f"size ({sizes[0]}, not {sizes[1]})")
    elif frame.shape == setup.data.shape and master.window not in (None, setup.data):
        window = master.window.to_fits() if master.window else "none"
        found.append(f"exposed section ({window}, not {setup.data.to_fits()})")
    expected = setup.colours if frame.shape == setup.shape else _trimmed_colours(setup)
    if None not in (frame.colours, expected) and frame.colours != expected:
        found.append(f"colours ({frame.colours}, not {expected})")
    own = setup_of(frame)
    settings = tuple(one for one in own.settings if one.name != _ON_DETECTOR)
    like = replace(
        setup,
        gain=own.gain,
        settings=settings,
        binning=own.binning if master.has_binning else setup.binning,
    )
    found += differences(setup, like)
    found += _of_light(master, setup, tuple(frames))
    return tuple(found)


def _trimmed_colours(setup: Setup) -> str | None:
    pattern = pattern_of(setup)
    return setup.colours if pattern is None else pattern.letters


def _of_light(master: GivenMaster, setup: Setup, frames: Sequence[Frame]) -> Iterable[str]:
    """Describe in what the level without light, unit and telescope contradict the frames of a setup."""
    kind = master.frame.kind
    if kind == "bias" or (kind == "dark" and master.holds_bias):
        if setup.has_overscan and not master.overscan and not keeps_overscan(master, setup):
            yield "level (its overscan was not subtracted, and that of the frames is)"
        if not setup.has_overscan and master.overscan:
            yield "level (its overscan was subtracted, and the frames have none)"
    counted = any(isinstance(frame.gain, KnownByUnit) or frame.readouts for frame in frames)
    if kind != "flat" and master.electrons and not counted:
        yield "unit (electron, not adu: divide it by the gain)"
    if kind != "flat" and setup.readouts and not master.electrons:
        yield "unit (adu, not electron: these frames are assembled of readouts of different gains)"
    telescopes = {
        " ".join(str(frame.header["TELESCOP"]).split()).casefold()
        for frame in frames
        if frame.kind == "science" and frame.header.get("TELESCOP")
    }
    if kind == "flat" and master.telescope and telescopes and master.telescope not in telescopes:
        yield f"telescope ({master.telescope}, not {', '.join(sorted(telescopes))})"


def keeps_overscan(master: GivenMaster, setup: Setup) -> bool:
    """Return whether a master of the size of raw frames has the level of its overscan still in it."""
    return setup.overscan is not None and master.overscan is False and master.frame.shape == setup.shape


def untold(master: GivenMaster, setup: Setup) -> tuple[str, ...]:
    """Return the properties of a setup that the header of a master does not tell, so that they were not compared."""
    own = setup_of(master.frame)
    names = {one.name for one in own.settings}
    found = ["binning"] if setup.binning != (1, 1) and not master.has_binning else []
    found += ["gain"] if setup.gain is not None and own.gain is None else []
    found += [one.name for one in setup.settings if one.name not in names and one.name != _ON_DETECTOR]
    if master.frame.kind == "flat" and master.frame.filter is None:
        found.append("filter")
    return tuple(found)


def given_warnings(
    masters: GivenMasters, groups: Mapping[Setup, Sequence[Frame]], taken: Iterable[TakenPlan]
) -> tuple[str, ...]:
    """Describe which given masters fit no setup, and what was not compared in those that are taken, each once."""
    files: dict[str, list[GivenMaster]] = {}
    for master in masters:
        files.setdefault(master.frame.file, []).append(master)
    said: dict[str, list[str]] = {}
    for several in files.values():
        different = [
            contradictions(one, setup, frames) for setup, frames in groups.items() for one in several
        ]
        if different and all(different):
            least = " and ".join(min(different, key=len)[:_SHOWN])
            text = f"masters that are given fit no frames of the night, they differ in {least}"
            said.setdefault(text, []).append(several[0].name)
    for item in taken:
        names = untold(item.master, item.setup)
        if names:
            text = f"masters are taken whose headers do not tell {', '.join(names)} of {item.setup.label}"
            said.setdefault(text, []).append(item.master.name)
    return (*masters.remarks, *(f"{text}: {listed(names)}" for text, names in said.items()))


def _stem(master: GivenMaster, masters: Sequence[GivenMaster]) -> str:
    """Make the name of a master like that of one of the night, with the temperature where several differ in it."""
    frame = master.frame
    if frame.kind == "flat":
        return f"flat_{naming.slug(frame.filter) if frame.filter else 'nofilter'}"
    alike = [
        one.frame.temperature for one in masters if one.frame.exptime == frame.exptime or frame.kind == "bias"
    ]
    several = len({one and round(one.value) for one in alike}) > 1
    degrees = f"_{naming.degrees(frame.temperature.value)}" if frame.temperature and several else ""
    return (
        f"dark_{naming.seconds(frame.exptime or 0.0)}{degrees}" if frame.kind == "dark" else f"bias{degrees}"
    )
