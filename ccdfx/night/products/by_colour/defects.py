"""Bad pixels of mosaics of colours: those of each plane of one colour, whose neighbours are of this colour too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ccdfx.night.products.by_colour.flats import plane_of
from ccdfx.operations.colour.pattern import PLANES, ColourPattern
from ccdfx.operations.pixels.bad_pixels import Defects, find_bad_pixels

Frames = Callable[[], Iterable[Any]]


def bad_pixels_by_colour(
    pattern: ColourPattern,
    shape: tuple[int, int],
    *,
    masters: Mapping[str, Sequence[Any]],
    frames: Frames,
    fwhm: float | None,
    **options: Any,
) -> Defects:
    """Find the bad pixels of each plane of a mosaic, as `find_bad_pixels` does, and merge them.

    Parameters
    ----------
    pattern : ColourPattern
    shape : (ny, nx)
        Of the mosaic.
    masters : mapping
        Biases, darks and flats, by these words.
    frames : callable
        Returns the calibrated frames of the sky one after the other; called once for each plane, so that none is kept.
    fwhm : float, optional
        Width of the sharpest stars in pixels of the mosaic.
    **options
        Of `find_bad_pixels`.

    Returns
    -------
    Defects
        A run of 16 pixels along a column of a plane is a column of every second pixel.
    """
    if fwhm is not None:
        options["fwhm"] = fwhm / 2
    kinds = np.zeros(shape, np.uint8)
    notes: dict[str, list[str]] = {}
    for name in PLANES:
        x, y = pattern.place(name)
        planes: dict[str, Any] = {
            kind: [plane_of(image, x, y) for image in images] for kind, images in masters.items()
        }
        sky = (plane_of(image, x, y) for image in frames())
        found = find_bad_pixels(**planes, frames=sky, **options)
        kinds[y::2, x::2] = found.kinds
        for note in found.notes:
            notes.setdefault(note, []).append(name)
    said = (f"{_planes(names)}: {note}" for note, names in notes.items())
    return Defects(kinds, tuple(said))


def _planes(names: Sequence[str]) -> str:
    return "in each colour" if len(names) == len(PLANES) else f"in the pixels {', '.join(names)}"
