"""Flats of mosaics of colours: each colour is scaled, combined and normalised by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.night.products.stacking import Stacked
from ccdfx.operations.colour.pattern import PLANES, ColourPattern
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt, as_image
from ccdfx.records.range import Range, RangeLike

COLOURS: Mapping[str, tuple[str, ...]] = {"R": ("R",), "G": ("G1", "G2"), "B": ("B",)}
"""The planes of each colour."""
_ALIKE = 1.01  # ratio of levels; lamp, sky and pixels are hardly ever so white
Level = Callable[[Image], float]


def colour_levels(image: Image, pattern: ColourPattern, level: Level) -> dict[str, float]:
    """Measure the level of each colour (R, G, B) of a mosaic; `level` measures that of an image."""
    return {colour: level(pixels_of(image, pattern, colour)) for colour in COLOURS}


def pixels_of(image: Image, pattern: ColourPattern, colour: str) -> Image:
    """Return all pixels of a colour of a mosaic in one row."""

    def joined(plane: np.ndarray | None) -> np.ndarray | None:
        if plane is None:
            return None
        places = (pattern.place(name) for name in COLOURS[colour])
        return np.concatenate([plane[y::2, x::2].ravel() for x, y in places]).reshape(1, -1)

    array = joined(image.array)
    assert array is not None
    return Image(array, mask=joined(image.mask), variance=joined(image.variance))


def without_colours(levels: Sequence[Mapping[str, float]]) -> bool:
    """Return whether the colours of all flats have one level, as if there were no filters in front of the pixels.

    >>> without_colours([{"R": 1000.0, "G": 1004.0, "B": 1002.0}]), without_colours([{"R": 800.0, "G": 1004.0, "B": 900.0}])
    (True, False)
    """
    return bool(levels) and all(max(one.values()) < _ALIKE * min(one.values()) for one in levels)


def stacked_by_colour(
    frames: Sequence[Any],
    stack: Callable[..., Stacked],
    pattern: ColourPattern,
    levels: Sequence[Mapping[str, float]],
    shared: np.ndarray | None,
) -> Stacked:
    """Combine each plane of mosaics by itself, with the levels of its colour as scales and weights, and merge the results.

    Parameters
    ----------
    frames : sequence of Image or Source
    stack : callable
        ``stack(frames, scale=, weights=, shared=)`` combines the planes of one colour.
    pattern : ColourPattern
    levels : sequence of mapping
        Of each frame, by colour; see `colour_levels`.
    shared : array or None
        The variance that all frames have in common.
    """
    made: list[Stacked] = []
    for colour, names in COLOURS.items():
        scale = [one[colour] for one in levels]
        for name in names:
            x, y = pattern.place(name)
            planes = [plane_of(frame, x, y) for frame in frames]
            part = None if shared is None else shared[y::2, x::2]
            made.append(stack(planes, scale=scale, weights=scale, shared=part))
    shape = frames[0].shape
    window = getattr(frames[0], "range", None) or Range.whole(shape)

    images = [one.image for one in made]

    def merged(parts: Sequence[Any]) -> np.ndarray | None:
        return None if any(part is None for part in parts) else _merged(parts, pattern, shape)

    array = merged([image.array for image in images])
    assert array is not None
    mask = merged([np.zeros(image.shape, np.uint8) if image.mask is None else image.mask for image in images])
    variance = merged([image.variance for image in images])
    return replace(
        made[0],
        image=adopt(array, images[0].header, mask, window, variance),
        rejected=sum(one.rejected for one in made),
        history=f"{made[0].history} in each colour",
        warnings=tuple(dict.fromkeys(text for one in made for text in one.warnings)),
    )


def _merged(parts: Sequence[np.ndarray], pattern: ColourPattern, shape: tuple[int, int]) -> np.ndarray:
    out = np.empty(shape, np.result_type(*parts))
    for name, part in zip(PLANES, parts, strict=True):
        x, y = pattern.place(name)
        out[y::2, x::2] = part
    return out


def normalised_by_colour(flat: Image, pattern: ColourPattern, level: Level, response: float) -> Image:
    """Divide each colour of a flat by the level of its pixels that see light, and flag those with too small a response.

    Both greens have one level, so that a difference between them stays in the flat.
    """
    levels = colour_levels(flat, pattern, level)
    divisor = np.empty(flat.shape, flat.dtype)
    for colour, names in COLOURS.items():
        for x, y in map(pattern.place, names):
            divisor[y::2, x::2] = levels[colour]
    mask = np.zeros(flat.shape, np.uint8) if flat.mask is None else flat.mask.copy()
    mask[flat.array < response * divisor] |= np.uint8(Flag.BAD_PIXEL)
    variance = None if flat.variance is None else flat.variance / divisor**2
    return adopt(flat.array / divisor, flat.header, mask if mask.any() else None, flat.range, variance)


def plane_of(frame: Any, x: int, y: int) -> Any:
    """Return every second pixel of every second row of an image or source, from (x, y), with its header."""
    if hasattr(frame, "select") and hasattr(frame, "close"):
        return PlaneRows(frame, x, y)
    return _strided(as_image(frame), x, y)


def _strided(image: Image, x: int, y: int) -> Image:
    cut = np.s_[y::2, x::2]
    mask, variance = image.mask, image.variance
    return adopt(
        image.array[cut].copy(),
        image.header,
        None if mask is None else mask[cut].copy(),
        None,
        None if variance is None else variance[cut].copy(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PlaneRows:
    """One plane of a mosaic that is read by rows: every second pixel of every second row of a source, from (x, y).

    It is a `Source`. `close` closes the source.
    """

    source: Any
    x: int
    y: int

    @property
    def name(self) -> str:
        """The name in messages."""
        return str(self.source.name)

    @property
    def header(self) -> Header:
        """The header of the mosaic."""
        found: Header = self.source.header
        return found

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return np.dtype(self.source.dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        ny, nx = self.source.shape
        return (ny - self.y + 1) // 2, (nx - self.x + 1) // 2

    @property
    def row_bytes(self) -> int:
        """The bytes of a row of all planes, and of the two rows of the mosaic of which it is made."""
        return 8 * self.shape[1] * (2 * self.dtype.itemsize + 1)

    def select(self, range: RangeLike = None) -> Image:
        """Read a window of the plane."""
        window = Range.of(range, Range.whole(self.shape))
        own = getattr(self.source, "range", None) or Range.whole(tuple(self.source.shape))
        x, y = own.x_lower + self.x, own.y_lower + self.y
        part = self.source.select(
            Range(
                x + 2 * window.x_lower,
                x + 2 * window.x_upper - 1,
                y + 2 * window.y_lower,
                y + 2 * window.y_upper - 1,
            )
        )
        made = _strided(part, 0, 0)
        return adopt(made.array, self.header, made.mask, window, made.variance)

    def close(self) -> None:
        """Close the source."""
        self.source.close()
