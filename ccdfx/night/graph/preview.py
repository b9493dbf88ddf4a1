"""What a page shows of a product, measured while its pixels are in memory: a small picture and a histogram."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ccdfx import plots
from ccdfx.night.graph.pixel_map import draw_bad_pixels
from ccdfx.records.image import Image

SIZE = 300  # pixels
_BINS = 100
_PIXELS = 1 << 22  # that are counted at most; bars are drawn by the logarithm


def preview(image: Image, *, kind: str) -> bytes:
    """Draw a product as a PNG, as large as the page shows it; a map of bad pixels is drawn as one."""
    if kind == "bad_pixels":
        return draw_bad_pixels(image, size=2 * SIZE)
    return plots.thumbnail(image, size=SIZE)


def write_preview(png: bytes, path: Path) -> None:
    """Write what `preview` drew."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(path, True) as temporary:
        temporary.write_bytes(png)


def histogram_facts(image: Image) -> dict[str, Any]:
    """Count the good pixels of an image in 100 bins within 10 robust standard deviations of the median.

    Of an image of more than 4 million pixels they are those of every second, third, ... row (`rows`).

    >>> import numpy as np
    >>> facts = histogram_facts(Image(np.arange(1000.0).reshape(20, 50)))
    >>> sum(facts["counts"]), len(facts["counts"]), facts["rows"]
    (1000, 100, 1)
    """
    step = math.ceil(image.size / _PIXELS)
    mask = None if image.mask is None else image.mask[::step]
    found = plots.histogram_counts(Image(image.array[::step], mask=mask), bins=_BINS)
    return {
        "low": float(found.edges[0]),
        "high": float(found.edges[-1]),
        "counts": [int(count) for count in found.counts],
        "rows": step,
        "unit": image.unit,
    }
