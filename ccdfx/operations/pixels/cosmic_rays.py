"""Cosmic-ray detection in one frame: L.A.Cosmic (van Dokkum 2001, PASP 113, 1420)."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.estimators import median_of
from ccdfx.kernels.defects.ray_plane import BAD, MOST, RAY, Relative, find_bad, normalise, sampled_median
from ccdfx.kernels.defects.ray_search import find_rays_of_tiles
from ccdfx.kernels.image.bad_pixels import LARGEST_RADIUS, flagged_places, mark_around, medians_near
from ccdfx.noise.header_gain import doubt_about_gain, gain_keyword
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.operations.pixels.places import medians_around, touching_groups
from ccdfx.operations.pixels.ray_search import Search
from ccdfx.records.checks import one_of
from ccdfx.records.compatibility import unit_name
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import read_only, working_dtype
from ccdfx.records.wcs import refuse_mosaic


def mask_cosmic_rays(
    image: ImageLike,
    *,
    sigma_limit: float = Search.sigma_limit,
    neighbour_fraction: float = Search.neighbour_fraction,
    object_limit: float = Search.object_limit,
    iterations: int = Search.iterations,
    medians: str = Search.medians,
    noise: NoiseModel | None = None,
    replace: str | None = None,
) -> Image:
    """Flag the cosmic rays of a single frame, which are sharper than any well-sampled star.

    The Laplacian of the frame, taken on pixels subsampled 2 x 2 and clipped at 0, is compared with the noise.
    S is the Laplacian over twice the noise, less its own median. A pixel belongs to a ray where S exceeds
    both `sigma_limit` and, to exclude stars, `object_limit` times the fine structure of the frame (median of
    3 x 3 less the median of 7 x 7 of that) over the noise. Pixels next to rays are added where S exceeds
    `sigma_limit`, and their neighbours in turn where it exceeds ``neighbour_fraction * sigma_limit``. Rays
    are replaced, in a copy, by the median of their good neighbours, and the search is repeated until it finds
    no more.

    Parameters
    ----------
    image : Image or 2-D array
        A calibrated frame, with the sky not subtracted. Stars should have a FWHM of 2 pixels or more.
    sigma_limit : float
        In sigma of the noise, positive.
    neighbour_fraction : float
        0 to 1.
    object_limit : float
        Positive; a higher limit protects sharper stars, a lower one finds less sharp rays.
    iterations : int
        Maximum number of passes.
    medians : {"exact", "separable"}
        "exact": square windows (5 for the noise and for S, 3 and 7 for the fine structure). "separable":
        medians of rows and then of columns (7, 7, 5, 9), which are faster and find nearly the same.
    noise : NoiseModel, optional
        The noise of a value, in the unit of the image. By default the variance of the image, else that of
        `ccd_noise` with gain and RDNOISE of the header: EGAIN or GAIN, unless that is a setting of the camera,
        and 1 for an image in electrons. The noise of a pixel is the median around it, so that
        a ray does not raise its own noise. A ray must also exceed two thirds of `sigma_limit` relative to the
        noise of the pixel itself, which a hot pixel does not once its dark is subtracted.
    replace : {None, "median"}
        "median" replaces the rays by the median of the good pixels around them (of 5 x 5, or of a larger
        window if there are fewer than three), and their variance by the median of the variances there.

    Returns
    -------
    Image
        With COSMIC_RAY added to the flags; header and, unless they are replaced, values and variance are
        unchanged. There is a mask even if nothing is found. Replaced values are float32, or float64 for wide
        input. Flagged and non-finite pixels (also those whose variance is not finite) are never found and are
        not used. But pixels flagged SATURATED or NONLINEAR (see `mask_saturated`) may be rays, except for the
        cores of stars (where the median around a pixel is above a tenth of its height over the sky), flagged
        pixels joined to them, and all pixels within 4 of these. Nothing is found where the noise is 0, or in
        the outermost 2 pixels (3 with separable medians), where the windows would leave the frame.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When a limit is not positive, the noise is not known, or the header names a mosaic of colours (BAYERPAT).
    UnknownNameError
        Unknown `medians` or `replace`.

    See Also
    --------
    clip_sigma, cr_reject, replace_masked

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.full((9, 9), 100.0)
    >>> frame[4, 3:6] = 900.0
    >>> found = mask_cosmic_rays(Image(frame, variance=np.full((9, 9), 25.0)), replace="median")
    >>> found.mask[4].tolist(), found.array[4].tolist()[2:5]
    ([0, 0, 0, 8, 8, 8, 0, 0, 0], [100.0, 100.0, 100.0])
    """
    image = as_image(image)
    refuse_mosaic(image.header, "to be searched for cosmic rays")
    search = Search(
        sigma_limit=sigma_limit,
        neighbour_fraction=neighbour_fraction,
        object_limit=object_limit,
        iterations=iterations,
        medians=medians,
    )
    if replace is not None:
        one_of("replace", replace, ("median",), UnknownNameError)
    plane = LaplacianPlane.of(image, _variance(image, noise))
    rays = find(plane, search)
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    mask.reshape(-1)[rays.places] |= np.uint8(Flag.COSMIC_RAY)
    if replace is None:
        return adopt(image.array, image.header, mask, image.range, image.variance)
    array, variance = image.array.astype(working_dtype(image.array)), image.variance
    array.reshape(-1)[rays.places] = plane.level + plane.scale * rays.values.astype(np.float64)
    if variance is not None:
        variance = variance.copy()
        variance.reshape(-1)[rays.places] = plane.scale**2 * rays.variances.astype(np.float64)
    return adopt(array, without_extremes(image.header), mask, image.range, variance)


def _variance(image: Image, noise: Any) -> np.ndarray:
    """Return the variance of each pixel: by the noise model, else the image's own, else by its header."""
    from ccdfx.noise import ccd_noise
    from ccdfx.noise.predict import own_variance

    if noise is None and image.variance is not None:
        return image.variance
    if noise is None:
        gain, readnoise = _header_gain(image), image.header.number("RDNOISE")
        if gain is None or readnoise is None:
            raise ArgumentError(
                "image",
                "must have a variance, or GAIN (or EGAIN) and RDNOISE in its header",
                value=doubt_about_gain(image.header) or f"GAIN {gain}, RDNOISE {readnoise}",
                remedy="give noise=ccd_noise(gain=..., readnoise=...)",
            )
        noise = ccd_noise(gain, readnoise)
    return own_variance(image, noise)


