"""Pixels replaced: those that are found bad, or any that a mask names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, did_you_mean
from ccdfx.estimators.values import values_of
from ccdfx.operations.pixels.find import UNITS, find_invalid, find_outliers, find_sigma, find_threshold
from ccdfx.records.checks import one_of, real
from ccdfx.records.compatibility import require_same_pixels, require_same_unit
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype

By = str | float | Callable[[np.ndarray], float]
STATISTICS = ("mean", "median", "noclipmean", "noclipmedian", "fullmean", "fullmedian")
_CHOICES = f"a number, 'mask', {', '.join(map(repr, STATISTICS))} or a function"


def replace(
    image: ImageLike,
    *,
    where: ImageLike,
    by: By = "noclipmedian",
    full: ImageLike | None = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace the values of the pixels of a map, and flag them.

    Parameters
    ----------
    image : Image or 2-D array
    where : 2-D array of bool, or Image or array of whole numbers
        True, or any number but 0, where a pixel is to be replaced; as returned by a `find_*`.
    by : float, str or function
        A number; or "mean" or "median" of the good pixels of the image, "noclipmean" or "noclipmedian" of
        those that are not in the map, "fullmean" or "fullmedian" of those of `full`; or "mask", which
        replaces nothing and only flags. A function receives the good pixels that are not in the map as a 1-D
        array. All of these ignore flagged and non-finite pixels.
    full : Image or 2-D array, optional
        The frame for "fullmean" and "fullmedian".
    flag : Flag, its name, or None
        The flag of the pixels of the map, as a replaced value is no measurement. None (in a recipe 0) leaves
        the mask unchanged: replaced values count as good.

    Returns
    -------
    Image
        Floats (float32 unless the values need float64), but of the same type for "mask". Values outside the
        map are unchanged. The variance of a replaced pixel becomes infinite, since nothing was measured there: also
        where its flag is not heeded, it has no weight. "mask" leaves it, as the value is that measured.
        With a flag, a mask exists even when no pixel is flagged.
        Header and window are unchanged.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `by` or `flag` is none of these, no pixel is left for a statistic, `full` is missing or not used,
        or "mask" comes without a flag.
    MismatchError
        When the map does not fit the image, or `full` is in another unit.

    See Also
    --------
    find_sigma, clip_sigma, replace_masked

    Examples
    --------
    >>> found = np.array([[False, False, True]])
    >>> done = replace([[1.0, 3.0, 500.0]], where=found)
    >>> done.array, done.mask
    (array([[1., 3., 2.]]), array([[ 0,  0, 32]], dtype=uint8))
    """
    image = as_image(image)
    found = _map(image, where)
    bits = _bits(flag)
    if full is not None and not uses_full(by):
        raise ArgumentError(
            "full", "is for by='fullmean' and by='fullmedian'", value=by, remedy="leave it out"
        )
    mask, variance = image.mask, image.variance
    if bits:
        mask = found.astype(np.uint8) * np.uint8(bits) | (0 if mask is None else mask)
    if isinstance(by, str) and by == "mask":
        if not bits:
            raise ArgumentError(
                "flag", "must be given for by='mask', or nothing happens", value=flag, remedy="choose a Flag"
            )
        return adopt(image.array, image.header, mask, image.range, variance)
    values = image.array.astype(working_dtype(image.array), copy=True)
    level = _level(image, found, by, full)
    if level is not None:
        values[found] = held(level, values.dtype)
    variance = unknown_where(found, variance)
    return adopt(values, without_extremes(image.header), mask, image.range, variance)


def unknown_where(replaced: np.ndarray, variance: np.ndarray | None) -> np.ndarray | None:
    """Return the variance of an image of which pixels were replaced: infinite there, since their values are no measurements."""
    if variance is None or not replaced.any():
        return variance
    return np.where(replaced, variance.dtype.type(np.inf), variance)


def uses_full(by: Any) -> bool:
    """Return whether a replacement is a statistic of the full frame."""
    return isinstance(by, str) and by.startswith("full")


def _level(image: Image, found: np.ndarray, by: Any, full: Any) -> float | None:
    """Compute the replacement value; None for a statistic that no pixel needs."""
    if isinstance(by, str):
        return _statistic(image, found, by, full)
    if callable(by):
        if not found.any():
            return None
        kept = image.array[image.good & ~found]
        _require_pixels(kept.size, "function")
        return real("by", by(kept), remedy="the function must return one finite number")
    return real("by", by, remedy=f"give {_CHOICES}")


def _statistic(image: Image, found: np.ndarray, by: str, full: Any) -> float | None:
    if by not in STATISTICS:
        raise ArgumentError("by", f"must be {_CHOICES}", value=by, remedy="choose one of these")
    source, mask = image, image.mask
    if uses_full(by):
        source = full_frame(image, f"by={by!r}", full)
        mask = source.mask
    elif by.startswith("noclip"):
        mask = found if mask is None else found | (mask != 0)
    if not found.any():
        return None
    values = values_of(source.array, mask)
    _require_pixels(values.count, by)
    return values.mean if by.endswith("mean") else values.median(0, values.count)


