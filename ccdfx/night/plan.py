"""The plan of a reduction, made from the metadata of the frames; no file is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ccdfx.night import naming
from ccdfx.night.calibrators import (
    NO_BIAS,
    Calibrator,
    Calibrators,
    Use,
    by_temperature,
    clustered,
)
from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.fitting import Candidates, fitting, given_warnings, taken_for
from ccdfx.night.given.master import GivenMasters, TakenPlan
from ccdfx.night.grouping.bands import separate_bands
from ccdfx.night.grouping.colours import Calibrated, ColourPlan, mosaic_warnings, pattern_of, plan_colours
from ccdfx.night.grouping.combined import (
    CombinePlan,
    is_combined,
    plan_combined,
    setup_warnings,
    spectra_warnings,
    subject_of,
)
from ccdfx.night.grouping.detectors import detector_warnings, refused_readouts
from ccdfx.night.grouping.parts import moment_warnings, refused_moments, told_apart
from ccdfx.night.grouping.setup import Setup, groups_of, nearest_difference
from ccdfx.night.instruments.camera_settings import Temperature
from ccdfx.night.missing import filled, missing_warnings
from ccdfx.night.plan_tree import tree_of
from ccdfx.night.readouts.frames import assembled_frame
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.tree import drawn, node, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterPlan:
    """One master frame: its kind, its inputs, and how each input is calibrated first.

    `beside` are the flats of other detectors of the camera, where one normalisation is that of all.
    """

    kind: str
    setup: Setup
    file: str
    inputs: tuple[Use, ...]
    filter: str | None = None
    exptime: float | None = None
    temperature: float | None = None
    beside: tuple[MasterPlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SciencePlan:
    """One calibrated frame; its cosmic rays are masked if the recipe says so for such a frame.

    `bad_pixels` is the file of the map that is applied. `is_split` says that images of single colours are made of it.
    """

    setup: Setup
    file: str
    use: Use
    cosmic_rays: bool = False
    bad_pixels: str | None = None
    is_split: bool = False

    @property
    def filter(self) -> str | None:
        """The filter of the frame."""
        return self.use.frame.filter

    def describe(self) -> str:
        """Describe the frame and its processing, for messages."""
        return f"{self.use.describe()}{'; mask cosmic rays' if self.cosmic_rays else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All products of a night and how they are made.

    Parameters
    ----------
    taken, masters, science, colours, combined : tuples
        In the order of processing; `taken` are masters that were given, `colours` images of the colours of mosaics.
    left_out : tuple of (Frame, reason)
        Frames that are not used.
    warnings : tuple of str
        Calibrations that are missing, and what headers say and is not used.
    mosaics : tuple of (file, files)
        Images of all detectors, and those of which they are made, as a dry run foresees them.
    """

    taken: tuple[TakenPlan, ...] = ()
    masters: tuple[MasterPlan, ...] = ()
    science: tuple[SciencePlan, ...] = ()
    colours: tuple[ColourPlan, ...] = ()
    combined: tuple[CombinePlan, ...] = ()
    left_out: tuple[tuple[Frame, str], ...] = ()
    warnings: tuple[str, ...] = ()
    mosaics: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def products(self) -> tuple[TakenPlan | MasterPlan | SciencePlan | ColourPlan | CombinePlan, ...]:
        """All products, in the order of processing."""
        return (*self.taken, *self.masters, *self.science, *self.colours, *self.combined)

    @property
    def files(self) -> tuple[str, ...]:
        """All products, relative to the output."""
        return tuple(item.file for item in self.products)

    @property
    def setups(self) -> tuple[Setup, ...]:
        """All setups with at least one master or science frame."""
        masters, science = (item.setup for item in self.masters), (item.setup for item in self.science)
        return tuple(dict.fromkeys((*masters, *science)))

    def frames_of(self, setup: Setup) -> tuple[Frame, ...]:
        """Return the raw frames of a setup: those of its masters, then the science frames."""
        inputs = [use.frame for item in self.masters if item.setup == setup for use in item.inputs]
        return (*inputs, *(item.use.frame for item in self.science if item.setup == setup))

    def without(self, setups: Collection[Setup]) -> Plan:
        """Return the plan without the products of some setups."""
        kept = {
            name: tuple(item for item in getattr(self, name) if item.setup not in setups)
            for name in ("taken", "masters", "science", "colours", "combined")
        }
        return replace(self, **kept)

    @property
    def bare(self) -> Plan:
        """The plan of the raw frames of the night, without what is only told."""
        return replace(self, warnings=(), left_out=(), taken=())

    @property
    def given(self) -> tuple[Frame, ...]:
        """The files of masters that are taken."""
        return tuple(dict.fromkeys(item.master.frame for item in self.taken))

    def tree(self) -> list[dict[str, Any]]:
        """Return the plan as a tree: a list of ``{"label": text, "children": [...]}``."""
        return tree_of(self)

    def __str__(self) -> str:
        return self.text()

    def text(self, most: int | None = None) -> str:
        """Draw the plan as a tree, shortened to at most this number of lines; the warnings follow it."""
        nodes = self.tree()
        if self.warnings:
            nodes.append(node("warnings", *map(node, self.warnings)))
        return drawn(nodes if most is None else shortened(nodes, most))