def _header_gain(image: Image) -> float | None:
    """Return the e- per unit of the image that its header states; for electrons it is 1."""
    if image.unit is not None and unit_name(image.unit) == "electron":
        return 1.0
    keyword = gain_keyword(image.header)
    return None if keyword is None else image.header.number(keyword)


TILE = (128, 512)  # rows, columns; both at least the margin of the search
TILE_AGAIN = (16, 64)  # of the later passes, which only look at what has changed
FEW = 16  # of so many pixels one may be a ray where rays are searched for one by one, which is then faster
_BATCH_PIXELS = 1 << 21  # of the tiles that a thread searches at a time
_BRIGHT = np.uint8(Flag.SATURATED | Flag.NONLINEAR)
_CORE = np.float32(0.1)  # of its height: a saturated pixel whose surroundings exceed this is in a star
_NO_MASK = np.zeros(0, np.uint8)
_SIGHT = 8  # pixels: the greatest margin of a search
_GLARE = 4  # pixels around the core of a saturated star, where rays are not searched for

Tile = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """Pixels that have other values in a plane: their flat indices, in order, and their values (float32)."""

    places: np.ndarray
    values: np.ndarray
    variances: np.ndarray

    def with_others(self, other: Replaced) -> Replaced:
        """Return these and others; none is in both."""
        places = np.concatenate([self.places, other.places])
        order = np.argsort(places, kind="stable")
        values = np.concatenate([self.values, other.values])
        variances = np.concatenate([self.variances, other.variances])
        return Replaced(places[order], values[order], variances[order])


