"""Flats of spectra: the light of the lamp, smooth along the dispersion, is divided out of each line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.instruments.spectra import COLUMNS
from ccdfx.night.spectra.slits import shapes_of
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

_DEGREE = 3
_FEWEST_PIECES = 4
_ROUNDS = 5
_LIMIT = 4.0  # sigma beyond which a pixel is left out of the fit
_FLOOR = 0.01  # of the greatest light of a line, below which a fainter pixel has no more weight
_STIFFNESS = 1e-6  # of the curvature, relative to the data: it decides only where there are none
_FINER = 5  # times as many knots as of a line has what all lines have in common
_TINY = 1e-12  # of the diagonal, for lines without any good pixel
_LINES = 256  # fitted at a time
_LIT = 3.0  # sigma: with less light than that a pixel tells nothing
_ODD, _UNEVEN = 3.0, 0.03  # times the scatter of other lines, and part of its light, by which an edge is told
_FEATURE, _FEWEST_PIXELS = 0.02, 3  # of the light, and pixels, by which a feature of all lines is told
_MOST_SAMPLED, _FEWEST_SAMPLED = 256, 8  # lines in which it is searched
_FAR, _MOST_FAR = 0.2, 0.1  # a fit that differs by so much in so large a part does not follow the light


def without_response(flat: Image, *, dispersion: str, smooth: float, response: float) -> Image:
    """Divide each line of a flat by a smooth function of the place along the dispersion.

    The function is what the lines of a slit have in common, smooth over a fifth of `smooth`, times a cubic spline for each line,
    fitted to its good pixels by least squares with weights of photon noise, without those that are far off. What remains is the response of the pixels, with a mean of 1 in each line:
    neither the spectrum of the lamp nor the light along the slit stays in it.

    Parameters
    ----------
    flat : Image (ny, nx)
        A combined flat, without bias and dark.
    dispersion : {"rows", "columns"}
        Along which lines the light is spread.
    smooth : float
        Distance of the knots of the spline, in pixels: what is wider is light, what is narrower is response.
    response : float
        Pixels with less than this part of the light around them are flagged BAD_PIXEL; so are those that see too little
        light to tell (3 sigma), and lines along which the light is not smooth, as at the edge of a slit, which become 1.

    Returns
    -------
    Image
        Of the shape of the flat; its variance is divided by the square of the function. What is narrower than the knots
        and common to all lines stays in it, with a `CcdfxWarning` where it is 2 % or more.

    Raises
    ------
    ArgumentError
        The function does not follow the light of many pixels, as where the orders of an echelle cross the lines.

    Examples
    --------
    >>> import numpy as np
    >>> lamp = np.linspace(1000, 9000, 300) * np.ones((8, 1))
    >>> lamp[3, 100] *= 0.9
    >>> flat = without_response(Image(lamp), dispersion="rows", smooth=100, response=0.1)
    >>> [round(float(flat.array[3, x]), 2) for x in (20, 100, 280)]
    [1.0, 0.9, 1.0]
    """
    array, good = along(flat.array, dispersion), along(flat.good, dispersion)
    light, scatter = np.empty(array.shape, np.float32), np.empty(array.shape[0], np.float32)
    for lines, fitted, noise in _fitted(array, good, smooth):
        light[lines], scatter[lines] = fitted, noise
    if flat.variance is None:
        sigma = along(scatter[:, None] * np.sqrt(np.maximum(light, 0)), dispersion)
    else:
        sigma = np.sqrt(np.where(np.isfinite(flat.variance), flat.variance, 0))
    follows = along(np.broadcast_to(_follows(light, scatter)[:, None], light.shape), dispersion)
    light = along(light, dispersion)
    lit = follows & np.isfinite(light) & (light > 0) & (light > _LIT * sigma)
    safe = np.where(lit, light, np.float32(1))
    ratio = np.where(lit, flat.array / safe, 1).astype(flat.dtype, copy=False)
    _require_following(ratio, lit & flat.good & (_LIT * sigma < _FAR * safe), dispersion)
    _warn_of_features(along(ratio, dispersion), along(lit & flat.good, dispersion))
    mask = np.zeros(flat.shape, np.uint8) if flat.mask is None else flat.mask.copy()
    mask[~lit | (ratio < response)] |= np.uint8(Flag.BAD_PIXEL)
    variance = None if flat.variance is None else np.where(lit, flat.variance / safe**2, 0)
    if variance is not None and flat.variance is not None:
        variance = variance.astype(flat.variance.dtype, copy=False)
    return flat.replace(array=ratio, mask=mask if mask.any() else None, variance=variance)


def along(plane: np.ndarray, dispersion: str) -> np.ndarray:
    """Turn a plane so that the dispersion runs along its rows, or back; the same values, not copied.

    >>> along(np.zeros((2, 5)), "columns").shape
    (5, 2)
    """
    return plane.T if dispersion == COLUMNS else plane


def _fitted(
    array: np.ndarray, good: np.ndarray, smooth: float
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Fit the lines of a plane, many at a time: yields which, the fitted values, and the scatter over sqrt(light)."""
    basis, penalty = _basis(array.shape[1], smooth)
    shapes = _common_shapes(array, good, smooth)
    lit = array[good]
    least = _FLOOR * float(np.percentile(lit, 95)) if lit.size else 0.0
    if not least > 0:
        raise ArgumentError(
            "flat", "must hold light", value=least, remedy="look at the flat, or leave it out"
        )
    for start in range(0, len(array), _LINES):
        lines = slice(start, start + _LINES)
        values = np.asarray(array[lines], np.float64)
        shape = shapes[lines].astype(np.float64)
        yield lines, *_fit(values, np.asarray(good[lines]), shape, (basis, penalty), least)


