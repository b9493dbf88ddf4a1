"""Scale, zero and weight of each frame: x' = x / scale - zero."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning
from ccdfx.operations.combining.frames import StackFrame
from ccdfx.operations.combining.levels import Level, exposure, level, measured
from ccdfx.operations.headers import EXPOSURES
from ccdfx.operations.rejection.profile import profile_terms
from ccdfx.records.checks import pair
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.image import Image

if TYPE_CHECKING:
    from ccdfx.photometry.flux_ratio import FluxRatio
    from ccdfx.photometry.stars import FrameStars

STARS = "stars"
"""The word for `scale`."""
_BEYOND = 3.0  # errors
_KNOWN = 0.01  # relative error of a flux ratio that is believed
_CLEAR = 1.5  # mean square of differences in units of their errors
_UNKNOWN = 0.2  # part of the flux by which a frame may be off whose flux ratio is not known
UNMEASURED, LEAST_SHIFT = 0.1, 0.05
"""Pixels: errors of positions that are not measured, and of resampling."""

Factor = Sequence[float] | str | Callable[[Image], float] | Level | None

# The words that each argument accepts.
WORDS = {
    "scale": ("mean", "median", "mode", "location", "spread", "exposure", "stars"),
    "zero": ("mean", "median", "mode", "location"),
    "weights": ("exposure", "noise", "variance", "mean", "median", "mode", "location"),
}


def value_limits(limits: Any) -> tuple[float, float] | None:
    """Check the least and the greatest value that are used; None means no limits.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `limits` is not two numbers, or the lower limit is above the upper one.
    """
    if limits is None:
        return None
    low, high = pair(
        "limits", limits, remedy="give the least and the greatest value; infinity turns a side off"
    )
    if not low <= high:
        raise ArgumentError(
            "limits",
            "must be a least value and one that is not below it",
            value=(low, high),
            remedy="give (low, high), None for no limit",
        )
    return low, high


def factors_of(
    frames: Sequence[StackFrame],
    scale: Factor,
    zero: Factor,
    weights: Factor,
    limits: tuple[float, float] | None = None,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...] | None]:
    """Compute the scale s_l, the zero z_l and the weight of each frame; None for equal weights.

    Numbers are used unchanged. From statistics S and Z of the frames' good pixels within the limits,
    s_l = S_l / S_1 and z_l = Z_l / s_l - Z_1; from exposure times, s_l = t_l / t_1; from a header keyword f
    or Z, s_l = f_1 / f_l and z_l = -Z_l / s_l. Those from stars are measured before, by `star_factors`.
    """
    count = len(frames)
    chosen = {
        name: _chosen(value, name, count)
        for name, value in (("scale", scale), ("zero", zero), ("weights", weights))
        if value is not None
    }
    wanted = {name: which for name, which in chosen.items() if isinstance(which, Level)}
    values = {**chosen, **measured(frames, wanted, limits)}
    scales, zeros, shares = [1.0] * count, [0.0] * count, None
    if scale is not None:
        scales = _scales(values["scale"], wanted.get("scale"), frames)
    if zero is not None:
        zeros = _zeros(values["zero"], wanted.get("zero"), scales)
    if weights is not None:
        level_of_zero = wanted.get("zero")
        by_statistic = level_of_zero is not None and level_of_zero.kind == "pixels"
        skies = [value / s for value, s in zip(values["zero"], scales, strict=True)] if by_statistic else None
        shares = weights_from(values["weights"], wanted.get("weights"), frames, scales, skies)
    return tuple(scales), tuple(zeros), shares


def _scales(values: list[float], which: Level | None, frames: Sequence[StackFrame]) -> list[float]:
    read = which is not None and which.kind != "pixels"
    for frame, value in zip(frames, values, strict=True):
        if not value > 0:
            raise ArgumentError(
                f"scale of {frame.name}", "must be above 0", value=value,
                remedy="mend its header, or give numbers" if read else "use zero, or leave it out",
            )  # fmt: skip
    if which is None:
        return values
    if which.kind == "keyword":
        return [values[0] / value for value in values]
    return [value / values[0] for value in values]


def _zeros(values: list[float], which: Level | None, scales: list[float]) -> list[float]:
    if which is None:
        return values
    if which.kind == "keyword":
        return [-value / factor for value, factor in zip(values, scales, strict=True)]
    return [value / factor - values[0] for value, factor in zip(values, scales, strict=True)]


def _chosen(value: Any, name: str, count: int) -> Any:
    """Convert a word, a function or a record to a level, or check numbers, one for each of `count` frames."""
    if callable(value):
        return level(value)
    word = value
    if isinstance(value, Level):
        if value.kind == "keyword" or callable(value.statistic):
            return value
        word = value.statistic or value.kind
    if not isinstance(word, str):
        return _numbers(value, name, count)
    if word not in WORDS[name]:
        raise ArgumentError(
            name,
            f"must be numbers, a function, a keyword or one of {', '.join(WORDS[name])}",
            value=value,
            remedy="choose one of these",
        )
    if isinstance(value, Level):
        return value
    return exposure() if value == "exposure" else level(value)


def _numbers(values: Any, name: str, count: int) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            name, "must be numbers, one a frame", value=values, remedy="give as many as frames"
        ) from None
    if len(numbers) != count:
        raise ArgumentError(
            name,
            f"must be one for each of the {count} frames",
            value=len(numbers),
            remedy="give as many as frames",
        )
    if not all(math.isfinite(number) for number in numbers):
        raise ArgumentError(name, "must be finite numbers", value=numbers, remedy="leave the frame out")
    return numbers


def require_mean(weights: Any, average: str) -> None:
    """Refuse weights for anything but a mean."""
    if weights is not None and average != "mean":
        raise ArgumentError("weights", "go with the mean only", value=average, remedy="leave them out")


def weights_from(
    values: Sequence[float],
    which: Level | None,
    frames: Sequence[StackFrame],
    scales: Sequence[float],
    skies: Sequence[float] | None = None,
) -> tuple[float, ...]:
    """Compute the weights, with the sum 1, from given numbers or measured values.

    Noise sigma and variance v, measured before scaling by s, give s^2 / sigma^2 and s^2 / v. Exposures,
    keywords and other statistics are weights of a single exposure and are multiplied by NCOMBINE, as in
    imcombine. Where the zeros are statistics, with the levels `skies` after scaling, exposures and statistics
    are divided by these, as in imcombine (`ic_scale`): the variance of the sky grows as its level.

    Warns
    -----
    CcdfxWarning
        A sky level that is not above 0: the weights are not divided by any.

    Raises
    ------
    ArgumentError
        When a weight is negative or not finite, all weights are 0, or a noise, variance or exposure is not
        above 0.
    """
    word = which.statistic if which is not None else None
    if which is not None and (which.kind == "exposure" or word in ("noise", "variance")):
        for frame, value in zip(frames, values, strict=True):
            if not value > 0:
                raise ArgumentError(
                    f"{word or 'exposure'} of {frame.name}", "must be above 0 for weights", value=value,
                    remedy="leave the frame out, or give the weights as numbers",
                )  # fmt: skip
    if word in ("noise", "variance"):
        power = 2.0 if word == "noise" else 1.0
        values = [s * s / value**power for s, value in zip(scales, values, strict=True)]
    elif which is not None and not callable(word):
        values = [value * combined_number(frame.header) for value, frame in zip(values, frames, strict=True)]
        if skies is not None and which.kind != "keyword":
            values = _per_sky(values, skies, frames)
    return _normalised(values, frames)


def _per_sky(values: Sequence[float], skies: Sequence[float], frames: Sequence[StackFrame]) -> list[float]:
    """Multiply weights by the sky of the first frame over that of each, unless one is not above 0."""
    unusable = [frame.name for frame, sky in zip(frames, skies, strict=True) if not sky > 0]
    if unusable:
        text = "have a zero that is not above 0, so no weight is divided by the level of its zero"
        warnings.warn(f"{', '.join(unusable)}: {text}", CcdfxWarning, stacklevel=5)
        return list(values)
    return [value * (skies[0] / sky) for value, sky in zip(values, skies, strict=True)]


def combined_number(header: Header) -> int:
    """Return the number of exposures averaged in a frame: NCOMBINE, or 1."""
    number = lenient_number(header, "NCOMBINE")
    return int(number) if number and number >= 1 else 1


def _normalised(values: Sequence[float], frames: Sequence[StackFrame]) -> tuple[float, ...]:
    for frame, value in zip(frames, values, strict=True):
        if not (math.isfinite(value) and value >= 0):
            raise ArgumentError(
                f"weights of {frame.name}", "must be finite and not negative", value=value,
                remedy="give positive numbers",
            )  # fmt: skip
    largest = max(values)
    if largest == 0:
        raise ArgumentError(
            "weights",
            "must be positive for some frame, not all 0",
            value=list(values),
            remedy="give positive numbers",
        )
    parts = [value / largest for value in values]  # so that their sum does not overflow
    return tuple(part / math.fsum(parts) for part in parts)


def scales_of(ratios: Sequence[FluxRatio | None], exposures: Sequence[float | None]) -> list[float]:
    """Return by what each frame is divided to bring its stars to the fluxes of the reference, the first frame.

    In a clear night, where the flux ratios differ from those of the exposure times no more than by their
    errors, it is the latter: the noise of the reference, which is in all ratios, does not become that of the
    scale. Otherwise it is the flux ratio where this is known to 1 % or differs by 3 of its errors, and else
    the ratio of the exposure times.

    Examples
    --------
    >>> from ccdfx import FluxRatio
    >>> reference, clear = FluxRatio(1.0, 0.0, 20), FluxRatio(0.997, 0.004, 20)
    >>> scales_of([reference, clear, clear], [1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0]
    >>> scales_of([reference, clear, FluxRatio(0.6, 0.01, 20), None], [1.0, 1.0, 1.0, 2.0])
    [1.0, 0.997, 0.6, 2.0]
    """
    units = [
        (ratio.value - exposure) / ratio.error
        for ratio, exposure in zip(ratios[1:], exposures[1:], strict=True)
        if ratio is not None and exposure is not None and ratio.error > 0
    ]
    clear = not units or math.fsum(unit * unit for unit in units) <= _CLEAR * len(units)
    return [1.0, *(_scale_of(r, e, clear) for r, e in zip(ratios[1:], exposures[1:], strict=True))]


def _scale_of(ratio: FluxRatio | None, exposure: float | None, clear: bool) -> float:
    if ratio is None or exposure is None:
        return ratio.value if ratio is not None else 1.0 if exposure is None else exposure
    vague = clear or ratio.error > _KNOWN * ratio.value
    return exposure if vague and abs(ratio.value - exposure) < _BEYOND * ratio.error else ratio.value


def flux_error(ratio: FluxRatio | None, scale: float) -> float:
    """Return by what fraction the stars of a frame may still be off the flux scale of the reference.

    Examples
    --------
    >>> from ccdfx import FluxRatio
    >>> flux_error(FluxRatio(0.5, 0.01, 20), 0.5), flux_error(None, 1.0)
    (0.02, 0.2)
    """
    return _UNKNOWN if ratio is None else max(ratio.error / ratio.value, abs(ratio.value / scale - 1))


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
    """Scales s of frames, and zeros z such that x / s - z has the flux scale and the sky of the first.

    `sky` is that of the first. `fwhms` are those that are known, in pixels; `error` is the largest fraction by
    which the stars of a frame may be off the flux scale, `shift` their largest distance from the first in pixels.
    """

    scales: list[float]
    zeros: list[float]
    sky: float
    fwhms: list[float]
    error: float
    shift: float

    def terms(self, limit: float) -> tuple[float, float] | None:
        """Return amplitude and gradient of `profile_clip` for its lower limit; None if no FWHM is known."""
        if not self.fwhms:
            return None
        amplitude, gradient = profile_terms(
            self.fwhms, transparency_errors=self.error, shift_errors=self.shift, limit=limit
        )
        return round(amplitude, 4), round(gradient, 4)  # HISTORY holds them


def star_factors(frames: Sequence[StackFrame]) -> StarFactors:
    """Measure the flux ratio to the first frame, and the sky, of frames that lie on one another.

    The same stars tell how their profiles differ: by FWHM, error of the flux ratio and position.

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
    from ccdfx.photometry.flux_ratio import flux_ratio
    from ccdfx.photometry.stars import measure_stars

    times, reference = _exposures(frames), None
    ratios: list[FluxRatio | None] = []
    skies, unmeasured, fwhms, shifts = [], [], [], [LEAST_SHIFT]
    for frame, time in zip(frames, times, strict=True):
        image = frame.image()
        stars = measure_stars(image)
        skies.append(sky_level(image))
        if math.isfinite(stars.fwhm):
            fwhms.append(stars.fwhm)
        if reference is None:
            reference = stars
            ratios.append(None)
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
        ratios.append(ratio)
        shifts.append(_distance(stars, reference))
    if unmeasured:
        text = "have fewer than three usable stars in common with the first, and are scaled by exposure alone"
        warnings.warn(f"{', '.join(unmeasured)}: {text}", CcdfxWarning, stacklevel=4)
    scales = scales_of(ratios, times)
    errors = [flux_error(ratio, scale) for ratio, scale in zip(ratios[1:], scales[1:], strict=True)]
    zeros = [sky / s - skies[0] for sky, s in zip(skies, scales, strict=True)]
    return StarFactors(scales, zeros, skies[0], fwhms, max(errors, default=0.0), max(shifts))


def _distance(stars: FrameStars, reference: FrameStars) -> float:
    """Return the distance in pixels of the stars in common, mostly that of the most significant ones."""
    from ccdfx.photometry.flux_ratio import in_common

    one, other = in_common(stars, reference, stars.places)
    if not len(one):
        return UNMEASURED
    squares = ((stars.places[one] - reference.places[other]) ** 2).sum(axis=1)
    return math.sqrt(np.average(squares, weights=(stars.flux[one] / stars.error[one]) ** 2))


def _exposures(frames: Sequence[StackFrame]) -> list[float | None]:
    """Return exposure times in units of the first, by one keyword; all None if a frame has none above 0."""
    for keyword in EXPOSURES:
        times = [time for frame in frames if (time := lenient_number(frame.header, keyword)) and time > 0]
        if len(times) == len(frames):
            return [time / times[0] for time in times]
    return [None] * len(frames)
