"""Bad pixels of a detector, found in its biases, darks, flats and frames of the sky."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.pixels.deviant import (
    LIMIT,
    ROUNDING,
    block_sigma,
    deviant,
    extended,
    long_runs,
    residual_of,
)
from ccdfx.operations.pixels.majority import FEWEST, SHARPEST, deviant_in_most
from ccdfx.operations.pixels.sharpness import sharper, sides_of
from ccdfx.records.checks import real
from ccdfx.records.compatibility import require_same_pixels
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, as_image

KINDS = ("column", "dead", "low", "hot", "deviant")
LOW, DEAD, MOST = 0.5, 0.1, 0.05
_FLAT_FWHM = 2.0  # pixels: edges of what is lit are not as sharp as defects of a flat
_NOISIER = 10.0  # times: noise of a hot pixel, which then has a hundredth of the weight of others
_LEVELS = 1.2  # ratio of the levels of two flats from which their ratio tells of nonlinear pixels

Frames = ImageLike | Sequence[ImageLike]


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
        numbers = np.bincount(self.kinds.ravel(), minlength=len(KINDS) + 1)
        return {kind: int(number) for kind, number in zip(KINDS, numbers[1:], strict=False)}


def find_bad_pixels(
    *,
    biases: Frames = (),
    darks: Frames = (),
    flats: Frames = (),
    frames: Sequence[ImageLike] = (),
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
    biases, darks, flats : Image, 2-D array or sequence of these
        Frames without overscan; darks less the bias, flats less bias and dark. Each is a master or a single frame;
        cosmic rays of single darks are found too.
    frames : sequence of Image or 2-D array
        Calibrated frames of the sky, with or without stars, of the same field or not: three or more, of fewer
        none is a majority.
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
    - Frames: the residual of each frame over its local sigma; of these, pixel by pixel, the median over the
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
    given = {
        "biases": _images("biases", biases),
        "darks": _images("darks", darks),
        "flats": _images("flats", flats),
        "frames": _images("frames", frames),
    }
    everything = [(name, image) for name, images in given.items() for image in images]
    if not everything:
        raise ArgumentError("images", "must be given", remedy="give biases, darks, flats or frames")
    for name, image in everything:
        require_same_pixels(everything[0][1], image, name)
    kinds = np.zeros(everything[0][1].shape, np.uint8)
    notes: list[str] = []
    found = [(f"{name} {i}", _charged(image, limit, gain, noise)) for name in ("biases", "darks")
             for i, image in enumerate(given[name], 1)]  # fmt: skip
    found += [
        (f"flats {i}", _insensitive(flat, limit, low, dead)) for i, flat in enumerate(given["flats"], 1)
    ]
    ratio = _ratio(given["flats"])
    if ratio is not None:
        found.append(("the ratio of the flats", _by_sign(ratio[0], _both_ways(*ratio, limit), hot="deviant")))
    if len(given["frames"]) >= FEWEST:
        found.append(("the frames", _by_sign(*deviant_in_most(given["frames"], fwhm=fwhm, limit=limit))))
    elif given["frames"]:
        notes.append(f"{len(given['frames'])} frames of the sky: fewer than {FEWEST} have no majority")
    for source, one in found:
        share = np.count_nonzero(one) / one.size
        if share > most:
            notes.append(f"{source}: {100 * share:.1f} % would be bad, which is structure: not used")
            continue
        # The kind that is first in KINDS is the most telling one.
        kinds = np.where((kinds == 0) | ((one != 0) & (one < kinds)), one, kinds)
    if fwhm < SHARPEST and given["frames"]:
        notes.append(
            f"stars of {fwhm:.2g} pixels are as sharp as hot pixels: of these the frames of the sky tell nothing"
        )
    return Defects(kinds, tuple(notes))


_CODES = {kind: np.uint8(code) for code, kind in enumerate(KINDS, 1)}
_Residual = tuple[np.ndarray, np.ndarray, np.ndarray]


def _images(name: str, given: Any) -> list[Image]:
    """Return the images of one argument, which may be one image."""
    if isinstance(given, Iterable) and not isinstance(given, np.ndarray | Image):
        return [as_image(one, f"{name}[{i}]") for i, one in enumerate(given)]
    return [as_image(given, name)]


def _fraction(name: str, value: Any) -> float:
    number = real(name, value, least=0, remedy="give a fraction")
    if number > 1:
        raise ArgumentError(name, "must be at most 1", value=value, remedy="give a fraction")
    return number


def _both_ways(residual: np.ndarray, sigma: np.ndarray, good: np.ndarray, limit: float) -> np.ndarray:
    """Find deviant pixels and runs of columns and rows; 2 where they are part of a long run, 1 elsewhere."""
    out = np.zeros(residual.shape, np.uint8)
    for turn in (False, True):
        plane, spread, usable = (one.T if turn else one for one in (residual, sigma, good))
        bad = deviant(plane, spread, usable, low=limit, high=limit)
        long = extended(long_runs(bad), plane, spread, usable)
        one = np.maximum(bad.astype(np.uint8), 2 * long)
        out = np.maximum(out, one.T if turn else one)
    return out


def _by_sign(residual: np.ndarray, found: np.ndarray, *, hot: str = "hot") -> np.ndarray:
    """Return the kinds of what was found (1; 2 in long runs): columns, hot pixels, and deviant ones below the median."""
    single = np.where(residual > 0, _CODES[hot], _CODES["deviant"])
    return np.where(found == 2, _CODES["column"], np.where(found == 1, single, np.uint8(0)))


def _charged(image: Image, limit: float, gain: float | None, noise: float) -> np.ndarray:
    """Return the kinds of pixels whose charge without light is too large, or which lack some."""
    good = image.good
    residual = residual_of(image.array, good)
    number = image.header.number("NCOMBINE")
    least = ROUNDING if image.dtype.kind in "iu" else 0.0
    sigma = np.maximum(block_sigma(residual, good), least) * math.sqrt(max(number or 1.0, 1.0))
    sigma = np.maximum(sigma, noise)
    bad = good & (sigma > 0) & (np.abs(residual) > limit * sigma)
    if gain is not None:
        bad &= (residual < 0) | (residual / gain > (_NOISIER**2 - 1) * sigma**2)
    return _by_sign(residual, bad + (long_runs(bad) | long_runs(bad.T).T).astype(np.uint8))


def _insensitive(flat: Image, limit: float, low: float, dead: float) -> np.ndarray:
    """Return the kinds of pixels whose response differs much from that of their surroundings."""
    good = flat.good
    residual = residual_of(flat.array, good)
    level = flat.array - residual
    beyond = good & (np.abs(residual) > limit * block_sigma(residual, good)) & (level > 0)
    table = np.where(good, residual, 0.0)
    sharp = beyond & (_sharp(table) | _sharp(table.T).T)
    out = np.zeros(flat.shape, np.uint8)
    out[sharp & ((flat.array < low * level) | (low * flat.array > level))] = _CODES["low"]
    out[beyond & (flat.array < dead * level)] = _CODES["dead"]
    bad = out != 0
    out[long_runs(bad) | long_runs(bad.T).T] = _CODES["column"]
    return out


def _sharp(residual: np.ndarray) -> np.ndarray:
    return sharper(residual, sides_of(residual, 0.0), _FLAT_FWHM)


def _ratio(flats: list[Image]) -> _Residual | None:
    """Return residual, sigma and good pixels of the ratio of the brighter to the fainter flats, if they differ."""
    from ccdfx.estimators import median_of

    levels = [float(median_of(flat.array, flat.good)) if flat.good.any() else math.nan for flat in flats]
    lit = sorted((level, i) for i, level in enumerate(levels) if level > 0)
    if len(lit) < 2 or not lit[-1][0] > _LEVELS * lit[0][0]:
        return None
    middle = len(lit) // 2
    good = np.logical_and.reduce([flats[i].good for _, i in lit])
    faint, bright = (
        np.mean([flats[i].array / level for level, i in part], axis=0)
        for part in (lit[:middle], lit[middle:])
    )
    good &= faint > 0
    ratio = np.divide(bright, faint, where=good, out=np.ones(good.shape))
    residual = residual_of(ratio, good)
    return residual, block_sigma(residual, good), good
