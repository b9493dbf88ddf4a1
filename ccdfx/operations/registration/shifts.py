"""Shifts between images of one field, measured from votes of all pairs of stars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.registration.correlation import NEEDED, correlated
from ccdfx.operations.registration.refinement import refined
from ccdfx.operations.registration.star_list import CENTROID_FLOOR, StarList, match_tolerance
from ccdfx.operations.resampling.transform import AlignmentError, tried
from ccdfx.photometry import detection
from ccdfx.photometry.sources import sources_in, usable
from ccdfx.records.checks import whole
from ccdfx.records.compatibility import require_match
from ccdfx.records.image import Image, ImageLike, as_image, as_images

_THRESHOLD = 5.0
SHARE = 0.4
"""Steps up to this part of the frame are looked for."""
_FINE = 0.05  # pixels: shifts with smaller errors are not refined


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift in pixels that brings an image onto its reference: ``shift(image, dx=s.dx, dy=s.dy)``.

    Attributes
    ----------
    dx, dy : float
        pixels.
    error : float
        Standard error of the worse axis, in pixels, from the scatter of the averaged values.
    matched : int
        Number of stars that agree; 0 for a correlation.
    method : str
        "stars", "correlation", or "reference" for the reference itself.
    """

    dx: float
    dy: float
    error: float
    matched: int
    method: str

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number of pixels, so that `shift` by it does not interpolate."""
        return self.dx.is_integer() and self.dy.is_integer()


class _View(NamedTuple):
    image: Image
    plane: detection.Plane
    stars: StarList


def measure_shift(image: ImageLike, *, reference: ImageLike, name: str = "image") -> Shift:
    """Measure the shift that brings `image` onto `reference`.

    Stars are found in both; the differences of all pairs vote for a shift, which is refined by the robust
    mean of the differences of the stars that agree. Hot pixels, bad columns and cosmic rays are not taken for
    stars (see `find_sources`), and sources fixed to the detector cannot outvote stars that moved. If there
    are too few stars, the images, cleaned of hot pixels and of all smooth structure, are cross-correlated.
    Shifts up to 0.4 of the frame are found.

    Parameters
    ----------
    image, reference : Image or 2-D array
        Of one shape, window, unit and binning. Flagged pixels are ignored.
    name : str
        Name of `image` in error messages.

    Returns
    -------
    Shift

    Raises
    ------
    AlignmentError
        No shift is significant against chance.
    MismatchError
        Shape, window, unit or binning differ.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> y, x = np.mgrid[:100, :120]
    >>> def field(dx):
    ...     stars = [(20, 30), (90, 25), (60, 70), (35, 80), (75, 45)]
    ...     return rng.normal(50, 1, x.shape) + sum(
    ...         200 * np.exp(-((x - a - dx) ** 2 + (y - b) ** 2) / 5) for a, b in stars
    ...     )
    >>> found = measure_shift(field(3.5), reference=field(0))
    >>> round(found.dx, 1), round(abs(found.dy), 1), found.matched, found.method
    (-3.5, 0.0, 5, 'stars')
    """
    image, reference = as_image(image), as_image(reference, "reference")
    step = _steps([reference, image], ["reference", name], 0)[1]
    if isinstance(step, AlignmentError):
        raise step
    return step


def measure_shifts(images: Iterable[ImageLike], *, reference: int = 0) -> tuple[Shift | AlignmentError, ...]:
    """Measure the shifts that bring all images onto one of them; a failed one is returned as an error.

    Parameters
    ----------
    images : iterable of Image or 2-D array
    reference : int
        Index of the reference; negative counts from the end.

    Returns
    -------
    tuple of Shift or AlignmentError
        One per image. Errors are returned, not raised, so that a frame can be left out with a known reason.

    Raises
    ------
    MismatchError
        Shape, window, unit or binning differ.

    Examples
    --------
    >>> import numpy as np
    >>> sky = np.random.default_rng(1).normal(0, 1, (2, 64, 64))
    >>> one, two = measure_shifts(sky)
    >>> one.method, type(two).__name__
    ('reference', 'AlignmentError')
    """
    frames = as_images(images)
    base = index_of(reference, len(frames))
    return tuple(_steps(frames, [f"images[{i}]" for i in range(len(frames))], base))


def _steps(images: Sequence[Image], names: Sequence[str], base: int) -> list[Shift | AlignmentError]:
    """Measure the shift of each image onto one of them; an error takes its place if that fails."""
    for image, name in zip(images, names, strict=True):
        require_match(images[base], image, name)
    views = [_view(image) for image in images]
    target = views[base]
    found = [
        Shift(0.0, 0.0, 0.0, len(target.stars.snr), "reference")
        if view is target
        else tried(_measured, view, target, name)
        for view, name in zip(views, names, strict=True)
    ]
    return _together(found, [view.plane.array for view in views], float(target.stars.fwhm), base)


def _view(image: Image) -> _View:
    plane = detection.prepared(image.array, usable(image))
    fwhm = detection.estimated_fwhm(plane, _THRESHOLD)
    table = sources_in(plane, fwhm=fwhm, threshold=_THRESHOLD, border=math.ceil(fwhm))
    places, rows = np.column_stack([table["x"], table["y"]]), np.arange(len(table))
    return _View(image, plane, StarList(places, table["snr"], fwhm, rows))


def _measured(image: _View, reference: _View, name: str) -> Shift:
    ny, nx = image.image.shape
    limit = SHARE * nx, SHARE * ny
    match = matched(reference.stars, image.stars, limit)
    if match is not None and match.chance < CERTAIN:
        return Shift(float(match.step[0]), float(match.step[1]), match.error, len(match.pairs), "stars")
    peak = correlated(reference.plane, image.plane, limit)
    if peak.certain:
        return Shift(float(peak.step[0]), float(peak.step[1]), peak.error, 0, "correlation")
    agree = 0 if match is None else len(match.pairs)
    raise AlignmentError(
        name,
        f"cannot be aligned: of {len(image.stars.snr)} stars here and {len(reference.stars.snr)} in the reference "
        f"{agree} agree on a step, which chance explains; their correlation peaks at {peak.height:.1f} sigma "
        f"({NEEDED:.0f} needed), {peak.alone:.1f} times its next peak, with {peak.alike:.0%} of the structure in common",
        remedy="leave the frame out, or give a reference that shares more of the field",
    )


def _together(
    found: Sequence[Shift | AlignmentError], planes: Sequence[np.ndarray], fwhm: float, base: int
) -> list[Shift | AlignmentError]:
    """Refine the shifts found by stars together; those that do not improve are kept."""
    out = list(found)
    by_stars = [i for i, s in enumerate(found) if isinstance(s, Shift) and s.method in ("stars", "reference")]
    old = [s for i in by_stars if isinstance(s := found[i], Shift)]
    if max(s.error for s in old) < _FINE:
        return out
    steps = np.array([(s.dx, s.dy) for s in old])
    better = refined([planes[i] for i in by_stars], steps, fwhm, by_stars.index(base))
    if better is None:
        return out
    for i, step, error, stars in zip(by_stars, *better, strict=True):
        if i != base:
            out[i] = Shift(float(step[0]), float(step[1]), float(error), int(stars), "stars")
    return out


def index_of(reference: Any, count: int) -> int:
    """Return the index of the reference among `count` images, from 0."""
    index = whole("reference", reference, remedy="give the number of an image, from 0")
    if count == 0:
        raise ArgumentError(
            "images", "must hold at least one image", value=[], remedy="give a list of images"
        )
    if not -count <= index < count:
        raise ArgumentError(
            "reference",
            f"must be below the number of images, {count}",
            value=index,
            remedy="count from 0, or from the end with negative numbers",
        )
    return index % count


_BRIGHTEST = 150
_CANDIDATES = 12
_WIDE = 16
CERTAIN = 1e-4
"""A match is believed when chance would make it this rarely anywhere in the range that was searched."""


class Match(NamedTuple):
    """A step (x, y) from `image` to `reference`, its standard error per axis, and the evidence for it.

    `chance` is the probability that unrelated lists agree as well at any step that was searched; `pairs`
    holds indices (reference, image).
    """

    step: np.ndarray
    error: float
    chance: float
    pairs: np.ndarray


def matched(reference: StarList, image: StarList, limit: tuple[float, float]) -> Match | None:
    """Find the step on which most stars agree; return None where fewer than three agree.

    `limit` bounds the step in x and y. Detector blemishes agree on a step of zero, whereas all stars have the
    same step. So where the sources not matched at zero agree on another step beyond chance, that step is
    returned.
    """
    best = _voted(reference, image, limit)
    if best is None or best.chance > CERTAIN or math.hypot(*best.step) > 0.5:
        return best
    others = reference.without(best.pairs[:, 0]), image.without(best.pairs[:, 1])
    other = _voted(others[0], others[1], limit)
    return other if other is not None and other.chance < CERTAIN else best


def _voted(reference: StarList, image: StarList, limit: tuple[float, float]) -> Match | None:
    if min(len(reference.snr), len(image.snr)) < 3:
        return None
    tolerance = match_tolerance(max(float(reference.fwhm), float(image.fwhm)))
    bright = reference.places[:_BRIGHTEST], image.places[:_BRIGHTEST]
    steps = (bright[0][:, None, :] - bright[1][None, :, :]).reshape(-1, 2)
    steps = steps[(np.abs(steps) <= np.asarray(limit) + tolerance).all(axis=1)]
    trials = 4 * limit[0] * limit[1] / tolerance**2 + 1
    found = [_judged(bright, step, tolerance, trials) for step in _peaks(steps, tolerance)]
    found = [(chance, count, step) for chance, count, step in found if count >= 3]
    if not found:
        return None
    chance, _, step = min(found, key=lambda item: (item[0], -item[1]))
    match = _refined(reference, image, step, tolerance, chance)
    # Pairs that agree much better than the tolerance are less probable by chance.
    gaps = reference.places[match.pairs[:, 0]] - image.places[match.pairs[:, 1]] - match.step
    closer = min(max(4 * float(np.sqrt(np.mean(gaps**2))), 0.3), tolerance)
    again, count, _ = _judged(bright, match.step, closer, trials * (tolerance / closer) ** 2)
    return match._replace(chance=min(chance, 2 * again)) if count >= 3 else match


def _peaks(steps: np.ndarray, tolerance: float) -> np.ndarray:
    """Find the steps with the largest excess of differences over their wider surroundings."""
    if not len(steps):
        return steps
    lower = steps.min(axis=0) - 2 * tolerance
    cells = ((steps - lower) / tolerance).astype(np.int64)
    nx, ny = cells.max(axis=0) + _WIDE + 2
    votes = np.bincount(cells[:, 0] * ny + cells[:, 1], minlength=nx * ny).reshape(nx, ny).astype(np.int32)
    near = _three(votes)
    x, y = np.nonzero(near >= min(3, near.max()))
    expected = _surroundings(votes)[x // _WIDE, y // _WIDE] * 9
    excess = (near[x, y] - expected) / np.sqrt(expected + 1)
    chosen: list[np.ndarray] = []
    for k in np.argsort(-excess, kind="stable")[: 4 * _CANDIDATES]:
        centre = lower + (np.array([x[k], y[k]]) + 0.5) * tolerance
        step = np.median(steps[np.abs(steps - centre).max(axis=1) <= 1.5 * tolerance], axis=0)
        if all(np.hypot(*(step - other)) > tolerance for other in chosen):
            chosen.append(step)
        if len(chosen) == _CANDIDATES:
            break
    return np.array(chosen)


def _three(votes: np.ndarray) -> np.ndarray:
    """Sum the votes over squares of 3 x 3 cells; the outermost cells of the result are 0."""
    out = np.zeros_like(votes)
    for j in (-1, 0, 1):
        for i in (-1, 0, 1):
            out[1:-1, 1:-1] += votes[1 + j : votes.shape[0] - 1 + j, 1 + i : votes.shape[1] - 1 + i]
    return out


def _surroundings(votes: np.ndarray) -> np.ndarray:
    """Average the votes per cell over each block of 16 x 16 cells and the blocks around it."""
    nx, ny = (-(-size // _WIDE) for size in votes.shape)
    padded = np.zeros(((nx + 2) * _WIDE, (ny + 2) * _WIDE), votes.dtype)
    padded[_WIDE : _WIDE + votes.shape[0], _WIDE : _WIDE + votes.shape[1]] = votes
    blocks = padded.reshape(nx + 2, _WIDE, ny + 2, _WIDE).sum(axis=(1, 3))
    return _three(blocks)[1:-1, 1:-1] / (9 * _WIDE**2)


def _judged(
    bright: tuple[np.ndarray, np.ndarray], step: np.ndarray, tolerance: float, trials: float
) -> tuple[float, int, np.ndarray]:
    """Compute the probability of as many pairs by chance, estimated from their numbers at nearby steps."""
    pairs = mutual_pairs(*bright, step, tolerance)
    if len(pairs) < 3:
        return 1.0, len(pairs), step
    angles = np.arange(12) * (np.pi / 6)
    nearby = [
        len(mutual_pairs(*bright, step + 4 * tolerance * np.array([math.cos(a), math.sin(a)]), tolerance))
        for a in angles
    ]
    area = np.prod(np.ptp(bright[1], axis=0) + 4 * tolerance)
    uniform = len(bright[0]) * len(bright[1]) * math.pi * tolerance**2 / area
    expected = max(sum(nearby) / len(nearby), 2 * uniform)
    # `trials` is the number of independent steps in the range that was searched.
    return min(1.0, trials * poisson_tail(len(pairs), expected)), len(pairs), step


def poisson_tail(count: int, mean: float) -> float:
    """Sum the Poisson probabilities of `count` or more; 60 terms suffice, as they decrease fast."""
    if count <= mean:
        return 1.0
    terms = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count, count + 60)]
    return min(1.0, sum(terms))


def mutual_pairs(reference: np.ndarray, image: np.ndarray, step: np.ndarray, tolerance: float) -> np.ndarray:
    """Find the index pairs of stars that are mutual nearest neighbours within `tolerance` after the step."""
    if not (len(reference) and len(image)):
        return np.empty((0, 2), np.int64)
    gap = reference[:, None, :] - (image + step)[None, :, :]
    squares = (gap**2).sum(axis=2)
    there, back = squares.argmin(axis=1), squares.argmin(axis=0)
    own = np.arange(len(reference))
    mutual = (back[there] == own) & (squares[own, there] <= tolerance**2)
    return np.column_stack([own[mutual], there[mutual]])


def _refined(
    reference: StarList, image: StarList, step: np.ndarray, tolerance: float, chance: float
) -> Match:
    """Refine the step as the robust mean of the differences of agreeing stars, weighted by their errors."""
    most = 2000
    first, second = reference.places[:most], image.places[:most]
    error = math.inf
    pairs = np.empty((0, 2), np.int64)
    for _ in range(3):
        pairs = mutual_pairs(first, second, step, tolerance)
        gaps = first[pairs[:, 0]] - second[pairs[:, 1]]
        # The error of a centroid is proportional to FWHM / SNR, down to a floor.
        known = (reference.fwhm / reference.snr[pairs[:, 0]]) ** 2 + (
            image.fwhm / image.snr[pairs[:, 1]]
        ) ** 2
        weights = 1 / (known / 2 + CENTROID_FLOOR**2)
        step, error, kept = _robust_mean(gaps, weights)
        pairs = pairs[kept]
    return Match(step, error, chance, pairs)


def _robust_mean(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Compute the weighted mean after clipping at 3.5 sigma, its error from the scatter, and the values kept."""
    kept = np.ones(len(values), bool)
    centre = np.median(values, axis=0)
    for _ in range(5):
        deviation = np.abs(values - centre) * np.sqrt(weights)[:, None]
        scale = 1.4826 * np.median(deviation[kept]) + 1e-9
        now = (deviation <= 3.5 * scale).all(axis=1)
        centre = np.average(values[now], axis=0, weights=weights[now])
        if (now == kept).all():
            break
        kept = now
    w, residual = weights[kept], values[kept] - centre
    free = max(kept.sum() - 1, 1) / kept.sum()
    error = np.sqrt((w[:, None] ** 2 * residual**2).sum(axis=0) / free) / w.sum()
    return centre, float(error.max()), kept
