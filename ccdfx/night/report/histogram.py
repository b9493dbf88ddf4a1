"""Histograms of the report, drawn of counts as SVG pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _BASE = 300, 120, 96  # pixels; the bars end at the base
_LEFT, _RIGHT, _TOP = 34, 12, 8  # pixels beside and above the bars, for labels
_LABELS = 4
_DECADES = 3
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FINEST, _LARGEST = 1e-4, 1e6  # steps and values that are written without an exponent


def draw_histogram(facts: Mapping[str, Any]) -> str:
    """Draw a histogram, with numbers of pixels on a logarithmic scale, as the text of an SVG picture.

    Parameters
    ----------
    facts : mapping
        As of `histogram_facts`.

    Examples
    --------
    >>> draw_histogram({"low": 0.0, "high": 2.0, "counts": [1, 10], "unit": "adu"}).startswith("<svg ")
    True
    """
    counts = facts["counts"]
    top = math.log10(2.0 * max(counts)) if any(counts) else 1.0
    inner = _WIDTH - _LEFT - _RIGHT
    step = inner / max(1, len(counts))
    heights = [0.0 if not count else max(0.02 * _BASE, _height(count, top)) for count in counts]
    path = f"M{_LEFT} {_BASE}" + "".join(
        f"V{max(0.0, _BASE - height):.1f}H{_LEFT + (place + 1) * step:.1f}"
        for place, height in enumerate(heights)
    )
    low, high, unit = facts["low"], facts["high"], facts.get("unit")
    labels = []
    for value, text in _round_values(low, high):
        x = _LEFT + inner * (value - low) / (high - low)
        labels.append(
            f'<path d="M{x:.1f} {_BASE}v4" stroke="#888"/>'
            f'<text x="{x:.1f}" y="{_BASE + 16}" text-anchor="middle">{text}</text>'
        )
    decades = math.floor(math.log10(max(counts))) if any(counts) else -1
    for power in range(0, decades + 1, max(1, math.ceil(decades / _DECADES))):
        y = _BASE - _height(10**power, top)
        text = str(10**power) if power < 3 else "10" + str(power).translate(_SUPERSCRIPTS)
        labels.append(
            f'<path d="M{_LEFT - 4} {y:.1f}h4" stroke="#888"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    shown = "" if not unit else f'<text x="{_WIDTH}" y="10" text-anchor="end">{escape(str(unit))}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="#555">'
        f'<path d="{path}V{_BASE}Z" fill="#595959"/>'
        f'<path d="M{_LEFT} 0V{_BASE}h{inner}" fill="none" stroke="#888"/>'
        f"{''.join(labels)}{shown}</svg>"
    )


def _height(count: int, top: float) -> float:
    """Return how high a bar is, in pixels; one pixel of the image is seen too."""
    return (_BASE - _TOP) * math.log10(2.0 * count) / top


def _round_values(low: float, high: float) -> list[tuple[float, str]]:
    """Return round values from `low` to `high`, at most some five, and how they are written."""
    raw = (high - low) / _LABELS
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= raw or factor == 10)
    first, last = math.ceil(low / step), math.floor(high / step)
    values = [place * step for place in range(first, min(last, first + _LABELS) + 1)]
    decimals = max(0, -math.floor(math.log10(step * 1.001)))
    plain = step > _FINEST and max(abs(low), abs(high)) < _LARGEST
    digits = max(1, math.ceil(math.log10(max(abs(low), abs(high)) / step)) + 1)
    return [(one, f"{one:.{decimals}f}" if plain else f"{one:.{min(digits, 6)}g}") for one in values]
