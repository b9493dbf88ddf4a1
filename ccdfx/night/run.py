"""Reduction of a night: scan, plan, masters, science frames, combined frames, night.json and report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, OutputExistsError, PluginError
from ccdfx.io.one_writer import one_writer
from ccdfx.night.calibrators import Use
from ccdfx.night.camera_noise import CameraNoise, camera_noise
from ccdfx.night.context import Context, NightLog, Progress, collect_warnings, made_folder
from ccdfx.night.frames.choose import ChosenFrames, choose
from ccdfx.night.frames.find import FACTS, Paths, common_folder, given_paths, require_apart
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.scan import scan
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.ignored import SEEN, ignored_effects, warning_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.overscan_light import refuse_lit_overscan
from ccdfx.night.plan import Plan, plan_night
from ccdfx.night.products.bad_pixels import bad_pixel_files, build_bad_pixels, own_bad_pixels
from ccdfx.night.products.calibrated import calibrate_frame, further_steps, prepared, raw_image
from ccdfx.night.products.coadd import combine_object
from ccdfx.night.products.masters import build_master
from ccdfx.night.products.single_rays import unmasked_frames
from ccdfx.night.saturation import find_saturations, saturation_facts, with_saturations
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.settings.reading import load_night_recipe
from ccdfx.night.summary import begin_facts, is_begun, left_over, write_facts
from ccdfx.night.words import listed, not_made
from ccdfx.records.image import Image

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
    not_chosen : mapping
        Of frames that were not chosen, the reason by their file.
    plan : Plan
    facts : mapping
        The content of night.json; empty after a dry run.
    status : int
        0 success, 1 some frames or products failed, 3 nothing was usable.
    """

    directory: Path
    output: Path
    frames: tuple[Frame, ...]
    plan: Plan
    facts: Mapping[str, Any]
    status: int
    not_chosen: Mapping[str, str] = field(default_factory=dict)