def full_frame(image: Image, option: str, full: Any) -> Image:
    """Check and return the full frame, which `option`, such as by='fullmean', needs."""
    if full is None:
        raise ArgumentError(
            "full", f"must be given for {option}", value=None, remedy="give the whole frame as full="
        )
    source = as_image(full, "full")
    require_same_unit(image, source, "full")
    return source


def _require_pixels(count: int, by: str) -> None:
    if count == 0:
        raise ArgumentError(
            "image", f"must have a good pixel to take the {by} of", value=0, remedy="give by=number"
        )


def held(level: float, dtype: np.dtype) -> float:
    """Return the replacement value, checked to fit in pixels of this type."""
    if abs(level) > float(np.finfo(dtype).max):
        raise ArgumentError("by", f"must fit in {dtype}", value=level, remedy="make the image float64")
    return level


def _map(image: Image, where: Any) -> np.ndarray:
    if isinstance(where, np.ndarray) and where.dtype.kind == "b" and where.shape == image.shape:
        return where
    chosen = as_image(where, "where")
    require_same_pixels(image, chosen, "where")
    if chosen.dtype.kind == "f":
        raise ArgumentTypeError(
            "where",
            "must be a map of bool, or of whole numbers",
            value=str(chosen.dtype),
            remedy="compare the image with something, as find_threshold does",
        )
    return chosen.array != 0


def _bits(flag: Any) -> int:
    """Return the bits of a flag, 0 for None."""
    names = [one.name for one in Flag]
    if flag is None:
        return 0
    if isinstance(flag, str) and flag.upper() in names:
        return int(Flag[flag.upper()])
    if isinstance(flag, int | np.integer) and not isinstance(flag, bool) and 0 <= flag < 256:
        return int(flag)
    kind = ArgumentError if isinstance(flag, str | int) else ArgumentTypeError
    rule = f"must be one of {', '.join(map(str, names))} or None"
    raise kind("flag", rule, value=flag, remedy=did_you_mean(flag, map(str, names), "give a Flag"))


def clip_invalid(
    image: ImageLike,
    *,
    by: By = "mask",
    full: ImageLike | None = None,
    flag: Flag | str | None = Flag.NO_DATA,
) -> Image:
    """Replace or flag the pixels that `find_invalid` finds; see there and `replace`.

    See Also
    --------
    find_invalid, replace

    Examples
    --------
    >>> clip_invalid([[1.0, float("nan"), 5.0]], by="median").array
    array([[1., 3., 5.]])
    """
    return replace(image, where=find_invalid(image), by=by, full=full, flag=flag)


def clip_threshold(
    image: ImageLike,
    *,
    threshold: float = 0.0,
    comparison: str = "<",
    by: By = "mask",
    full: ImageLike | None = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_threshold` finds; see there and `replace`.

    Flagged pixels are not changed.

    See Also
    --------
    find_threshold, replace, mask_saturated

    Examples
    --------
    >>> clip_threshold([[-1.0, 4.0]], by=0).array
    array([[0., 4.]])
    """
    where = find_threshold(image, threshold=threshold, comparison=comparison)
    return replace(image, where=where, by=by, full=full, flag=flag)


def clip_outliers(
    image: ImageLike,
    *,
    low: float = 1.0,
    high: float = 99.0,
    unit: str = "percent of range",
    by: By = "noclipmedian",
    full: ImageLike | None = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_outliers` finds; see there and `replace`.

    Flagged pixels are not changed; `full` is used for both.

    See Also
    --------
    find_outliers, replace

    Examples
    --------
    >>> clip_outliers([[0.0, 5.0, 7.0, 1000.0]], low=0, high=500, unit="value").array
    array([[0., 5., 7., 5.]])
    """
    by_value = one_of("unit", unit, UNITS) == "value"
    where = find_outliers(image, low=low, high=high, unit=unit, full=None if by_value else full)
    level_full = full if by_value or uses_full(by) else None
    return replace(image, where=where, by=by, full=level_full, flag=flag)


def clip_sigma(
    image: ImageLike,
    *,
    low: float = 12.0,
    high: float = 12.0,
    iterations: int | None = None,
    by: By = "noclipmedian",
    full: ImageLike | None = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_sigma` finds; see there and `replace`.

    Flagged pixels are not changed; `full` is used for both.

    See Also
    --------
    find_sigma, replace, mask_cosmic_rays

    Examples
    --------
    >>> clipped = clip_sigma([[1.0, 2.0] * 500 + [40.0]], low=5, high=5)
    >>> clipped.array[0, -1], clipped.mask[0, -1]
    (np.float64(1.5), np.uint8(32))
    """
    where = find_sigma(image, low=low, high=high, iterations=iterations, full=full)
    return replace(image, where=where, by=by, full=full if uses_full(by) else None, flag=flag)
