"""Jobs of `combine` and `stack`: frames, factors and options, fixed before the first pixel is read."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, CcdfxWarning, PluginError
from ccdfx.operations.average import (
    Average,
    as_average,
    mean,
    require_variances,
)
from ccdfx.operations.frames import Frame, as_frames
from ccdfx.operations.normalise import Factor, factors_of, value_limits
from ccdfx.operations.placement import Placement, as_placement, place
from ccdfx.operations.rejection import Arrangement, Rejection, StackFacts
from ccdfx.operations.rows import decoding
from ccdfx.operations.weights import combined_number, require_mean
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.numbers import whole
from ccdfx.records.pixels import as_array, working_dtype
from ccdfx.records.range import Range
from ccdfx.records.wcs import SECTIONS, moved

ALL_FLAGS = 255
EXPOSURES = ("EXPTIME", "EXPOSURE")


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


@dataclass(frozen=True, slots=True)
class Job:
    """All that is fixed before the first pixel is read. `factors` is the table of `ccdfx.kernels.gather`.

    `counted` are the flags that make a value bad, `exposures` the exposure times where their map is wanted,
    `shared` the part of the variances from an error common to all frames. `follows` means that the rejection
    mask is needed. Where `arrangement` is None, the rule is prepared again.
    """

    frames: tuple[Frame, ...]
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
    exposures: tuple[float, ...] = ()
    follows: bool = False
    arrangement: Arrangement | None = None
    shared: np.ndarray | None = None

    @property
    def grow(self) -> float:
        """The radius around rejected pixels that is rejected too."""
        return 0.0 if self.reject is None else float(self.reject.parameters.get("grow", 0.0))


def job_of(frames: Any, choices: Choices, exposures: bool = False, follows: bool = False) -> Job:
    from ccdfx.kernels import averages, gather

    average = mean() if choices.average is None else as_average(choices.average)
    reject = choices.reject
    if reject is not None and not isinstance(reject, Rejection):
        raise ArgumentTypeError(
            "reject",
            "must be a Rejection or None",
            value=reject,
            remedy="give such as ccdfx.sigma_clip(low=3, high=3)",
        )
    placement = as_placement(choices.offsets)
    counted = _counted(choices.flags)
    found = as_frames(frames, placement is not None)
    count = len(found)
    factors = np.zeros((count, gather.FACTOR_COLUMNS))
    bounds = value_limits(choices.limits)
    factors[:, gather.LOWEST], factors[:, gather.HIGHEST] = bounds or (-math.inf, math.inf)
    weights = choices.weights
    require_mean(weights, average.name)
    scales, zeros, shares = factors_of(found, choices.scale, choices.zero, weights, bounds)
    factors[:, gather.SCALE], factors[:, gather.ZERO] = scales, zeros
    factors[:, gather.WEIGHT] = 1.0 if shares is None else shares
    integers = all(frame.dtype.kind in "biu" for frame in found)
    propagated = all(frame.has_variance for frame in found)
    require_variances(found, average)
    facts = StackFacts(count, scales, zeros, integers, propagated, tuple(frame.header for frame in found))
    # Errors of the rule are raised before any pixel is read.
    arrangement = None if reject is None else _made_ready(reject, facts)
    if arrangement is not None and arrangement.caution:
        warnings.warn(arrangement.caution, CcdfxWarning, stacklevel=3)
    variances = averages.PROPAGATED if propagated else averages.EMPIRICAL if count > 1 else averages.NOTHING
    if average.function is not None:
        variances = averages.NOTHING
    header = _header(found, average)
    times = _exposures(found) if exposures else ()
    # With unequal times or frames of weight 0, the number of values kept does not give the exposure time.
    follows |= len(set(times)) > 1 or bool(times and not factors[:, gather.WEIGHT].all())
    shape, window = found[0].shape, found[0].range
    if placement is not None:
        found, shape, header, window = _placed(found, placement, header)
    decoding(found, factors)
    return Job(
        found, shape, working_dtype(*found), average, reject, facts, factors, weights is not None, variances, header,
        window, counted, times, follows, arrangement, _shared(choices, shape, variances),
    )  # fmt: skip


def _counted(flags: Any) -> int:
    """Check the flags that make a value bad, and add NO_DATA, which always does."""
    remedy = "give Flags joined by |"
    bits = whole("flags", flags, least=0, remedy=remedy)
    if bits > ALL_FLAGS:
        raise ArgumentError("flags", f"must be at most {ALL_FLAGS}, all flags", value=bits, remedy=remedy)
    return bits | Flag.NO_DATA


def _made_ready(reject: Rejection, facts: StackFacts) -> Arrangement:
    try:
        return reject.arrange(reject.parameters, facts)
    except CcdfxError:
        raise
    except Exception as error:  # the rule of a plugin may raise anything
        rule = f"its plugin raised {type(error).__name__}: {error}"
        remedy = "'ccdfx plugins' names the package; tell its author"
        raise PluginError(f"rejection {reject.name!r}", rule, remedy=remedy) from error


def _shared(choices: Choices, shape: tuple[int, int], variances: int) -> np.ndarray | None:
    """Check the variance that all frames have in common, and expand it to (ny, nx)."""
    from ccdfx.kernels.averages import PROPAGATED

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
    if variances != PROPAGATED:
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
    return np.broadcast_to(found.astype(np.float64), shape)


def _placed(
    frames: tuple[Frame, ...], placement: Placement, header: Header
) -> tuple[tuple[Frame, ...], tuple[int, int], Header, Range]:
    """Place the frames; return them with shape, header and window of the result."""
    found, shape = place(frames, placement)
    header = moved(header, found[0].x, found[0].y).remove(*SECTIONS)
    return found, shape, header, Range.whole(shape)


def _exposures(frames: tuple[Frame, ...]) -> tuple[float, ...]:
    """Read the exposure times in s; an empty tuple where a frame has none."""
    for keyword in EXPOSURES:
        times = [lenient_number(frame.header, keyword) for frame in frames]
        if not any(time is None for time in times):
            return tuple(float(time or 0.0) for time in times)
    return ()


def _header(frames: tuple[Frame, ...], average: Average) -> Header:
    """Make the header of the result: that of the first frame, with number of frames and exposure time."""
    header = frames[0].header
    combined = 0
    for frame in frames:
        combined += combined_number(frame.header)
    header = header.set("NCOMBINE", combined, "number of frames combined")
    for keyword in EXPOSURES:
        times = [lenient_number(frame.header, keyword) for frame in frames]
        if any(time is None for time in times):
            continue
        seconds = math.fsum(times) if average.name == "total" else math.fsum(times) / len(times)  # type: ignore[arg-type]
        if seconds != times[0]:
            header = header.set(keyword, seconds)
    return header


def arranged(job: Job) -> Arrangement | None:
    """Return the prepared rule, or None where nothing is rejected."""
    if job.reject is None:
        return None
    return job.arrangement or job.reject.arrange(job.reject.parameters, job.facts)