def plan_night(
    frames: Iterable[Frame],
    *,
    recipe: NightRecipe | None = None,
    masters: GivenMasters = GivenMasters(),  # noqa: B008  # immutable
) -> Plan:
    """Plan the masters of a night and the calibration of its science frames.

    Frames belong to one setup when instrument, size, binning, gain, sections and the settings of the camera
    agree. In each setup, bias frames make one master for each temperature, darks one for each exposure time
    and temperature, flats one for each filter. A frame is calibrated with bias and dark of its temperature, the
    dark of its exposure time and the flat of its filter; a missing one is a warning, and the others are
    applied. A dark of another exposure time is scaled only if the recipe allows it. A frame
    without overscan whose level without light nothing tells (no bias fits, no dark of its exposure, and no level in the
    recipe), and a science frame without any calibration, are left out; such
    science frames are taken as they are if the recipe says so (science.uncalibrated).

    Parameters
    ----------
    frames : iterable of Frame
    recipe : NightRecipe, optional
    masters : GivenMasters
        Of other nights, taken for frames that none of this night fits; see `read_given`.

    Examples
    --------
    >>> from pathlib import Path
    >>> frame = Frame(path=Path("a.fits"), file="a.fits", problem="is not an image")
    >>> print(plan_night([frame]))
    not used
    └── a.fits: is not an image
    """
    choices = recipe or NightRecipe()
    frames, apart = separate_bands(
        assembled_frame(one, overscan=choices.overscan.use) for one in told_apart(frames)
    )
    left_out = [(frame, why) for frame in frames if (why := _useless(frame))]
    groups = groups_of(frame for frame in frames if _useless(frame) is None)
    refused = {**refused_readouts(groups), **refused_moments(groups)}
    left_out += [(frame, why) for setup, why in refused.items() for frame in groups[setup]]
    groups = {setup: members for setup, members in groups.items() if setup not in refused}
    tags = [f"_{tag}" for tag in naming.unique(setup.tag for setup in groups)] if len(groups) != 1 else [""]
    parts = [
        _plan_setup(setup, groups, choices, fitting(masters, setup, groups[setup], tag))
        for setup, tag in zip(groups, tags, strict=True)
    ]
    made = tuple(chain.from_iterable(part[0] for part in parts))
    uses = [(part_setup, use) for part_setup, part in zip(groups, parts, strict=True) for use in part[1]]
    alone = {setup for setup, frames in groups.items() if not any(one.kind in _MASTERS for one in frames)}
    alone -= {item.setup for part in parts for item in part[3].values()}
    keeping = [use for setup, use in uses if use.keeps_bias and setup not in alone]
    left_out += _keeping_their_bias([*chain.from_iterable(part[2] for part in parts), *keeping])
    left_out += [
        (use.frame, _nothing_fits(setup, groups))
        for setup, use in uses
        if use.nothing and (setup in alone or not use.keeps_bias)
    ]
    good = [(setup, use) for setup, use in uses if not use.nothing]
    calibrated = [*(use for master in made for use in master.inputs), *(use for _, use in good)]
    taken = taken_for(calibrated, (part[3] for part in parts))
    stems = naming.unique(naming.stem_of(use.frame.file) for _, use in good)
    rays = choices.cosmic_rays
    exposures = Counter(
        subject_of(setup, use.frame, use.frame.filter)
        for setup, use in good
        if is_combined(use.frame, choices) or not use.frame.dispersion
    )
    science = tuple(
        SciencePlan(
            setup=setup,
            file=f"calibrated/{stem}.fits",
            use=use,
            cosmic_rays=rays.use
            and (rays.single or exposures[subject_of(setup, use.frame, use.frame.filter)] < rays.fewer_than)
            and not (use.as_is or use.frame.kind == "arc" or _has_strange_colours(setup)),
            is_split=choices.colour.products != "none" and pattern_of(setup) is not None,
        )
        for (setup, use), stem in zip(good, stems, strict=True)
    )
    warnings = missing_warnings(calibrated)
    colours = plan_colours(science, stems, choices.colour)
    align = choices.combine.use and choices.combine.align
    single_colour = (one for one in science if not (one.setup.colours and (align or pattern_of(one.setup))))
    whole = (one for one in single_colour if is_combined(one.use.frame, choices))
    to_combine: tuple[Calibrated, ...] = (*whole, *colours) if choices.combine.use else ()
    combined, single = plan_combined(to_combine)
    lost = detector_warnings(frames)
    unmoved = spectra_warnings((use.frame for _, use in good), choices)
    mosaics = mosaic_warnings(chain.from_iterable(groups.values()), choices)
    return Plan(
        taken=taken,
        masters=made,
        science=science,
        colours=colours,
        combined=combined,
        left_out=tuple(left_out),
        warnings=(
            *apart,
            *lost,
            *moment_warnings(groups),
            *mosaics,
            *given_warnings(masters, groups, taken),
            *warnings,
            *unmoved,
            *single,
            *setup_warnings(to_combine),
        ),
    )


