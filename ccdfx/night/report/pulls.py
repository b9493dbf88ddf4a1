"""Residuals of the report: differences of pixels from the sky in units of their errors, drawn as SVG pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ccdfx.night.graph.preview import PULL_LIMIT

_WIDTH, _HEIGHT, _BASE = 300, 90, 70  # pixels; the bars end at the base


def draw_pulls(counts: Sequence[int]) -> str:
    """Draw numbers of pixels by their pulls, with the curve that errors of the right size give, as the text of an SVG picture.

    Parameters
    ----------
    counts : sequence of int
        In bins of equal width, as of `histogram_facts`. Both scales are linear.

    Examples
    --------
    >>> draw_pulls([0, 5, 9, 5, 0]).count("<path")
    2
    """
    total = sum(counts)
    step = _WIDTH / max(1, len(counts))
    width = 2 * PULL_LIMIT / max(1, len(counts))
    expected = [
        total * width * math.exp(-0.5 * (width * (place + 0.5) - PULL_LIMIT) ** 2) / math.sqrt(2 * math.pi)
        for place in range(len(counts))
    ]
    top = 1.1 * max([*expected, *counts, 1])
    bars = f"M0 {_BASE}" + "".join(
        f"V{_BASE * (1 - count / top):.1f}H{step * (place + 1):.1f}" for place, count in enumerate(counts)
    )
    curve = "M" + "L".join(
        f"{step * (place + 0.5):.1f} {_BASE * (1 - value / top):.1f}" for place, value in enumerate(expected)
    )
    labels = "".join(
        f'<text x="{_WIDTH * (value + PULL_LIMIT) / (2 * PULL_LIMIT):.0f}" y="{_BASE + 14}" '
        f'text-anchor="middle">{str(value).replace("-", chr(0x2212))}</text>'
        for value in (-4, -2, 0, 2, 4)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="#555">'
        f'<path d="{bars}V{_BASE}Z" fill="#999"/><path d="{curve}" fill="none" stroke="#222"/>{labels}</svg>'
    )
