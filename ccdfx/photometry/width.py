"""The width of the stars of a plane, from the sources of several filters."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.photometry.detection import detected, detected_near, measured, point_like, without_twins
from ccdfx.photometry.plane import Plane
from ccdfx.photometry.trails import Trail, on_trails, trails_among

_FIRST = 100
_LARGE = 1 << 20  # pixels; filtering less is cheap
_WITH_TRAILS = 1000
_FINEST = 2  # filters for the plane at full resolution


def estimated_fwhm(plane: Plane, threshold: float) -> tuple[float, list[Trail]]:
    """Estimate the FWHM of the stars of a plane, 3 without any; return it and the trails that were found.

    The filter size is chosen for which the thirty most significant sources of that size have the greatest
    total significance; their median FWHM is returned.
    """
    sizes = [2.0 * 2 ** (0.5 * step) for step in range(2 * len(plane.pyramid))]
    peaks = _peaks(plane, sizes, threshold, 3 * _FIRST)
    tables = [measured(plane, some[:_FIRST], fwhm) for some, fwhm in zip(peaks, sizes, strict=True)]
    trails: list[Trail] = []
    for table, fwhm in zip(tables, sizes, strict=True):
        # The narrowest filter that shows a trail knows best where it is and what lies beside it.
        rest = table.taken(~on_trails(plane, trails, table, fwhm))
        trails += trails_among(plane, rest, fwhm)
    if trails:
        peaks = _peaks(plane, sizes, threshold, _WITH_TRAILS)
    best, found = 0.0, 3.0
    for fwhm, some, table in zip(sizes, peaks, tables, strict=True):
        shapes = table
        if trails:
            shapes = measured(plane, some, fwhm)
            shapes = shapes.taken(np.flatnonzero(~on_trails(plane, trails, shapes, fwhm))[:_FIRST])
        shapes = shapes.taken(point_like(shapes, fwhm) & (shapes.fwhm < 1.7 * fwhm))
        shapes = without_twins(shapes, fwhm)
        top = np.argsort(-shapes.snr)[:30]
        total = float(shapes.snr[top].sum())
        if total > best:
            best, found = total, float(np.median(shapes.fwhm[top]))
    return found, trails


def _peaks(plane: Plane, sizes: list[float], threshold: float, most: int) -> list[np.ndarray]:
    """Find the most significant peaks for each filter.

    Sources that stand out under a filter do so under the next ones, too: a large plane is filtered for every other
    size, from that for the plane of half the size on, and for the others only near the `most` significant peaks.
    """
    whole = set(range(len(sizes)))
    if len(sizes) > _FINEST and plane.array.size >= _LARGE:
        whole = set(range(_FINEST, len(sizes), 2))
    peaks = {k: detected(plane, sizes[k], threshold, math.ceil(sizes[k]))[:_WITH_TRAILS] for k in whole}
    for k in set(range(len(sizes))) - whole:
        near = [peaks[other][:most] for other in {max(k - 1, _FINEST), max(k + 1, _FINEST)} & whole]
        peaks[k] = detected_near(plane, sizes[k], threshold, np.concatenate(near))
    return [peaks[k] for k in range(len(sizes))]
