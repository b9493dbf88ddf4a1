"""Histograms of the report, drawn of counts as SVG pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _BASE = 300, 120, 96  # pixels; the bars end at the base
_LABELS = 4


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
    step = _WIDTH / max(1, len(counts))
    heights = [0.0 if not count else _BASE * max(0.02, math.log10(2.0 * count) / top) for count in counts]
    path = f"M0 {_BASE}" + "".join(
        f"V{_BASE - height:.1f}H{(place + 1) * step:.1f}" for place, height in enumerate(heights)
    )
    low, high, unit = facts["low"], facts["high"], facts.get("unit")
    digits = max(3, math.ceil(math.log10(max(abs(low), abs(high), 1e-300) / ((high - low) / _LABELS))) + 1)
    labels = []
    for place in range(_LABELS + 1):
        value, x = low + (high - low) * place / _LABELS, _WIDTH * place / _LABELS
        anchor = "start" if place == 0 else "end" if place == _LABELS else "middle"
        labels.append(
            f'<path d="M{x:.1f} {_BASE}v4" stroke="#888"/>'
            f'<text x="{x:.1f}" y="{_BASE + 15}" text-anchor="{anchor}">{value:.{min(digits, 6)}g}</text>'
        )
    shown = "" if not unit else f'<text x="{_WIDTH}" y="10" text-anchor="end">{escape(str(unit))}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="10" fill="#555">'
        f'<path d="{path}V{_BASE}Z" fill="#595959"/><path d="M0 {_BASE}H{_WIDTH}" stroke="#888"/>'
        f"{''.join(labels)}{shown}</svg>"
    )
