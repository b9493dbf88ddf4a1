"""Rejection rules with a known noise: from the detector model, or from the variances of the frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.noise.header_gain import require_gain
from ccdfx.noise.predict import require_counts
from ccdfx.operations.rejection.rule import Arrangement, Rejection, StackFacts, checked, clip_numbers
from ccdfx.records.checks import real
from ccdfx.records.compatibility import unit_name
from ccdfx.records.header import Header
from ccdfx.records.keywords import unit_of
from ccdfx.records.parameters import frozen

Detector = float | tuple[float, ...] | str


def ccd_clip(
    *,
    gain: Detector = 1.0,
    readnoise: Detector = 0.0,
    sensitivity: Detector = 0.0,
    pedestal: float = 0.0,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    scaled: bool = True,
) -> Rejection:
    """Drop values that lie further from the centre than the noise of the detector allows.

    At the centre c, with L = max(0, c - pedestal) in ADU, sigma^2 = (readnoise / gain)^2 + L / gain +
    (sensitivity L)^2. Where frames are scaled (x' = x / s - z), each has the noise of its own raw level,
    L = max(0, s (c + z) - pedestal), divided by s. The rule is repeated while at least 2 values remain. About the mean, the centre of every
    pass is the mean without one minimum and one maximum.

    Parameters
    ----------
    gain : float, sequence of float, or str
        e-/ADU: one for all frames, one per frame, or the header keyword that holds it. For frames in electrons
        (BUNIT) it is 1, whatever the header says; another number is refused. So is a GAIN that is a setting of
        the camera: above 20, or a whole number that EGAIN or the program that wrote it belie.
    readnoise : float, sequence of float, or str
        e- rms.
    sensitivity : float, sequence of float, or str
        Noise that grows with the signal, as a fraction of it.
    pedestal : float
        The level of the frames without light, before scaling, in ADU: only what lies above it is photons. The
        default, 0, is for frames whose overscan or bias is subtracted; infinity leaves read noise alone, for
        bias frames. With the pedestal left in the frames and not given here, the noise is too large, and
        nothing is rejected.
    low, high : float
        In sigma; infinity turns a side off.
    center : {"median", "mean"}
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.
    scaled : bool
        Whether the noise of scaled frames is computed from their raw level, or else from the scaled values.

    Raises
    ------
    ArgumentError
        By `combine`, when the number of values is not that of the frames, a header lacks the keyword, or its
        GAIN is a setting.
    MismatchError
        By `combine`, when a frame is in electrons and the gain is another number than 1, or in another unit than
        ADU and electrons, such as counts per second.

    See Also
    --------
    cr_reject, variance_clip, mad_clip

    Examples
    --------
    >>> ccd_clip(gain=2.0, readnoise=5.0).parameters["gain"]
    2.0
    """
    parameters = checked(
        gain=detector_option("gain", gain, above=0.0),
        readnoise=detector_option("readnoise", readnoise, least=0.0),
        sensitivity=detector_option("sensitivity", sensitivity, least=0.0), pedestal=_pedestal(pedestal),
        low=low, high=high, center=center, keep=keep, grow=grow, scaled=scaled,
    )  # fmt: skip
    return Rejection("ccd_clip", ccd_clip, _arrange_ccd_clip, parameters)


def cr_reject(
    *,
    gain: Detector = 1.0,
    readnoise: Detector = 0.0,
    sensitivity: Detector = 0.0,
    pedestal: float = 0.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    scaled: bool = True,
) -> Rejection:
    """Drop values that lie further above the centre than the detector noise allows, and none below it.

    This is `ccd_clip` without a lower limit, for cosmic rays, which only add signal.

    Parameters
    ----------
    gain : float, sequence of float, or str
        e-/ADU: one for all frames, one per frame, or the header keyword that holds it. For frames in electrons
        (BUNIT) it is 1, whatever the header says; another number is refused. So is a GAIN that is a setting of
        the camera: above 20, or a whole number that EGAIN or the program that wrote it belie.
    readnoise : float, sequence of float, or str
        e- rms.
    sensitivity : float, sequence of float, or str
        Noise that grows with the signal, as a fraction of it.
    pedestal : float
        As in `ccd_clip`.
    high : float
        In sigma.
    center : {"median", "mean"}
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.
    scaled : bool
        As in `ccd_clip`.

    See Also
    --------
    ccd_clip, mask_cosmic_rays

    Examples
    --------
    >>> cr_reject(gain=2.0, readnoise=5.0, high=4).parameters["high"]
    4.0
    """
    same = ccd_clip(
        gain=gain, readnoise=readnoise, sensitivity=sensitivity, pedestal=pedestal, high=high, center=center,
        keep=keep, grow=grow, scaled=scaled,
    )  # fmt: skip
    options = {name: value for name, value in same.parameters.items() if name != "low"}
    return Rejection("cr_reject", cr_reject, _arrange_cr_reject, frozen(options))


def detector_option(name: str, value: Any, **bounds: Any) -> Detector:
    """Check a detector option: a number, a tuple of numbers, or a keyword."""
    if isinstance(value, str):
        if not value.strip():
            raise ArgumentError(
                name,
                "must be a number or the name of a header keyword",
                value=value,
                remedy="give such as 'GAIN'",
            )
        return value.strip().upper()
    if isinstance(value, Iterable) and not isinstance(value, bytes) and getattr(value, "shape", None) != ():
        numbers = tuple(real(name, number, **bounds) for number in value)
        if not numbers:
            raise ArgumentError(
                name, "must be one for each frame", value=value, remedy="give a number for all"
            )
        return numbers
    return real(name, value, **bounds)


def _pedestal(value: Any) -> float:
    if isinstance(value, float) and value == math.inf:
        return math.inf
    remedy = "give the level without light in ADU; infinity leaves read noise alone"
    return real("pedestal", value, remedy=remedy)


def electrons_per_count(gain: float, unit: str | None) -> float | None:
    """Return the gain that a frame in that unit has: 1 for electrons, `gain` for ADU and where none is given.

    None for any other unit, in which no noise of a detector is known.

    >>> electrons_per_count(2.5, "adu"), electrons_per_count(2.5, "electron"), electrons_per_count(2.5, "mjy/sr")
    (2.5, 1.0, None)
    """
    name = unit_name(unit or "adu")
    return gain if name == "adu" else 1.0 if name == "electron" else None


def _gains(value: Detector, facts: StackFacts) -> list[float]:
    """Return the gain of each frame in its own unit: by a keyword, 1 for frames in electrons."""
    units = [unit_of(header) for header in facts.headers]
    if isinstance(value, str):
        gains = [
            1.0 if electrons_per_count(math.nan, unit) == 1.0 else _from_header("gain", value, number, header)
            for number, (unit, header) in enumerate(zip(units, facts.headers, strict=True))
        ]
    else:
        gains = _by_frame("gain", value, facts)
    for number, unit in enumerate(units):
        require_counts(f"frames[{number}]", unit, gains[number])
    return gains


def _from_header(name: str, keyword: str, number: int, header: Header) -> float:
    """Return the option that a header holds, refusing a gain that is a setting of the camera."""
    entry = header.number(keyword)
    if entry is None:
        raise ArgumentError(
            f"frames[{number}]", f"must have the header keyword {keyword} for {name}", remedy="give a number"
        )
    if name == "gain":
        require_gain(header, keyword, f"frames[{number}]")
        return real(f"{keyword} of frames[{number}]", entry, above=0.0)
    return real(f"{keyword} of frames[{number}]", entry, least=0.0)


def _by_frame(name: str, value: Detector, facts: StackFacts) -> list[float]:
    """Return the value of the option for each frame."""
    if isinstance(value, str):
        return [_from_header(name, value, number, header) for number, header in enumerate(facts.headers)]
    if isinstance(value, float):
        return [value] * facts.count
    if len(value) != facts.count:
        raise ArgumentError(
            name,
            f"must be one for each of the {facts.count} frames",
            value=len(value),
            remedy="give as many, or one number for all",
        )
    return list(value)


def detector_rows(parameters: Mapping[str, Any], facts: StackFacts) -> tuple[tuple[float, ...], ...]:
    """Return the rows of the noise table of a detector: one for each frame, or one if all are alike."""
    others = (_by_frame(name, parameters[name], facts) for name in ("readnoise", "sensitivity"))
    detectors = zip(_gains(parameters["gain"], facts), *others, strict=True)
    follow, pedestal = parameters.get("scaled", True), parameters.get("pedestal", 0.0)
    scales, zeros = (facts.scales, facts.zeros) if follow else ((1.0,) * facts.count, (0.0,) * facts.count)
    rows = tuple(
        (scales[j], zeros[j] - pedestal / scales[j], (r / g) ** 2, 1.0 / g, s**2)
        for j, (g, r, s) in enumerate(detectors)
    )
    return rows[:1] if len(set(rows)) == 1 else rows


def _arrange_cr_reject(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    return _arrange_ccd_clip({**parameters, "low": math.inf}, facts)


def _arrange_ccd_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.noise import ccd_clip_mean_rule, ccd_clip_median_rule

    rows = detector_rows(parameters, facts)
    rule = {"median": ccd_clip_median_rule, "mean": ccd_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, clip_numbers(parameters), rows)


def variance_clip(
    *, low: float = 3.0, high: float = 3.0, center: str = "median", keep: int = 0, grow: float = 0.0
) -> Rejection:
    """Drop values that lie more than `low` or `high` times their own standard deviation from the centre.

    The standard deviation of each value is the square root of its variance; all frames must have variances.
    The rule is repeated while at least 2 values remain. About the median, the centre of every pass is the
    median of the values kept; about the mean, it is the mean without one minimum and one maximum. A value
    whose variance is 0 stays.

    Parameters
    ----------
    low, high : float
        In standard deviations; infinity turns a side off.
    center : {"median", "mean"}
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    Raises
    ------
    ArgumentError
        By `combine`, when a frame has no variance.

    See Also
    --------
    ccd_clip, add_variance

    Examples
    --------
    >>> variance_clip(low=5)
    variance_clip(low=5.0, high=3.0, center='median', keep=0, grow=0.0)
    """
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow)
    return Rejection("variance_clip", variance_clip, _arrange_variance_clip, parameters)


def _arrange_variance_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.noise import variance_clip_mean_rule, variance_clip_median_rule

    if not facts.variances:
        raise ArgumentError(
            "variance_clip",
            "needs a variance of every frame",
            remedy="give it by ccdfx.add_variance, or use ccd_clip",
        )
    rule = {"median": variance_clip_median_rule, "mean": variance_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, clip_numbers(parameters), variances=True)


RULES = (ccd_clip(), cr_reject(), variance_clip())
