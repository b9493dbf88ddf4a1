"""Matching of two star lists: rotated, scaled, mirrored, of different depth, and with spurious detections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.operations.registration.coincidence import CERTAIN, mutual_pairs, poisson_tail
from ccdfx.operations.registration.fits import Fit, fitted_transform, grown, simplest, started
from ccdfx.operations.registration.star_list import StarList, star_list
from ccdfx.operations.registration.triangles import candidates
from ccdfx.operations.resampling.transform import AlignmentError, Transform
from ccdfx.records.checks import one_of, pair, real

TRANSFORM_MODELS = ("similarity", "affine")
_BRIGHTEST = 150
_DEPTHS = (25, 50)
_NEARLY = 0.6  # of the pairs of the best transform make another one its rival
_STUCK = 0.5  # pixels: sources that move by less may be fixed to the detector


def match_stars(
    stars: Any,
    *,
    reference: Any,
    model: str = "similarity",
    tolerance: float = 1.5,
    scales: tuple[float, float] = (0.5, 2.0),
    name: str = "stars",
) -> Transform:
    """Find the transform from one list of stars to another, at any rotation and with or without mirroring.

    Triangles of bright stars that have the same shape in both lists vote for a similarity; the candidates
    with most votes are tested on more stars, and the one least probable by chance is refined on all. The
    lists may differ in depth, and half of either may be spurious detections. A match of sources that stay on
    their pixels (detector blemishes) is used only where the other sources do not agree on another transform.
    Entries closer than the tolerance to a brighter one are left out, as a star that is listed several times is no
    further evidence.

    Parameters
    ----------
    stars, reference : tables with `x` and `y`, as from `find_sources`, or arrays (n, 2) of x, y
        In pixels. Tables with `flux` are sorted by it; arrays must have the brightest star first. Columns
        `snr` and `fwhm`, where present, determine the weights of the stars.
    model : {"similarity", "affine"}
        What is fitted to the matched stars: rotation, scale, mirror and shift (a shift alone where nothing
        else is significant at 4 sigma), or any matrix, which allows for a little shear.
    tolerance : float
        The largest distance between two matched stars, in pixels of the reference. Distortion must be
        smaller.
    scales : (low, high)
        Limits of the scale, in pixels of the reference per pixel of the image.
    name : str
        The name of `stars` in errors.

    Returns
    -------
    Transform

    Raises
    ------
    AlignmentError
        When any transform found would also arise by chance in more than one of 10,000 pairs of unrelated
        fields, or when nearly as many stars agree on a different one, as where positions repeat.
    ArgumentError, ArgumentTypeError, UnknownNameError
        When an input is no list of stars, tolerance or scales are not positive, or the model is unknown.

    See Also
    --------
    measure_transform, find_sources

    Notes
    -----
    Triangles: Groth 1986 (AJ 91, 1244), with votes in the space of the four parameters. `Transform.chance` is
    the number of similarities that two stars of each list can define, times the Poisson probability that as
    many further stars match by chance, which is measured with the image displaced by a few pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import similarity
    >>> rng = np.random.default_rng(1)
    >>> field = rng.uniform(0, 1000, (40, 2))
    >>> turned = similarity(rotation=177, scale=0.9, offset=(950, 950)).apply(field)
    >>> found = match_stars(field[5:], reference=turned[:30])
    >>> round(found.rotation, 6), round(found.scale, 6), found.matched, found.pairs[0]
    (177.0, 0.9, 25, (0, 5))
    """
    one_of("model", model, TRANSFORM_MODELS, UnknownNameError)
    tolerance = real("tolerance", tolerance, above=0, remedy="give pixels")
    limits = _limits(scales)
    given = star_list(stars, name), star_list(reference, "reference")
    image, target = (distinct(one, tolerance) for one in given)
    best = best_match(target, image, tolerance, limits)
    if best is not None and best.chance <= CERTAIN and _stuck(best, image):
        rest = target.without(best.pairs[:, 1]), image.without(best.pairs[:, 0])
        other = best_match(*rest, tolerance, limits)
        if other is not None and other.chance <= CERTAIN:
            (target, image), best = rest, other
    if best is None or best.chance > CERTAIN:
        raise AlignmentError(
            name,
            f"cannot be matched: of {len(given[0].snr)} stars here and {len(given[1].snr)} in the reference "
            + (
                f"{len(best.pairs)} agree on a transform, and unrelated fields would offer {best.chance:.2g} as good "
                f"(less than {CERTAIN:g} needed)"
                if best is not None
                else "no four agree on a transform"
            ),
            remedy="find more stars with a lower threshold, or give a reference that shares more of the field",
        )
    rival = _rival(best, target, image, tolerance, limits)
    if rival is not None:
        raise AlignmentError(
            name,
            f"cannot be matched: {len(best.pairs)} stars agree on a transform, and {len(rival.pairs)} on another one, "
            "as where positions repeat",
            remedy="leave out what lies on a grid, or narrow the scales",
        )
    fit = grown(target, image, best, tolerance, model)
    if model == "similarity":
        fit = simplest(target, image, fit, ("shift",))
    return as_transform_of(fit, target, image)


def as_transform_of(fit: Fit, target: StarList, image: StarList) -> Transform:
    """Convert a fit to a Transform; its pairs are rows of what the lists were made from."""
    (xx, xy), (yx, yy) = fit.matrix.tolist()
    pairs = np.column_stack([image.rows[fit.pairs[:, 0]], target.rows[fit.pairs[:, 1]]])
    return Transform(
        ((xx, xy), (yx, yy)),
        (float(fit.offset[0]), float(fit.offset[1])),
        rms=fit.rms,
        error=fit.error,
        matrix_error=fit.matrix_error,
        chance=fit.chance,
        pairs=tuple((int(i), int(j)) for i, j in pairs[np.argsort(pairs[:, 0])]),
        method="stars",
    )


def distinct(stars: StarList, reach: float) -> StarList:
    """Return the stars without those that lie within `reach` of a brighter one."""
    from scipy.spatial import cKDTree

    if not len(stars.places):
        return stars
    tree, kept = cKDTree(stars.places), np.ones(len(stars.places), bool)
    for k, place in enumerate(stars.places):
        if kept[k]:
            around = np.array(tree.query_ball_point(place, reach))
            kept[around[around > k]] = False
    return stars.taken(kept)


def _rival(
    best: Fit, reference: StarList, image: StarList, tolerance: float, scales: tuple[float, float]
) -> Fit | None:
    """Find a believable transform with nearly as many pairs, most of them others; not that of what rests."""
    ours, enough = set(map(tuple, best.pairs.tolist())), _NEARLY * len(best.pairs)
    for matrix, offset in _proposed(reference, image, _DEPTHS[0], tolerance, scales):
        moved = image.places[:_BRIGHTEST] @ matrix.T + offset
        if len(mutual_pairs(reference.places[:_BRIGHTEST], moved, np.zeros(2), 2 * tolerance)) < enough:
            continue
        found = _judged(reference, image, matrix, offset, tolerance)
        if found is None or found.chance > CERTAIN or len(found.pairs) < enough or _stuck(found, image):
            continue
        if 2 * len(ours.intersection(map(tuple, found.pairs.tolist()))) < len(found.pairs):
            return found
    return None


def best_match(
    reference: StarList, image: StarList, tolerance: float, scales: tuple[float, float] = (0.5, 2.0)
) -> Fit | None:
    """Find the transform least probable by chance; use more triangles where few bright stars do not suffice."""
    best = None
    for depth in _DEPTHS:
        for matrix, offset in _proposed(reference, image, depth, tolerance, scales):
            found = _judged(reference, image, matrix, offset, tolerance)
            if found is not None and (best is None or found.chance < best.chance):
                best = found
            if best is not None and best.chance < CERTAIN**2:
                return best
        if best is not None and best.chance <= CERTAIN:
            return best
    return best


def _proposed(
    reference: StarList, image: StarList, depth: int, tolerance: float, scales: tuple[float, float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the matrices and offsets for which most triangles of the `depth` brightest stars vote."""
    bright = [places[:depth, 0] + 1j * places[:depth, 1] for places in (reference.places, image.places)]
    for one in candidates(bright[0], bright[1], tolerance, scales):
        mirror = -1.0 if one.flip else 1.0
        matrix = np.array([[one.a.real, -one.a.imag * mirror], [one.a.imag, one.a.real * mirror]])
        yield matrix, np.array([one.b.real, one.b.imag])