@dataclass(frozen=True, slots=True, eq=False)
class LaplacianPlane:
    """A frame without gaps, relative to its level and in units of its typical noise.

    values, variances : float32
    zero, per : float32
        ``(values - zero) * per`` are the values of the plane, and ``variances * per_square`` its variances.
    state : uint8
        BAD where rays may not be found, and RAY where they are found.
    gaps : Replaced
        The bad pixels near good ones, filled from their neighbours.
    level, scale : float
        A value of the image is ``level + scale * value``; scale is a power of two, so that scaling is exact.
    """

    values: np.ndarray
    variances: np.ndarray
    zero: np.float32
    per: np.float32
    per_square: np.float32
    state: np.ndarray
    gaps: Replaced
    level: float
    scale: float

    @classmethod
    def of(cls, image: Image, variance: np.ndarray) -> LaplacianPlane:
        """Build the plane of an image and its variances; their values at bad pixels are ignored."""
        values = image.array if image.dtype.kind == "f" else image.array.astype(np.float64)
        flat, spreads = _flat(values), _flat(variance)
        mask = _flat(_NO_MASK if image.mask is None else image.mask)
        bad = np.empty(flat.size, np.uint8)
        harmful = np.uint8(~_BRIGHT)
        good = bad.size - find_bad(flat, spreads, mask, harmful, bad)
        level, typical = (_median(one, bad, good) for one in (flat, spreads))
        # The square of the scale, and its inverse, must be representable in both types.
        most = 60 if np.float32 in (image.dtype, variance.dtype) else 511
        scale = 2.0 ** max(min(round(0.5 * math.log2(typical)), most), -most) if typical > 0 else 1.0
        state = bad.reshape(image.shape)
        gaps = np.empty(0, np.int64) if good == bad.size else flagged_places(_in_sight(state.view(bool)), 1)
        with np.errstate(over="ignore"):
            values, zero, per = _single(values, bad, level, scale)
            variances, _, per_square = _single(variance, bad, 0.0, scale**2)
        nothing = np.empty(0, np.float32)
        plane = cls(
            values,
            variances,
            zero,
            per,
            per_square,
            state,
            Replaced(gaps[:0], nothing, nothing),
            level,
            scale,
        )
        usual = np.float32(min(typical / scale**2, float(MOST)))
        plane = dataclasses.replace(plane, gaps=plane.filled(gaps, usual))
        bright = gaps[:0] if image.mask is None else flagged_places(image.mask, int(_BRIGHT))
        if bright.size:
            _exclude_bright_stars(plane, bright[bad[bright] == 0])
        return plane

    def filled(self, places: np.ndarray, variance: np.float32) -> Replaced:
        """Return places with the medians of the good pixels around them; those far from any have 0 and a variance."""
        where = np.column_stack(np.divmod(places, self.state.shape[1]))
        found = np.empty((2, len(places)), np.float32)
        for k, (plane, otherwise) in enumerate(((self.values, np.nan), (self.variances, np.nan))):
            medians_near(plane, self.state, where, np.float32(otherwise), found[k])
        with np.errstate(over="ignore"):
            values, variances = (
                _limited((found[0] - self.zero) * self.per),
                _limited(found[1] * self.per_square),
            )
        values[np.isnan(found[0])], variances[np.isnan(found[1])] = 0, variance
        return Replaced(places, values, variances)

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the values of the plane at places, gaps filled."""
        places = y * self.state.shape[1] + x
        with np.errstate(over="ignore", invalid="ignore"):
            found = _limited((self.values[y, x] - self.zero) * self.per)
        if self.gaps.places.size:
            order = np.minimum(np.searchsorted(self.gaps.places, places), self.gaps.places.size - 1)
            there = self.gaps.places[order] == places
            found[there] = self.gaps.values[order[there]]
        return found

    def relative(self, rays: Replaced) -> tuple[Relative, Relative]:
        """Return the planes of values and variances with gaps and rays replaced, as kernels take them."""
        replaced = self.gaps.with_others(rays)
        ny, nx = self.state.shape
        starts = np.searchsorted(replaced.places, np.arange(ny + 1) * nx)
        columns = replaced.places % nx
        return (
            Relative(self.values, self.zero, self.per, columns, starts, replaced.values),
            Relative(self.variances, np.float32(0), self.per_square, columns, starts, replaced.variances),
        )


def find(plane: LaplacianPlane, search: Search) -> Replaced:
    """Find cosmic rays, mark them in the plane, and return them with the medians of their neighbours."""
    shape = plane.state.shape
    tiles, size = _tiles(shape), TILE
    rays = Replaced(plane.gaps.places[:0], plane.gaps.values[:0], plane.gaps.variances[:0])
    for _ in range(search.iterations):
        values, variances = plane.relative(rays)
        work = partial(_search, (tuple(values), tuple(variances)), plane.state, search, size)
        batch = max(1, _BATCH_PIXELS // (size[0] * size[1]))
        if not sum(map_here(work, [tiles[i : i + batch] for i in range(0, len(tiles), batch)])):
            break
        rays, changed = _cleaned(plane, rays)
        size = min(TILE[0], TILE_AGAIN[0]), min(TILE[1], TILE_AGAIN[1])
        tiles = _touched(changed, search.windows.margin, shape, size)
    return rays


def _tiles(shape: tuple[int, ...]) -> list[Tile]:
    ny, nx = shape
    return list(itertools.product(range(0, ny, TILE[0]), range(0, nx, TILE[1])))


def _search(planes: tuple[Any, Any], state: np.ndarray, search: Search, size: Tile, tiles: list[Tile]) -> int:
    """Mark the rays of tiles of this size in `state`, and return how many were not marked before."""
    places = np.array(tiles, np.int64).reshape(-1, 2)
    few = size[0] * size[1] // FEW
    return find_rays_of_tiles(*planes, state, tuple(search.windows), search.limits, few, places, size)


def _near_new(places: np.ndarray, new: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which places are so near to the new ones, or are these, that other pixels make their median."""
    cells = np.zeros([length // LARGEST_RADIUS + 3 for length in shape], bool)
    y, x = np.divmod(new, shape[1])
    for dy, dx in itertools.product((0, 1, 2), repeat=2):
        cells[y // LARGEST_RADIUS + dy, x // LARGEST_RADIUS + dx] = True
    y, x = np.divmod(places, shape[1])
    return cells[y // LARGEST_RADIUS + 1, x // LARGEST_RADIUS + 1]


def _cleaned(plane: LaplacianPlane, before: Replaced) -> tuple[Replaced, np.ndarray]:
    """Return the rays that are marked with the medians of the good pixels around them, and the places (y, x) that changed.

    `before` are those of the pass before, with what they were replaced by.
    """
    places = flagged_places(plane.state, int(RAY))
    known = np.zeros(places.size, bool)
    known[np.searchsorted(places, before.places)] = True
    rows, columns = np.divmod(places, plane.state.shape[1])
    with np.errstate(over="ignore"):
        values = _limited((plane.values[rows, columns] - plane.zero) * plane.per)
        variances = _limited(plane.variances[rows, columns] * plane.per_square)
    values[known], variances[known] = before.values, before.variances
    affected = np.flatnonzero(_near_new(places, places[~known], plane.state.shape))
    found = plane.filled(places[affected], np.float32(1))
    differ = (values[affected] != found.values) | (variances[affected] != found.variances)
    values[affected], variances[affected] = found.values, found.variances
    changed = affected[differ]
    return Replaced(places, values, variances), np.column_stack([rows[changed], columns[changed]])


def _touched(places: np.ndarray, margin: int, shape: tuple[int, ...], size: Tile) -> list[Tile]:
    """Return the tiles of this size whose result may depend on one of the places."""
    count_y, count_x = (-(-length // step) for length, step in zip(shape, size, strict=True))
    touched = np.zeros((count_y, count_x), bool)
    for dy, dx in itertools.product((-margin, 0, margin), repeat=2):
        y, x = np.clip(places + np.array([dy, dx]), 0, np.array(shape) - 1).T
        touched[y // size[0], x // size[1]] = True
    return [(int(y) * size[0], int(x) * size[1]) for y, x in np.argwhere(touched)]


def _flat(plane: np.ndarray) -> np.ndarray:
    return read_only(plane).reshape(-1)


def _median(values: np.ndarray, bad: np.ndarray, good: int) -> float:
    if not good:
        return 0.0
    found = sampled_median(values, bad)
    return float(median_of(values, bad == 0)) if found is None else found


def _single(
    values: np.ndarray, bad: np.ndarray, level: float, scale: float
) -> tuple[np.ndarray, np.float32, np.float32]:
    """Return values as float32 with the level and the inverse of the scale that make them relative."""
    if values.dtype == np.float32:
        return _flat(values).reshape(values.shape), np.float32(level), np.float32(1 / scale)
    out = np.empty(values.shape, np.float32)
    normalise(_flat(values), bad, level, scale, 0.0, out.reshape(-1))
    out.flags.writeable = False
    return out, np.float32(0), np.float32(1)


def _limited(values: np.ndarray) -> np.ndarray:
    """Limit values, in place, so that they may be summed, as kernels do."""
    return np.clip(values, -MOST, MOST, out=values)


def _in_sight(bad: np.ndarray) -> np.ndarray:
    """Return the bad pixels near good ones; the interior of large bad areas need not be filled."""
    if np.count_nonzero(bad) < bad.size // 50:
        return bad
    from scipy.ndimage import minimum_filter

    return bad & ~minimum_filter(bad, 2 * _SIGHT + 1)


def _exclude_bright_stars(plane: LaplacianPlane, saturated: np.ndarray) -> None:
    """Mark the saturated pixels (flat indices) of stars, with bleeding columns and surroundings, as bad."""
    if not saturated.size:
        return
    rows, columns = np.divmod(saturated, plane.state.shape[1])
    around = medians_around(plane.at, plane.state.shape, rows, columns, 5)
    groups = touching_groups(saturated, plane.state.shape[1])
    stars = np.zeros(groups.max() + 1, bool)
    stars[groups[around > _CORE * plane.at(rows, columns)]] = True
    y, x = np.mgrid[-_GLARE : _GLARE + 1, -_GLARE : _GLARE + 1]
    near = y**2 + x**2 <= _GLARE**2
    mark_around(plane.state, saturated[stars[groups]], y[near], x[near], BAD)
