"""The displacement between two images: from their stars, and from correlation where they show too few.

A match of stars that chance does not explain is a candidate. It is believed only when most of the brightest
sources agree with it, when sources that stay on their pixels are not all that it rests on, and, where few
stars match, when the pixels around them correlate better after the displacement than before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ccdfx.engines import map_here
from ccdfx.operations.registration import fixed
from ccdfx.operations.registration.coincidence import CERTAIN, mutual_pairs
from ccdfx.operations.registration.correlation import Peak, correlated
from ccdfx.operations.registration.evidence import (
    MOST,
    MOST_AT_REST,
    Hidden,
    agreement,
    likeness,
    star_shaped,
)
from ccdfx.operations.registration.fits import Fit, grown, simplest, started
from ccdfx.operations.registration.star_list import StarList, match_tolerance
from ccdfx.operations.registration.star_match import as_transform_of, best_match
from ccdfx.operations.registration.view import View
from ccdfx.operations.registration.votes import voted
from ccdfx.operations.resampling.transform import AlignmentError, Transform, tried

SHARE = 0.4
"""Steps up to this part of the frame are looked for."""
_AT_REST = 1.0  # pixels: sources that move by less may be fixed to the detector
_MANY = 20  # stars that need no further evidence of the pixels
_LIKE = 0.2
_NOISE = 0.05  # of a correlation coefficient
_BRIGHT = 10.0
_RESOLVED = 8.0  # pixels: the FWHM of an object whose shape tells it from a star
_ALL = 0.9
_CONFIRMING = 3  # stars that tell sky at rest from structure of the detector
_SIMPLER = {"shift": (), "similarity": ("shift",), "affine": ("shift", "similarity")}
_AFFINE = 12  # stars from which a shear is measured

Shapes = tuple[tuple[int, int], tuple[int, int]]
Pair = tuple[Hidden, Hidden]


def displacements(
    views: Sequence[View], names: Sequence[str], base: int, model: str = "similarity"
) -> list[Transform | AlignmentError]:
    """Measure the transforms of a group of images onto one of them; an error takes the place of one that fails.

    What stands at the same pixels in most of them is no star, if the others show that the field moved.
    """
    target = views[base]
    trials = _without_fixed(views, base)

    def matched(place: int) -> tuple[Fit | None, str]:
        view = views[place]
        try:
            return _matched(view, target, model, trials[place], trials[base])
        finally:
            if view is not target:
                view.drop_pixels()

    others = [place for place, view in enumerate(views) if view is not target]
    found: list[Transform | AlignmentError] = [Transform(method="reference")] * len(views)
    # Stars are matched side by side; whole images, where these do not decide, are looked at one after the other.
    for place, (fit, reason) in zip(others, map_here(matched, others), strict=True):
        lists = trials[place], trials[base]
        found[place] = tried(_confirmed, fit, reason, views[place], target, names[place], *lists)
        views[place].drop_pixels()
    return found


def _without_fixed(views: Sequence[View], base: int) -> list[StarList]:
    """Return the star lists of a group of images, without what stands still if the field has moved."""
    lists = [view.stars for view in views]
    if len(views) < 3:
        return lists
    fixed_ones = fixed.in_most(lists)
    if not any(which.any() for which in fixed_ones):
        return lists
    moving = [one.without(which) for one, which in zip(lists, fixed_ones, strict=True)]
    for view, stars in zip(views, moving, strict=True):
        if view is not views[base] and view.shape == views[base].shape:
            hidden = views[base].hidden, view.hidden
            fit, _ = by_stars(moving[base], stars, (view.shape, view.shape), "shift", hidden)
            view.drop_pixels()
            if fit is not None and _motion(fit, stars) >= _AT_REST:
                return moving
    return lists


def displaced(
    image: View,
    reference: View,
    name: str,
    model: str = "similarity",
    stars: StarList | None = None,
    reference_stars: StarList | None = None,
) -> Transform:
    """Measure the transform that brings an image onto the reference.

    A match of stars is a shift, or where that does not fit a similarity, or where the model is "affine" and
    that does not fit either, any matrix. Correlation measures a shift only.

    Raises
    ------
    AlignmentError
        Nothing that is measured is believed.
    """
    here = image.stars if stars is None else stars
    there = reference.stars if reference_stars is None else reference_stars
    fit, reason = _matched(image, reference, model, here, there)
    return _confirmed(fit, reason, image, reference, name, here, there)


def _matched(
    image: View, reference: View, model: str, here: StarList, there: StarList
) -> tuple[Fit | None, str]:
    """Find the transform on which the stars agree, with `by_stars`."""
    shapes, hidden = (reference.shape, image.shape), (reference.hidden, image.hidden)
    return by_stars(there, here, shapes, model, hidden)


def _confirmed(
    fit: Fit | None,
    reason: str,
    image: View,
    reference: View,
    name: str,
    here: StarList,
    there: StarList,
) -> Transform:
    """Return the transform of stars that need no evidence of the pixels or have it, else that of a correlation."""
    shapes, hidden = (reference.shape, image.shape), (reference.hidden, image.hidden)
    if fit is not None and len(fit.pairs) < _MANY and not _resembles(fit, image, reference, here, there):
        reason = f"{len(fit.pairs)} agree, but the pixels around the stars do not correlate"
        fit = None
    if fit is not None:
        return as_transform_of(fit, there, here)
    if image.shape == reference.shape and image.frame.range == reference.frame.range:
        ny, nx = image.shape
        peak = correlated(reference.plane, image.plane, (SHARE * nx, SHARE * ny))
        objection = peak.objection or _contradicted(peak, there, here, shapes, hidden)
        if objection is None:
            step = float(peak.step[0]), float(peak.step[1])
            return Transform(offset=step, error=peak.error, method="correlation")
        reason += f"; {objection}"
    raise AlignmentError(
        name,
        f"cannot be aligned: of {len(here.snr)} stars here and {len(there.snr)} in the reference {reason}",
        remedy="leave the frame out, or give a reference that shares more of the field",
    )


def _resembles(fit: Fit, image: View, reference: View, stars: StarList, reference_stars: StarList) -> bool:
    """Return whether the pixels around stars correlate, and better than without the transform if it moves.

    A move by less than half a FWHM changes the correlation by less than its noise, which is allowed for. Stars
    that the image cannot show, masked or saturated ones, are left out.
    """
    motion = _motion(fit, stars)
    if motion >= _AT_REST:
        pairs = fixed.standing(reference_stars, stars, _AT_REST)
        reference_stars = reference_stars.without(pairs[:, 0])
    back = (reference_stars.places - fit.offset) @ np.linalg.inv(fit.matrix).T
    reference_stars = reference_stars.without(image.hidden(back, stars.typical_fwhm))
    alike = likeness(reference.plane.array, image.plane.array, reference_stars, fit)
    slack = _NOISE if motion < 0.5 * stars.typical_fwhm else 0.0
    return alike is not None and alike[0] >= _LIKE and (motion < _AT_REST or alike[0] > alike[1] - slack)


def by_stars(
    reference: StarList, image: StarList, shapes: Shapes, model: str, hidden: Pair | None = None
) -> tuple[Fit | None, str]:
    """Find the transform on which most bright stars agree; return None and the reason where none is believed.

    First sources at the same pixels of both are left out, as they may be blemishes. Where the others agree on
    nothing, or on no motion, all are used; then those that stay must look like stars.
    """
    tolerance = match_tolerance(max(reference.typical_fwhm, image.typical_fwhm))
    still = fixed.standing(reference, image, tolerance)
    if len(still):
        moving = reference.without(still[:, 0]), image.without(still[:, 1])
        found, _ = _solved(*moving, shapes, tolerance, model, hidden)
        if found is not None and _motion(found, moving[1]) >= _AT_REST:
            return _renumbered(found, reference, image, still), ""
    found, said = _solved(reference, image, shapes, tolerance, model, hidden)
    if found is None:
        return None, said
    if _motion(found, image) < _AT_REST:
        if agreement(reference, image, found, shapes, tolerance, hidden) < MOST_AT_REST:
            return None, "those that agree stay on their pixels, and too many others do not"
        if not star_shaped(image.taken(found.pairs[:, 0]), image.without(found.pairs[:, 0])):
            return None, "those that agree stay on their pixels and do not look like stars"
    return found, ""


def _solved(
    reference: StarList, image: StarList, shapes: Shapes, tolerance: float, model: str, hidden: Pair | None
) -> tuple[Fit | None, str]:
    """Return the first candidate on which most of the bright stars agree."""
    reason = "no more agree on one displacement than chance explains"
    for start in _candidates(reference, image, shapes, tolerance):
        fit = grown(reference, image, start, tolerance, "similarity")
        if model == "affine" and len(fit.pairs) >= _AFFINE:
            fit = grown(reference, image, fit, tolerance, "affine")
        fit = simplest(reference, image, fit, _SIMPLER[model])
        share = agreement(reference, image, fit, shapes, tolerance, hidden)
        if share > MOST:
            return fit, ""
        reason = f"{len(fit.pairs)} agree, only {share:.0%} of the brightest that both should show"
    return None, reason


def _candidates(reference: StarList, image: StarList, shapes: Shapes, tolerance: float) -> Iterator[Fit]:
    """Give transforms that chance does not explain: of shifted frames first, which fewer stars prove."""
    if shapes[0] == shapes[1]:
        ny, nx = shapes[0]
        vote = voted(reference, image, (SHARE * nx, SHARE * ny), tolerance)
        if vote is not None and vote.chance < CERTAIN:
            yield started(np.eye(2), vote.step, vote.pairs[:, ::-1], vote.chance)
    match = best_match(reference, image, tolerance)
    if match is not None and match.chance <= CERTAIN:
        yield match


def _renumbered(fit: Fit, reference: StarList, image: StarList, left_out: np.ndarray) -> Fit:
    """Convert the pairs to indices in the lists from which some stars were left out."""
    kept = [
        np.setdiff1d(np.arange(len(one.snr)), column)
        for one, column in ((image, left_out[:, 1]), (reference, left_out[:, 0]))
    ]
    pairs = np.column_stack([numbers[column] for numbers, column in zip(kept, fit.pairs.T, strict=True)])
    return fit._replace(pairs=pairs)


def _motion(fit: Fit, image: StarList) -> float:
    """Compute the greatest move of a star that agrees, along an axis, in pixels."""
    places = image.places[fit.pairs[:, 0]]
    return float(np.abs(fit.moved(places) - places).max())


def _contradicted(
    peak: Peak, reference: StarList, image: StarList, shapes: Shapes, hidden: Pair
) -> str | None:
    """Return why the stars contradict a correlation, or None where they do not, or are too few.

    Fringes, dust and other structure of the detector correlate at rest, as unmoved sky does: there stars must
    confirm the correlation.
    """
    fit = started(np.eye(2), peak.step, np.empty((0, 2), np.int64), 1.0)
    resting = np.abs(peak.step).max() < _AT_REST
    if resting:
        still = mutual_pairs(reference.places, image.places, peak.step, _AT_REST)[:, 1]
        if len(still) < _CONFIRMING or not star_shaped(image.taken(still), image.without(still)):
            return "what correlates stays on its pixels, as structure of the detector does, and no three stars do"
    bright = [one.taken(one.snr >= _BRIGHT) for one in (reference, image)]
    count, width = min(len(one.snr) for one in bright), max(one.typical_fwhm for one in bright)
    if count == 0:
        return None
    if count < 3 and width < _RESOLVED:
        return "one or two stars correlate with any others"
    share = agreement(bright[0], bright[1], fit, shapes, match_tolerance(width), hidden)
    if share > ((MOST_AT_REST if resting else MOST) if count > 3 else _ALL):
        return None
    return f"their correlation is contradicted by the stars, of which {share:.0%} agree"
