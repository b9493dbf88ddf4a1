"""Which calibrated frames are combined: those of one object and filter, of mosaics those of one colour; spectra are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from ccdfx.night import naming
from ccdfx.night.calibrators import Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.colours import Calibrated, ColourPlan
from ccdfx.night.grouping.setup import Setup, differences
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.words import listed

Subject = tuple[Setup, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinePlan:
    """One combined frame; `inputs` are files of calibrated frames, `uses` how each was calibrated.

    `colours` are the plans of inputs that are colours of mosaics, by file: these are registered by their guides.
    `companions` are, by file, the same exposure on the other detectors, by the name of the detector: all detectors have
    one reference and one selection.
    """

    setup: Setup
    file: str
    object: str
    filter: str | None
    inputs: tuple[str, ...]
    uses: Mapping[str, Use] = field(default_factory=dict)
    colours: Mapping[str, ColourPlan] = field(default_factory=dict)
    companions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def guide(self, file: str) -> str:
        """Return the calibrated frame by whose stars an input is registered: itself, but of colours the green one."""
        return self.colours[file].guide if file in self.colours else file

    def step(self, file: str) -> tuple[float, float]:
        """Return how far the pixels of an input are moved, (x, y), to lie on those of its guide."""
        return self.colours[file].step if file in self.colours else (0.0, 0.0)

    @property
    def shown(self) -> dict[str, str]:
        """What the facts tell of the colour of mosaics that is combined."""
        return {"colour": next(iter(self.colours.values())).colour} if self.colours else {}

    @property
    def needs(self) -> tuple[str, ...]:
        """The products that it is made of, the masters that its errors depend on too."""
        masters = [name for use in self.uses.values() for name in use.masters]
        beside = [name for others in self.companions.values() for name in others.values()]
        return tuple(dict.fromkeys((*self.inputs, *map(self.guide, self.inputs), *beside, *masters)))


def subject_of(setup: Setup, frame: Frame, band: str | None) -> Subject:
    """Return the key of frames to be combined; a frame that cannot be combined has a key of its own."""
    alone = not (frame.object and frame.exptime)
    return setup, frame.file if alone else str(frame.object).casefold(), band


def plan_combined(science: Sequence[Calibrated]) -> tuple[tuple[CombinePlan, ...], tuple[str, ...]]:
    """Plan the combination of two or more frames of one object and filter; single frames are final.

    A frame without exposure time cannot be scaled to the level of others, so it is not combined. What cannot be combined
    is told in the second result.
    """
    groups: dict[Subject, list[Calibrated]] = {}
    nameless = dict.fromkeys(item.use.frame.file for item in science if not item.use.frame.object)
    timeless = dict.fromkeys(item.use.frame.file for item in science if not item.use.frame.exptime)
    for item in science:
        if item.use.frame.object and item.use.frame.exptime:
            groups.setdefault(subject_of(item.setup, item.use.frame, item.filter), []).append(item)
    several = [(key, members) for key, members in groups.items() if len(members) > 1]
    names = [str(members[0].use.frame.object) for _, members in several]
    stems = naming.unique(
        naming.subject(name, key[2], key[0].detector) for name, (key, _) in zip(names, several, strict=True)
    )
    plans = tuple(
        CombinePlan(
            setup=key[0],
            file=f"combined/{stem}.fits",
            object=name,
            filter=key[2],
            inputs=tuple(item.file for item in members),
            uses={item.file: item.use for item in members},
            colours={item.file: item for item in members if isinstance(item, ColourPlan)},
        )
        for name, stem, (key, members) in zip(names, stems, several, strict=True)
    )
    single = [f"no name of an object, so not combined: {listed([*nameless])}"] if len(nameless) > 1 else []
    single += [f"an exposure time of 0, so not combined: {listed([*timeless])}"] if timeless else []
    return _with_companions(plans), tuple(single)


def _with_companions(plans: Sequence[CombinePlan]) -> tuple[CombinePlan, ...]:
    """Add to each plan of a detector which frames of other detectors are of its exposures."""
    groups: dict[tuple[str, str | None], list[CombinePlan]] = {}
    for plan in plans:
        if plan.setup.detector and not plan.colours:
            groups.setdefault((plan.object.casefold(), plan.filter), []).append(plan)
    found = {}
    for members in groups.values():
        frames = [use.frame for plan in members for use in plan.uses.values()]
        paths = Counter(frame.path for frame in frames)
        exposures = [
            {_exposure_of(use.frame, paths): file for file, use in plan.uses.items()} for plan in members
        ]
        for plan, own in zip(members, exposures, strict=True):
            others = [(one, files) for one, files in zip(members, exposures, strict=True) if one is not plan]
            beside = {
                file: {str(one.setup.detector): files[exposure] for one, files in others if exposure in files}
                for exposure, file in own.items()
            }
            found[plan.file] = replace(
                plan, companions={file: others for file, others in beside.items() if others}
            )
    return tuple(found.get(plan.file, plan) for plan in plans)


def _exposure_of(frame: Frame, paths: Mapping[Path, int]) -> tuple[object, ...]:
    """Return what the frames of all detectors of an exposure have in common: their file, or else their time."""
    if paths[frame.path] > 1 or frame.date is None:
        return frame.path, frame.planes
    return frame.date, frame.exptime


def is_combined(frame: Frame, recipe: NightRecipe) -> bool:
    """Return whether a frame is combined with others of its object and filter.

    Spectra cannot be moved by stars: they are where the recipe says that frames lie on one another. Arcs are calibrated
    alone.
    """
    if frame.kind == "arc" or not recipe.combine.use:
        return False
    return not (recipe.combine.align and frame.dispersion is not None)


def setup_warnings(science: Iterable[Calibrated]) -> tuple[str, ...]:
    """Describe which objects are combined apart although one camera took them in one filter, and how their frames differ.

    Those of several cameras, detectors or binnings are meant to be apart.

    >>> from pathlib import Path
    >>> from ccdfx import Range
    >>> from ccdfx.night.plan import SciencePlan
    >>> one = Setup("iraf", (4, 9), (1, 1), None, None, Range(0, 9, 0, 4))
    >>> frame = Frame(path=Path("a.fits"), file="a.fits", object="M 1", exptime=9.0)
    >>> plans = [
    ...     SciencePlan(setup=setup, file=name, use=Use(replace(frame, file=name)))
    ...     for name, setup in (("a.fits", one), ("b.fits", replace(one, data=Range(0, 8, 0, 4))))
    ... ]
    >>> setup_warnings(plans)
    ('frames of M 1 are not combined with each other, as they differ in exposed section ([1:8,1:4], not [1:9,1:4]): a.fits | b.fits',)
    """
    subjects: dict[tuple[object, ...], dict[Setup, list[Frame]]] = {}
    for item in science:
        frame, setup = item.use.frame, item.setup
        if frame.object and frame.exptime:
            camera = (setup.instrument, setup.shape, setup.binning, setup.detector)
            subject = (str(frame.object).casefold(), item.filter, camera)
            subjects.setdefault(subject, {}).setdefault(setup, []).append(frame)
    told: dict[tuple[Setup, ...], list[list[list[Frame]]]] = {}
    for groups in subjects.values():
        if len(groups) > 1:
            told.setdefault(tuple(groups), []).append([*groups.values()])
    return tuple(_described(setups, several) for setups, several in told.items())


def _described(setups: Sequence[Setup], groups: list[list[list[Frame]]]) -> str:
    names = listed([*dict.fromkeys(str(frames[0][0].object) for frames in groups)])
    reasons = " and ".join(
        dict.fromkeys(chain.from_iterable(differences(setups[0], one) for one in setups[1:]))
    )
    files = " | ".join(
        listed([frame.file for frames in groups for frame in frames[number]], 3)
        for number in range(len(setups))
    )
    return f"frames of {names} are not combined with each other, as they differ in {reasons}: {files}"


def spectra_warnings(frames: Iterable[Frame], recipe: NightRecipe) -> tuple[str, ...]:
    """Describe the spectra of one object and filter are not combined, and what combines them.

    >>> from pathlib import Path
    >>> pair = [Frame(path=Path(n), file=n, kind="science", object="M 1", dispersion="rows") for n in ("a.fits", "b.fits")]
    >>> spectra_warnings(pair, NightRecipe())[0]
    'spectra are not moved by stars, and whether they lie on one another no header says, so they are not combined: M 1 (a.fits, b.fits); combine.align = false in the recipe combines them unmoved'
    """
    if not (recipe.combine.use and recipe.combine.align):
        return ()
    groups: dict[tuple[str, str | None], list[Frame]] = {}
    for frame in frames:
        if frame.kind == "science" and frame.dispersion is not None and frame.object:
            groups.setdefault((frame.object, frame.filter), []).append(frame)
    several = [
        f"{name} ({listed([frame.file for frame in members])})"
        for (name, _), members in groups.items()
        if len(members) > 1
    ]
    if not several:
        return ()
    return (
        "spectra are not moved by stars, and whether they lie on one another no header says, so they are not combined: "
        f"{listed(several)}; combine.align = false in the recipe combines them unmoved",
    )
