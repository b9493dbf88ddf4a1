"""Small plots over time as SVG that is part of a page, in its colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 340, 130  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 8, 24
_TICKS = 4
_UNIT = 45  # pixels at the end of the axis of time
SERIES = 6  # colours and shapes of the style of the page
Point = tuple[float, float, str]
"""Place on the axis of time, value, and what is said of the point."""


def draw_times(
    series: Mapping[str, Sequence[Point]], *, label: str, axis: str = "h", turn: float = math.inf
) -> str:
    """Draw values over time as the text of an SVG picture; "" where there is no value.

    Parameters
    ----------
    series : mapping
        The points of each series by its name, such as a filter; each series has a colour (class `s0`, `s1`, ...).
    label : str
        What the picture shows, for people who do not see it.
    axis : str
        The unit of the axis of time.
    turn : float
        Where the axis begins anew at 0, such as 24 of the hours of a day.

    Examples
    --------
    >>> drawn = draw_times({"V": [(0.0, 300.0, "a.fits"), (1.5, 310.0, "<b>")]}, label="Sky")
    >>> drawn.count("<circle"), "&lt;b&gt;" in drawn, draw_times({}, label="Sky")
    (2, True, '')
    """
    points = [(x, y) for some in series.values() for x, y, _ in some]
    if not points:
        return ""
    low_x, high_x = _range([x for x, _ in points], 0.5)
    low_y, high_y = _range([y for _, y in points], 0.05 * max(abs(y) for _, y in points))
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[str, str]:
        across, up = (x - low_x) / (high_x - low_x), (y - low_y) / (high_y - low_y)
        return f"{_LEFT + across * width:.1f}", f"{_TOP + (1 - up) * height:.1f}"

    parts = []
    for value in _ticks(low_y, high_y):
        _, y = place(low_x, value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{float(y) + 4:.1f}" text-anchor="end">{_shown(value)}</text>')
    for value in _ticks(low_x, high_x):
        x, _ = place(value, low_y)
        if float(x) > _WIDTH - _RIGHT - _UNIT:
            continue  # the unit is there
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - 8}" text-anchor="middle">{_shown(value % turn if math.isfinite(turn) else value)}</text>'
        )
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">{escape(axis)}</text>')
    for number, some in enumerate(series.values()):
        for hours, level, words in some:
            across, up = place(hours, level)
            title = f"<title>{escape(words)}</title>" if words else ""
            parts.append(
                f'<circle class="s{number % SERIES}" cx="{across}" cy="{up}" r="2.6">{title}</circle>'
            )
    return (
        f'<svg class="times" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _range(values: Sequence[float], least: float) -> tuple[float, float]:
    """Return the range of values, with room around it, and at least so wide on either side of one value."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) if high > low else least or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw or factor == 10)
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _shown(value: float) -> str:
    return f"{value:.6g}".replace("-", "\u2212")
