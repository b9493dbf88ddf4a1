"""The job of `combine` and `stack`, fixed before the first pixel is read: frames, factors, rule, result."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, CcdfxWarning, PluginError, cause_of
from ccdfx.estimators.correlated_noise import averaged, correlation_factor, set_correlation
from ccdfx.operations.colour.mixing import require_one_mosaic, with_mosaic
from ccdfx.operations.combining.average import Average, as_average, mean, require_variances
from ccdfx.operations.combining.default_rule import by_profile, facts_of, is_automatic, rule_for
from ccdfx.operations.combining.factors import (
    STARS,
    Factor,
    combined_number,
    factors_of,
    require_mean,
    star_factors,
    value_limits,
)
from ccdfx.operations.combining.frames import StackFrame, as_frames
from ccdfx.operations.combining.layout import place
from ccdfx.operations.combining.placement import Placement, as_placement
from ccdfx.operations.headers import EXPOSURES, Mixture, combined_header
from ccdfx.operations.rejection.profile import PROFILE_CLIP
from ccdfx.operations.rejection.rule import Arrangement, Rejection, StackFacts
from ccdfx.records.checks import whole
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.history import BIAS_ID, BIAS_VARIANCE, PARTIAL, less_bias
from ccdfx.records.keywords import LEVELS, without_extremes
from ccdfx.records.planes import as_array, working_dtype
from ccdfx.records.range import SECTIONS, Range
from ccdfx.records.wcs import moved, with_physical

ALL_FLAGS = 255
PASSING = Flag.SATURATED


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of `combine`, as they were given."""

    average: Any = None
    reject: Any = None
    weights: Any = None
    scale: Factor = None
    zero: Factor = None
    limits: Any = None
    flags: int = ALL_FLAGS
    offsets: Any = None
    shared: Any = None
    passes: int = PASSING


@dataclass(frozen=True, slots=True)
class Job:
    """All that is fixed before the first pixel is read. `factors` is the table of `ccdfx.kernels.stack.gather`.

    `arrangement` is the rule made ready for this stack, None without a rule. `variances` says whether the variance
    of the result is propagated, empirical or not known. `counted` are the flags that make a value bad, `passing`
    those that go from any frame to the result. `exposures` are the exposure times if their map is wanted.
    `follows` says whether the rejection codes of every value are wanted. `shared` is the part of the variances
    that is one error of all frames. `variance_factors` multiply the variance where a rule has rejected
    (`ccdfx.operations.combining.variance_factors`).
    """

    frames: tuple[StackFrame, ...]
    shape: tuple[int, int]
    kind: np.dtype
    average: Average
    reject: Rejection | None
    facts: StackFacts
    factors: np.ndarray
    weighted: bool
    variances: int
    header: Header
    range: Range
    counted: int = ALL_FLAGS
    passing: int = 0
    exposures: tuple[float, ...] = ()
    follows: bool = False
    arrangement: Arrangement | None = None
    shared: np.ndarray | None = None
    variance_factors: np.ndarray | None = None

    @property
    def grow(self) -> float:
        """The radius around rejected pixels that is rejected too."""
        return 0.0 if self.reject is None else float(self.reject.parameters.get("grow", 0.0))

    @property
    def around(self) -> int:
        """The number of rows above and below that decide about a row."""
        profile = None if self.arrangement is None else self.arrangement.profile
        return math.floor(self.grow) + (0 if profile is None else profile.around)

    @property
    def two_passes(self) -> bool:
        """Whether the rejection of all values is decided before any is averaged.

        It is needed if the rule depends on neighbouring pixels or reaches into them, and if the rule or the average is
        in Python.
        """
        rule = self.arrangement
        apart = rule is not None and (rule.select is not None or rule.profile is not None)
        return self.grow >= 1 or self.average.function is not None or apart


