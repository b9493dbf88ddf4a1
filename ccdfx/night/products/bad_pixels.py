"""The map of bad pixels of each setup: found in its masters and science frames, joined with one's own."""

from __future__ import annotations

import collections
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ccdfx.engines import made_ahead
from ccdfx.errors import CcdfxError, MismatchError
from ccdfx.io.provenance import with_provenance
from ccdfx.night import naming
from ccdfx.night.calibrators import Use
from ccdfx.night.given.master import TakenPlan
from ccdfx.night.graph.context import Context, is_lack
from ccdfx.night.graph.masters import spare_masters
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import MasterPlan, Plan
from ccdfx.night.products.by_colour.defects import bad_pixels_by_colour
from ccdfx.night.products.calibrated import calibrated
from ccdfx.night.products.single_rays import width_in_the_middle
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.operations.colour.planes import colour_plane
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.mapped import release_image
from ccdfx.records.range import Range

_FEWEST_INPUTS = 3  # of a master: of fewer, a cosmic ray cannot be told from a hot pixel
_MOST_PIXELS = 1 << 26  # of all frames of the sky; at least five are used
_LEAST_FRAMES = 5
_MOST_ALIKE = 8  # frames of one object and filter
_MEASURED = 5  # frames whose FWHM is measured
_KINDS = {"bias": "biases", "dark": "darks", "flat": "flats"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPixelsPlan:
    """The map of bad pixels of one setup: the masters in which they are searched, by kind, and science frames.

    `uses` are those of the science frames that are calibrated and searched too.
    """

    setup: Setup
    file: str
    masters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()


def plan_bad_pixels(plan: Plan, recipe: NightRecipe) -> tuple[BadPixelsPlan, ...]:
    """Plan the maps, one for each setup with science frames; none if the recipe wants none.

    Masters of three or more frames are searched, and the first science frames of the night, no more than eight of
    one object and filter: frames that come later do not change the choice.
    """
    choice = recipe.bad_pixels
    if not choice.use and choice.file is None:
        return ()
    setups = list(plan.setups)
    tags = naming.unique(setup.tag for setup in setups)
    counts: list[tuple[TakenPlan | MasterPlan, int]] = [
        *((item, item.master.combined) for item in plan.taken),
        *((item, len(item.inputs)) for item in plan.masters),
    ]
    planned = []
    for setup, tag in zip(setups, tags, strict=True):
        frames = [item.use for item in plan.science if item.setup == setup]
        # Lines of the sky and traces stay on their pixels.
        science = [use for use in frames if use.frame.dispersion is None]
        if frames:
            kinds = {
                name: tuple(
                    item.file
                    for item, count in counts
                    if item.setup == setup and item.kind == kind and count >= _FEWEST_INPUTS
                )
                for kind, name in _KINDS.items()
            }
            planned.append(
                BadPixelsPlan(
                    setup=setup,
                    file=f"masters/bad_pixels{f'_{tag}' if len(setups) > 1 else ''}.fits",
                    masters={name: files for name, files in kinds.items() if files and choice.use},
                    uses=_first(science, setup, choice.frames) if choice.use else (),
                )
            )
    return tuple(planned)


def _first(uses: list[Use], setup: Setup, frames: int) -> tuple[Use, ...]:
    """Choose science frames in the order of their dates, not too many of one object and filter."""
    rows, columns = setup.data.shape
    most = min(frames, max(_LEAST_FRAMES, _MOST_PIXELS // (rows * columns)))
    chosen: list[Use] = []
    alike: Counter[tuple[str | None, str | None]] = Counter()
    for use in sorted(uses, key=lambda one: (one.frame.date or "", one.frame.file)):
        group = use.frame.object, use.frame.filter
        if len(chosen) < most and alike[group] < _MOST_ALIKE:
            alike[group] += 1
            chosen.append(use)
    return tuple(chosen)


def own_bad_pixels(setup: Setup, recipe: NightRecipe) -> np.ndarray | None:
    """Read the map that the recipe names, as flags on the trimmed frames of a setup; None where it does not fit it.

    Raises
    ------
    CcdfxError
        The file cannot be read.
    """
    file = recipe.bad_pixels.file
    if file is None:
        return None
    from ccdfx.io import read

    image = read(file)
    bad = (image.array != 0) | ~np.isfinite(image.array)
    if image.mask is not None:
        bad |= image.mask != 0
    shapes = {setup.shape: setup.data, setup.data.shape: Range.whole(setup.data.shape)}
    return bad[shapes[bad.shape].slices] if bad.shape in shapes else None


def require_fitting_map(plan: Plan, recipe: NightRecipe) -> None:
    """Refuse a map of bad pixels that fits no setup with science frames.

    Raises
    ------
    CcdfxError
        The file cannot be read.
    MismatchError
        It has the shape of the raw or of the trimmed frames of no setup with science frames.
    """
    setups = list(dict.fromkeys(item.setup for item in plan.science))
    if recipe.bad_pixels.file is None or any(own_bad_pixels(setup, recipe) is not None for setup in setups):
        return
    from ccdfx.io import read

    shape = read(recipe.bad_pixels.file).shape
    if setups:
        raise MismatchError(
            f"bad_pixels.file: {recipe.bad_pixels.file}",
            "must have the shape of the frames, raw or trimmed: "
            + "; ".join(f"{setup.shape} or {setup.data.shape} ({setup.label})" for setup in setups),
            value=shape,
            remedy="make it from frames of this camera, with ccdfx mask",
        )


def make_bad_pixels(plan: BadPixelsPlan, context: Context) -> Made:
    """Find the bad pixels of a setup in its masters and science frames, and join them with the map of the recipe.

    What is flagged in the masters already is left out. If nothing can be searched and there is no map of one's own,
    there is none.
    """
    setup = plan.setup
    given = own_bad_pixels(setup, context.recipe)
    if context.recipe.bad_pixels.file is not None and given is None:
        context.warn(f"{plan.file}: {context.recipe.bad_pixels.file} has another shape than its frames")
    facts, mask, region = _search(plan, context)
    if mask is None and given is None:
        return Made()
    if given is not None:
        flags = given * np.uint8(Flag.BAD_PIXEL)
        mask = flags if mask is None or mask.shape != flags.shape else mask | flags
        region = region if region is not None else setup.data
    assert mask is not None
    cards = [
        ("IMAGETYP", "mask", "bad pixels: 1"),
        ("OBJECT", "bad pixels", ""),
        ("NBAD", int(np.count_nonzero(mask)), "number of bad pixels"),
    ]
    cards += [(f"N{kind.upper()[:7]}", count, f"of kind {kind}") for kind, count in facts["counts"].items()]
    inputs = [file for files in plan.masters.values() for file in files if context.is_made(file)]
    header = with_provenance(Header(cards), "map of bad pixels", context.keys(inputs), digest="IMKEY")
    facts = {
        "file": plan.file,
        "instrument": setup.instrument,
        "bad": int(np.count_nonzero(mask)),
        "fraction": float(np.count_nonzero(mask) / mask.size),
        "own": None if given is None else int(np.count_nonzero(given)),
        **facts,
    }
    return Made(image=Image(mask, header=header, range=region), facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sky:
    """What is known of a science frame that is searched: its noise in ADU, and the FWHM of its stars, or NaN."""

    use: Use
    range: Range
    noise: float
    fwhm: float


def _search(plan: BadPixelsPlan, context: Context) -> tuple[dict[str, Any], np.ndarray | None, Range | None]:
    """Find bad pixels in the masters and science frames; return metadata, flags and window, None without anything to search.

    Science frames are measured and encoded one after the other, so that none is kept.
    """
    from ccdfx.operations.pixels.bad_pixels import KINDS, find_bad_pixels
    from ccdfx.operations.pixels.encoded import encoded

    choice = context.recipe.bad_pixels
    facts: dict[str, Any] = {"counts": dict.fromkeys(KINDS, 0), "inputs": {}, "fwhm": None, "notes": []}
    region: Range | None = None
    images: dict[str, Any] = {}
    pattern = pattern_of(plan.setup)
    sky: list[_Sky] = []
    codes = encoded(made_ahead(_sky_frames(plan, context, sky))) if pattern is None else None
    if pattern is not None:
        collections.deque(_sky_frames(plan, context, sky), maxlen=0)  # they are measured
    for name, files in plan.masters.items():
        for file in files:
            master = context.master(file)
            if master is not None and _frames_in(context.facts(file)) >= _FEWEST_INPUTS:
                facts["inputs"].setdefault(name, []).append(file)
                images.setdefault(name, []).append(master.image.replace(variance=None))
                region = region or master.image.range
            del master
    spare_masters()  # with their variances, which are not searched
    if sky:
        facts["inputs"]["frames"] = [one.use.frame.file for one in sky]
        facts["fwhm"] = min((one.fwhm for one in sky if one.fwhm > 0), default=None)
        region = region or sky[0].range
    if codes is not None:
        images["frames"] = codes
    if not images and not sky:
        return facts, None, None
    options: dict[str, Any] = (
        choice.options if facts["fwhm"] is None else {**choice.options, "fwhm": facts["fwhm"]}
    )
    options |= {"gain": context.noise.gain, "noise": _least(one.noise for one in sky)}
    if pattern is None:
        masters = {name: _one_by_one(images[name]) for name in plan.masters if name in images}
        defects = find_bad_pixels(**{**images, **masters}, **options)
    else:
        assert region is not None
        options["frames"] = lambda: (_sky_frame(one.use, context) for one in sky)
        defects = bad_pixels_by_colour(pattern, region.shape, masters=images, **{"fwhm": None, **options})
    for note in defects.notes:
        if not note.endswith("no majority"):
            context.warn(f"{plan.file}: {note}")  # the label of a setup depends on the others of the night
    facts |= {"counts": defects.counts, "notes": list(defects.notes)}
    return facts, defects.mask, region


def _one_by_one(images: list[Image]) -> Iterator[Image]:
    """Yield images, and free the memory of each that was looked at in a file."""
    for image in images:
        yield image
        release_image(image)


def _frames_in(facts: Mapping[str, Any]) -> int:
    """Return of how many frames a master is made, also if it is one that was given."""
    return int(facts.get("combined", len(facts["inputs"])))


def _sky_frame(use: Use, context: Context) -> Image:
    return calibrated(use, context, electrons=context.recipe.science.electrons, variance=False)


def _sky_frames(plan: BadPixelsPlan, context: Context, sky: list[_Sky]) -> Iterator[Image]:
    """Calibrate the science frames that are searched, and add what is known of each to `sky`.

    Those that cannot be calibrated are left out. The width of the stars is measured of some. Of a mosaic of colours the
    first green pixels are measured; the width is in pixels of the mosaic.
    """
    from ccdfx.estimators import local_noise

    step, pattern = max(1, len(plan.uses) // _MEASURED), pattern_of(plan.setup)
    for place, use in enumerate(plan.uses):
        try:
            image = _sky_frame(use, context)
        except (CcdfxError, OSError) as error:
            if is_lack(error):
                raise
            continue  # the calibration of all frames will record it
        part = image if pattern is None else colour_plane(image, colour="G1", pattern=pattern)
        gain = context.noise.of_mean(use.frame.averaged).gain if image.unit == "electron" else None
        noise = local_noise(part) / (gain or 1.0)
        fwhm = (math.nan if place % step else _width(part)) * (1 if pattern is None else 2)
        sky.append(_Sky(use=use, range=image.range, noise=noise, fwhm=fwhm))
        yield image
        del image, part  # before the next is calibrated


def _width(image: Image) -> float:
    """Measure the FWHM of the stars of a frame, in its middle where there are enough; NaN without stars."""
    from ccdfx.photometry.stars import measure_stars

    width = width_in_the_middle(image)
    return width if math.isfinite(width) else measure_stars(image).fwhm


def _least(numbers: Iterable[float]) -> float:
    """Return the least finite number; 0 without any."""
    return min((one for one in numbers if math.isfinite(one)), default=0.0)
