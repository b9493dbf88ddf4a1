"""The inputs of a master: calibrated and measured, without those that fail or are of another kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ccdfx.engines import made_ahead
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.far_levels import far_levels
from ccdfx.night.cameras.level_drifts import drift_fault, half_fault, half_samples
from ccdfx.night.frames.planes import open_planes_of
from ccdfx.night.graph.context import Context
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.plan import MasterPlan
from ccdfx.night.products.by_colour.flats import colour_levels
from ccdfx.night.products.calibrated import (
    calibrated_of,
    calibration_options,
    noise_header,
    refuse_untrusted,
)
from ccdfx.night.raw.levels import calibration_facts
from ccdfx.night.raw.preparation import flagged, lines_kept, overscan_options
from ccdfx.night.readouts.reading import open_assembled
from ccdfx.night.settings.choices import FlatChoice
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.records.flags import flag_counts
from ccdfx.records.image import Image
from ccdfx.records.range import Range

MEMORY = 128 << 20
"""Bytes of calibrated inputs of one master that are kept in memory; beyond it they are calibrated twice."""
_SAMPLE = 1 << 20  # pixels of which levels are measured
_MOST_LEVELS = 20  # repetitions; two or three are usual


@dataclass(frozen=True, slots=True)
class Input:
    """A calibrated input of a master, and what was measured of it.

    Attributes
    ----------
    name : str
        The raw frame.
    frame : Image or Source
        Its pixels, or their rows, which are calibrated as they are read.
    level, scatter : float
        The median and the robust standard deviation of its pixels; of a flat the level of those that see light.
    drift : float
        The median of its difference from the first input, where levels drift; else 0.
    halves : list of array
        Of a bias with an overscan; see `half_samples`.
    colours : dict
        Levels by colour of a flat that is a mosaic of colours.
    has_variance : bool
        Whether its noise can be predicted.
    facts : dict
        See `calibration_facts`.
    """

    name: str
    frame: Any
    level: float
    scatter: float
    drift: float
    halves: list[np.ndarray]
    colours: dict[str, float]
    has_variance: bool
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a master, and whether they are scaled by their levels, or their levels drift."""

    each: tuple[Input, ...]
    scaled: bool
    drifting: bool

    @property
    def names(self) -> list[str]:
        """The raw frames."""
        return [one.name for one in self.each]

    @property
    def levels(self) -> list[float]:
        """The levels."""
        return [one.level for one in self.each]

    @property
    def scale(self) -> list[float] | None:
        """What each is divided by."""
        return self.levels if self.scaled else None

    @property
    def zero(self) -> list[float] | None:
        """What is subtracted of each, so that all have their mean level."""
        drifts = [one.drift for one in self.each]
        return [drift - math.fsum(drifts) / len(drifts) for drift in drifts] if self.drifting else None

    @property
    def has_variance(self) -> bool:
        """Whether the noise of each can be predicted."""
        return all(one.has_variance for one in self.each)

    def without_frames(self) -> Inputs:
        """Return the same without pixels, which take more memory than the master."""
        return replace(self, each=tuple(replace(one, frame=None) for one in self.each))


class _Calibrated(NamedTuple):
    """A raw frame flagged and calibrated, and a sample of its pixels."""

    use: Use
    raw: Image
    image: Image
    sample: Image


def usable_inputs(plan: MasterPlan, context: Context, stack: ExitStack) -> Inputs:
    """Calibrate and measure the inputs of a master; leave out those that fail or whose level is far from most others.

    Parameters
    ----------
    plan : MasterPlan
    context : Context
        Notes the frames that are left out.
    stack : ExitStack
        Closes the files of which rows are read.
    """
    scaled = plan.kind == "flat"
    drifting = not scaled and not any(use.frame.has_overscan for use in plan.inputs)
    each: list[Input] = []
    first: Image | None = None
    for found in made_ahead(_calibrated_inputs(plan, context)):
        if drifting and first is None:
            first = found.sample
        room = (len(each) + 1) * bytes_of(found.image) <= MEMORY
        frame = rows_or_image(found.use, found.raw, found.image, context, stack, room=room)
        each.append(_measured(found, frame, plan, context, first))
        del found, frame  # before the next is waited for
    scatters = [one.scatter for one in each]
    for place in reversed([] if scaled else far_levels([one.level for one in each], scatters)):
        _refuse_level(plan, each, place, context)
        del each[place]
    inputs = Inputs(tuple(each), scaled, drifting)
    if plan.kind == "bias" and drifting:
        context.warn_about(drift_fault([one.drift for one in each], [one.scatter for one in each]))
    elif plan.kind == "bias":
        context.warn_about(half_fault([one.halves for one in each]))
    return inputs