def plan_job(frames: Any, choices: Choices, exposures: bool = False, follows: bool = False) -> Job:
    """Check what was asked of `combine` or `stack`, and measure or read what the kernels need to know of each frame."""
    average = mean() if choices.average is None else as_average(choices.average)
    if choices.reject is not None and not isinstance(choices.reject, Rejection):
        raise ArgumentTypeError(
            "reject",
            "must be a Rejection or None",
            value=choices.reject,
            remedy="give such as ccdfx.sigma_clip(low=3, high=3)",
        )
    placement = as_placement(choices.offsets)
    counted = _counted(choices.flags)
    passing = _passing(choices.passes, counted)
    found = as_frames(frames, placement is not None)
    limits = value_limits(choices.limits)
    require_mean(choices.weights, average.name)
    by_stars = isinstance(choices.scale, str) and choices.scale == STARS
    if placement is not None and by_stars:
        rule = "by stars goes with frames that lie on one another, not with offsets"
        raise ArgumentError("scale", rule, value=choices.scale, remedy="use ccdfx.align, or give numbers")
    seen = star_factors(found) if by_stars else None
    scale, zero = choices.scale, choices.zero
    if seen is not None:
        scale, zero = seen.scales, seen.zeros if zero is None else zero
    scales, zeros, weights = factors_of(found, scale, zero, choices.weights, limits)
    require_variances(found, average)
    facts = facts_of(found, scales, zeros)
    reject = choices.reject
    if is_automatic(reject):
        reject = rule_for(found, facts, placement is not None, seen)
    elif reject is not None and reject.name == PROFILE_CLIP:
        reject = by_profile(reject, seen, facts)
    # The rule is checked before any pixel is read.
    arrangement = None if reject is None else arranged(reject, facts)
    if arrangement is not None and arrangement.caution:
        warnings.warn(arrangement.caution, CcdfxWarning, stacklevel=3)
    variances = _variances(facts, average)
    header = _header(found, Mixture(average.name, scales, weights, by_stars, placement is None, zeros))
    header = _levels_kept(header, found, facts, average)
    header = _bias_kept(header, found, _part_kept(choices, variances, average, scales, weights))
    times = _exposures(found) if exposures else ()
    # The number of values kept gives the exposure only if the times are equal and every frame has weight.
    follows |= len(set(times)) > 1 or bool(times and weights is not None and not all(weights))
    shape, window = found[0].shape, found[0].range
    if placement is not None:
        found, shape, header, window = _placed(found, placement, header)
    mosaic = require_one_mosaic(found)
    if placement is not None:
        header = with_mosaic(header, mosaic, shape)
    factors = [correlation_factor(frame.header) for frame in found]
    by_variance = average.name == "inverse_variance_mean"
    header = set_correlation(header, averaged(factors, weights, by_variance=by_variance))
    return Job(
        found, shape, working_dtype(*found), average, reject, facts,
        _factor_table(found, facts, weights, limits), weights is not None, variances, header,
        window, counted, passing, times, follows, arrangement, _shared(choices, shape, variances),
    )  # fmt: skip


def _counted(flags: Any) -> int:
    """Return the flags that make a value bad, checked; NO_DATA always does, as there is no value."""
    return _bits("flags", flags) | Flag.NO_DATA


def _passing(passes: Any, counted: int) -> int:
    """Return the flags of any frame that the result has, checked: those that pass, and those that make no value bad."""
    bits = _bits("passes", passes)
    if bits & Flag.NO_DATA:
        raise ArgumentError(
            "passes",
            "must be without NO_DATA, which says that the result has no value",
            value=bits,
            remedy="leave it out",
        )
    return bits | (ALL_FLAGS & ~counted)


def _bits(name: str, flags: Any) -> int:
    remedy = "give Flags joined by |"
    bits = whole(name, flags, least=0, remedy=remedy)
    if bits > ALL_FLAGS:
        raise ArgumentError(name, f"must be at most {ALL_FLAGS}, all flags", value=bits, remedy=remedy)
    return bits


def arranged(reject: Rejection, facts: StackFacts) -> Arrangement:
    """Make a rule ready for a stack; an error of a plugin's rule is reported as a `PluginError`."""
    try:
        return reject.arrange(reject.parameters, facts)
    except CcdfxError:
        raise
    except Exception as error:  # the rule of a plugin may raise anything
        rule = f"its plugin raised {cause_of(error)}"
        remedy = "'ccdfx plugins' names the package; tell its author"
        raise PluginError(f"rejection {reject.name!r}", rule, remedy=remedy) from error


def _variances(facts: StackFacts, average: Average) -> int:
    """Choose where the variance of the result comes from: nowhere, the scatter of the values, or their variances."""
    from ccdfx.kernels.stack.averages import VARIANCE_EMPIRICAL, VARIANCE_NONE, VARIANCE_PROPAGATED

    if average.function is not None:
        return VARIANCE_NONE
    if facts.variances:
        return VARIANCE_PROPAGATED
    return VARIANCE_EMPIRICAL if facts.count > 1 else VARIANCE_NONE