_REMEDY = (
    "take calibration frames like it, or leave a setting that changes nothing out of the comparison ([setup] of an "
    "instrument file)"
)
_MASTERS = ("bias", "dark", "flat")
_KINDS = (*_MASTERS, "science")
_SetupPlan = tuple[list[MasterPlan], list[Use], list[Use], Mapping[str, TakenPlan]]


def _plan_setup(
    setup: Setup, groups: Mapping[Setup, list[Frame]], recipe: NightRecipe, given: Candidates
) -> _SetupPlan:
    """Plan the masters of one setup and the calibration of its science frames."""
    tag = given.tag
    kinds = {kind: [frame for frame in groups[setup] if _role(frame) == kind] for kind in _KINDS}
    elsewhere = {kind: _elsewhere(setup, kind, groups) for kind in _KINDS if not kinds[kind]}
    biases = _plan_biases(setup, kinds["bias"], recipe, tag)
    known = given.join(Calibrators(tuple(one for one, _ in biases), (), {}, elsewhere), "bias")
    darks = _plan_darks(setup, kinds["dark"], recipe, tag, known)
    known = given.join(replace(known, darks=tuple(one for one, _ in darks)), "dark")
    flats = [known.for_flat(frame, recipe) for frame in kinds["flat"]]
    usable = [use for use in flats if not use.keeps_bias]
    filters = list(dict.fromkeys(use.frame.filter for use in usable))
    flat_stems = naming.unique(naming.slug(name) if name else "nofilter" for name in filters)
    flat_files = [f"masters/flat_{stem}{tag}.fits" for stem in flat_stems]
    known = given.join(replace(known, flats=dict(zip(filters, flat_files, strict=True))), "flat")
    masters = [master for _, master in (*biases, *darks)]
    for name, file in zip(filters, flat_files, strict=True):
        inputs = tuple(use for use in usable if use.frame.filter == name)
        masters.append(MasterPlan(kind="flat", setup=setup, file=file, inputs=inputs, filter=name))
    unused = [use for use in flats if use.keeps_bias]
    science = [known.for_science(frame, recipe) for frame in kinds["science"]]
    if recipe.science.uncalibrated:
        science = [use.uncalibrated if use.nothing else use for use in science]
    return masters, science, unused, known.given