def _calibrated_inputs(plan: MasterPlan, context: Context) -> Iterator[_Calibrated]:
    """Calibrate the inputs of a master, and note those that cannot be used."""
    for use in plan.inputs:
        try:
            refuse_untrusted(use, context)
            raw = flagged(use.frame, context.recipe)
            image = calibrated_of(raw, use, context)
            sample = sampled(image)
            if plan.kind == "flat":
                _check_flat(image, sample, context.recipe.flat, master_pattern(plan))
            header = noise_header(image.header, context.noise, electrons=False, averaged=use.frame.averaged)
            found = _Calibrated(use, raw, image.replace(header=header), sample)
        except (CcdfxError, OSError) as error:
            context.fail_frame(use.frame, error)
            continue
        yield found
        del found, raw, image, sample  # before the next is calibrated


def _measured(
    found: _Calibrated, frame: Any, plan: MasterPlan, context: Context, first: Image | None
) -> Input:
    """Measure an input, of which `frame` is what is combined; `first` is a sample of the first, where levels drift."""
    from ccdfx.estimators import mad_std_of, median_of

    use, raw, image, sample = found
    pattern, response = master_pattern(plan), context.recipe.flat.response
    good = sample.good
    middle, scatter = float(median_of(sample.array, good)), float(mad_std_of(sample.array, good))
    level = lit_level(sample, response) if plan.kind == "flat" else middle
    return Input(
        name=use.frame.file,
        frame=frame,
        level=level,
        scatter=scatter,
        drift=0.0 if first is None else _drift(sample, first),
        halves=half_samples(image) if plan.kind == "bias" and first is None else [],
        colours={}
        if pattern is None
        else colour_levels(image, pattern, partial(lit_sample, response=response)),
        has_variance=image.variance is not None,
        facts=calibration_facts(use.frame, raw, image, sample, level=level, middle=middle, scatter=scatter),
    )


def rows_or_image(
    use: Use, raw: Image, image: Image, context: Context, stack: ExitStack, *, room: bool
) -> Any:
    """Return the image while there is room in memory, else a source that calibrates its frame again row by row.

    Parameters
    ----------
    use : Use
    raw, image : Image
        The frame, flagged, and calibrated.
    context : Context
    stack : ExitStack
        Closes the source.
    room : bool
        Whether the image may stay in memory.
    """
    from ccdfx.io import open_source
    from ccdfx.operations.calibration.calibrate import plan_calibration
    from ccdfx.operations.calibration.lazy import CalibratedRows
    from ccdfx.operations.calibration.overscan import line_levels

    frame, recipe = use.frame, context.recipe
    if room or frame.shape is None or lines_kept(frame, frame.shape) is not None:
        return image
    levels = None if frame.overscan is None else line_levels(raw, **overscan_options(frame, recipe))
    options = calibration_options(use, context)
    saturation = None if frame.saturation is None else frame.saturation.value
    if saturation is not None and levels is None and raw.dtype in (np.uint16, np.int16):
        # In the pass of the calibration itself; whole numbers reach a level where they reach the next one.
        options["saturation"], saturation = math.ceil(saturation), None
    if frame.planes is not None and not frame.readouts:
        opened: Any = open_planes_of(frame)
    elif frame.readouts:
        opened = open_assembled(frame, recipe)
    else:
        opened = open_source(frame.path, hdu=frame.hdu) if frame.hdu is not None else open_source(frame.path)
    source = stack.enter_context(opened)
    return CalibratedRows(
        source=source,
        data=frame.data or Range.whole(raw.shape),
        planned=plan_calibration(image, **{**options, "again": True}),
        header=image.header,
        dtype=image.dtype,
        levels=levels,
        saturation=saturation,
        bad_pixels=raw.mask if frame.bad else None,
        keeps_variance="noise" in options,
    )


