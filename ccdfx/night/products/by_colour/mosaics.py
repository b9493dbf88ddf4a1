"""Calibrated mosaics of colours: the cosmic rays of each plane, and what is measured of the colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ccdfx.io.provenance import with_provenance
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.plan import SciencePlan
from ccdfx.night.products.calibrated import calibrated_and_seen, facts_header, further_steps
from ccdfx.night.products.single_rays import without_rays
from ccdfx.night.summary import flags_of, plain, scale_facts, sky_facts, star_facts
from ccdfx.operations.colour.pattern import ColourPattern, with_pattern
from ccdfx.operations.colour.planes import PLANES, ColourPlanes, merge_colours, split_colours
from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays
from ccdfx.operations.pixels.flag import mask_from
from ccdfx.operations.pixels.star_cores import release_stars
from ccdfx.photometry.stars import FrameStars, measure_stars
from ccdfx.pipelines.pipeline import step
from ccdfx.records.image import Image

_MEASURED = "G1"  # the plane that tells sky, noise and stars of the frame


def make_mosaic(plan: SciencePlan, context: Context) -> Made:
    """Calibrate one science frame that is a mosaic of colours, and mask its bad pixels and cosmic rays.

    Rays are searched in each plane of one colour. Sky, noise and stars are those of the first green pixels, in pixels of the
    mosaic; `skies` are the levels of all colours. Further steps of a recipe are applied to the images of single
    colours that are made of it.
    """
    use = plan.use
    pattern = pattern_of(plan.setup)
    try:
        assert pattern is not None
        further = further_steps(context.recipe)
        if further.steps and not plan.is_split:
            raise _mixing(further)
        image, seen = calibrated_and_seen(use, context)
        image = image.replace(header=with_pattern(image.header, pattern, shape=image.shape))
        bad_pixels = context.master(plan.bad_pixels)
        if bad_pixels is not None:
            image = step(mask_from, bad_pixels=bad_pixels)(image)
        found = MosaicRays(image)
        if plan.cosmic_rays and image.variance is not None:
            found = rays_by_colour(image, context.recipe.cosmic_rays.options, pattern)
            image = found.image
        planes = split_colours(image, pattern=pattern)
        stars = _in_mosaic(found.stars or measure_stars(planes.green_1), pattern)
        facts = {**sky_facts(planes.green_1), "flags": flags_of(image), **star_facts(stars)}
        facts |= {**seen.facts, **scale_facts(image)}
        facts["skies"] = skies_of(planes)
        header = with_provenance(image.header, "calibrated frame", context.raw_digests([use.frame.file]))
        image = image.replace(header=facts_header(header, facts))
    except Exception as error:  # a step of a plugin may raise anything; one frame must not stop a night
        context.fail_frame(use.frame, error)
        return Made(lost=context.failed[use.frame.file])
    facts |= {"undersampled": found.undersampled, "colours": pattern.letters}
    made = [name for name in use.masters if context.is_made(name)]
    frame = use.frame
    identity = {"object": frame.object, "filter": frame.filter, "exptime": frame.exptime}
    facts = {"file": plan.file, "source": frame.file, "masters": made, **identity, **facts}
    return Made(image=image, facts=facts, stars=stars, pictures=seen.pictures, used=(frame.file,))


def _mixing(further: Any) -> Exception:
    from ccdfx.errors import ArgumentError

    return ArgumentError(
        "science.steps",
        "must not be applied to mosaics of colours: steps that look at neighbours would mix the colours",
        value=further,
        remedy='let colour.products be "split" or "debayer": then the steps are applied to each colour',
    )


@dataclass(frozen=True, slots=True)
class MosaicRays:
    """A mosaic with its cosmic rays flagged; the stars of its first green plane where they were measured.

    `undersampled` is the FWHM in pixels of the mosaic where the stars are too narrow to find rays, else None.
    """

    image: Image
    stars: FrameStars | None = None
    undersampled: float | None = None


def rays_by_colour(image: Image, options: Mapping[str, Any], pattern: ColourPattern) -> MosaicRays:
    """Flag the cosmic rays of a mosaic, found in each plane of one colour; see `without_rays`.

    Where the stars of one plane are too narrow to be told from rays, nothing is flagged. A plane whose stars tell no width has that of
    the green ones.
    """
    planes = split_colours(image, pattern=pattern)
    found = [without_rays(plane, options) for plane in planes]
    green = found[PLANES.index(_MEASURED)].stars
    narrow = [one.stars.fwhm for one in found if one.undersampled]
    if narrow:
        return MosaicRays(image, green, 2 * min(narrow))
    flagged = [
        release_stars(one.image, fwhm=green.fwhm)
        if not math.isfinite(one.stars.fwhm) and math.isfinite(green.fwhm)
        else one.image
        for one in found
    ]
    merged = merge_colours(flagged, pattern=pattern, like=image)
    line = f"{step(mask_cosmic_rays, **options).history_line()} in each colour"
    return MosaicRays(merged.replace(header=merged.header.add_history(line)), green)


def skies_of(planes: ColourPlanes) -> dict[str, float | None]:
    """Measure the level of the sky of each plane of a mosaic."""
    from ccdfx.estimators import sky_level

    return {name: plain(float(sky_level(plane))) for name, plane in zip(PLANES, planes, strict=True)}


def _in_mosaic(stars: FrameStars, pattern: ColourPattern) -> FrameStars:
    """Return the stars of the first green plane with places and widths in pixels of the mosaic."""
    sources = stars.sources.copy()
    x, y = pattern.place(_MEASURED)
    sources["x"], sources["y"] = 2 * sources["x"] + x, 2 * sources["y"] + y
    sources["fwhm"] *= 2
    widths = {name: 2 * getattr(stars, name) for name in ("width", "fwhm", "fwhm_error")}
    return replace(stars, sources=sources, **widths)