def _judged(
    reference: StarList, image: StarList, matrix: np.ndarray, offset: np.ndarray, tolerance: float
) -> Fit | None:
    """Refine a candidate on the brightest stars and compute its `chance`; None with fewer than four pairs."""
    there, here = reference.places[:_BRIGHTEST], image.places[:_BRIGHTEST]
    pairs = np.empty((0, 2), np.int64)
    for reach in (2 * tolerance, tolerance, tolerance, tolerance):
        pairs = mutual_pairs(there, here @ matrix.T + offset, np.zeros(2), reach)
        if len(pairs) < 4:
            return None
        squares = reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]]
        matrix, offset = fitted_transform(there[pairs[:, 0]], here[pairs[:, 1]], 1 / squares, "similarity")
    moved = here @ matrix.T + offset
    gaps = there[pairs[:, 0]] - moved[pairs[:, 1]]
    rms = float(np.sqrt((gaps**2).sum(axis=1).mean()))
    # Stars that agree much better than the tolerance are less probable by chance.
    closer = min(max(2.5 * rms, 0.3), tolerance)
    chance = min(2 * _chance(there, moved, reach) for reach in (tolerance, closer))
    return started(matrix, offset, pairs[:, ::-1], min(chance, 1e9))


def _chance(there: np.ndarray, moved: np.ndarray, reach: float) -> float:
    """Estimate how many transforms of unrelated lists give as many pairs, from displaced positions."""
    count = len(mutual_pairs(there, moved, np.zeros(2), reach))
    area = float(np.prod(np.ptp(moved, axis=0) + 4 * reach))
    uniform = len(there) * len(moved) * math.pi * reach**2 / area
    # Two pairs define a similarity and always agree; both parities are counted.
    hypotheses = float(len(there) * (len(there) - 1) * len(moved) * (len(moved) - 1))
    least = hypotheses * poisson_tail(count - 2, uniform)
    if least > CERTAIN:
        return least
    steps = [(far, n * np.pi / 4 + far) for far in (4 * reach, 8 * reach) for n in range(8)]
    nearby = [
        len(mutual_pairs(there, moved, far * np.array([math.cos(angle), math.sin(angle)]), reach))
        for far, angle in steps
    ]
    return hypotheses * poisson_tail(count - 2, max(sum(nearby) / len(nearby), uniform))


def _stuck(fit: Fit, image: StarList) -> bool:
    places = image.places[fit.pairs[:, 0]]
    return float(np.abs(fit.moved(places) - places).max()) < _STUCK


def _limits(scales: Any) -> tuple[float, float]:
    low, high = pair("scales", scales, remedy="give (low, high), such as (0.5, 2.0)")
    if not 0 < low <= high < math.inf:
        raise ArgumentError(
            "scales",
            "must be 0 < low <= high",
            value=scales,
            remedy="give limits around the ratio of the pixels",
        )
    return low, high
