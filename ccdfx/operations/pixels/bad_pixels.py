"""Bad pixels of a detector, found in its biases, darks, flats and frames of the sky."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.kernels.image.bad_pixels import flagged_places
from ccdfx.operations.pixels.deviant import (
    LIMIT,
    ROUNDING,
    beyond,
    block_sigmas,
    deviant,
    residual_of,
)
from ccdfx.operations.pixels.encoded import FEWEST, EncodedFrames, encoded
from ccdfx.operations.pixels.majority import SHARPEST, deviant_in_most
from ccdfx.operations.pixels.runs import extended, in_long_runs, runs_at
from ccdfx.operations.pixels.sharpness import sharper, sides_at
from ccdfx.records.checks import real
from ccdfx.records.compatibility import require_same_pixels
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, ImageLike, as_image
from ccdfx.records.planes import working_dtype
from ccdfx.records.range import Range

KINDS = ("column", "dead", "low", "hot", "deviant")
LOW, DEAD, MOST = 0.5, 0.1, 0.05
_FLAT_FWHM = 2.0  # pixels: edges of what is lit are not as sharp as defects of a flat
_NOISIER = 10.0  # times: noise of a hot pixel, which then has a hundredth of the weight of others
_LEVELS = 1.2  # ratio of the levels of two flats from which their ratio tells of nonlinear pixels

Frames = ImageLike | Iterable[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Defects:
    """The bad pixels of a detector by kind.

    Parameters
    ----------
    kinds : ndarray of uint8, shape (ny, nx)
        0 where a pixel is good, else 1 + the place of its kind in `KINDS`: "column" (part of a column or row of
        16 or more bad pixels), "dead", "low", "hot", "deviant" (by what most frames show, or the ratio of flats).
    notes : tuple of str
        What could not be used, and why.
    """

    kinds: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def mask(self) -> np.ndarray:
        """The flags: BAD_PIXEL where a pixel is bad, for `mask_from`."""
        return (self.kinds != 0) * np.uint8(Flag.BAD_PIXEL)

    @property
    def counts(self) -> dict[str, int]:
        """The number of pixels of each kind."""
        # Without the int64 copy that bincount makes, eight times as large.
        return {kind: int(np.count_nonzero(self.kinds == code)) for code, kind in enumerate(KINDS, 1)}


def find_bad_pixels(
    *,
    biases: Frames = (),
    darks: Frames = (),
    flats: Frames = (),
    frames: Frames = (),
    fwhm: float = 2.0,
    gain: float | None = None,
    noise: float = 0.0,
    sigma_limit: float = LIMIT,
    low: float = LOW,
    dead: float = DEAD,
    most: float = MOST,
) -> Defects:
    """Find the columns, dead, low and hot pixels of a detector from its calibration frames and frames of the sky.

    Any of the arguments may be left out. Masters tell as much as the frames that they were made of.

    Parameters
    ----------
    biases, darks, flats : Image, 2-D array, source or iterable of these
        Frames without overscan; darks less the bias, flats less bias and dark. Each is a master or a single frame;
        cosmic rays of single darks are found too.
    frames : iterable of Image, 2-D array or source, or `EncodedFrames` of the same window
        Calibrated frames of the sky, with or without stars, of the same field or not: three or more, of fewer
        none is a majority. They are read
        once, one after the other, and kept as 16-bit numbers: an iterator needs 2 bytes a pixel and frame.
    fwhm : float
        Width of the sharpest stars of the frames, in pixels. Stars at rest are no defects: what is brighter than
        its surroundings must be sharper than such a star. Below 1.5 pixels a star cannot be told from a hot
        pixel, and only columns, and pixels below their surroundings, are taken from the frames.
    gain : float, optional
        e- per unit of the biases and darks. With it a hot pixel is one whose charge has so much photon noise
        that its noise is ten times that of other pixels.
    noise : float
        Noise of the frames for which the darks are used, such as that of their sky, in the unit of the darks;
        that of a single bias or dark is the least.
    sigma_limit : float
        Sigma by which a pixel, or the sum of a part of a column or row, must deviate; above zero.
    low, dead : float
        Pixels of a flat below these fractions of the local median, 0 to 1, and by the limit; `low` also above
        its inverse.
    most : float
        A source that makes more than this fraction of the detector bad is not used, which a note says: it shows
        structure, such as a matrix of colour filters, and not bad pixels.

    Returns
    -------
    Defects
        Flagged and non-finite pixels are neither used nor found; variances are not used.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No image is given, a number is not allowed, or the images are smaller than 7 x 7 pixels.
    MismatchError
        When the images differ in shape, window or binning.

    See Also
    --------
    find_deviant, mask_from

    Notes
    -----
    All steps use the local median, sigma and sums along columns of `find_deviant` (the algorithm of ccdmask of
    IRAF), along rows too. What the calibration corrects is no defect:

    - Biases and darks: a pixel is hot if its charge q exceeds `sigma_limit` times the noise s (the larger of `noise`
      and of that of a single frame, the sigma of a master times the root of its NCOMBINE) and, where the gain g is
      known, if its noise, the root of s^2 + q / g, exceeds 10 s. Less charge is subtracted with the dark, and
      what noise it leaves is in the variance. One as far below as `sigma_limit` s is deviant.
    - Flats: the fractions `dead` and `low`. Flats whose levels differ by 20 % or more are also divided by each
      other, the brighter half by the fainter, and searched as by `find_deviant`: what differs is not corrected
      by any flat.
    - Frames: the residual of each frame over its usual sigma, in steps of 1/64 from 256 below the typical value to 768
      above it; of these, pixel by pixel, the median over the
      frames, so that only what deviates in most frames is left. It is searched as by `find_deviant`. Found are pixels
      and runs that differ from both neighbours across (at one side of two adjacent ones) by more than the
      profile of a star of `fwhm` would, outside of stars at rest (where the median deviation of 5 x 5 pixels
      exceeds 3 sigma) and not at the rim of a saturated one, and that change the flux in an aperture by a third of its noise:
      a mean deviation of 1 sigma of one frame, in columns 0.3. At the edge of the frame the inner neighbours alone count.
      Columns beside one that deviates by more than twice as much, and is not found, are left, and so are three and more
      adjacent ones.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> sky = rng.normal(100.0, 5.0, (5, 90, 90))
    >>> sky[:, :, 40] -= 7.0
    >>> sky[:, 10, 20] += 90.0
    >>> found = find_bad_pixels(frames=list(sky))
    >>> found.counts
    {'column': 90, 'dead': 0, 'low': 0, 'hot': 1, 'deviant': 0}
    """
    limit = real("sigma_limit", sigma_limit, above=0, remedy="give sigmas, such as 6")
    fwhm = real("fwhm", fwhm, above=0, remedy="give pixels, such as 3")
    noise = real("noise", noise, least=0, remedy="give the noise of a frame in the unit of the darks")
    if gain is not None:
        gain = real("gain", gain, above=0, remedy="give e- per unit of the darks")
    low, dead, most = (_fraction(name, one) for name, one in (("low", low), ("dead", dead), ("most", most)))
    same = _SameWindow()
    lit = list(_images("flats", flats, same))
    found: Iterator[tuple[str, _Found]] = itertools.chain(
        (
            (f"{name} {i}", _charged(image, limit, gain, noise))
            for name, images in (("biases", biases), ("darks", darks))
            for i, image in enumerate(_images(name, images, same), 1)
        ),
        ((f"flats {i}", _insensitive(flat, limit, low, dead)) for i, flat in enumerate(lit, 1)),
        (("the ratio of the flats", one) for one in _nonlinear(lit, limit)),
    )
    notes: list[str] = []
    kinds: np.ndarray | None = None
    for source, one in found:
        kinds = _joined(kinds, source, one, most, notes)
    del lit
    sky = frames if isinstance(frames, EncodedFrames) else encoded(_images("frames", frames, same))
    if sky is not None and len(sky.codes) >= FEWEST:
        kinds = _joined(kinds, "the frames", _unlike_most(sky, fwhm, limit), most, notes)
    elif sky is not None:
        frames = "1 frame" if len(sky.codes) == 1 else f"{len(sky.codes)} frames"
        notes.append(f"{frames} of the sky: fewer than {FEWEST} have no majority")
        kinds = np.zeros(sky.shape, np.uint8) if kinds is None else kinds
    if kinds is None:
        raise ArgumentError("images", "must be given", remedy="give biases, darks, flats or frames")
    if fwhm < SHARPEST and sky is not None:
        notes.append(
            f"stars of {fwhm:.2g} pixels are as sharp as hot pixels: of these the frames of the sky tell nothing"
        )
    return Defects(kinds, tuple(notes))


_CODES = {kind: np.uint8(code) for code, kind in enumerate(KINDS, 1)}


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Bad pixels of one source: their places, counted row by row, and their kinds, in an image of a shape."""

    places: np.ndarray
    kinds: np.ndarray
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is compared of an image."""

    shape: tuple[int, int]
    range: Range
    header: Header


class _SameWindow:
    """Check that images have the shape, window and binning of the first, whose pixels are not kept."""

    def __init__(self) -> None:
        self._first: Any = None

    def require(self, image: Image, name: str) -> None:
        if self._first is None:
            self._first = _Window(image.shape, image.range, image.header)
        require_same_pixels(self._first, image, name)


def _images(name: str, given: Any, same: _SameWindow) -> Iterator[Image]:
    """Yield the images of one argument, which may be one image, one after the other; sources are read."""
    several = isinstance(given, Iterable) and not isinstance(given, np.ndarray | Image | str)
    for i, one in enumerate(given if several else [given]):
        label = f"{name}[{i}]" if several else name
        is_source = not isinstance(one, Image) and hasattr(one, "select") and hasattr(one, "close")
        image = as_image(one.select(None) if is_source else one, label)
        same.require(image, name)
        yield image


def _joined(
    kinds: np.ndarray | None, source: str, found: _Found, most: float, notes: list[str]
) -> np.ndarray:
    """Add the bad pixels of a source, in place, where they are not more than a part `most`; else add a note."""
    kinds = np.zeros(found.shape, np.uint8) if kinds is None else kinds
    share = found.places.size / kinds.size
    if share > most:
        notes.append(f"{source}: {100 * share:.1f} % would be bad, which is structure: not used")
        return kinds
    # The kind that is first in KINDS is the most telling one.
    known = kinds.ravel()[found.places]
    kinds.ravel()[found.places] = np.where((known == 0) | (found.kinds < known), found.kinds, known)
    return kinds


def _fraction(name: str, value: Any) -> float:
    number = real(name, value, least=0, remedy="give a fraction")
    if number > 1:
        raise ArgumentError(name, "must be at most 1", value=value, remedy="give a fraction")
    return number


def _by_sign(above: np.ndarray, long: np.ndarray, *, hot: str = "hot") -> np.ndarray:
    """Return the kinds of what was found: columns, hot pixels, and deviant ones below the median."""
    return np.where(long, _CODES["column"], np.where(above, _CODES[hot], _CODES["deviant"]))


def _in_long(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which of some places are part of a long run of them, along a column or a row (bool array)."""
    y, x = np.divmod(places, shape[1])
    down, across = runs_at(y, x), runs_at(x, y)
    one, other = in_long_runs(down, shape[0]), in_long_runs(across, shape[1])
    long = np.isin(places, (down.y * shape[1] + down.x)[one])
    return long | np.isin(places, (across.x * shape[1] + across.y)[other])