def _factor_table(
    frames: tuple[StackFrame, ...],
    facts: StackFacts,
    weights: tuple[float, ...] | None,
    limits: tuple[float, float] | None,
) -> np.ndarray:
    """Tabulate how the values of each frame are decoded, scaled, limited and weighted."""
    from ccdfx.kernels.stack import gather

    table = np.zeros((len(frames), gather.FACTOR_COLUMNS))
    table[:, gather.FACTOR_SCALE], table[:, gather.FACTOR_ZERO] = facts.scales, facts.zeros
    table[:, gather.FACTOR_WEIGHT] = 1.0 if weights is None else weights
    table[:, gather.FACTOR_LOWEST], table[:, gather.FACTOR_HIGHEST] = limits or (-math.inf, math.inf)
    decoding = [gather.FACTOR_BSCALE, gather.FACTOR_BZERO, gather.FACTOR_BLANK]
    table[:, decoding] = [frame.decoding for frame in frames]
    return table


def _shared(choices: Choices, shape: tuple[int, int], variances: int) -> np.ndarray | None:
    """Return the variance that all frames have in common (ny, nx), checked."""
    from ccdfx.kernels.stack.averages import VARIANCE_PROPAGATED

    if choices.shared is None:
        return None
    if choices.offsets is not None:
        raise ArgumentError(
            "shared",
            "goes with frames that lie on one another: where they are displaced, an error that is fixed to the "
            "detector averages down like the others",
            value="offsets",
            remedy="leave one of the two out",
        )
    if variances != VARIANCE_PROPAGATED:
        raise ArgumentError(
            "shared",
            "needs a variance of every frame",
            remedy="give it by ccdfx.add_variance, or leave it out",
        )
    found = as_array("shared", getattr(choices.shared, "array", choices.shared))
    if found.dtype.kind not in "biuf" or found.shape not in ((), shape):
        raise ArgumentError(
            "shared",
            f"must be variances (ny, nx) = {shape}, or one number",
            value=found.shape,
            remedy="give an array",
        )
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ArgumentError("shared", "must be finite and not negative", remedy="give variances")
    # In the type in which it is given, which takes half of the memory; sums are made in float64.
    return np.broadcast_to(found if found.dtype.kind == "f" else found.astype(np.float64), shape)


def _placed(
    frames: tuple[StackFrame, ...], placement: Placement, header: Header
) -> tuple[tuple[StackFrame, ...], tuple[int, int], Header, Range]:
    """Place the frames; return them with the shape, header and window of the result."""
    found, shape = place(frames, placement)
    header = with_physical(header, frames[0].range)
    header = moved(header, found[0].x, found[0].y).remove(*SECTIONS)
    return found, shape, header, Range.whole(shape)


def _part_kept(
    choices: Choices,
    variances: int,
    average: Average,
    scales: tuple[float, ...],
    weights: tuple[float, ...] | None,
) -> float:
    """Return which part of the variance of one bias, subtracted from all frames, that of the result holds."""
    from ccdfx.kernels.stack.averages import VARIANCE_PROPAGATED

    if variances != VARIANCE_PROPAGATED:
        return 0.0  # the scatter of the frames does not show an error that they share
    equal = (1.0 if average.name == "total" else 1.0 / len(scales),) * len(scales)
    parts = [weight / scale for weight, scale in zip(weights or equal, scales, strict=True)]
    return math.fsum(parts) ** 2 if choices.shared is not None else math.fsum(part**2 for part in parts)


def _bias_kept(header: Header, frames: tuple[StackFrame, ...], part: float) -> Header:
    """Keep the cards of the bias where all frames have the same, with its part in the variance."""
    if BIAS_ID not in header:
        return header
    if len({frame.header.get(BIAS_ID) for frame in frames}) > 1:
        return header.remove(BIAS_ID, BIAS_VARIANCE)
    return less_bias(header, part)


def _levels_kept(
    header: Header, frames: tuple[StackFrame, ...], facts: StackFacts, average: Average
) -> Header:
    """Keep SATURATE and the like where all frames state the same, and the result is in their scale."""
    changed = average.function is not None or average.name == "total"
    changed |= any(scale != 1.0 for scale in facts.scales) or any(zero != 0.0 for zero in facts.zeros)
    differ = [
        keyword
        for keyword in LEVELS
        if changed or any(frame.header.get(keyword) != header.get(keyword) for frame in frames)
    ]
    return without_extremes(header).remove(*differ)


def _exposures(frames: tuple[StackFrame, ...]) -> tuple[float, ...]:
    """Return the exposure times in s; empty if a frame does not state its own."""
    for keyword in EXPOSURES:
        times = [lenient_number(frame.header, keyword) for frame in frames]
        if not any(time is None for time in times):
            return tuple(float(time or 0.0) for time in times)
    return ()


def _header(frames: tuple[StackFrame, ...], mixture: Mixture) -> Header:
    """Return the header of the result, with the number of frames."""
    header = combined_header([frame.header for frame in frames], mixture)
    combined = sum(combined_number(frame.header) for frame in frames)
    return header.remove(PARTIAL).set("NCOMBINE", combined, "number of frames combined")
