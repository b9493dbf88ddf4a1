"""The transform between two lists of stars: rotated, scaled, mirrored, of another depth, and partly not stars at all."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.operations.matching import CERTAIN, mutual_pairs, poisson_tail
from ccdfx.operations.star_lists import StarList, listed
from ccdfx.operations.transform import AlignmentError, Transform
from ccdfx.operations.triangles import candidates
from ccdfx.records.numbers import pair, real
from ccdfx.records.words import one_of

MODELS = ("similarity", "affine")
FREE = {"shift": 2, "similarity": 4, "affine": 6}
"""Numbers that a model has."""
_BRIGHTEST = 150
_MOST = 2000
_DEPTHS = (25, 50)
_SIGNIFICANT = 4.0
_STUCK = 0.5  # pixels: what moves by less may be fixed to the detector


class _Fit(NamedTuple):
    matrix: np.ndarray
    offset: np.ndarray
    pairs: np.ndarray  # rows of image, reference
    rms: float
    error: float
    matrix_error: float
    chance: float


def match_stars(
    stars: Any,
    *,
    reference: Any,
    model: str = "similarity",
    tolerance: float = 1.5,
    scales: tuple[float, float] = (0.5, 2.0),
    name: str = "stars",
) -> Transform:
    """The transform that brings a list of stars onto another, whatever the rotation, with or without a mirror.

    Triangles of bright stars that have one shape in both lists vote for a similarity; the candidates with most votes are
    tried on all stars, and the one that chance explains least is refined. The lists may differ in depth, and half of
    either may be no stars. A match of what stays on its pixels (the detector's blemishes) counts only where the
    rest of the stars does not agree on another.

    Parameters
    ----------
    stars, reference : tables with `x` and `y`, as from `find_sources`, or arrays (n, 2) of x, y
        pixels. Tables with `flux` are put into its order; arrays are taken to be brightest first. `snr` and `fwhm`, where
        they are, weigh the stars.
    model : {"similarity", "affine"}
        What is fitted to the matched stars: rotation, scale, mirror and shift (a shift alone where nothing else is
        significant at 4 sigma), or any matrix, which takes up a little shear.
    tolerance : float
        Within how many pixels of the reference two stars are one. Distortion has to stay below.
    scales : (low, high)
        Limits of the pixels of the reference a pixel of the image.
    name : str
        What to call `stars` when they fail.

    Returns
    -------
    Transform

    Raises
    ------
    AlignmentError
        No transform that would not arise by chance, in one of 10,000 pairs of unrelated fields, as well.
    ArgumentError, ArgumentTypeError, UnknownNameError
        What is no list of stars, a tolerance or scales that are not positive, another model.

    Notes
    -----
    Triangles: Groth 1986 (AJ 91, 1244), with votes in the space of the four parameters. `Transform.chance` is the number of
    similarities that two stars of each list can fix, times the Poisson probability that as many further stars
    meet by accident, which is measured by moving the image a few pixels off.

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
    one_of("model", model, MODELS, UnknownNameError)
    tolerance = real("tolerance", tolerance, above=0, remedy="give pixels")
    limits = _limits(scales)
    image, target = listed(stars, name), listed(reference, "reference")
    best = _best(target, image, tolerance, limits)
    if best is not None and best.chance <= CERTAIN and _stuck(best, image):
        rest = target.without(best.pairs[:, 1]), image.without(best.pairs[:, 0])
        other = _best(*rest, tolerance, limits)
        if other is not None and other.chance <= CERTAIN:
            (target, image), best = rest, other
    if best is None or best.chance > CERTAIN:
        raise AlignmentError(
            name,
            f"cannot be matched: of {len(image.places)} stars here and {len(target.places)} in the reference "
            + (
                f"{len(best.pairs)} agree on a transform, and unrelated fields would offer {best.chance:.2g} as good "
                f"(less than {CERTAIN:g} needed)"
                if best is not None
                else "no four agree on a transform"
            ),
            remedy="find more stars with a lower threshold, or give a reference that shares more of the field",
        )
    fit = _grown(target, image, best, tolerance, model)
    if model == "similarity":
        fit = _plain(target, image, fit)
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


def fitted(
    there: np.ndarray, here: np.ndarray, weights: np.ndarray, model: str
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and offset that bring places `here` onto places `there` with the least weighted squares.

    A similarity takes the parity that fits better; a "shift" keeps the matrix of ones.
    """
    middles = [np.average(places, axis=0, weights=weights) for places in (there, here)]
    p, q = there - middles[0], here - middles[1]
    cross = (weights[:, None] * p).T @ q
    if model == "shift":
        matrix = np.eye(2)
    elif model == "affine":
        matrix = cross @ np.linalg.pinv((weights[:, None] * q).T @ q)
    else:
        power = float((weights[:, None] * q**2).sum())
        (xx, xy), (yx, yy) = cross
        turned, mirrored = (xx + yy, yx - xy), (xx - yy, yx + xy)
        if math.hypot(*turned) >= math.hypot(*mirrored):
            c, s = np.array(turned) / power
            matrix = np.array([[c, -s], [s, c]])
        else:
            c, s = np.array(mirrored) / power
            matrix = np.array([[c, s], [s, -c]])
    return matrix, middles[0] - matrix @ middles[1]


def _best(reference: StarList, image: StarList, tolerance: float, scales: tuple[float, float]) -> _Fit | None:
    """The transform that chance explains least; with more triangles where few bright stars do not suffice."""
    best = None
    for depth in _DEPTHS:
        bright = [places[:depth, 0] + 1j * places[:depth, 1] for places in (reference.places, image.places)]
        for one in candidates(bright[0], bright[1], tolerance, scales):
            mirror = -1.0 if one.flip else 1.0
            matrix = np.array([[one.a.real, -one.a.imag * mirror], [one.a.imag, one.a.real * mirror]])
            start = _Fit(matrix, np.array([one.b.real, one.b.imag]), np.empty((0, 2), int), 0, 0, 0, 1.0)
            found = _judged(reference, image, start, tolerance)
            if found is not None and (best is None or found.chance < best.chance):
                best = found
            if best is not None and best.chance < CERTAIN**2:
                return best
        if best is not None and best.chance <= CERTAIN:
            return best
    return best


def _judged(reference: StarList, image: StarList, start: _Fit, tolerance: float) -> _Fit | None:
    """The candidate refined on the brightest stars, and how many as good ones chance offers; None with fewer than four."""
    there, here = reference.places[:_BRIGHTEST], image.places[:_BRIGHTEST]
    matrix, offset = start.matrix, start.offset
    pairs = np.empty((0, 2), np.int64)
    for reach in (2 * tolerance, tolerance, tolerance, tolerance):
        pairs = mutual_pairs(there, here @ matrix.T + offset, np.zeros(2), reach)
        if len(pairs) < 4:
            return None
        squares = reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]]
        matrix, offset = fitted(there[pairs[:, 0]], here[pairs[:, 1]], 1 / squares, "similarity")
    moved = here @ matrix.T + offset
    gaps = there[pairs[:, 0]] - moved[pairs[:, 1]]
    rms = float(np.sqrt((gaps**2).sum(axis=1).mean()))
    # Stars that agree far better than they had to are the rarer by chance.
    closer = min(max(2.5 * rms, 0.3), tolerance)
    chance = min(2 * _chance(there, moved, reach) for reach in (tolerance, closer))
    return _Fit(matrix, offset, pairs[:, ::-1], rms, math.inf, math.inf, min(chance, 1e9))


def _chance(there: np.ndarray, moved: np.ndarray, reach: float) -> float:
    """How many transforms between unrelated lists make as many pairs, given how many a few pixels off make."""
    count = len(mutual_pairs(there, moved, np.zeros(2), reach))
    area = float(np.prod(np.ptp(moved, axis=0) + 4 * reach))
    uniform = len(there) * len(moved) * math.pi * reach**2 / area
    # Two pairs fix a similarity and always agree; either parity.
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


def _grown(reference: StarList, image: StarList, start: _Fit, tolerance: float, model: str) -> _Fit:
    """The transform fitted to all stars that agree, weighted by how well each is known, with its errors."""
    there, here = reference.places[:_MOST], image.places[:_MOST]
    free = FREE[model]
    pairs, reach = start.pairs[:, ::-1], tolerance
    for _ in range(5):
        squares = reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]]
        matrix, offset = fitted(there[pairs[:, 0]], here[pairs[:, 1]], 1 / squares, model)
        now = mutual_pairs(there, here @ matrix.T + offset, np.zeros(2), reach)
        if 2 * len(now) < free + 4:
            break
        pairs = now
        gaps = there[pairs[:, 0]] - here[pairs[:, 1]] @ matrix.T - offset
        reach = min(tolerance, max(4 * float(np.median(np.hypot(*gaps.T))), 0.1))
    return _Fit(
        matrix, offset, pairs[:, ::-1], *_scatter(reference, image, matrix, offset, pairs, free), start.chance
    )


def _scatter(
    reference: StarList, image: StarList, matrix: np.ndarray, offset: np.ndarray, pairs: np.ndarray, free: int
) -> tuple[float, float, float]:
    """Root mean square distance of the pairs, and the standard errors of the middle and of the matrix."""
    places = image.places[pairs[:, 1]]
    gaps = reference.places[pairs[:, 0]] - places @ matrix.T - offset
    weights = 1 / (reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]])
    rms = float(np.sqrt((gaps**2).sum(axis=1).mean()))
    return (rms, *_errors(gaps, places, weights, free))


def _plain(reference: StarList, image: StarList, fit: _Fit) -> _Fit:
    """The fit without rotation and scale where these are not significant anywhere among the stars."""
    pairs = fit.pairs[:, ::-1]
    places = image.places[pairs[:, 1]]
    weights = 1 / (reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]])
    matrix, offset = fitted(reference.places[pairs[:, 0]], places, weights, "shift")
    moved = places @ (fit.matrix - matrix).T + fit.offset - offset
    far = np.hypot(*(places - np.average(places, axis=0, weights=weights)).T)
    if (np.hypot(*moved.T) > _SIGNIFICANT * np.hypot(fit.error, far * fit.matrix_error)).any():
        return fit
    known = _scatter(reference, image, matrix, offset, pairs, FREE["shift"])
    return fit._replace(matrix=matrix, offset=offset, rms=known[0], error=known[1], matrix_error=known[2])


def _errors(gaps: np.ndarray, places: np.ndarray, weights: np.ndarray, free: int) -> tuple[float, float]:
    """Standard errors of a place in the middle and of an element of the matrix, from the scatter of the gaps."""
    scatter = float((weights[:, None] * gaps**2).sum() / max(2 * len(gaps) - free, 1))
    middle = np.average(places, axis=0, weights=weights)
    second = (weights[:, None] * (places - middle)).T @ (places - middle)
    least = float(np.linalg.eigvalsh(second)[0]) if free == 6 else float(np.trace(second))
    return math.sqrt(scatter / float(weights.sum())), math.sqrt(
        scatter / max(least, 1e-300)
    ) if free > 2 else 0.0


def _stuck(fit: _Fit, image: StarList) -> bool:
    places = image.places[fit.pairs[:, 0]]
    return float(np.abs(places @ fit.matrix.T + fit.offset - places).max()) < _STUCK


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
