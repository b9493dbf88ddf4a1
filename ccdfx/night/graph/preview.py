"""What a page shows of a product, measured while its pixels are in memory: pictures and a histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx import plots
from ccdfx.night.graph.pixel_map import draw_bad_pixels
from ccdfx.night.graph.product import FACTS_FOLDER
from ccdfx.plots.large_picture import draw_flags, draw_large
from ccdfx.records.image import Image

SIZE = 300  # pixels
LARGE, RAW = 1200, 600  # pixels
SMALL_PICTURE, LARGE_PICTURE, FLAGS_PICTURE, RAW_PICTURE = ".png", "~large.jpg", "~flags.png", "~raw.jpg"
"""Endings of the files of pictures; ~ is in the name of no product."""
PICTURES = (SMALL_PICTURE, LARGE_PICTURE, FLAGS_PICTURE, RAW_PICTURE)
_BINS = 100
_PIXELS = 1 << 22  # that are counted at most; bars are drawn by the logarithm
_PULLED = 1 << 19  # pixels whose pulls are counted at most
PULL_BINS, PULL_LIMIT = 48, 6.0


def picture_path(output: Path, file: str, ending: str) -> Path:
    """Return the place of a picture of a product.

    >>> picture_path(Path("out"), "calibrated/a.fits", LARGE_PICTURE).as_posix()
    'out/facts/calibrated/a~large.jpg'
    """
    path = output / FACTS_FOLDER / file
    return path.with_name(path.stem + ending)


def drawn_pictures(
    image: Image, *, kind: str, further: Mapping[str, bytes] | None = None
) -> dict[str, bytes | None]:
    """Draw the pictures of a product, by their ending.

    A small one, as large as the page shows it; a large one, and its flags if it has any; and `further` ones. A map of
    bad pixels has one picture, in which each is seen.
    """
    if kind == "bad_pixels":
        return {SMALL_PICTURE: draw_bad_pixels(image, size=2 * SIZE)}
    return {
        SMALL_PICTURE: plots.thumbnail(image, size=SIZE),
        LARGE_PICTURE: draw_large(image, size=LARGE),
        FLAGS_PICTURE: draw_flags(image, size=LARGE),
        **(further or {}),
    }


def write_pictures(drawn: Mapping[str, bytes | None], output: Path, file: str) -> None:
    """Write the pictures of a product beside its record, and remove earlier ones."""
    from ccdfx.io.atomic import atomic_path

    for ending in PICTURES:
        path, content = picture_path(output, file, ending), drawn.get(ending)
        if content is None:
            with suppress(FileNotFoundError):
                path.unlink()
        else:
            with atomic_path(path, True) as temporary:
                temporary.write_bytes(content)


def raw_pictures(raw: Image) -> dict[str, bytes]:
    """Draw a raw frame that is trimmed, as one of the further pictures of the product that is made of it."""
    return {RAW_PICTURE: draw_large(raw, size=RAW)}


def histogram_facts(image: Image) -> dict[str, Any]:
    """Count the good pixels of an image in 100 bins within 10 robust standard deviations of the median.

    Of an image of more than 4 million pixels they are those of every second, third, ... row (`rows`). Where the image has a variance,
    `pulls` are the numbers of pixels by their difference from the median in units of their own errors, in 48 bins from -6 to 6.

    >>> import numpy as np
    >>> facts = histogram_facts(Image(np.arange(1000.0).reshape(20, 50)))
    >>> sum(facts["counts"]), len(facts["counts"]), facts["rows"]
    (1000, 100, 1)
    """
    step = math.ceil(image.size / _PIXELS)
    mask = None if image.mask is None else image.mask[::step]
    found = plots.histogram_counts(Image(image.array[::step], mask=mask), bins=_BINS)
    pulls = {} if image.variance is None else {"pulls": _pulls(image, float(found.edges.mean()))}
    return {
        **pulls,
        "low": float(found.edges[0]),
        "high": float(found.edges[-1]),
        "counts": [int(count) for count in found.counts],
        "rows": step,
        "unit": image.unit,
    }


def _pulls(image: Image, median: float) -> list[int]:
    assert image.variance is not None
    step = math.ceil(image.size / _PULLED)
    array, variance, good = (part[::step] for part in (image.array, image.variance, image.good))
    usable = good & (variance > 0) & np.isfinite(variance)
    with np.errstate(over="ignore", invalid="ignore"):
        pulls = (array[usable] - np.float32(median)) / np.sqrt(variance[usable])
    counts, _ = np.histogram(pulls, bins=PULL_BINS, range=(-PULL_LIMIT, PULL_LIMIT))
    return [int(count) for count in counts]