def _unlike_most(sky: EncodedFrames, fwhm: float, limit: float) -> _Found:
    places, above, long = deviant_in_most(sky, fwhm=fwhm, limit=limit)
    return _Found(places, _by_sign(above, long), sky.shape)


def _charged(image: Image, limit: float, gain: float | None, noise: float) -> _Found:
    """Find the pixels whose charge without light is too large, or which lack some."""
    good = image.good
    residual = residual_of(image.array, good)
    number = image.header.number("NCOMBINE")
    least = ROUNDING if image.dtype.kind in "iu" else 0.0
    usual = block_sigmas(residual, good)
    sigma = np.maximum(usual.values, least) * math.sqrt(max(number or 1.0, 1.0))
    sigmas = replace(usual, values=np.maximum(sigma, noise))
    places = beyond(residual, good, sigmas, limit)
    charge = residual.ravel()[places].astype(np.float64)
    if gain is not None:
        spread = sigmas.at(*np.divmod(places, image.shape[1]))
        matters = (charge < 0) | (charge / gain > (_NOISIER**2 - 1) * spread**2)
        places, charge = places[matters], charge[matters]
    return _Found(places, _by_sign(charge > 0, _in_long(places, image.shape)), image.shape)


def _insensitive(flat: Image, limit: float, low: float, dead: float) -> _Found:
    """Find the pixels whose response differs much from that of their surroundings."""
    good = flat.good
    residual = residual_of(flat.array, good)
    places = beyond(residual, good, block_sigmas(residual, good), limit)
    if not good.all():
        residual[~good] = 0.0
    values = flat.array.ravel()[places].astype(np.float64)
    level = values - residual.ravel()[places]
    places, values, level = (one[level > 0] for one in (places, values, level))
    sharp = (values < low * level) | (low * values > level)
    y, x = np.divmod(places[sharp], flat.shape[1])
    sharp[sharp] = _sharp(residual, y, x) | _sharp(residual.T, x, y)
    is_dead = values < dead * level
    kinds = np.where(is_dead, _CODES["dead"], _CODES["low"])
    places, kinds = places[sharp | is_dead], kinds[sharp | is_dead]
    return _Found(places, np.where(_in_long(places, flat.shape), _CODES["column"], kinds), flat.shape)