def reduce_night(
    directory: Paths,
    output: str | Path,
    *,
    instrument: str | Path | Instrument | None = None,
    recipe: NightRecipe | Mapping[str, Any] | str | Path | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    planned: Callable[[Plan], object] | None = None,
    where: str | Sequence[str] | None = None,
    filter: str | Sequence[str] = (),
    object: str | Sequence[str] = (),
    kind: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
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

    Parameters
    ----------
    directory : path or iterable of paths
        The raw frames, as `scan` takes them; they are never modified.
    output : path
        Directory for ``masters/ calibrated/ combined/ night.json report.html``; made if it does not exist.
    instrument : str, path or Instrument, optional
        By default it is identified from each header.
    recipe : NightRecipe, mapping or path, optional
        Options that differ from the defaults.
    overwrite : bool
        Replace the products of an earlier run.
    dry_run : bool
        Only scan and plan, and read all frames, so that what cannot be prepared is refused as by the run; write
        nothing.
    progress : callable, optional
        Called as ``progress(label, done, total)``.
    planned : callable, optional
        Called with the plan before any product is made.
    where, filter, object, kind, exclude : optional
        Which of the frames are used, as for `choose`; calibration frames stay where these do not speak of them.

    Returns
    -------
    Night

    Raises
    ------
    OutputExistsError
        A product exists; raised before anything is computed.
    FileError
        Another run writes to the output.
    ArgumentError
        The output is the directory of the raw frames, or a product would replace a raw frame; a condition of
        `where` cannot be parsed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     night = reduce_night(folder, folder + "/out", dry_run=True)
    >>> night.status, night.plan.files
    (3, ())
    """
    given, target = given_paths(directory), Path(output)
    source = common_folder(given)
    choices = load_night_recipe(recipe)
    further = further_steps(choices)
    require_apart(given, target)
    frames = scan(given, instrument=instrument, exclude=target, again=choices.read.again)
    chosen = choose(frames, where=where, filter=filter, object=object, kind=kind, exclude=exclude)
    plan = _with_notes(plan_night(chosen.frames, recipe=choices), chosen)
    maps = bad_pixel_files(plan, choices)
    own = own_bad_pixels(plan, choices)
    _check_outputs(frames, (*plan.files, *maps.values()), target, overwrite=overwrite)
    if planned is not None:
        planned(plan)
    if dry_run:
        plan, status = _refusing_pixels(chosen.frames, plan, choices)
        night = Night(directory=source, output=target, frames=frames, plan=plan, facts={}, status=status)
        return replace(night, plan=_with_notes(plan, chosen), not_chosen=chosen.reasons)
    total = sum(len(master.inputs) for master in plan.masters) + len(plan.science) + len(plan.combined) + 1
    log = NightLog(total=total, progress=progress, warnings=list(plan.warnings))
    made_folder(target)
    with one_writer(target, wait=False):
        _check_outputs(frames, (*plan.files, *maps.values()), target, overwrite=overwrite)
        begin_facts(target / FACTS, source)
        (target / REPORT).unlink(missing_ok=True)  # of an earlier run: it would speak of other products
        plan = with_saturations(plan, find_saturations(plan, partial(_raw_or_none, choices), log.warn))
        with collect_warnings(log.warn):
            possible = _without_lit_overscans(plan, choices, log)
            contexts = {
                setup: Context(
                    recipe=choices,
                    noise=_noise_of(setup, plan, choices, log),
                    log=log,
                    output=target,
                    overwrite=overwrite,
                    further=further,
                )
                for setup in possible.setups
            }
            products = _made(possible, contexts, log, partial(build_bad_pixels, files=maps, own=own))
        for file in left_over(target, {fact["file"] for made in products.values() for fact in made}):
            log.warn(f"{file} is of an earlier run and no product of this one")
        ignored = ignored_effects(plan, products, target)
        for effect in ignored:
            if effect["state"] == SEEN:
                log.warn(warning_of(effect))
        facts = {
            "complete": True,
            "ccdfx": _version(),
            "directory": str(source),
            "instrument": ", ".join(sorted({frame.instrument for frame in frames if frame.instrument}))
            or None,
            "recipe": choices.as_dict(),
            "chosen_by": list(chosen.by),
            "plan": plan.tree(),
            "noise": [
                _noise_facts(setup, context.noise) | saturation_facts(setup, plan)
                for setup, context in contexts.items()
            ],
            "frames": [_frame_facts(frame, plan, log, chosen.reasons) for frame in frames],
            **products,
            "ignored": ignored,
            "lost": [{"file": file, "problem": problem} for file, problem in log.lost.items()],
            "warnings": log.warnings,
        }
        from ccdfx.night.report.page import write_report

        write_report(facts, target)
        write_facts(facts, target / FACTS, overwrite=True)
        log.step(REPORT)
        status = (
            _status(plan, {**log.failed, **log.lost}) if facts["masters"] or facts["calibrated"] else NOTHING
        )
        night = Night(directory=source, output=target, frames=frames, plan=plan, facts=facts, status=status)
        return replace(night, not_chosen=chosen.reasons)


def _with_notes(plan: Plan, chosen: ChosenFrames) -> Plan:
    return replace(plan, warnings=tuple(dict.fromkeys((*chosen.notes, *plan.warnings))))


def _without_lit_overscans(plan: Plan, recipe: NightRecipe, log: NightLog) -> Plan:
    """Return the plan without the setups whose overscan sees light; these are recorded in the log."""

    def load(frame: Frame) -> Image | None:
        try:
            return raw_image(frame, recipe)
        except (CcdfxError, OSError):
            return None  # it is recorded when it is calibrated

    refused = {}
    for setup in plan.setups:
        try:
            refuse_lit_overscan(plan.frames_of(setup), load)
        except ArgumentError as error:
            refused[setup] = str(error)
    for setup, reason in refused.items():
        for frame in plan.frames_of(setup):
            log.failed[frame.file] = reason
        files = [item.file for item in plan.products if item.setup == setup]
        log.lost |= dict.fromkeys(files, reason)
        log.warn(not_made(listed(files), reason))
    return plan.without(refused)


def _refusing_pixels(frames: tuple[Frame, ...], plan: Plan, recipe: NightRecipe) -> tuple[Plan, int]:
    """Return the plan without the frames that the run refuses for their raw pixels, and the exit status.

    Those are frames whose overscan sees light, and frames that cannot be read or prepared, with the reasons of
    the run. What calibrated frames tell, such as the good pixels of a master, is not foreseen.
    """
    log = NightLog()
    found = with_saturations(plan, find_saturations(plan, partial(_raw_or_none, recipe), log.warn))
    with collect_warnings(log.warn):
        possible = _without_lit_overscans(found, recipe, log)
        for frame in chain.from_iterable(map(possible.frames_of, possible.setups)):
            try:
                prepared(frame, recipe)
            except (CcdfxError, OSError) as error:
                log.fail_frame(frame, error)
    left = plan_night(
        (replace(one, problem=log.failed.get(one.file, one.problem)) for one in frames), recipe=recipe
    )
    dry = replace(left, warnings=tuple(dict.fromkeys((*left.warnings, *log.warnings))))
    return dry, _status(dry, log.failed) if dry.files else NOTHING


def _made(
    plan: Plan, contexts: dict[Setup, Context], log: NightLog, find: Callable[..., tuple[Any, Context]]
) -> dict[str, list[dict[str, Any]]]:
    """Make all products and return their metadata; `find` makes the map of bad pixels of a setup."""
    masters = [_unless_lost(build_master, master, contexts[master.setup]) for master in plan.masters]
    found = [fact for fact in masters if fact]
    maps = []
    for setup, context in contexts.items():
        fact, contexts[setup] = find(setup, plan, found, context)
        maps += [fact] if fact else []
    _warn_of_lost_masters((item.use for item in plan.science), log)
    calibrated = [calibrate_frame(item, contexts[item.setup]) for item in plan.science]
    made = {fact["file"]: fact for fact in calibrated if fact}
    _warn_of_levels_below_zero(made.values(), log)
    if log.undersampled:
        log.warn(unmasked_frames(log.undersampled))
    combine = partial(combine_object, made)
    combined = [_unless_lost(combine, group, contexts[group.setup]) for group in plan.combined]
    for file, part in log.relative.items():
        made[file] |= part
    for product in combined:
        for one in product["scales"] if product else ():
            made[one["source"]] |= {"scale": one["scale"], "weight": one["weight"]}
    return {
        "masters": found,
        "bad_pixels": maps,
        "calibrated": list(made.values()),
        "combined": [fact for fact in combined if fact],
    }


def _warn_of_levels_below_zero(calibrated: Iterable[Mapping[str, Any]], log: NightLog) -> None:
    """Record one warning for all frames whose sky is darker than no light at all, beyond its noise."""
    below = [
        (fact["file"], fact["sky"], fact["unit"])
        for fact in calibrated
        if fact["sky"] is not None and fact["noise_measured"] and fact["sky"] < -3.0 * fact["noise_measured"]
    ]
    if below:
        _, lowest, unit = min(below, key=lambda item: item[1])
        log.warn(
            f"the level of the sky is below zero, down to {lowest:.4g} {unit}, by more than 3 times its noise: what "
            "was subtracted is not the level without light; look at the bias, the dark and the overscan, which may "
            f"hold light or be of another setting: {listed([file for file, _, _ in below])}"
        )


def _unless_lost(make: Callable[[Any, Context], dict[str, Any] | None], plan: Any, context: Context) -> Any:
    """Make a product and return its metadata; if it cannot be made, record that in the log."""
    try:
        return make(plan, context)
    except (ArgumentError, PluginError) as error:
        context.log.fail_product(plan.file, error)
        return None


def _noise_facts(setup: Setup, noise: CameraNoise) -> dict[str, Any]:
    return {"instrument": setup.instrument, "setup": setup.label, **noise.as_dict()}


def _noise_of(setup: Setup, plan: Plan, recipe: NightRecipe, log: NightLog) -> CameraNoise:
    science = [item.use.frame for item in plan.science if item.setup == setup]

    def load(frame: Frame) -> Image | None:
        if frame.file in log.failed:
            return None
        try:
            image = prepared(frame, recipe)
            return image if image.good.mean() >= recipe.flat.good else None
        except (CcdfxError, OSError) as error:
            log.fail_frame(frame, error)
            return None

    def warn(text: str) -> None:
        log.warn(f"{setup.label}: {text}")

    noise = camera_noise(plan.frames_of(setup), load, warn, recipe.noise)
    if recipe.science.electrons and science and noise.gain is None:
        files = listed([frame.file for frame in science])
        log.warn(f"the gain is not known, so these frames are in ADU, not in electrons: {files}")
    unmasked = [item.use.frame.file for item in plan.science if item.setup == setup and item.cosmic_rays]
    if unmasked and noise.model is None:
        log.warn(f"gain and read noise are not known, so no cosmic rays are masked: {listed(unmasked)}")
    return noise


def _raw_or_none(recipe: NightRecipe, frame: Frame) -> Image | None:
    """Read a raw frame; one that cannot be read is recorded when it is needed."""
    try:
        return raw_image(frame, recipe)
    except (CcdfxError, OSError):
        return None


def _warn_of_lost_masters(uses: Iterable[Use], log: NightLog) -> None:
    """Record one warning for each master that could not be made, with the frames that go without it."""
    without: dict[tuple[str, bool], list[str]] = {}
    for use in uses:
        if log.untrusted.intersection(use.masters):
            continue  # it is refused
        for file in use.masters:
            if file not in log.masters:
                no_level = file == use.bias and use.frame.overscan is None
                without.setdefault((file, no_level), []).append(use.frame.file)
    for (file, no_level), frames in without.items():
        verb, noun = ("is", "it has") if len(frames) == 1 else ("are", "they have")
        text = f"{listed(frames)} {verb} calibrated without {file}, which could not be made"
        log.warn(f"{text}: the level without light is not known, so {noun} no variance" if no_level else text)


def _frame_facts(frame: Frame, plan: Plan, log: NightLog, not_chosen: Mapping[str, str]) -> dict[str, Any]:
    if frame.file in not_chosen:  # a problem of a frame that is not wanted is none
        return frame.as_dict() | {"used": False, "problem": None, "left_out": not_chosen[frame.file]}
    left_out = {item.file: why for item, why in plan.left_out}
    problem = log.failed.get(frame.file) or frame.problem
    reason = left_out.get(frame.file) if problem is None else None
    return frame.as_dict() | {"used": frame.file in log.used, "problem": problem, "left_out": reason}


def _status(plan: Plan, failed: Mapping[str, str]) -> int:
    """Return the exit status: SOME_FAILED if frames are broken or science frames could not be calibrated.

    Other frames that are left out, such as a focus run, are no failure.
    """
    lost = any(frame.problem is not None or frame.kind == "science" for frame, _ in plan.left_out)
    return SOME_FAILED if failed or lost else ALL


def _check_outputs(
    frames: tuple[Frame, ...], files: tuple[str, ...], target: Path, *, overwrite: bool
) -> None:
    """Refuse products that are inputs, and products that exist, before anything is computed."""
    products = [target / file for file in (*files, FACTS, REPORT)]
    inputs = {os.path.realpath(frame.path) for frame in frames}
    for path in products:
        if os.path.realpath(path) in inputs:
            raise ArgumentError(
                "output", "a product would replace a raw frame", value=str(path), remedy="give another output"
            )
    existing = [path for path in products if os.path.lexists(path) and not is_begun(path)]
    if existing and not overwrite:
        more = f", and so do {len(existing) - 1} more" if len(existing) > 1 else ""
        raise OutputExistsError(
            existing[0], f"exists already{more}", remedy="give another output, or overwrite (--overwrite)"
        )


def _version() -> str:
    from ccdfx import registry

    return registry.version()
