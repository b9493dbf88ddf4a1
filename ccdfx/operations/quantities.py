"""The numbers that calibration needs besides pixels, checked: gain, scale of a dark, level of a flat."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.records.image import Image
from ccdfx.records.numbers import real

# Exposure times that differ by less than this part are the same: shutters and clocks are not better.
SAME_EXPOSURE = 1e-3

_LEVELS: dict[tuple[int, int, str], tuple[tuple[Any, ...], float]] = {}
_LEVELS_KEPT = 16


def dark_scale(image: Image, dark: Image, scale: Any) -> float:
    """What the dark is multiplied with: 1, the ratio of the exposure times, or the number given."""
    if scale is None:
        exposures = image.exptime, dark.exptime
        if None not in exposures and not math.isclose(*exposures, rel_tol=SAME_EXPOSURE):  # type: ignore[arg-type]
            raise MismatchError(
                "dark",
                f"must have the image's exposure time of {exposures[0]:g} s",
                value=f"{exposures[1]:g} s",
                remedy="give scale='exposure' and a dark without bias, or a dark of that exposure",
            )
        return 1.0
    if isinstance(scale, str):
        if scale != "exposure":
            raise ArgumentError("scale", "must be None, 'exposure' or a number", value=scale)
        return _exposure("image", image) / _exposure("dark", dark)
    return real("scale", scale, above=0, remedy="give the factor of the dark, None or 'exposure'")


def _exposure(name: str, image: Image) -> float:
    remedy = f"set EXPTIME in the header of the {name}, in seconds, or give scale as a number"
    if image.exptime is None:
        raise ArgumentError(
            name, "must say its exposure time for scale='exposure'", value=None, remedy=remedy
        )
    return real(f"EXPTIME of the {name}", image.exptime, above=0, remedy=remedy)


def flat_level(flat: Image, normalise: Any) -> float:
    """The level that a flat is divided by: a number, or a statistic of its good, finite, positive pixels.

    Levels by name are remembered for a frame's lifetime, as a night divides many frames by one flat.
    """
    if normalise is None:
        return 1.0
    if isinstance(normalise, str):
        if normalise not in _STATISTICS:
            known = ", ".join(map(repr, _STATISTICS))
            raise ArgumentError(
                "normalise", f"must be {known}, a function, a number or None", value=normalise
            )
        return _remembered_level(flat, normalise)
    if callable(normalise):
        value = normalise(_usable(flat))
        return real("normalise", value, above=0, remedy="the function must return the level of the flat")
    return real(
        "normalise", normalise, above=0, remedy="give the level of the flat, 'median', 'mean' or None"
    )


def _usable(flat: Image) -> np.ndarray:
    values = flat.array[flat.good & (flat.array > 0)]
    if values.size == 0:
        raise ArgumentError(
            "flat",
            "must have a good pixel above zero",
            remedy="look at the flat; is it saturated, masked or empty?",
        )
    return values


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))


def _median(values: np.ndarray) -> float:
    return float(np.median(values))


_STATISTICS: dict[str, Callable[[np.ndarray], float]] = {"median": _median, "mean": _mean}


def _remembered_level(flat: Image, name: str) -> float:
    parts = (flat.array, flat.mask)
    key = (id(flat.array), id(flat.mask), name)
    found = _LEVELS.get(key)
    if found is not None and all(ref() is part for ref, part in zip(found[0], parts, strict=True)):
        return found[1]
    level = real(
        "flat", _STATISTICS[name](_usable(flat)), above=0, remedy="give its level as normalise=number"
    )
    while len(_LEVELS) >= _LEVELS_KEPT:
        _LEVELS.pop(next(iter(_LEVELS)), None)
    _LEVELS[key] = (tuple(_reference(part) for part in parts), level)
    return level


def _reference(part: np.ndarray | None) -> Callable[[], Any]:
    return (lambda: None) if part is None else weakref.ref(part)