def _sharp(residual: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return sharper(residual[y, x].astype(np.float64), sides_at(residual, y, x, 0.0), _FLAT_FWHM)


def _nonlinear(flats: list[Image], limit: float) -> Iterator[_Found]:
    """Find pixels and runs of columns and rows in the ratio of flats, if their levels differ."""
    ratio = _ratio(flats)
    if ratio is None:
        return
    residual, good = ratio
    sigma = block_sigmas(residual, good).plane(residual.dtype)
    places, longs = [], []
    for turned in (False, True):
        bad = flagged_places(deviant(residual, sigma, good, low=limit, high=limit, columns=not turned), 1)
        y, x = np.divmod(bad, residual.shape[1])
        runs = runs_at(x, y) if turned else runs_at(y, x)
        turn = (residual.T, sigma.T, good.T) if turned else (residual, sigma, good)
        long = extended(runs.select(in_long_runs(runs, len(turn[0]))), *turn)
        y, x = (long.x, long.y) if turned else (long.y, long.x)
        longs.append(y * residual.shape[1] + x)
        places += [bad, longs[-1]]
    found = np.unique(np.concatenate(places))
    kinds = _by_sign(residual.ravel()[found] > 0, np.isin(found, np.concatenate(longs)), hot="deviant")
    yield _Found(found, kinds, residual.shape)


def _ratio(flats: list[Image]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return residual and good pixels of the ratio of the brighter to the fainter flats, if they differ."""
    from ccdfx.estimators import median_of

    if len(flats) < 2:
        return None
    levels = [float(median_of(flat.array, flat.good)) if flat.good.any() else math.nan for flat in flats]
    lit = sorted((level, i) for i, level in enumerate(levels) if level > 0)
    if len(lit) < 2 or not lit[-1][0] > _LEVELS * lit[0][0]:
        return None
    middle = len(lit) // 2
    kind = working_dtype(*(flat.array for flat in flats))
    faint, bright = np.zeros(flats[0].shape, kind), np.zeros(flats[0].shape, kind)
    good = np.ones(flats[0].shape, bool)
    for place, (level, i) in enumerate(lit):
        total, number = (faint, middle) if place < middle else (bright, len(lit) - middle)
        total += flats[i].array * kind.type(1 / (level * number))
        good &= flats[i].good
    good &= faint > 0
    ratio = np.divide(bright, faint, where=good, out=np.ones_like(faint))
    return residual_of(ratio, good), good
