"""State of `inspect`, and the pure functions that apply clicks and keys to it; no window is needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.plots.inspect.positions import Place, look_at
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range

SCALINGS = ("linear", "asinh", "sqrt", "log")
LIMITS = ("zscale", "p99.5", "p98", "minmax")


@dataclass(frozen=True, slots=True)
class Click:
    """A click on the image, in pixels of the parent frame."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Key:
    """A key, by its name in matplotlib, and the position of the pointer; None outside the image."""

    name: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle that was masked by hand, in one of the images (0 is the first)."""

    image: int
    range: Range


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """The result of `inspect`.

    Attributes
    ----------
    places : tuple of Place
        The places clicked, in order.
    regions : tuple of Region
        The regions masked by hand.
    images : tuple of Image
        The images, with USER_1 set in these regions.
    """

    places: tuple[Place, ...]
    regions: tuple[Region, ...]
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The complete state of the window.

    Attributes
    ----------
    given, images : tuple of Image
        The images as given, and with the regions masked.
    shown : int
        Number of the image on the screen.
    limits, scaling : str or record
    inverted, help : bool
    radius : float
        The radius for `look_at`, in pixels.
    first : {0, 1}
        The number of the first pixel, in the window.
    corner : (float, float) or None
        The first corner of a region that is being marked.
    """

    given: tuple[Image, ...]
    images: tuple[Image, ...]
    shown: int = 0
    limits: Any = "zscale"
    scaling: Any = "linear"
    inverted: bool = False
    help: bool = False
    radius: float = 10.0
    first: int = 0
    places: tuple[Place, ...] = ()
    regions: tuple[Region, ...] = ()
    corner: tuple[float, float] | None = None
    finished: bool = False

    @property
    def image(self) -> Image:
        """The image on the screen."""
        return self.images[self.shown]

    @property
    def last_place(self) -> Place | None:
        """The last place clicked in the image on the screen."""
        return next((place for place in reversed(self.places) if place.image == self.shown), None)

    @property
    def result(self) -> Inspected:
        """The result of `inspect` if it ended now."""
        return Inspected(self.places, self.regions, self.images)


def clicked(state: State, event: Click) -> State:
    """Add the place of a click to the state; ignore a click outside the image."""
    if not _inside(state.image, event.x, event.y):
        return state
    place = look_at(state.image, x=event.x, y=event.y, radius=state.radius, number=state.shown)
    return replace(state, places=(*state.places, place))


def pressed(state: State, event: Key) -> State:
    """Apply a key to the state; ignore an unknown key."""
    if event.name not in KEYS:
        return state
    return KEYS[event.name][0](state, event)


def _next(state: State, _event: Key) -> State:
    return replace(state, shown=(state.shown + 1) % len(state.images), corner=None)


def _previous(state: State, _event: Key) -> State:
    return replace(state, shown=(state.shown - 1) % len(state.images), corner=None)


def _scaling(state: State, _event: Key) -> State:
    return replace(state, scaling=_after(SCALINGS, state.scaling))


def _limits(state: State, _event: Key) -> State:
    return replace(state, limits=_after(LIMITS, state.limits))


def _invert(state: State, _event: Key) -> State:
    return replace(state, inverted=not state.inverted)


def _help(state: State, _event: Key) -> State:
    return replace(state, help=not state.help)


def _larger(state: State, _event: Key) -> State:
    return replace(state, radius=min(state.radius * 1.25, 1000.0))


def _smaller(state: State, _event: Key) -> State:
    return replace(state, radius=max(state.radius / 1.25, 2.0))


def _forget(state: State, _event: Key) -> State:
    return replace(state, places=state.places[:-1])


def _finish(state: State, _event: Key) -> State:
    return replace(state, finished=True)


def _mask(state: State, event: Key) -> State:
    """Store the first corner of a region, or add the region when the second corner is given."""
    if event.x is None or event.y is None:
        return state
    if state.corner is None:
        return replace(state, corner=(event.x, event.y))
    window = _rectangle(state.image, state.corner, (event.x, event.y))
    if window is None:
        return replace(state, corner=None)
    return _with_regions(replace(state, corner=None), (*state.regions, Region(state.shown, window)))


def _unmask(state: State, _event: Key) -> State:
    """Remove the first corner if there is one, else the last region."""
    if state.corner is not None:
        return replace(state, corner=None)
    return _with_regions(state, state.regions[:-1])


def _with_regions(state: State, regions: tuple[Region, ...]) -> State:
    changed = {region.image for region in {*state.regions} ^ {*regions}}
    images = list(state.images)
    for number in changed:
        images[number] = masked(
            state.given[number], [region.range for region in regions if region.image == number]
        )
    return replace(state, regions=regions, images=tuple(images))


def masked(image: Image, regions: list[Range]) -> Image:
    """Set USER_1 in these windows of the parent frame of an image."""
    if not regions:
        return image
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    for region in regions:
        mask[region.relative_to(image.range).slices] |= np.uint8(Flag.USER_1)
    return image.replace(mask=mask)


def _rectangle(image: Image, one: tuple[float, float], other: tuple[float, float]) -> Range | None:
    """Return the window between two corners, their pixels included, cut to the image."""
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    lower = math.floor(x0 + 0.5), math.floor(y0 + 0.5)
    upper = math.floor(x1 + 0.5) + 1, math.floor(y1 + 0.5) + 1
    if min(upper) <= 0:
        return None
    return Range(max(lower[0], 0), upper[0], max(lower[1], 0), upper[1]).intersection(image.range)


def _inside(image: Image, x: float, y: float) -> bool:
    left, right, bottom, top = image.range
    return left <= math.floor(x + 0.5) < right and bottom <= math.floor(y + 0.5) < top


def _after(known: tuple[str, ...], value: Any) -> str:
    return known[(known.index(value) + 1) % len(known)] if value in known else known[0]


KEYS: dict[str, tuple[Callable[[State, Key], State], str]] = {
    "n": (_next, "next image"),
    "right": (_next, "next image"),
    "p": (_previous, "previous image"),
    "left": (_previous, "previous image"),
    "s": (_scaling, "next scaling: " + ", ".join(SCALINGS)),
    "z": (_limits, "next limits: " + ", ".join(LIMITS)),
    "i": (_invert, "invert the colours"),
    "m": (_mask, "mask a region: once in each of two corners"),
    "u": (_unmask, "undo: corner, or last region"),
    "x": (_forget, "forget the last click"),
    "+": (_larger, "larger radius"),
    "-": (_smaller, "smaller radius"),
    "h": (_help, "help"),
    "?": (_help, "help"),
    "q": (_finish, "finish"),
}
"""What each key does: a pure function of the state and the event, and a few words for the help."""


def help_text() -> str:
    """Format a line for every key; keys with the same action share one.

    >>> help_text().splitlines()[0]
    'click      look at a place'
    """
    names: dict[str, list[str]] = {}
    for key, (_, words) in KEYS.items():
        names.setdefault(words, []).append(key)
    lines = [
        ("click", "look at a place"),
        ("wheel", "zoom"),
        *((" ".join(keys), words) for words, keys in names.items()),
    ]
    return "\n".join(f"{keys:<10} {words}" for keys, words in lines)
