"""How the fluxes of stars give the scale of frames, and the weights that are best for stars on sky."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.operations.combining.frames import StackFrame
from ccdfx.operations.combining.levels import EXPOSURES
from ccdfx.photometry.flux_ratio import FluxRatio, flux_ratio
from ccdfx.photometry.stars import measure_stars
from ccdfx.records.header import lenient_number

_BEYOND = 3.0  # errors
STARS = "stars"
"""The word for `scale`."""


def scale_of(ratio: FluxRatio | None, exposure: float) -> float:
    """Return by what a frame is divided to bring its stars to the fluxes of the reference.

    Where the flux ratio differs from that of the exposure times by less than 3 of its errors, or is not
    known, it is the latter: stars of a clear night are not made to follow the noise of the reference.

    Examples
    --------
    >>> from ccdfx import FluxRatio
    >>> scale_of(FluxRatio(0.6, 0.01, 20), 1.0), scale_of(FluxRatio(0.98, 0.01, 20), 1.0), scale_of(None, 2.0)
    (0.6, 1.0, 2.0)
    """
    if ratio is None or abs(ratio.value - exposure) < _BEYOND * ratio.error:
        return exposure
    return ratio.value


def best_weights(scales: Sequence[float], noises: Sequence[float | None]) -> list[float] | None:
    """Compute weights (scale / noise of the sky before scaling)^2, which give stars the least noise.

    They are in units of the largest; None where the noise of a frame is not known.

    Examples
    --------
    >>> best_weights([1.0, 1.0, 0.5], [17.0, 34.0, 17.0])
    [1.0, 0.25, 0.25]
    """
    known = [noise for noise in noises if noise and math.isfinite(noise)]
    if len(known) < len(noises):
        return None
    weights = [(scale / noise) ** 2 for scale, noise in zip(scales, known, strict=True)]
    return [weight / max(weights) for weight in weights]


class StarFactors(NamedTuple):
    """Scales s of frames, and zeros z such that x / s - z has the flux scale and the sky of the first."""

    scales: list[float]
    zeros: list[float]


def star_factors(frames: Sequence[StackFrame]) -> StarFactors:
    """Measure the flux ratio to the first frame, and the sky, of frames that lie on one another.

    Warns
    -----
    CcdfxWarning
        Frames with fewer than three usable stars in common with the first are scaled by their exposure times.

    Raises
    ------
    ArgumentError
        The flux ratio of a frame cannot be measured, and its exposure time is not in the header either.
    """
    from ccdfx.estimators import sky_level

    times, reference = _exposures(frames), None
    scales, skies, unmeasured = [], [], []
    for frame, time in zip(frames, times, strict=True):
        image = frame.image()
        stars = measure_stars(image)
        skies.append(sky_level(image))
        if reference is None:
            reference = stars
            scales.append(1.0)
            continue
        ratio = flux_ratio(stars, reference=reference)
        if ratio is None and time is None:
            raise ArgumentError(
                f"scale of {frame.name}",
                f"needs three usable stars in common with the first frame, or {' or '.join(EXPOSURES)}",
                remedy="align the frames first, leave it out, or give numbers",
            )
        if ratio is None:
            unmeasured.append(frame.name)
        scales.append(ratio.value if ratio is not None and time is None else scale_of(ratio, time or 1.0))
    if unmeasured:
        text = "have fewer than three usable stars in common with the first, and are scaled by exposure alone"
        warnings.warn(f"{', '.join(unmeasured)}: {text}", CcdfxWarning, stacklevel=4)
    return StarFactors(scales, [sky / s - skies[0] for sky, s in zip(skies, scales, strict=True)])


def _exposures(frames: Sequence[StackFrame]) -> list[float | None]:
    """Return exposure times in units of the first, by one keyword; all None if a frame has none above 0."""
    for keyword in EXPOSURES:
        times = [time for frame in frames if (time := lenient_number(frame.header, keyword)) and time > 0]
        if len(times) == len(frames):
            return [time / times[0] for time in times]
    return [None] * len(frames)
