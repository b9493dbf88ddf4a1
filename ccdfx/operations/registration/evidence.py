"""Evidence for and against a match of stars: what agrees, what sources look like, how pixels correlate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ccdfx.operations.registration.coincidence import mutual_pairs
from ccdfx.operations.registration.fits import Fit
from ccdfx.operations.registration.star_list import StarList
from ccdfx.photometry.detection import SIGMA

MOST = 0.5
"""More than this part of the brightest sources that both frames should show must agree."""
MOST_AT_REST = 0.7
"""The same where nothing moves, as blemishes do not either."""
_FEW, _BRIGHTEST = 8, 30
_NARROWER = 0.8
_DEEPEST = 400
_BRIGHT = 10.0  # signal-to-noise ratio of sources whose shapes are compared
_RESOLVED = 4.5  # pixels: what is as wide may be structure of the detector
_NARROWEST = 1.55  # pixels: the narrowest star that differs from a block of four
# The scatter of the logarithms of the widths, and of the roundness, of stars; at 1.5 pixels it is 0.04, 0.05.
_ROUND, _ALIKE_ROUND, _ALIKE_LONG = 0.88, np.array([0.05, 0.055]), np.array([0.035, 0.04])
_SHAPE_NOISE, _EXCUSED = 1.5, 0.08
_SEVERAL = 12
_WIDER = 1.15
_STAMPS = 40


Hidden = Callable[[np.ndarray, float], np.ndarray]
"""Tells at which positions (n, 2) a frame cannot show a star of that FWHM, as `View.hidden` does."""


def agreement(
    reference: StarList,
    image: StarList,
    fit: Fit,
    shapes: tuple[tuple[int, int], ...],
    tolerance: float,
    hidden: tuple[Hidden, Hidden] | None = None,
) -> float:
    """Compute which part of the brightest sources in the common area have a partner; the lesser of both lists.

    As many are taken from each list as make the brighter half of the shorter one, 8 to 30: the other may be
    deeper, and of sources near the threshold some are missed. What is narrower than the stars that agree,
    such as blemishes that only the sharper frame lists, is not asked; nor what has no partner because the
    other frame is masked or saturated there, which `hidden` tells of the reference and of the image.
    """
    margin = reference.typical_fwhm + tolerance
    back = (reference.places - fit.offset) @ np.linalg.inv(fit.matrix).T
    moved = fit.moved(image.places)
    common = [_inside(back, shapes[1], margin), _inside(moved, shapes[0], margin)]
    if len(fit.pairs):
        for inside, one, column in zip(common, (reference, image), fit.pairs.T[::-1], strict=True):
            inside &= one.fwhm >= _NARROWER * np.median(one.fwhm[column])
    if hidden is not None:
        pairs = mutual_pairs(reference.places, moved, np.zeros(2), tolerance)
        for inside, there, unseen, column in zip(common, (back, moved), hidden[::-1], pairs.T, strict=True):
            alone = np.setdiff1d(np.flatnonzero(inside), column)
            if len(alone):
                inside[alone[unseen(there[alone], reference.typical_fwhm)]] = False
    count = min(int(inside.sum()) for inside in common)
    count = min(count, max(count // 2, _FEW), _BRIGHTEST)
    if count == 0:
        return 0.0
    orders = [np.argsort(-one.snr, kind="stable")[:_DEEPEST] for one in (reference, image)]
    pairs = mutual_pairs(reference.places[orders[0]], moved[orders[1]], np.zeros(2), tolerance)
    shares = []
    for order, inside, column in zip(orders, common, pairs.T, strict=True):
        paired = np.isin(np.arange(len(order)), column)
        shares.append(float(np.mean(paired[inside[order]][:count])))
    return min(shares)


def star_shaped(stars: StarList, others: StarList) -> bool:
    """Return whether sources that stay look like stars of one point spread function, not like groups of pixels.

    At least three must be no narrower than 1.55 pixels, nor than the `others`, those that do not stay; and
    all of one width and roundness, where stars have those of the optics. Resolved sources may be fringes, dust
    or reflections, which stay as well.
    """
    bright = _bright(stars)
    width, scatter = _centre(np.log(bright.fwhm))
    width = math.exp(width)
    moving = others.fwhm[others.snr >= _BRIGHT]
    if len(moving) >= 3 and float(np.median(moving)) > _WIDER * width:
        return False
    if len(bright.snr) < 3 or width < _NARROWEST:
        return False
    noise = _SHAPE_NOISE / float(np.median(bright.snr))
    roundness, spread = _centre(bright.roundness)
    # Fringes are wide, long, unlike each other, and faint enough for noise to excuse all that.
    excuse = noise if width < _RESOLVED else min(noise, _EXCUSED)
    if roundness >= _ROUND - excuse:
        limits = _ALIKE_ROUND + noise
    elif len(bright.snr) < _SEVERAL:
        # Groups of few pixels of any values are less round, and less alike, than stars; guiding makes stars
        # less round, but all of them alike, which the scatter of a few does not show.
        return False
    else:
        limits = _ALIKE_LONG + (noise if width < _RESOLVED else 0.0)
    return bool(scatter <= limits[0] and spread <= limits[1])


def _bright(stars: StarList) -> StarList:
    """Return the stars whose shapes are known; the better half where none is bright."""
    return stars.taken(stars.snr >= min(_BRIGHT, float(np.median(stars.snr))))


def _centre(values: np.ndarray) -> tuple[float, float]:
    """Compute the median and the scatter, 1.4826 times the median absolute deviation."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def likeness(
    reference: np.ndarray, image: np.ndarray, stars: StarList, fit: Fit
) -> tuple[float, float] | None:
    """Compute how the pixels around stars of the reference correlate with the image, moved and unmoved.

    The planes hold no gaps. Returns None without a star that lies inside the image both ways.
    """
    from scipy.ndimage import gaussian_filter1d, map_coordinates

    reach = max(2, round(1.5 * stars.typical_fwhm))
    y, x = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    centres = np.rint(stars.places[np.argsort(-stars.snr, kind="stable")])
    back = np.linalg.inv(fit.matrix).T
    fits = _inside(centres, reference.shape, reach) & _inside(
        (centres - fit.offset) @ back, image.shape, reach
    )
    centres = centres[fits & _inside(centres, image.shape, reach)][:_STAMPS]
    if not len(centres):
        return None
    grid = centres[:, None, :] + np.column_stack([x, y])[None]
    sigma, side = stars.typical_fwhm * SIGMA, 2 * reach + 1

    def stamp(plane: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Sample around the stars and filter with their width, so that faint ones stand out of the noise."""
        values = map_coordinates(plane, np.moveaxis(at[..., ::-1], -1, 0), order=1, output=np.float64)
        cube = values.reshape(-1, side, side)
        filtered = gaussian_filter1d(gaussian_filter1d(cube, sigma, axis=1), sigma, axis=2)
        flat = filtered.reshape(len(cube), -1)
        return flat - flat.mean(axis=1, keepdims=True)

    target, moved, unmoved = (
        stamp(plane, at)
        for plane, at in ((reference, grid), (image, (grid - fit.offset) @ back), (image, grid))
    )
    return _correlation(target, moved), _correlation(target, unmoved)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Compute the median of the correlation coefficients of stamps."""
    power = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return float(np.median((one * other).sum(axis=1) / np.maximum(power, 1e-300)))


def _inside(places: np.ndarray, shape: tuple[int, int], margin: float) -> np.ndarray:
    far = np.array(shape[::-1]) - 1 - margin
    return np.all((places >= margin) & (places <= far), axis=1)
