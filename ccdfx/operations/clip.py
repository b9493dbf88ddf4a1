"""Clipping of deviant pixels: `find_*` finds them, then `replace` replaces or flags them."""

from __future__ import annotations

from typing import Any

from ccdfx.operations.finding import UNITS, find_invalid, find_outliers, find_sigma, find_threshold
from ccdfx.operations.replacement import By, replace, uses_full
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.words import one_of


def clip_invalid(
    image: Any, *, by: By = "mask", full: Any = None, flag: Flag | str | None = Flag.NO_DATA
) -> Image:
    """Replace or flag the pixels that `find_invalid` finds; see there and `replace`.

    Examples
    --------
    >>> clip_invalid([[1.0, float("nan"), 5.0]], by="median").array
    array([[1., 3., 5.]])
    """
    return replace(image, where=find_invalid(image), by=by, full=full, flag=flag)


def clip_threshold(
    image: Any,
    *,
    threshold: float = 0.0,
    comparison: str = "<",
    by: By = "mask",
    full: Any = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_threshold` finds; see there and `replace`.

    Flagged pixels are not changed.

    Examples
    --------
    >>> clip_threshold([[-1.0, 4.0]], by=0).array
    array([[0., 4.]])
    """
    where = find_threshold(image, threshold=threshold, comparison=comparison)
    return replace(image, where=where, by=by, full=full, flag=flag)


def clip_outliers(
    image: Any,
    *,
    low: float = 1.0,
    high: float = 99.0,
    unit: str = "percent of range",
    by: By = "noclipmedian",
    full: Any = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_outliers` finds; see there and `replace`.

    Flagged pixels are not changed; `full` is used for both.

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
    image: Any,
    *,
    low: float = 12.0,
    high: float = 12.0,
    iterations: int | None = None,
    by: By = "noclipmedian",
    full: Any = None,
    flag: Flag | str | None = Flag.OUTLIER,
) -> Image:
    """Replace or flag the pixels that `find_sigma` finds; see there and `replace`.

    Flagged pixels are not changed; `full` is used for both.

    Examples
    --------
    >>> clipped = clip_sigma([[1.0, 2.0] * 500 + [40.0]], low=5, high=5)
    >>> clipped.array[0, -1], clipped.mask[0, -1]
    (np.float64(1.5), np.uint8(32))
    """
    where = find_sigma(image, low=low, high=high, iterations=iterations, full=full)
    return replace(image, where=where, by=by, full=full if uses_full(by) else None, flag=flag)
