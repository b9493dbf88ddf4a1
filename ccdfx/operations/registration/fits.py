"""Transforms fitted to pairs of stars: a shift, a similarity or any matrix, with errors from the scatter."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.operations.registration.coincidence import mutual_pairs
from ccdfx.operations.registration.star_list import StarList

FREE = {"shift": 2, "similarity": 4, "affine": 6}
"""Numbers that a model has."""
_MOST = 2000
_SIGNIFICANT = 4.0
_CLIP = 4.5
_PRIOR = 4  # values with the expected scatter, so that that of three stars by chance close rejects no fourth
_FEWEST = 2.0  # Student's factor where so few values have no finite one


class Fit(NamedTuple):
    """A matrix and an offset from the image to the reference, the stars that agree, and the errors.

    `pairs` holds indices (image, reference); `chance` is as in `Transform`.
    """

    matrix: np.ndarray
    offset: np.ndarray
    pairs: np.ndarray
    rms: float
    error: float
    matrix_error: float
    chance: float

    @property
    def is_shift(self) -> bool:
        """Whether nothing is rotated, scaled or flipped."""
        return bool((self.matrix == np.eye(2)).all())

    def moved(self, places: np.ndarray) -> np.ndarray:
        """Transform positions (n, 2) of the image to positions in the reference."""
        return places @ self.matrix.T + self.offset


def started(matrix: np.ndarray, offset: np.ndarray, pairs: np.ndarray, chance: float) -> Fit:
    """Make a fit that is still to be refined, without errors."""
    return Fit(matrix, offset, pairs, 0.0, math.inf, math.inf, chance)


def fitted_transform(
    there: np.ndarray, here: np.ndarray, weights: np.ndarray, model: str
) -> tuple[np.ndarray, np.ndarray]:
    """Fit matrix and offset from positions `here` to positions `there` by weighted least squares.

    A similarity takes the parity that fits better; a "shift" keeps the identity matrix.
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


def grown(reference: StarList, image: StarList, start: Fit, tolerance: float, model: str) -> Fit:
    """Fit the transform to all stars that agree, weighted by their errors, and estimate its own errors."""
    there, here = reference.places[:_MOST], image.places[:_MOST]
    pairs, reach = start.pairs[:, ::-1], tolerance
    # At first all count alike, so that no bright star that is blended with a blemish decides alone.
    alike = np.ones(len(pairs))
    matrix, offset = fitted_transform(there[pairs[:, 0]], here[pairs[:, 1]], alike, model)
    fit = start._replace(matrix=matrix, offset=offset)
    for _ in range(5):
        now = mutual_pairs(there, fit.moved(here), np.zeros(2), reach)
        now = now[_agreeing(reference, image, fit, now)]
        if 2 * len(now) < FREE[model] + 2:
            break
        same = len(now) == len(pairs) and bool((now == pairs).all())
        pairs, fit = now, _fitted(reference, image, now, model, start.chance)
        gaps = there[pairs[:, 0]] - fit.moved(here[pairs[:, 1]])
        reach = min(tolerance, max(4 * float(np.median(np.hypot(*gaps.T))), 0.1))
        if same:
            break
    return fit if math.isfinite(fit.error) else _fitted(reference, image, pairs, model, start.chance)


def simplest(reference: StarList, image: StarList, fit: Fit, models: tuple[str, ...]) -> Fit:
    """Reduce a fit to the first of the simpler models that leaves residuals no larger than noise explains.

    The increase of the weighted squares over the variance of the fit is a sum of as many squares of normal
    deviates as the model has fewer numbers.
    """
    pairs = fit.pairs[:, ::-1]
    least = reference.least_squares[pairs[:, 0]] + image.least_squares[pairs[:, 1]]
    free = 2 * len(pairs) - FREE["affine"]
    expected = float((_weights(reference, image, fit.pairs) * least).mean())
    squares = _squares(reference, image, fit)
    variance = max(squares / max(free, 1), expected) * (free / (free - 2) if free > 3 else _FEWEST**2)
    for model in models:
        plain = _fitted(reference, image, pairs, model, fit.chance)
        if _squares(reference, image, plain) - squares <= _SIGNIFICANT**2 * variance:
            return plain
    return fit


def _squares(reference: StarList, image: StarList, fit: Fit) -> float:
    """Sum the squared residuals of the pairs of a fit, weighted by their errors."""
    gaps = reference.places[fit.pairs[:, 1]] - fit.moved(image.places[fit.pairs[:, 0]])
    return float((_weights(reference, image, fit.pairs)[:, None] * gaps**2).sum())


def _fitted(reference: StarList, image: StarList, pairs: np.ndarray, model: str, chance: float) -> Fit:
    """Fit a model to pairs (reference, image), and compute rms and errors from the residuals."""
    there, here = reference.places[pairs[:, 0]], image.places[pairs[:, 1]]
    weights = _weights(reference, image, pairs[:, ::-1])
    matrix, offset = fitted_transform(there, here, weights, model)
    gaps = there - here @ matrix.T - offset
    least = reference.least_squares[pairs[:, 0]] + image.least_squares[pairs[:, 1]]
    rms = float(np.sqrt((gaps**2).sum(axis=1).mean()))
    errors = _errors(gaps, here, weights, least, FREE[model])
    return Fit(matrix, offset, pairs[:, ::-1], rms, *errors, chance)


def _weights(reference: StarList, image: StarList, pairs: np.ndarray) -> np.ndarray:
    return 1 / (reference.squares[pairs[:, 1]] + image.squares[pairs[:, 0]])


def _agreeing(reference: StarList, image: StarList, fit: Fit, pairs: np.ndarray) -> np.ndarray:
    """Return which pairs (reference, image) lie no further apart than their scatter allows."""
    gaps = reference.places[pairs[:, 0]] - fit.moved(image.places[pairs[:, 1]])
    deviation = np.abs(gaps) * np.sqrt(_weights(reference, image, pairs[:, ::-1]))[:, None]
    if not deviation.size:
        return np.zeros(0, bool)
    square = (1.4826 * float(np.median(deviation))) ** 2
    scale = math.sqrt((deviation.size * square + _PRIOR) / (deviation.size + _PRIOR))
    return (deviation <= _CLIP * scale).all(axis=1)


def _errors(
    gaps: np.ndarray, places: np.ndarray, weights: np.ndarray, least: np.ndarray, free: int
) -> tuple[float, float]:
    """Compute the standard errors of a position in the middle and of a matrix element from the residuals.

    The scatter of few stars is itself uncertain: it is multiplied by the standard deviation of Student's
    distribution, so that errors in units of the stated one have a rms of 1. The scatter may be small by
    chance, but an error is never below that of the centroids.
    """
    total = float(weights.sum())
    count = max(gaps.size - free, 1)
    student = math.sqrt(count / (count - 2)) if count > 3 else _FEWEST
    floor = math.sqrt(float((weights**2 * least).sum())) / total
    spread = math.sqrt(float((weights[:, None] ** 2 * gaps**2).sum()) * len(gaps) / count) / total
    error = max(student * spread, floor)
    if free == 2:
        return error, 0.0
    middle = np.average(places, axis=0, weights=weights)
    second = (weights[:, None] * (places - middle)).T @ (places - middle)
    smallest = float(np.linalg.eigvalsh(second)[0]) if free == 6 else float(np.trace(second))
    scatter = max(
        student**2 * float((weights[:, None] * gaps**2).sum()) / count, float((weights * least).mean())
    )
    return error, math.sqrt(scatter / max(smallest, 1e-300))