def master_pattern(plan: MasterPlan) -> ColourPattern | None:
    """Return the pattern of flats that are mosaics of colours; biases and darks do not see the filters."""
    return pattern_of(plan.setup) if plan.kind == "flat" else None


def lit_sample(image: Image, *, response: float) -> float:
    return lit_level(sampled(image), response)


def lit_level(image: Image, response: float) -> float:
    """Return the median of the pixels that see light: those of at least `response` times this level.

    The level starts from the mean, which dark pixels lower by their share only, and is repeated until it
    stays: a flat that is mostly in the dark, behind a slit, has the level of its lit part.
    """
    from ccdfx.estimators import median_of

    good = image.good
    level = float(np.mean(image.array, where=good, dtype=np.float64)) if good.any() else math.nan
    for _ in range(_MOST_LEVELS):
        lit = good & (image.array >= response * level)
        before, level = level, float(median_of(image.array, lit))
        if not level > 0 or level == before:
            break
    return level


def _check_flat(image: Image, sample: Image, choice: FlatChoice, pattern: ColourPattern | None) -> None:
    """Refuse a flat with too few good pixels, or too faint; of a mosaic of colours each colour is to hold light."""
    good = float(sample.good.mean())
    if good < choice.good:
        counts = flag_counts(sample.mask).items()
        shares = [f"{name.replace('_', ' ').lower()} {count / sample.size:.0%}" for name, count in counts]
        raise ArgumentError(
            "flat",
            f"must have {choice.good:.0%} of its pixels unflagged",
            value=", ".join([f"{good:.0%}", *shares]),
            remedy="look at the flat, or lower flat.good in the recipe",
        )
    if pattern is None:
        levels = {"": lit_level(sample, choice.response)}
    else:
        levels = colour_levels(image, pattern, partial(lit_sample, response=choice.response))
    colour, level = min(levels.items(), key=lambda item: item[1] if item[1] > 0 else -math.inf)
    if not (level >= choice.level and level > 0):
        unit = "electrons" if image.unit == "electron" else "ADU"
        rule = f"must have a level of at least {choice.level:g} {unit}" if choice.level else "must hold light"
        rule += f" in each colour, and has not in {colour}" if colour else ""
        raise ArgumentError(
            "flat", rule, value=round(level, 2), remedy="look at the flat, or lower flat.level in the recipe"
        )


def bytes_of(image: Image) -> int:
    """Return the bytes of all planes of an image."""
    planes = (image.array, image.mask, image.variance)
    return sum(plane.nbytes for plane in planes if plane is not None)


def sampled(image: Image) -> Image:
    """Return a regular sample of the pixels of a large image, a million or more, for levels; a small one as it is.

    The error of a median of so many is a thousandth of the scatter of a pixel.
    """
    step = image.size // _SAMPLE
    if step < 2:
        return image
    step += 1 - step % 2  # odd, so that it runs through all columns and the rows of both halves
    mask = None if image.mask is None else image.mask.reshape(-1)[::step].reshape(1, -1)
    variance = None if image.variance is None else image.variance.reshape(-1)[::step].reshape(1, -1)
    return Image(image.array.reshape(-1)[::step].reshape(1, -1), mask=mask, variance=variance)


def _refuse_level(plan: MasterPlan, each: Sequence[Input], place: int, context: Context) -> None:
    frame = next(use.frame for use in plan.inputs if use.frame.file == each[place].name)
    error = ArgumentError(
        plan.kind,
        f"must have about the level of the others of {plan.file}, {np.median([one.level for one in each]):.0f} ADU",
        value=round(each[place].level, 1),
        remedy="look at the frame: it holds light, or its header tells another kind or setting than it has",
    )
    context.fail_frame(frame, error)


def _drift(image: Image, first: Image) -> float:
    """Return the median of the difference of two frames; unlike that of their medians, jumps of rows leave it."""
    from ccdfx.estimators import median_of

    return float(median_of(image.array - first.array, image.good & first.good))
