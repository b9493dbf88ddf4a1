"""Cubes among raw frames: how many planes an image has, and which of them are taken as frames."""

from __future__ import annotations

import math
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.records.header import Header

MEAN, EACH = "mean", "each"
PlaneChoice = str | tuple[int, ...]
"""``"mean"``: the mean of all planes is a frame; ``"each"``: each plane is; numbers from 1: each of these; ``""``: none."""

_RULE = 'must be "mean", "each" or numbers of planes, from 1'
_REMEDY = 'write planes = "mean", planes = "each" or planes = [1, 4]'


def planes_of(where: str, value: Any) -> PlaneChoice:
    """Return the choice of planes that a recipe or an instrument file makes.

    Raises
    ------
    ArgumentError
        It is none; `where` is named.

    Examples
    --------
    >>> planes_of("read.planes", [1, 4]), planes_of("read.planes", "mean")
    ((1, 4), 'mean')
    """
    if isinstance(value, str) and value in ("", MEAN, EACH):
        return value
    if not isinstance(value, list | tuple) or not value or not all(map(_is_index, value)):
        raise ArgumentError(where, _RULE, value=value, remedy=_REMEDY)
    if len(set(value)) < len(value):
        raise ArgumentError(where, "must name a plane once", value=value, remedy=_REMEDY)
    return tuple(value)


def planes_of_text(text: str) -> PlaneChoice:
    """Return the choice of planes of a command line.

    >>> planes_of_text("each"), planes_of_text("1,4")
    ('each', (1, 4))
    """
    if text in (MEAN, EACH):
        return text
    try:
        return planes_of("--planes", [int(part) for part in text.split(",")])
    except ValueError:
        raise ArgumentError("--planes", _RULE, value=text, remedy="write mean, each or 1,4") from None


def plane_count(header: Header) -> int:
    """Return how many planes the image has that a header describes.

    >>> plane_count(Header({"NAXIS": 3, "NAXIS1": 9, "NAXIS2": 8, "NAXIS3": 20}))
    20
    """
    prefix = "ZNAXIS" if "ZNAXIS" in header else "NAXIS"
    axes = int(header.number(prefix) or 0)
    return math.prod(int(header.number(f"{prefix}{axis}") or 1) for axis in range(3, min(axes, 999) + 1))


def windows_of(choice: PlaneChoice, count: int) -> tuple[tuple[int, int], ...]:
    """Return the first plane and the one behind the last of each frame of a cube.

    Raises
    ------
    ArgumentError
        Nothing is chosen, or a plane that is not there.

    Examples
    --------
    >>> windows_of("mean", 20), windows_of((1, 4), 4)
    (((0, 20),), ((0, 1), (3, 4)))
    """
    if choice == "":
        raise ArgumentError(
            "image",
            "is a cube, and nothing says which of its planes are frames",
            value=f"{count} planes",
            remedy="--planes mean (their mean is one frame), --planes each, or --planes 1,4 (these); or planes in [read] of the "
            "recipe, or in the instrument file",
        )
    if choice == MEAN:
        return ((0, count),)
    chosen = range(1, count + 1) if isinstance(choice, str) else choice
    for plane in chosen:
        if plane > count:
            raise ArgumentError(
                "planes", f"must be 1 to {count} in this cube", value=plane, remedy="correct the numbers"
            )
    return tuple((plane - 1, plane) for plane in chosen)


def _is_index(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and item >= 1
