"""Reduction of a night: scan, plan, measure the cameras, make the products, put the facts together, report."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.io.one_writer import one_writer
from ccdfx.night.dry_run import run_dry
from ccdfx.night.frames.choose import ChosenFrames, choose
from ccdfx.night.frames.copies import without_copies
from ccdfx.night.frames.find import FACTS, Paths, common_folder, given_paths, require_apart
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.frame_list import Frames
from ccdfx.night.frames.scan import scan
from ccdfx.night.given.find import find_given
from ccdfx.night.given.read import read_given
from ccdfx.night.graph.context import Progress, made_folder
from ccdfx.night.graph.execute import Event, execute, with_current
from ccdfx.night.graph.product import Product
from ccdfx.night.graph.raw_keys import digests_of
from ccdfx.night.graph.state import refuse_foreign, refuse_foreign_facts
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.known import name_or_path_of
from ccdfx.night.makers import MAKERS, camera_graph, cameras_of, product_graph, refused_setups
from ccdfx.night.night_facts import MASTERS, Results, night_facts
from ccdfx.night.outdated import remove_superseded
from ccdfx.night.plan import Plan, plan_night
from ccdfx.night.products.bad_pixels import require_fitting_map
from ccdfx.night.products.calibrated import further_steps
from ccdfx.night.products.camera import with_cameras
from ccdfx.night.report.night_csv import CSV
from ccdfx.night.report.page import write_report
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.settings.reading import load_night_recipe
from ccdfx.night.summary import begin_facts, plain_values, write_facts
from ccdfx.records.checks import one_of

REPORT = "report.html"
ALL, SOME_FAILED, NOTHING = 0, 1, 3
ONLY = {
    "masters": frozenset({*MASTERS, "bad_pixels"}),
    "calibrated": frozenset({"calibrated"}),
    "combined": frozenset({"combined", "mosaic"}),
}
"""The kinds of products by the words of `only`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night that was reduced, or only planned (dry run).

    Parameters
    ----------
    directory, output : Path
    frames : tuple of Frame
        All frames found, with the metadata of their headers.
    not_chosen : mapping
        Of frames that were not chosen, the reason by their file.
    plan : Plan
    facts : mapping
        The content of night.json; empty after a dry run.
    status : int
        0 success, 1 some frames or products failed, 3 nothing was usable.
    made : mapping
        Why each product was made, or would be after a dry run, such as "missing"; None for those that were current.
    """

    directory: Path
    output: Path
    frames: Frames
    plan: Plan
    facts: Mapping[str, Any]
    status: int
    not_chosen: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str | None] = field(default_factory=dict)


def reduce_night(
    directory: Paths,
    output: str | Path,
    *,
    instrument: str | Path | Instrument | None = None,
    recipe: NightRecipe | Mapping[str, Any] | str | Path | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    memory: int | None = None,
    progress: Progress | None = None,
    planned: Callable[[Plan], object] | None = None,
    told: Callable[[Event], object] | None = None,
    where: str | Sequence[str] = (),
    filter: str | Sequence[str] = (),
    object: str | Sequence[str] = (),
    kind: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    only: str | None = None,
    skip: Container[Path] = (),
    live: bool = False,
) -> Night:
    """Reduce raw frames to masters, calibrated and combined frames, and write a report.

    Bias frames are overscan-subtracted, trimmed and combined; darks are also bias-subtracted; flats are bias-
    and dark-subtracted and divided by their levels before they are combined. In science frames saturated and
    bad pixels are flagged; they are overscan-subtracted, trimmed, corrected with bias, dark and flat, and get
    a variance from gain and read noise. Bad pixels are found in the masters and in what most science frames
    show, and cosmic rays are masked in each frame. Frames of one object and filter are registered to the first one by their
    stars and combined. A frame that cannot be used is listed, and the reduction continues. A product is never
    written in part, and contains its history. Warnings of rejection rules and readers are stored in the
    metadata; they are not issued with `warnings`.

    Products that are there already, made of the same frames with the same options by the same version, are not made
    again: a reduction that was interrupted goes on, and with more frames or another recipe only what depends on them
    is made. Products are made side by side, as many as the engine has threads; the bytes are always the same.

    Parameters
    ----------
    directory : path or iterable of paths
        The raw frames, as `scan` takes them; they are never modified.
    output : path
        Directory for ``masters/ calibrated/ combined/ facts/ night.json night.csv report.html``; made if it does not exist.
    instrument : str, path or Instrument, optional
        By default it is identified from each header.
    recipe : NightRecipe, mapping or path, optional
        Options that differ from the defaults.
    overwrite : bool
        Make all products again, also those that are current.
    dry_run : bool
        Only scan and plan, and read all frames, so that what cannot be prepared is refused as by the run; write
        nothing.
    memory : int, optional
        Bytes that all products that are being made take together; 720 MiB by default. One that takes more is made alone.
    progress : callable, optional
        Called as ``progress(label, done, total)``.
    planned : callable, optional
        Called with the plan before any product is made.
    told : callable, optional
        Called with an `Event` for each product that is current, made or lost.
    where, filter, object, kind, exclude : optional
        Which of the frames are used, as for `choose`; calibration frames stay where these do not speak of them.
    only : {"masters", "calibrated", "combined"} or the name of a maker of a plugin, optional
        Make only these products, and what they need. Others that are there and current stay.
    skip : container of Path
        Files that are not looked at, such as those that are still being written.
    live : bool
        Keep the report and the table of an earlier run until they are replaced.

    Returns
    -------
    Night

    Raises
    ------
    OutputExistsError
        A file that ccdfx did not make is where a product would be; raised before any product is made.
    FileError
        Another run writes to the output.
    ArgumentError
        The output is the directory of the raw frames, or a product would replace a raw frame; a condition of
        `where` cannot be parsed.

    See Also
    --------
    scan, choose, NightRecipe

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     night = reduce_night(folder, folder + "/out", dry_run=True)
    >>> night.status, night.plan.files
    (3, ())
    """
    given = given_paths(directory)
    choices = load_night_recipe(recipe)
    further_steps(choices)
    wanted = _wanted(only)
    require_apart(given, Path(output))
    target = Path(output).absolute()  # other processes work in other directories
    files = find_given(choices.masters.files, target, given)
    frames = scan(
        [path.absolute() for path in given],
        instrument=instrument,
        exclude=target,
        again=choices.read.again,
        table=choices.read.table or None,
        planes=choices.read.planes,
        skip=_Either(skip, frozenset(file.path for file in files)),
    )
    choice: dict[str, Any] = {
        "where": where,
        "filter": filter,
        "object": object,
        "kind": kind,
        "exclude": exclude,
    }
    chosen = without_copies(choose(frames, **choice))
    masters = read_given(files, chosen.frames, instrument)
    plan = _with_notes(plan_night(chosen.frames, recipe=choices, masters=masters), chosen)
    require_fitting_map(plan, choices)
    images = [one.file for one in product_graph(plan, choices, {}).products.values() if one.has_image]
    _check_outputs(frames, images, target)
    if planned is not None:
        planned(plan)
    night = Night(
        directory=common_folder(given),
        output=Path(output),
        frames=Frames(frames),
        not_chosen=chosen.reasons,
        plan=plan,
        facts={},
        status=NOTHING,
    )
    if dry_run:
        dry = run_dry(plan, target, chosen, choices, masters)
        status = _status(dry.plan, dry.failed) if dry.plan.files else NOTHING
        return replace(night, plan=dry.plan, status=status, made=dry.made)
    made_folder(target)
    with one_writer(target, wait=False):
        begin_facts(target / FACTS, night.directory.absolute())
        if not live:
            for name in (REPORT, CSV):  # of an earlier run: they would speak of other products
                (target / name).unlink(missing_ok=True)
        listener = _Listener(progress, told)
        run = _Run(target, choices, wanted, memory, overwrite, listener)
        results = run.results(frames, chosen, plan)
        facts = night_facts(results, night.directory.absolute(), remove_superseded(target, results))
        facts["options"] = plain_values({**choice, "instrument": name_or_path_of(instrument)})
        write_report(facts, target)
        write_facts(facts, target / FACTS, overwrite=True)
        listener.end()
    failed = {**results.failed, **results.lost}
    usable = facts["masters"] or facts["calibrated"]
    return replace(
        night, facts=facts, status=_status(plan, failed) if usable else NOTHING, made=listener.made
    )


@dataclass(frozen=True, slots=True)
class _Either:
    """Holds what one or the other of two containers holds."""

    one: Container[Path]
    other: Container[Path]

    def __contains__(self, path: object) -> bool:
        return path in self.one or path in self.other


@dataclass(frozen=True, slots=True)
class _Run:
    """How the products of a night are made: where, which, with how much memory, and who is told."""

    target: Path
    recipe: NightRecipe
    wanted: Callable[[Product], bool] | None
    memory: int | None
    again: bool
    listener: _Listener

    def results(self, frames: tuple[Frame, ...], chosen: ChosenFrames, plan: Plan) -> Results:
        """Measure the cameras, and make the products with what was measured."""
        recipe, target = self.recipe, self.target
        digests = digests_of((*chosen.frames, *plan.given), target, keep=True)
        measured = execute(
            camera_graph(plan, recipe),
            target,
            digests,
            memory=self.memory,
            again=self.again,
            told=self.listener.measured,
        )
        cameras = cameras_of(plan, recipe, measured)
        graph = product_graph(plan.without(refused_setups(cameras)), recipe, cameras)
        wanted = graph if self.wanted is None else graph.only(self.wanted)
        records = execute(
            wanted, target, digests, memory=self.memory, again=self.again, told=self.listener.tell
        )
        return Results(
            frames=frames,
            not_chosen=chosen.reasons,
            chosen_by=chosen.by,
            planned=with_cameras(plan, cameras),
            recipe=recipe,
            cameras=cameras,
            measured=measured,
            graph=graph,
            records=with_current(graph, target, digests, records),
        )


@dataclass(slots=True)
class _Listener:
    """Passes events on, as progress too, and keeps why each product was made."""

    progress: Progress | None
    told: Callable[[Event], object] | None
    made: dict[str, str | None] = field(default_factory=dict)
    total: int = 0

    def measured(self, event: Event) -> None:
        """Pass the event of a camera on."""
        if self.told is not None:
            self.told(event)

    def tell(self, event: Event) -> None:
        """Pass the event of a product on."""
        self.made[event.file] = None if event.state == "current" else event.reason
        self.total = event.work + 1
        if self.told is not None:
            self.told(event)
        if self.progress is not None:
            self.progress(event.file, event.work_done, self.total)

    def end(self) -> None:
        """Pass on that all is done."""
        if self.progress is not None:
            self.progress(REPORT, self.total or 1, self.total or 1)


def _with_notes(plan: Plan, chosen: ChosenFrames) -> Plan:
    return replace(plan, warnings=tuple(dict.fromkeys((*chosen.notes, *plan.warnings))))


def _wanted(only: str | None) -> Callable[[Product], bool] | None:
    """Return which products are made, by the words of `only`; None for all."""
    if only is None:
        return None
    if only in ONLY:
        return lambda product: product.kind in ONLY[only]
    from ccdfx import registry

    words = (*ONLY, *(name for name, maker in registry.records("maker").items() if maker not in MAKERS))
    one_of("only", only, words)
    return lambda product: product.maker == only


def _status(plan: Plan, failed: Mapping[str, str]) -> int:
    """Return the exit status: SOME_FAILED if frames are broken or science frames could not be calibrated.

    Other frames that are left out, such as a focus run, are no failure.
    """
    lost = any(frame.problem is not None or frame.kind in ("science", "arc") for frame, _ in plan.left_out)
    return SOME_FAILED if failed or lost else ALL


def _check_outputs(frames: tuple[Frame, ...], files: Iterable[str], target: Path) -> None:
    """Refuse products that are inputs, or in the place of files that ccdfx did not make, before anything is computed."""
    files = tuple(files)
    inputs = {os.path.realpath(frame.path) for frame in frames}
    for path in (target / file for file in (*files, FACTS, REPORT, CSV)):
        if os.path.realpath(path) in inputs:
            raise ArgumentError(
                "output", "a product would replace a raw frame", value=str(path), remedy="give another output"
            )
    refuse_foreign(target, files)
    refuse_foreign_facts(target / FACTS, target / REPORT, target / CSV)
