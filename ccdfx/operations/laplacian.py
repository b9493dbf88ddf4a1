"""L.A.Cosmic on a frame without gaps, tile by tile, iterated until no more cosmic rays are found."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.estimators import median_of
from ccdfx.kernels.cosmic_rays import Windows, find_rays, windows
from ccdfx.kernels.medians import median_rows, window_sorter
from ccdfx.kernels.replace import medians_near
from ccdfx.kernels.shift import spread_flags
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

TILE = (128, 512)  # rows, columns; both at least the margin of the search
_BRIGHT = np.uint8(Flag.SATURATED | Flag.NONLINEAR)
_CORE = np.float32(0.1)  # of its height: a saturated pixel whose surroundings exceed this is in a star
_HUGE = 1e15
_SIGHT = 8  # pixels: the greatest margin of a search
_GLARE = 4  # pixels around the core of a saturated star, where rays are not searched for

Tile = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The checked parameters of a search; the median windows are `square`, or rows and then columns."""

    sigma_limit: float
    neighbour_fraction: float
    object_limit: float
    iterations: int
    square: bool

    @property
    def windows(self) -> Windows:
        """The windows of its medians."""
        return windows(self.square)

    @property
    def limits(self) -> tuple[np.float32, ...]:
        """Limits for the significance of rays and of their neighbours, and for the contrast."""
        neighbours = self.neighbour_fraction * self.sigma_limit
        with np.errstate(over="ignore"):
            return tuple(map(np.float32, (self.sigma_limit, neighbours, self.object_limit)))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A frame without gaps, relative to its level and in units of its typical noise; rays found are removed.

    array, variance : float32
    good : uint8
        1 where rays may be found.
    level, scale : float
        A value of the image is ``level + scale * array``; scale is a power of two, so that scaling is exact.
    """

    array: np.ndarray
    variance: np.ndarray
    good: np.ndarray
    level: float
    scale: float

    @classmethod
    def of(cls, image: Image, variance: np.ndarray) -> Plane:
        """Build the plane of an image and its variances; their values at bad pixels are ignored."""
        bad = ~np.isfinite(variance)
        if image.dtype.kind == "f":
            bad |= ~np.isfinite(image.array)
        if image.mask is not None:
            bad |= (image.mask & ~_BRIGHT) != 0
        level, typical = (_median(values, ~bad) for values in (image.array, variance))
        # The square of the scale, and its inverse, must be representable in both types.
        most = 60 if np.float32 in (image.dtype, variance.dtype) else 511
        scale = 2.0 ** max(min(round(0.5 * math.log2(typical)), most), -most) if typical > 0 else 1.0
        with np.errstate(over="ignore"):
            array = _filled((np.where(bad, level, image.array) - level) / scale, bad, 0.0)
            spread = _filled(np.where(bad, typical, variance) / scale**2, bad, typical / scale**2)
        good = ~bad
        if image.mask is not None and (image.mask & _BRIGHT).any():
            good &= ~_bright_stars(array, (image.mask & _BRIGHT != 0) & ~bad)
        return cls(array, spread, good.view(np.uint8), level, scale)

    def values_at(self, rays: np.ndarray) -> np.ndarray:
        """Return the values of the image at the rays, after the rays are removed."""
        return self.level + self.scale * self.array[rays].astype(np.float64)

    def variances_at(self, rays: np.ndarray) -> np.ndarray:
        """Return the variances at the rays, after the rays are removed."""
        return self.scale**2 * self.variance[rays].astype(np.float64)


def find(plane: Plane, search: Search) -> np.ndarray:
    """Find cosmic rays (bool array), and replace them in the plane by the median of their neighbours."""
    rays = np.zeros(plane.array.shape, bool)
    inside = _without_edge(plane.good, search.windows.large // 2)
    tiles = _tiles(rays.shape)
    for _ in range(search.iterations):
        known = np.count_nonzero(rays)
        for (y, x), found in zip(
            tiles, map_here(partial(_searched, plane, inside, search), tiles), strict=True
        ):
            rays[y : y + found.shape[0], x : x + found.shape[1]] |= found
        if np.count_nonzero(rays) == known:
            break
        tiles = _touched(_cleaned(plane, rays), search.windows.margin, rays.shape)
    return rays


def _without_edge(good: np.ndarray, width: int) -> np.ndarray:
    """Exclude the edge, where windows leave the frame and a deviant edge would be taken for a ray."""
    inside = good.copy()
    for edge in (inside[:width], inside[-width:], inside[:, :width], inside[:, -width:]):
        edge[:] = 0
    return inside


def _tiles(shape: tuple[int, ...]) -> list[Tile]:
    ny, nx = shape
    return list(itertools.product(range(0, ny, TILE[0]), range(0, nx, TILE[1])))


def _searched(plane: Plane, inside: np.ndarray, search: Search, tile: Tile) -> np.ndarray:
    """Find the rays of one tile (bool array) where `inside` is 1."""
    ny, nx = (
        min(step, size - first) for step, size, first in zip(TILE, plane.array.shape, tile, strict=True)
    )
    out = np.empty((ny, nx), np.uint8)
    find_rays(plane.array, plane.variance, inside, tuple(search.windows), search.limits, *tile, out)
    return out.view(bool)


def _cleaned(plane: Plane, rays: np.ndarray) -> np.ndarray:
    """Replace rays by the median of the good pixels around them; return the places (y, x) that changed."""
    places = np.argwhere(rays)
    hidden = rays | (plane.good == 0)
    changed = np.zeros(len(places), bool)
    for values, otherwise in ((plane.array, 0.0), (plane.variance, 1.0)):
        found = np.empty(len(places), values.dtype)
        medians_near(values, hidden, places, np.float32(otherwise), found)
        changed |= values[rays] != found
        values[rays] = found
    return places[changed]


def _touched(places: np.ndarray, margin: int, shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles whose result may depend on one of the places."""
    count_y, count_x = (-(-size // step) for size, step in zip(shape, TILE, strict=True))
    touched = np.zeros((count_y, count_x), bool)
    for dy, dx in itertools.product((-margin, 0, margin), repeat=2):
        y, x = np.clip(places + np.array([dy, dx]), 0, np.array(shape) - 1).T
        touched[y // TILE[0], x // TILE[1]] = True
    return [(int(y) * TILE[0], int(x) * TILE[1]) for y, x in np.argwhere(touched)]


def _median(values: np.ndarray, good: np.ndarray) -> float:
    return float(median_of(values, good)) if good.any() else 0.0


def _filled(values: np.ndarray, bad: np.ndarray, otherwise: float) -> np.ndarray:
    """Convert values to float32, small enough to be summed, and fill bad pixels from their neighbours."""
    values = np.clip(values, -_HUGE, _HUGE).astype(np.float32, copy=False)
    if bad.any():
        places = np.argwhere(_in_sight(bad))
        found = np.empty(len(places), np.float32)
        medians_near(values, bad, places, np.float32(otherwise), found)
        values[bad] = otherwise
        values[tuple(places.T)] = found
    return values


def _in_sight(bad: np.ndarray) -> np.ndarray:
    """Return the bad pixels near good ones; the interior of large bad areas need not be filled."""
    if np.count_nonzero(bad) < bad.size // 50:
        return bad
    from scipy.ndimage import minimum_filter

    return bad & ~minimum_filter(bad, 2 * _SIGHT + 1)


def _bright_stars(array: np.ndarray, saturated: np.ndarray) -> np.ndarray:
    """Find the saturated pixels of stars, with bleeding columns and surroundings (bool array)."""
    from scipy.ndimage import binary_propagation

    around = np.empty_like(array)
    median_rows(array, 5, 5, window_sorter(array.dtype, 25), False, around, 0, array.shape[0])
    cores = saturated & (around > _CORE * array)
    stars = binary_propagation(cores, structure=np.ones((3, 3)), mask=saturated)
    y, x = np.mgrid[-_GLARE : _GLARE + 1, -_GLARE : _GLARE + 1]
    near = y**2 + x**2 <= _GLARE**2
    out = np.zeros(array.shape, np.uint8)
    spread_flags(stars.view(np.uint8), y[near], x[near], out)
    return out.view(bool)
