"""What is wrong with a master flat by its pixels: strips that see no light, and stars of the twilight sky."""

from __future__ import annotations

import numpy as np

from ccdfx.night.words import listed
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

_DARK = 0.9  # of the pixels of a line
_FEWEST = 4  # lines; fewer are defects
_LEAST_STARS = 5
_HIGH = 10.0  # of a star over the noise
_WIDE = 1.3  # pixels: the FWHM of a star is more, that of a bright pixel less
_ALIKE = 0.15  # scatter of the widths of stars, of their median
_BLUNT = 0.2  # by how much the central pixels of stars above their neighbours differ from those of Gaussians
_UNLIT = (
    "see no light: where that is an overscan, no card tells it, and it stays in the products, flagged; [sections] or [[readout]] "
    "of an instrument file names it ('ccdfx instrument draft' finds it)"
)
_STARS = (
    "stars stand in it, the brightest with {:.2g} % of its light, that the exposures share and the rejection keeps: what is divided "
    "by it lacks as much at these places; take flats that are moved by more than the width of the stars in between"
)


def flat_faults(flat: Image, least: float) -> list[str]:
    """Describe the strips of a master flat whose response is below `least`, and the stars that stand in it."""
    seen = np.ones(flat.shape, bool) if flat.mask is None else flat.mask & np.uint8(Flag.NO_DATA) == 0
    # Nothing was read out in the gaps between chips.
    strips = unlit_strips(np.where(seen, flat.array, 1.0), least)
    stars = stars_of(flat)
    return [
        *([] if strips is None else [f"{strips} {_UNLIT}"]),
        *([f"{stars.size} {_STARS.format(100 * stars.max())}"] if stars.size else []),
    ]


def stars_of(flat: Image) -> np.ndarray:
    """Return the heights of the stars in a flat, as parts of its light; none where less than five of one width stand out."""
    from ccdfx.photometry.sources import find_sources

    found = np.asarray(find_sources(flat))
    found = found[(found["snr"] > _HIGH) & (found["fwhm"] > _WIDE)]
    if len(found) < _LEAST_STARS:
        return np.empty(0)
    width = np.median(found["fwhm"])
    alike = np.median(np.abs(found["fwhm"] / width - 1.0)) < _ALIKE
    gaussian = 1.0 - 0.5 ** (4.0 / width**2)  # a pixel away from the centre, of the height
    pixels = abs(np.median(found["sharpness"]) - gaussian) > _BLUNT  # each bright on uneven ground
    return found["peak"] / found["background"] if alike and not pixels else np.empty(0)


def unlit_strips(response: np.ndarray, least: float) -> str | None:
    """Describe the strips of columns and rows whose response is below `least`; None where there are none, or all are.

    >>> response = np.ones((12, 40))
    >>> response[:, 34:] = 0.01
    >>> unlit_strips(response, 0.1)
    'columns 35 to 40'
    """
    dark = response < least
    found = []
    columns = _strips(dark.mean(axis=0) > _DARK)
    for low, high in columns:
        found.append(f"columns {low + 1} to {high}")
        dark[:, low:high] = False
    lit = response.shape[1] - sum(high - low for low, high in columns)
    rows = _strips(dark.sum(axis=1) > _DARK * lit) if lit else []
    found += [f"rows {low + 1} to {high}" for low, high in rows]
    if not lit or sum(high - low for low, high in rows) == response.shape[0]:
        return None
    return listed(found, 6) if found else None


def _strips(dark: np.ndarray) -> list[tuple[int, int]]:
    """Return the first line and the one behind the last of each run of dark lines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dark, [False]])))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2) if high - low >= _FEWEST]
