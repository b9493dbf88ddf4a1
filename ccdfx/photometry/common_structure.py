"""Structure of the sky that frames of different fields have in common, such as fringes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import MismatchError
from ccdfx.kernels.defects.paired_medians import paired_medians, paired_sorter
from ccdfx.kernels.image.block_ranks import BLOCK_MEDIAN, block_ranks
from ccdfx.records.image import ImageLike, as_image

LEAST_AMPLITUDE = 0.003
_BLOCK = 8  # pixels: in their medians neither noise nor stars count
_SMOOTH = 9  # blocks: what is larger is a gradient of the sky or an error of the flat
_EDGE = 2  # blocks: the edges of detectors glow
_FEWEST = 12  # blocks along a side
_GOOD = 0.5  # part of a block
_CLIP = 5.0  # scatters
_SIGMAS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonStructure:
    """The structure that pairs of frames have in common.

    Parameters
    ----------
    amplitude : float
        Standard deviation over the detector, relative to the sky; 0 where the covariance is negative.
    significance : float
        The covariance in units of its error.
    pairs : int
        Number of pairs of frames.
    """

    amplitude: float
    significance: float
    pairs: int

    @property
    def seen(self) -> bool:
        """Whether it is more than 0.3 % of the sky, and 5 times its error."""
        return self.amplitude > LEAST_AMPLITUDE and self.significance > _SIGMAS


def structure_map(image: ImageLike) -> np.ndarray | None:
    """Reduce a frame to its structure on scales of 16 to 70 pixels, relative to the sky.

    It is what `common_structure` compares, one number for 8 x 8 pixels: of many frames these can be kept in memory.

    Parameters
    ----------
    image : Image or 2-D array
        A calibrated frame with its sky.

    Returns
    -------
    float64 array (ny // 8, nx // 8) or None
        NaN where few pixels are good, and in the outermost two blocks; see `measure_common_structure`. None where the
        sky is not positive, no pixel is good, or the frame has fewer than 12 x 12 blocks.

    Examples
    --------
    >>> found = structure_map(np.random.default_rng(1).poisson(1000, (128, 136)))
    >>> found.shape, bool(abs(np.nanmean(found)) < 1e-3)
    ((16, 17), True)
    """
    image = as_image(image)
    return None if min(image.shape) // _BLOCK < _FEWEST else _relative_blocks(image.array, image.good)


def common_structure(
    maps: Sequence[np.ndarray | None], *, apart: np.ndarray | None = None
) -> CommonStructure | None:
    """Measure what the maps of frames of different fields have in common.

    Parameters
    ----------
    maps : sequence of float array or None
        From `structure_map`. A frame without one takes part in no pair.
    apart : bool array, shape (n, n), optional
        Which pairs are used; by default all.

    Returns
    -------
    CommonStructure or None
        None where there is no pair.

    Raises
    ------
    MismatchError
        The maps differ in shape, or `apart` does not fit them.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> fringes = 10 * np.sin(np.arange(128) / 5)
    >>> maps = [structure_map(rng.poisson(1000 + fringes, (128, 128))) for _ in range(4)]
    >>> common_structure(maps).seen
    True
    """
    count = len(maps)
    pairs = ~np.eye(count, dtype=bool) if apart is None else np.asarray(apart, bool)
    if pairs.shape != (count, count):
        remedy = "give one row and column a frame"
        raise MismatchError(
            "apart", f"must have the shape {(count, count)}", value=pairs.shape, remedy=remedy
        )
    shapes = [(i, one.shape) for i, one in enumerate(maps) if one is not None]
    for i, shape in shapes:
        if shape != shapes[0][1]:
            rule = f"must have the shape {shapes[0][1]} of the first"
            raise MismatchError(f"maps[{i}]", rule, value=shape, remedy="give frames of one camera")
    covariances, errors = [], []
    for i, one in enumerate(maps):
        for j, other in enumerate(maps[:i]):
            if one is None or other is None or not pairs[i, j]:
                continue
            known = np.isfinite(one) & np.isfinite(other)
            number = np.count_nonzero(known)
            if number >= (_FEWEST - 2 * _EDGE) ** 2 // 2:
                a, b = (plane[known] - np.mean(plane[known]) for plane in (one, other))
                covariances.append(float(np.mean(a * b)))
                errors.append(math.sqrt(float(np.mean(a**2)) * float(np.mean(b**2)) / number))
    if not covariances:
        return None
    if not all(error > 0 for error in errors):  # frames without any structure or noise
        return CommonStructure(amplitude=0.0, significance=0.0, pairs=len(errors))
    weights = 1 / np.square(errors)
    covariance = float(np.average(covariances, weights=weights))
    significance = covariance * math.sqrt(float(np.sum(weights)))
    return CommonStructure(
        amplitude=math.sqrt(max(covariance, 0.0)), significance=significance, pairs=len(covariances)
    )


def measure_common_structure(
    frames: Sequence[ImageLike], *, apart: np.ndarray | None = None
) -> CommonStructure | None:
    """Measure what the skies of frames of different fields have in common on scales of 16 to 70 pixels.

    Stars and nebulae that move with the field are not common; what is fixed to the detector is: fringes, or an
    error of the flat.

    Parameters
    ----------
    frames : sequence of Image or 2-D array
        Calibrated frames of one filter with their sky.
    apart : bool array, shape (n, n), optional
        Which frames show other fields than others, or the same displaced by more than their structure; by
        default all do. Only these pairs are used.

    Returns
    -------
    CommonStructure or None
        None where no pair is apart, a sky is not positive, or the frames have fewer than 12 x 12 blocks of
        8 x 8 pixels.

    Raises
    ------
    MismatchError
        The frames differ in shape, or `apart` does not fit them.

    Notes
    -----
    Each frame is reduced to the medians of the good pixels of its blocks, relative to the sky, less a polynomial
    of second order (whose slope would remain at the edges) and their median in 9 x 9 blocks, and clipped at 5 robust standard deviations; the outermost two blocks are left out. The amplitude is the root of the mean
    covariance of the pairs, weighted by their errors; the error of a covariance is the product of the standard deviations of both maps over
    the root of the number of blocks, as without common structure. Flagged pixels are not used.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> fringes = 10 * np.sin(np.arange(128) / 5)
    >>> frames = [rng.poisson(1000 + fringes, (128, 128)).astype(float) for _ in range(4)]
    >>> found = measure_common_structure(frames)
    >>> round(found.amplitude, 4), found.seen
    (0.0061, True)
    """
    images = [as_image(frame, f"frames[{i}]") for i, frame in enumerate(frames)]
    for i, image in enumerate(images):
        if image.shape != images[0].shape:
            rule = f"must have the shape {images[0].shape} of the first"
            raise MismatchError(f"frames[{i}]", rule, value=image.shape, remedy="give frames of one camera")
    return common_structure([structure_map(image) for image in images], apart=apart)


def _relative_blocks(array: np.ndarray, good: np.ndarray) -> np.ndarray | None:
    """Compute the medians of blocks relative to the sky, without large scales; NaN where few pixels are good."""
    low, high, count = block_ranks(array, good, (_BLOCK, _BLOCK), **BLOCK_MEDIAN)
    known = count >= _GOOD * _BLOCK**2
    if not known.any():
        return None
    medians = np.where(known, (low.astype(np.float64) + high) / 2, 0.0)
    level = float(np.median(medians[known]))
    if not level > 0:
        return None
    medians = np.where(known, medians / level - 1, 0.0)
    medians -= _slope(medians, known)
    medians[~known] = 0.0
    detail = medians - _smoothed(medians)
    for edge in (known[:_EDGE], known[-_EDGE:], known[:, :_EDGE], known[:, -_EDGE:]):
        edge[:] = False
    detail -= np.median(detail[known])
    limit = _CLIP * 1.4826 * np.median(np.abs(detail[known]))
    return np.where(known, np.clip(detail, -limit, limit), np.nan)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Compute the median of the blocks around each, mirrored at the edges."""
    source = np.pad(values, _SMOOTH // 2, mode="symmetric")
    out = np.empty_like(values)
    paired_medians(source, _SMOOTH, paired_sorter("f8", _SMOOTH), out)
    return out


def _slope(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fit a polynomial of second order to the known values, twice: the second time without outliers."""
    y, x = (np.arange(length) / max(length - 1, 1) - 0.5 for length in values.shape)
    powers = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0)]  # of y and x
    used = known
    fit = np.zeros(values.shape)
    for _ in range(2):
        # Sums of x^k y^l over the pixels that are used, of which the normal equations are made.
        number, total = (
            np.array([_sums(np.einsum("yx,x->y", plane, x**k), y) for k in range(5)])
            for plane in (used.astype(np.float64), np.where(used, values, 0.0))
        )
        normal = [[number[k + m, j + n] for n, m in powers] for j, k in powers]
        found = np.linalg.lstsq(np.array(normal), [total[k, j] for j, k in powers], rcond=None)[0]
        a, b, c, d, e, f = found
        fit = (a + b * x + e * x**2) + (c * y + f * y**2)[:, None] + d * y[:, None] * x
        error = np.abs(values - fit)
        used = known & (error <= 3 * 1.4826 * np.median(error[known]))
    return fit


def _sums(rows: np.ndarray, y: np.ndarray) -> list[float]:
    return [float(np.sum(rows * y**k)) for k in range(5)]
