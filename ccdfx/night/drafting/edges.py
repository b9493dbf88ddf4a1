"""Lines at the edges of raw frames that do not follow the light: overscan, prescan and padding, found in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccdfx.records.image import Image

_SAMPLED = 256  # lines across which the median of a line is taken
_EXPOSED = 0.1  # of the light just inside, from which on a line is exposed
_DARK = 0.02  # of the light, below which a line does not follow it (as in night.cameras.overscan_light)
_LEAST_LIGHT = 20.0  # of the noise of a line
_NOISES, _LEAST_OFF = 6.0, 0.5  # standard deviations and ADU by which a line is off the others
_OFF = 3e-4  # of the light, by which it is
_OUTSIDE, _RUN = 4, 3  # lines outside of an overscan that may be bright, where it has as many lines
_GAP = 4  # lines of a strip inside of the frame
_FURTHEST = 0.4  # of the frame: overscan does not take more


@dataclass(frozen=True, slots=True, eq=False)
class LightProfile:
    """Medians of the columns of a frame over its middle rows and of the rows over its middle columns, ADU.

    `scatters` are the standard deviations of the pixels of each column and row, by differences of neighbours.
    """

    columns: np.ndarray
    rows: np.ndarray
    scatters: tuple[np.ndarray, np.ndarray]

    @property
    def level(self) -> float:
        """The median of the middle of the frame."""
        return float(np.median(_middle(self.columns)))


@dataclass(frozen=True, slots=True)
class Edge:
    """Lines at one side of a frame that do not follow the light.

    Attributes
    ----------
    lines : int
        From the side to the first exposed line.
    skip, edge : int
        Innermost and outermost lines of them that are off the others, as by charge that is read late.
    share : float
        Of the light that the others see.
    constant : bool
        Whether their pixels have no noise: they were filled in, and are no overscan.
    """

    lines: int
    skip: int = 0
    edge: int = 0
    share: float = 0.0
    constant: bool = False

    @property
    def usable(self) -> int:
        """The number of lines that tell the level without light."""
        return 0 if self.constant or self.share > _DARK else max(0, self.lines - self.skip - self.edge)


def profile_of(image: Image) -> LightProfile:
    """Measure the profiles of a frame; flagged pixels and those that are no numbers count as its median.

    >>> profile_of(Image(np.arange(12.0).reshape(3, 4))).rows
    array([1.5, 5.5, 9.5])
    """
    array = image.array.astype(np.float64, copy=False)
    good = image.good
    if not good.all():
        array = np.where(good, array, float(np.median(array[good])) if good.any() else 0.0)
    ny, nx = array.shape
    down, across = array[_sampled(ny), :], array[:, _sampled(nx)]
    columns, rows = np.median(down, axis=0), np.median(across, axis=1)
    scatters = _scatter(down, 0), _scatter(across, 1)
    return LightProfile(columns, rows, scatters)


def find_edges(dark: Sequence[LightProfile], lit: Sequence[LightProfile]) -> dict[str, Edge] | None:
    """Find the lines at each side that do not follow the light between frames without and with light.

    Parameters
    ----------
    dark, lit : sequence of LightProfile
        Of frames of one size.

    Returns
    -------
    dict of str to Edge, or None
        By left, right, bottom and top, those sides that have such lines. None where the frames do not differ enough in
        light to tell.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bias = rng.normal(300.0, 4.0, (64, 80))
    >>> flat = rng.normal(300.0, 4.0, (64, 80))
    >>> flat[:, 6:72] += 9000.0
    >>> {side: edge.lines for side, edge in find_edges([profile_of(Image(bias))], [profile_of(Image(flat))]).items()}
    {'left': 6, 'right': 8}
    """
    found = {}
    for axis, names in (("columns", ("left", "right")), ("rows", ("bottom", "top"))):
        base = np.mean([getattr(one, axis) for one in dark], axis=0)
        light = np.mean([getattr(one, axis) for one in lit], axis=0) - base
        place = 0 if axis == "columns" else 1
        scatters = np.mean([one.scatters[place] for one in (*dark, *lit)], axis=0)
        dark_scatters = np.mean([one.scatters[place] for one in dark], axis=0)
        noise = 1.25 * float(np.median(dark_scatters)) / math.sqrt(_count(_length_across(dark[0], axis)))
        noise *= math.sqrt(1.0 / len(dark) + 1.0 / len(lit))
        level = float(np.median(_middle(light)))
        if level < _LEAST_LIGHT * max(noise, 0.1):
            return None
        for name, lines, scatter in (
            (names[0], light, scatters),
            (names[1], light[::-1], scatters[::-1]),
        ):
            edge = _edge(lines, level, noise, scatter)
            if edge is not None:
                found[name] = edge
    return found


def find_gaps(dark: Sequence[LightProfile], lit: Sequence[LightProfile]) -> tuple[str, ...]:
    """Find strips inside of the frame that do not follow the light, as between readouts side by side, in words.

    Strips of fewer than 4 lines are taken as bad columns.

    >>> bias, flat = np.full((64, 80), 300.0), np.full((64, 80), 9300.0)
    >>> flat[:, 36:44] = 300.0
    >>> find_gaps([profile_of(Image(bias))], [profile_of(Image(flat))])
    ('columns 37 to 44',)
    """
    found = []
    for axis in ("columns", "rows"):
        light = np.mean([getattr(one, axis) for one in lit], axis=0)
        light = light - np.mean([getattr(one, axis) for one in dark], axis=0)
        is_dark = light < _EXPOSED * float(np.median(_middle(light)))
        ends = np.flatnonzero(np.diff(np.concatenate([[False], is_dark, [False]]).astype(np.int8)))
        for first, last in zip(ends[::2], ends[1::2], strict=True):
            # Near a side they are an edge, or what lies outside of one.
            inside = first > _FURTHEST / 2 * len(light) and last < len(light) * (1.0 - _FURTHEST / 2)
            if inside and last - first >= _GAP:
                found.append(f"{axis} {first + 1} to {last}")
    return tuple(found)


def _length_across(profile: LightProfile, axis: str) -> int:
    return len(profile.rows if axis == "columns" else profile.columns)


def _edge(light: np.ndarray, level: float, noise: float, scatters: np.ndarray) -> Edge | None:
    """Describe the lines before the first exposed one; None where there are none, or nothing is exposed."""
    width, most = max(6, len(light) // 40), int(_FURTHEST * len(light))
    inside = np.array([np.median(light[place + 1 : place + 1 + width]) for place in range(most)])
    start = _end_of_dark(light[:most], inside, max(_DARK * level, _NOISES * noise))
    if start == 0:
        return None
    lines = light[:start]
    middle = float(np.median(lines))
    off = np.abs(lines - middle) > max(_NOISES * noise, _LEAST_OFF, _OFF * level)
    edge = int(np.argmin(off)) if not off.all() else start
    skip = int(np.argmin(off[::-1])) if not off.all() else 0
    # One line or two have no others that tell whether they are off.
    if start < 3:
        edge = skip = 0
    return Edge(start, skip, edge, max(0.0, middle / level), bool(np.median(scatters[:start]) == 0.0))


def _end_of_dark(light: np.ndarray, inside: np.ndarray, least: float) -> int:
    """Return the number of lines up to the innermost step to the light, outside of which no line is exposed.

    `inside` is the light just inside of each line, and what is not above `least` is none. Light that falls off towards a
    side has no step, and a bad column inside has exposed lines outside of it.
    """
    for step in np.flatnonzero((light < _EXPOSED * inside) & (inside > least))[::-1]:
        exposed = np.flatnonzero(light[: step + 1] >= _EXPOSED * inside[step])
        begin = int(exposed[-1]) + 1 if exposed.size else 0
        if begin == 0 or (begin <= _OUTSIDE and step + 1 - begin >= _RUN):
            return int(step) + 1
    return 0


def _count(length: int) -> int:
    return min(_SAMPLED, max(1, length // 2))


def _sampled(length: int) -> np.ndarray:
    """Return up to 256 places in the middle half of an axis."""
    first, last = length // 4, max(length // 4 + 1, length - length // 4)
    return np.unique(np.linspace(first, last - 1, min(_SAMPLED, last - first)).astype(int))


def _middle(values: np.ndarray) -> np.ndarray:
    return values[_sampled(len(values))]


def _scatter(array: np.ndarray, axis: int) -> np.ndarray:
    """Return the standard deviation of one pixel by the mean difference of neighbours; 0 only where all are equal."""
    if array.shape[axis] < 3:
        return np.zeros(array.shape[1 - axis])
    steps = np.diff(array, axis=axis)
    return np.asarray(math.sqrt(math.pi) / 2.0 * np.abs(steps).mean(axis=axis))
