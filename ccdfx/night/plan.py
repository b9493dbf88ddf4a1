"""The plan of a reduction, made from the metadata of the frames; no file is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ccdfx.night import naming
from ccdfx.night.calibrators import Calibrators, Setup, Use, clustered, groups_of
from ccdfx.night.scan import Frame
from ccdfx.night.settings import NightRecipe
from ccdfx.night.words import counted, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterPlan:
    """One master frame: its kind, its inputs, and how each input is calibrated first."""

    kind: str
    setup: Setup
    file: str
    inputs: tuple[Use, ...]
    filter: str | None = None
    exptime: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SciencePlan:
    """One calibrated frame; its cosmic rays are masked if the recipe says so for such a frame."""

    setup: Setup
    file: str
    use: Use
    cosmic_rays: bool = False

    def describe(self) -> str:
        """Describe the frame and its processing, for messages."""
        return f"{self.use.describe()}{'; mask cosmic rays' if self.cosmic_rays else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinePlan:
    """One combined frame; `inputs` are files of calibrated frames."""

    setup: Setup
    file: str
    object: str
    filter: str | None
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All products of a night and how they are made.

    Parameters
    ----------
    masters, science, combined : tuples
        In the order of processing.
    left_out : tuple of (Frame, reason)
        Frames that are not used.
    warnings : tuple of str
        Calibrations that are missing.
    """

    masters: tuple[MasterPlan, ...] = ()
    science: tuple[SciencePlan, ...] = ()
    combined: tuple[CombinePlan, ...] = ()
    left_out: tuple[tuple[Frame, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All products, relative to the output."""
        masters, science = (item.file for item in self.masters), (item.file for item in self.science)
        return (*masters, *science, *(item.file for item in self.combined))

    @property
    def setups(self) -> tuple[Setup, ...]:
        """All setups with at least one master or science frame."""
        masters, science = (item.setup for item in self.masters), (item.setup for item in self.science)
        return tuple(dict.fromkeys((*masters, *science)))

    def tree(self) -> list[dict[str, Any]]:
        """Return the plan as a tree: a list of ``{"label": text, "children": [...]}``."""
        nodes = [_node(setup.label, *self._under(setup)) for setup in self.setups]
        if self.left_out:
            nodes.append(_node("not used", *(_node(f"{frame.file}: {why}") for frame, why in self.left_out)))
        return nodes

    def _under(self, setup: Setup) -> Iterator[dict[str, Any]]:
        for master in self.masters:
            if master.setup == setup:
                count = counted(len(master.inputs), f"{master.kind} frame")
                yield _node(f"{master.file}: {count}{_of(master)}", *map(_input, master.inputs))
        science = [item for item in self.science if item.setup == setup]
        if science:
            label = f"calibrated: {counted(len(science), 'science frame')}"
            yield _node(label, *(_node(f"{item.file}: {item.describe()}") for item in science))
        for item in self.combined:
            if item.setup == setup:
                label = (
                    f"{item.file}: {len(item.inputs)} frames of {item.object}, filter {item.filter or 'none'}"
                )
                yield _node(label, *(_node(file) for file in item.inputs))

    def __str__(self) -> str:
        nodes = self.tree()
        if self.warnings:
            nodes.append(_node("warnings", *map(_node, self.warnings)))
        return "\n".join(chain.from_iterable(_drawn(node, "", "") for node in nodes))


def plan_night(frames: Iterable[Frame], *, recipe: NightRecipe | None = None) -> Plan:
    """Plan the masters of a night and the calibration of its science frames.

    Frames belong to one setup when instrument, size, binning, gain and sections agree. In each setup, bias
    frames make one master, darks one for each exposure time, flats one for each filter. A frame is calibrated
    with the dark of its exposure time and the flat of its filter; a missing one is a warning, and the others
    are applied. A dark of another exposure time is scaled only if the recipe allows it. A science frame
    without any calibration is left out.

    Parameters
    ----------
    frames : iterable of Frame
    recipe : NightRecipe, optional

    Examples
    --------
    >>> from pathlib import Path
    >>> frame = Frame(path=Path("a.fits"), file="a.fits", problem="is not an image")
    >>> print(plan_night([frame]))
    not used
    └── a.fits: is not an image
    """
    choices = recipe or NightRecipe()
    frames = tuple(frame if choices.overscan.use else replace(frame, overscan=None) for frame in frames)
    left_out = [(frame, why) for frame in frames if (why := _useless(frame))]
    groups = groups_of(frame for frame in frames if _useless(frame) is None)
    tags = naming.unique(setup.tag for setup in groups)
    parts = [
        _plan_setup(setup, members, choices, f"_{tag}" if len(groups) > 1 else "")
        for (setup, members), tag in zip(groups.items(), tags, strict=True)
    ]
    masters = tuple(chain.from_iterable(part[0] for part in parts))
    uses = [(part_setup, use) for part_setup, part in zip(groups, parts, strict=True) for use in part[1]]
    left_out += [
        (use.frame, "has no overscan, and no bias, dark or flat fits it") for _, use in uses if use.nothing
    ]
    good = [(setup, use) for setup, use in uses if not use.nothing]
    stems = naming.unique(naming.stem_of(use.frame.file) for _, use in good)
    rays = choices.cosmic_rays
    exposures = Counter(_subject(setup, use.frame) for setup, use in good)
    science = tuple(
        SciencePlan(
            setup=setup,
            file=f"calibrated/{stem}.fits",
            use=use,
            cosmic_rays=rays.use and (rays.single or exposures[_subject(setup, use.frame)] < rays.fewer_than),
        )
        for (setup, use), stem in zip(good, stems, strict=True)
    )
    warnings = _warnings([*(use for master in masters for use in master.inputs), *(use for _, use in good)])
    combined, single = _combined(science) if choices.combine.use else ((), ())
    return Plan(
        masters=masters,
        science=science,
        combined=combined,
        left_out=tuple(left_out),
        warnings=(*warnings, *single),
    )


_SetupPlan = tuple[list[MasterPlan], list[Use]]


def _plan_setup(setup: Setup, frames: list[Frame], recipe: NightRecipe, tag: str) -> _SetupPlan:
    """Plan the masters of one setup and the calibration of its science frames."""
    kinds = {
        kind: [frame for frame in frames if frame.kind == kind]
        for kind in ("bias", "dark", "flat", "science")
    }
    darks = clustered(kinds["dark"], recipe.dark.tolerance)
    dark_stems = naming.unique(naming.seconds(exptime) for exptime, _ in darks)
    dark_files = [f"masters/dark_{stem}{tag}.fits" for stem in dark_stems]
    filters = list(dict.fromkeys(frame.filter for frame in kinds["flat"]))
    flat_stems = naming.unique(naming.slug(name) if name else "nofilter" for name in filters)
    flat_files = [f"masters/flat_{stem}{tag}.fits" for stem in flat_stems]
    bias = f"masters/bias{tag}.fits" if kinds["bias"] else None
    known = Calibrators(
        bias,
        tuple((exptime, file) for (exptime, _), file in zip(darks, dark_files, strict=True)),
        dict(zip(filters, flat_files, strict=True)),
    )
    masters = []
    if bias:
        masters.append(MasterPlan(kind="bias", setup=setup, file=bias, inputs=tuple(map(Use, kinds["bias"]))))
    for (exptime, members), file in zip(darks, dark_files, strict=True):
        inputs = tuple(known.for_dark(frame) for frame in members)
        masters.append(MasterPlan(kind="dark", setup=setup, file=file, inputs=inputs, exptime=exptime))
    for name, file in zip(filters, flat_files, strict=True):
        inputs = tuple(known.for_flat(frame, recipe) for frame in kinds["flat"] if frame.filter == name)
        masters.append(MasterPlan(kind="flat", setup=setup, file=file, inputs=inputs, filter=name))
    return masters, [known.for_science(frame, recipe) for frame in kinds["science"]]


def _useless(frame: Frame) -> str | None:
    if frame.problem is not None:
        return frame.problem
    return "is neither a calibration nor a science frame" if frame.kind == "other" else None


_Subject = tuple[Setup, str, str | None]


def _subject(setup: Setup, frame: Frame) -> _Subject:
    """Return the key of frames to be combined; a frame that cannot be combined has a key of its own."""
    alone = not (frame.object and frame.exptime)
    return setup, frame.file if alone else str(frame.object).casefold(), frame.filter


def _combined(science: tuple[SciencePlan, ...]) -> tuple[tuple[CombinePlan, ...], tuple[str, ...]]:
    """Plan the combination of two or more frames of one object and filter; single frames are final.

    A frame without exposure time cannot be scaled to the level of others, so it is not combined.
    """
    groups: dict[_Subject, list[SciencePlan]] = {}
    nameless = [item.use.frame.file for item in science if not item.use.frame.object]
    timeless = [item.use.frame.file for item in science if not item.use.frame.exptime]
    for item in science:
        if item.use.frame.object and item.use.frame.exptime:
            groups.setdefault(_subject(item.setup, item.use.frame), []).append(item)
    several = [(key, members) for key, members in groups.items() if len(members) > 1]
    names = [str(members[0].use.frame.object) for _, members in several]
    stems = naming.unique(
        f"{naming.slug(name)}_{naming.slug(key[2]) if key[2] else 'nofilter'}"
        for name, (key, _) in zip(names, several, strict=True)
    )
    plans = tuple(
        CombinePlan(
            setup=key[0],
            file=f"combined/{stem}.fits",
            object=name,
            filter=key[2],
            inputs=tuple(item.file for item in members),
        )
        for name, stem, (key, members) in zip(names, stems, several, strict=True)
    )
    single = [f"no name of an object, so not combined: {listed(nameless)}"] if len(nameless) > 1 else []
    single += [f"an exposure time of 0, so not combined: {listed(timeless)}"] if timeless else []
    return plans, tuple(single)


def _warnings(uses: list[Use]) -> tuple[str, ...]:
    """Write one warning per missing calibration, with the files of the frames concerned."""
    missing: dict[str, list[str]] = {}
    for use in uses:
        for reason in use.missing:
            missing.setdefault(reason, []).append(use.frame.file)
    return tuple(f"{reason}: {listed(files)}" for reason, files in missing.items())


def _of(master: MasterPlan) -> str:
    if master.kind == "flat":
        return f", filter {master.filter or 'none'}"
    return f" of {master.exptime:g} s" if master.exptime is not None else ""


def _node(label: str, *children: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "children": list(children)}


def _input(use: Use) -> dict[str, Any]:
    return _node(use.describe())


def _drawn(node: dict[str, Any], first: str, rest: str) -> Iterator[str]:
    yield first + node["label"]
    children = node["children"]
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _drawn(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