def _basis(length: int, smooth: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the B-splines (length, n) with knots at equal distances, and the square of second differences (n, n)."""
    from scipy.interpolate import BSpline

    pieces = min(max(round(length / smooth), _FEWEST_PIECES), max(length // 8, 1))
    inner = np.linspace(0, length - 1, pieces + 1)
    knots = np.concatenate([[inner[0]] * _DEGREE, inner, [inner[-1]] * _DEGREE])
    basis = BSpline.design_matrix(np.arange(length, dtype=np.float64), knots, _DEGREE).toarray()
    steps = np.diff(np.eye(basis.shape[1]), 2, axis=0)
    return basis, steps.T @ steps


def _common_shapes(array: np.ndarray, good: np.ndarray, smooth: float) -> np.ndarray:
    """Return the light along each line that it has in common with those of its slit, positive; 1 for other lines."""
    basis, penalty = _basis(array.shape[1], smooth / _FINER)

    def smoothed(profile: np.ndarray) -> np.ndarray:
        weights = 1 / np.maximum(profile, _FLOOR * profile.max())
        fitted = _solved(profile[None], np.where(profile > 0, weights, 0)[None], basis, penalty)[0]
        return np.maximum(fitted, _FLOOR**2 * fitted.max())

    shapes = np.ones(array.shape, np.float32)
    for lines, shape in shapes_of(array, good, smoothed):
        shapes[lines] = shape
    return shapes


def _fit(
    values: np.ndarray,
    good: np.ndarray,
    shape: np.ndarray,
    splines: tuple[np.ndarray, np.ndarray],
    least: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit splines times shapes to lines (lines, length); NaN for a line with too few good pixels."""
    basis, penalty = splines
    values = np.where(good, values, 0)
    used, weights = good, good / np.maximum(shape, _FLOOR * shape.max(axis=1, keepdims=True))
    light, scatter = np.zeros_like(values), np.zeros(len(values))
    for _ in range(_ROUNDS):
        light = shape * _solved(values / shape, weights * shape**2, basis, penalty)
        square = np.maximum(light, np.maximum(_FLOOR * light.max(axis=1, keepdims=True), least))
        away = np.abs(values - light) / np.sqrt(square)
        scatter = 1.4826 * _medians(np.where(good, away, np.inf))
        used = good & (away <= _LIMIT * scatter[:, None])
        weights = used / square
    few = used.sum(axis=1) < 2 * basis.shape[1]
    light[few], scatter[few] = np.nan, np.nan
    return light, scatter


def _solved(values: np.ndarray, weights: np.ndarray, basis: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Solve the normal equations of all lines: products of splines differ from 0 only for neighbours."""
    count = basis.shape[1]
    matrices = np.zeros((len(values), count, count))
    for k in range(min(_DEGREE, count - 1) + 1):
        products = weights @ (basis[:, : count - k] * basis[:, k:])
        rows = np.arange(count - k)
        matrices[:, rows, rows + k] = products
        matrices[:, rows + k, rows] = products
    size = np.trace(matrices, axis1=1, axis2=2) / count
    size[size <= 0] = 1.0
    matrices += size[:, None, None] * (_STIFFNESS * penalty + _TINY * np.eye(count))
    right = (weights * values) @ basis
    found: np.ndarray = np.linalg.solve(matrices, right[:, :, None])[:, :, 0] @ basis.T
    return found


def _medians(away: np.ndarray) -> np.ndarray:
    """Return the medians of rows without what is infinite; 0 for a row without anything."""
    ordered = np.sort(away, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    middle = np.maximum(counts - 1, 0) // 2
    found = ordered[np.arange(len(away)), middle]
    return np.where(counts > 0, found, 0.0)


def _follows(light: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Return which lines scatter about their light no more than most do; one that the edge of a slit crosses scatters more."""
    finite = np.isfinite(light).all(axis=1)
    relative = np.full(len(light), np.inf)
    relative[finite] = scatter[finite] / np.sqrt(np.maximum(np.median(light[finite], axis=1), 1e-30))
    seen = finite & (light.max(axis=1) > 0) & (scatter > 0)
    typical = float(np.median(scatter[seen])) if seen.any() else np.inf
    return ~((scatter > _ODD * typical) & (relative > _UNEVEN))


def _warn_of_features(ratio: np.ndarray, told: np.ndarray) -> None:
    """Record what all lines have in common after the division, by a warning: light that is not smooth, or fringes along the slit."""
    sample = slice(None, None, max(1, len(ratio) // _MOST_SAMPLED))
    values = np.where(told[sample], ratio[sample], np.inf).T
    counts = told[sample].sum(axis=0)
    profile = _medians(values)
    with np.errstate(invalid="ignore"):
        scatter = 1.4826 * _medians(np.abs(values - profile[:, None]))
    error = 1.25 * scatter / np.sqrt(np.maximum(counts, 1))
    off = np.abs(profile - 1)
    seen = (counts >= _FEWEST_SAMPLED) & (off > np.maximum(_FEATURE, _LIMIT * error))
    if np.count_nonzero(seen) >= _FEWEST_PIXELS:
        where = np.flatnonzero(seen)
        warnings.warn(
            f"what all lines have in common along the dispersion is not all smooth: up to {off[seen].max():.0%} stays in the "
            f"flat, between pixels {where[0]} and {where[-1]}, of lines or edges of the lamp's light, or fringes; look at it, and "
            "lower flat.smooth in the recipe if it is light",
            CcdfxWarning,
            stacklevel=2,
        )


def _require_following(ratio: np.ndarray, told: np.ndarray, dispersion: str) -> None:
    """Refuse a fit from which a large part of the pixels that have little noise is far away."""
    count = int(np.count_nonzero(told))
    far = np.count_nonzero(told & (np.abs(ratio - 1) > _FAR))
    if count and far > _MOST_FAR * count:
        raise ArgumentError(
            "flat",
            f"must be smooth along its {dispersion}, along which the light is spread, and so many pixels are off by "
            f"{_FAR:.0%}",
            value=f"{far / count:.0%}",
            remedy="correct the dispersion ([spectrum] of an instrument file, DISPAXIS), or lower flat.smooth in the "
            "recipe; the orders of an echelle, which cross the lines, need a program of their own",
        )
