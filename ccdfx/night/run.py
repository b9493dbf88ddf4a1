"""Reduction of a night: scan, plan, measure the cameras, make the products, put the facts together, report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ccdfx.engines import current_engine
from ccdfx.errors import ArgumentError, CcdfxError, FileError, printable
from ccdfx.io.one_writer import one_writer
from ccdfx.night.graph.context import Progress, made_folder
from ccdfx.night.graph.execute import Event, execute, plan_of_work
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.perform import make
from ccdfx.night.graph.product import FACTS_FOLDER, Graph
from ccdfx.night.graph.raw_keys import INDEX, raw_keys
from ccdfx.night.graph.record import Record, record_of
from ccdfx.night.graph.state import refuse_foreign, refuse_foreign_facts
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.night_facts import Results, night_facts, refusals
from ccdfx.night.plan import Plan, plan_night
from ccdfx.night.products.bad_pixels import require_fitting_map
from ccdfx.night.products.calibrated import further_steps, prepared
from ccdfx.night.products.camera import Camera, camera_of, saturations
from ccdfx.night.products.makers import camera_graph, product_graph
from ccdfx.night.saturation import with_saturations
from ccdfx.night.scan import FACTS, Frame, scan
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.settings.reading import load_night_recipe
from ccdfx.night.summary import begin_facts, left_over, write_facts

REPORT = "report.html"
ALL, SOME_FAILED, NOTHING = 0, 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night that was reduced, or only planned (dry run).

    Parameters
    ----------
    directory, output : Path
    frames : tuple of Frame
        All frames found, with the metadata of their headers.
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
    frames: tuple[Frame, ...]
    plan: Plan
    facts: Mapping[str, Any]
    status: int
    made: Mapping[str, str | None] = field(default_factory=dict)


def reduce_night(
    directory: str | Path,
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
) -> Night:
    """Reduce a directory of raw frames to masters, calibrated and combined frames, and write a report.

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
    directory : path
        The raw frames; they are never modified.
    output : path
        Directory for ``masters/ calibrated/ combined/ facts/ night.json report.html``; made if it does not exist.
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
        Bytes that the products in the making take together; 700 MiB by default. One that takes more is made alone.
    progress : callable, optional
        Called as ``progress(label, done, total)``.
    planned : callable, optional
        Called with the plan before any product is made.
    told : callable, optional
        Called with an `Event` for each product that is current, made or lost.

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
        The output is the directory of the raw frames, or a product would replace a raw frame.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     night = reduce_night(folder, folder + "/out", dry_run=True)
    >>> night.status, night.plan.files
    (3, ())
    """
    source, target = Path(directory), Path(output)
    choices = load_night_recipe(recipe)
    further_steps(choices)
    _check_folders(source, target)
    frames = scan(source, instrument=instrument, exclude=target, again=choices.read.again)
    plan = plan_night(frames, recipe=choices)
    require_fitting_map(plan, choices)
    images = [one.file for one in product_graph(plan, choices, {}).products.values() if one.has_image]
    _check_outputs(frames, images, target)
    if planned is not None:
        planned(plan)
    if dry_run:
        return _dry_run(source, target, frames, plan, choices)
    made_folder(target)
    with one_writer(target, wait=False):
        begin_facts(target / FACTS, source)
        (target / REPORT).unlink(missing_ok=True)  # of an earlier run: it would speak of other products
        listener = _Listener(progress, told)
        digests = _digests(frames, target, keep=True)
        measured = execute(
            camera_graph(plan, choices),
            target,
            digests,
            memory=memory,
            again=overwrite,
            told=listener.measured,
        )
        cameras = _cameras(plan, choices, measured)
        possible = plan.without([setup for setup, camera in cameras.items() if camera.refused is not None])
        graph = product_graph(possible, choices, cameras)
        records = execute(graph, target, digests, memory=memory, again=overwrite, told=listener.tell)
        results = Results(
            frames=frames,
            planned=with_saturations(plan, saturations(cameras)),
            recipe=choices,
            cameras=cameras,
            measured=measured,
            graph=graph,
            records=records,
        )
        is_there = [file for file, record in records.items() if record.size is not None]
        facts = night_facts(results, source, left_over(target, is_there))
        _report(facts, target)
        write_facts(facts, target / FACTS, overwrite=True)
        listener.end()
        status = (
            _status(plan, {**results.failed, **results.lost})
            if facts["masters"] or facts["calibrated"]
            else NOTHING
        )
        return Night(
            directory=source,
            output=target,
            frames=frames,
            plan=plan,
            facts=facts,
            status=status,
            made=listener.made,
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


def _digests(frames: Iterable[Frame], target: Path, *, keep: bool) -> dict[str, str | None]:
    """Return the SHA-256 of all frames by name, None of those that cannot be read."""
    frames = tuple(frames)
    paths = [frame.path for frame in frames if frame.problem is None]
    if keep:
        made_folder(target / FACTS_FOLDER)
    found = raw_keys(paths, target / FACTS_FOLDER / INDEX, threads=current_engine().threads, keep=keep)
    return {frame.file: found.get(frame.path) for frame in frames}


def _cameras(plan: Plan, recipe: NightRecipe, measured: Mapping[str, Record]) -> dict[Setup, Camera]:
    """Return what was measured of the camera of each setup."""
    return {
        product.plan.setup: camera_of(measured[product.file])
        for product in camera_graph(plan, recipe).products.values()
    }


def _report(facts: Mapping[str, Any], target: Path) -> None:
    from ccdfx.night.report.page import write_report

    write_report(facts, target)


def _dry_run(source: Path, target: Path, frames: tuple[Frame, ...], plan: Plan, recipe: NightRecipe) -> Night:
    """Plan a night, and read all frames: those that the run refuses for their raw pixels are left out with its reasons.

    What calibrated frames tell, such as the good pixels of a master, is not foreseen.
    """
    digests = _digests(frames, target, keep=False)
    said: list[str] = []
    measured: dict[str, Record] = {}
    for file, product in camera_graph(plan, recipe).products.items():
        parts = product.key_parts({}, digests)
        measured[file] = record_of(product, parts, make(product, parts, {}, target))
        said += measured[file].warnings
    cameras = _cameras(plan, recipe, measured)
    said = [*refusals(plan, cameras), *said]
    failed = {
        frame.file: camera.refused
        for setup, camera in cameras.items()
        if camera.refused is not None
        for frame in plan.frames_of(setup)
    }
    found = with_saturations(plan, saturations(cameras))
    with collect_warnings(said.append):
        for setup in found.setups:
            for frame in found.frames_of(setup):
                if frame.file not in failed:
                    try:
                        prepared(frame, recipe)
                    except (CcdfxError, OSError) as error:
                        failed[frame.file] = _without_name(error, frame)
    left = plan_night(
        (replace(one, problem=failed.get(one.file, one.problem)) for one in frames), recipe=recipe
    )
    dry = replace(left, warnings=tuple(dict.fromkeys((*left.warnings, *said))))
    work = _work(left, recipe, {s: c for s, c in cameras.items() if s in left.setups}, target, digests)
    return Night(
        directory=source,
        output=target,
        frames=frames,
        plan=dry,
        facts={},
        status=_status(dry, failed) if dry.files else NOTHING,
        made=work,
    )


def _work(
    plan: Plan,
    recipe: NightRecipe,
    cameras: Mapping[Setup, Camera],
    target: Path,
    digests: Mapping[str, str | None],
) -> dict[str, str | None]:
    """Return why each product would be made, None if it is current."""
    graph: Graph = product_graph(plan, recipe, cameras)
    return {product.file: reason for product, reason in plan_of_work(graph, target, digests)}


def _without_name(error: Exception, frame: Frame) -> str:
    text = printable(error, 500) or type(error).__name__
    for name in (str(frame.path), frame.path.name, frame.file):
        text = text.removeprefix(f"{name}: ")
    return text


def _status(plan: Plan, failed: Mapping[str, str]) -> int:
    """Return the exit status: SOME_FAILED if frames are broken or science frames could not be calibrated.

    Other frames that are left out, such as a focus run, are no failure.
    """
    lost = any(frame.problem is not None or frame.kind == "science" for frame, _ in plan.left_out)
    return SOME_FAILED if failed or lost else ALL


def _check_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise FileError(source, "is not a directory", remedy="give the directory of the raw frames")
    if os.path.realpath(source) == os.path.realpath(target):
        raise ArgumentError(
            "output", "must not be the directory of the raw frames", value=str(target), remedy="give another"
        )
    if target.exists() and not target.is_dir():
        raise FileError(target, "is not a directory", remedy="give a directory for the results")


def _check_outputs(frames: tuple[Frame, ...], files: Iterable[str], target: Path) -> None:
    """Refuse products that are inputs, or in the place of files that ccdfx did not make, before anything is computed."""
    files = tuple(files)
    inputs = {os.path.realpath(frame.path) for frame in frames}
    for path in (target / file for file in (*files, FACTS, REPORT)):
        if os.path.realpath(path) in inputs:
            raise ArgumentError(
                "output", "a product would replace a raw frame", value=str(path), remedy="give another output"
            )
    refuse_foreign(target, files)
    refuse_foreign_facts(target / FACTS, target / REPORT)