def _role(frame: Frame) -> str | None:
    """Return the kind by which a frame is calibrated: an arc is as a science frame."""
    return "science" if frame.kind == "arc" else frame.kind


_Planned = list[tuple[Calibrator, MasterPlan]]


def _plan_biases(setup: Setup, frames: list[Frame], recipe: NightRecipe, tag: str) -> _Planned:
    """Plan one master bias for each temperature."""
    groups = by_temperature(frames, recipe.setup.temperature)
    several = len(groups) > 1
    stems = naming.unique(f"bias{_degrees(mean) if several else ''}" for mean, _ in groups)
    planned = []
    for (mean, members), stem in zip(groups, stems, strict=True):
        file = f"masters/{stem}{tag}.fits"
        inputs = tuple(map(Use, members))
        master = MasterPlan(
            kind="bias", setup=setup, file=file, inputs=inputs, temperature=mean.value if mean else None
        )
        planned.append((Calibrator(file, temperature=mean), master))
    return planned


def _plan_darks(
    setup: Setup, frames: list[Frame], recipe: NightRecipe, tag: str, known: Calibrators
) -> _Planned:
    """Plan one master dark for each exposure time, and for each temperature where there are several."""
    groups = [
        (exptime, mean, members, len(parts) > 1)
        for exptime, together in clustered(frames, recipe.dark.tolerance)
        for parts in [by_temperature(together, recipe.setup.temperature)]
        for mean, members in parts
    ]
    stems = naming.unique(
        naming.seconds(exptime) + (_degrees(mean) if several else "") for exptime, mean, _, several in groups
    )
    planned = []
    for (exptime, mean, members, _), stem in zip(groups, stems, strict=True):
        file = f"masters/dark_{stem}{tag}.fits"
        first = known.for_dark(replace(members[0], temperature=mean), recipe)  # one bias for all of a master
        uses = tuple(replace(first, frame=frame) for frame in members)
        master = MasterPlan(
            kind="dark",
            setup=setup,
            file=file,
            inputs=uses,
            exptime=exptime,
            temperature=mean.value if mean else None,
        )
        planned.append(
            (Calibrator(file, exptime, mean, holds_bias=first.bias is None and first.level is None), master)
        )
    return planned


def _degrees(mean: Temperature | None) -> str:
    return "_unknown" if mean is None else f"_{naming.degrees(mean.value)}"


def _elsewhere(setup: Setup, kind: str, groups: Mapping[Setup, list[Frame]]) -> str:
    """Return how the frames of a kind in other setups differ, as a part of a sentence; "" without any."""
    others = [other for other, members in groups.items() if any(frame.kind == kind for frame in members)]
    reason = nearest_difference(setup, others)
    return f" (those there are differ in {reason})" if reason else ""


def _nothing_fits(setup: Setup, groups: Mapping[Setup, list[Frame]]) -> str:
    others = [other for other, members in groups.items() if any(one.kind in _MASTERS for one in members)]
    reason = nearest_difference(setup, others)
    text = "has no overscan, and no bias, dark or flat fits it"
    return f"{text}: those there are differ in {reason}; {_REMEDY}" if reason else text


def _keeping_their_bias(uses: list[Use]) -> list[tuple[Frame, str]]:
    """Return the frames whose level without light is not known, with one reason for many."""
    alike: dict[str, list[Frame]] = {}
    for use in uses:
        alike.setdefault(use.missing[0], []).append(use.frame)
    return [
        (frame, f"has no overscan, and {filled(reason, frames).removesuffix(NO_BIAS)}")
        for reason, frames in alike.items()
        for frame in frames
    ]


def _has_strange_colours(setup: Setup) -> bool:
    return setup.colours is not None and pattern_of(setup) is None


def _useless(frame: Frame) -> str | None:
    if frame.problem is not None:
        return frame.problem
    return "is neither a calibration nor a science frame" if frame.kind == "other" else None
