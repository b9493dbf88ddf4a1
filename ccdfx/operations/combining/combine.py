"""Combination of frames into one: normalisation, rejection and averaging in one pass over tiles of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.combining.average import Average, mean
from ccdfx.operations.combining.default_rule import default_rejection
from ccdfx.operations.combining.factors import Factor
from ccdfx.operations.combining.maps import Wanted
from ccdfx.operations.combining.placement import Placement
from ccdfx.operations.combining.plan import ALL_FLAGS, PASSING, Choices, Job, plan_job
from ccdfx.operations.combining.run import run
from ccdfx.operations.combining.variance_factors import with_variance_factors
from ccdfx.operations.rejection.rule import Rejection
from ccdfx.records.checks import whole
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range

_DEFAULT = default_rejection()
Offsets = Sequence[tuple[float, float]] | str | Placement | None


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A combined image with maps of counts, rejections and exposure; all are read-only, of shape (ny, nx).

    Parameters
    ----------
    value : float32 or float64 array
        The average of the values kept; 0 where none is kept.
    variance : array or None
        Of `value`; infinite where it is unknown (no value kept, or one without variance).
        None if it is unknown for all pixels: one frame without variance, or an average in Python.
    count : uint16 array
        Number of values kept.
    rejected_low, rejected_high : uint16 array
        Number of values that the rule rejected below and above; missing values are not among them.
    flags : uint8 array
        0 where a value is kept; else NO_DATA and the flags of all frames. Flags that pass, or do not make a
        value bad (see `passes` and `flags` of `combine`), are set where any frame has them.
    exposure : float32 array or None
        The sum of the exposure times (EXPTIME, else EXPOSURE, in s) of the values kept whose weight is not 0;
        None if a frame does not have one.
    header : Header
    range : Range
    frames : int
        Number of frames combined.
    rejects : uint8 array or None
        Which frames the rule rejected where, one bit per frame, shape (ceil(frames / 8), ny, nx); read it
        with `rejected_in`. None unless `follow` was set.
    scatter : float32 or float64 array or None
        The standard deviation of the values kept, with the divisor n - 1 (IRAF's sigma); NaN where fewer than two are.
        None unless it was asked for.
    """

    value: np.ndarray
    variance: np.ndarray | None
    count: np.ndarray
    rejected_low: np.ndarray
    rejected_high: np.ndarray
    flags: np.ndarray
    exposure: np.ndarray | None
    header: Header
    range: Range
    frames: int
    rejects: np.ndarray | None = None
    scatter: np.ndarray | None = None

    @property
    def image(self) -> Image:
        """What `combine` returns: value, variance, flags (None if there are none), header and window."""
        return adopt(
            self.value, self.header, self.flags if self.flags.any() else None, self.range, self.variance
        )

    def rejected_in(self, frame: int) -> np.ndarray:
        """Return a bool array (ny, nx), True where the rule rejected the value of a frame (from 0)."""
        if self.rejects is None:
            raise ArgumentError(
                "frame", "cannot be told from the others", remedy="give follow=True to ccdfx.stack"
            )
        number = whole("frame", frame, least=0, remedy="count from 0")
        if number >= self.frames:
            raise ArgumentError("frame", f"must be below {self.frames}", value=number, remedy="count from 0")
        return (self.rejects[number // 8] >> (number % 8) & 1).astype(bool)

    def __repr__(self) -> str:
        rejected = int(self.rejected_low.sum(dtype=np.int64) + self.rejected_high.sum(dtype=np.int64))
        ny, nx = self.value.shape
        return f"Stack({ny} x {nx}, up to {int(self.count.max())} values a pixel, {rejected} rejected)"


def combine(
    frames: Sequence[Any],
    *,
    average: Average | Callable[[Any], Any] | None = None,
    reject: Rejection | None = _DEFAULT,
    weights: Factor = None,
    scale: Factor = None,
    zero: Factor = None,
    limits: tuple[float, float] | None = None,
    flags: int = ALL_FLAGS,
    offsets: Offsets = None,
    shared: Any = None,
    passes: int = PASSING,
) -> Image:
    """Combine frames into one image.

    Values x of frame l become x' = x / s_l - z_l; then the rule rejects values, and those kept are averaged.
    A value that is flagged in its frame's mask, is not finite, or lies outside the `limits`, is not used.

    Parameters
    ----------
    frames : sequence of Image, array (ny, nx) or Source
        Of one shape, window, unit and binning (with `offsets`: of one unit and binning). A source is read by
        rows, within the memory limit of the engine.
    average : Average or callable
        `mean` (default), `inverse_variance_mean`, `median`, `total`, `minimum` or `maximum`, or a function as
        for `custom`.
    reject : Rejection or None
        `minmax`, `sigma_clip`, `mad_clip`, `ccd_clip` or one of a plugin; None rejects nothing. The default
        chooses for each stack (`default_rejection`): `variance_clip` at 4 sigma where all frames have variances;
        `ccd_clip` at 4 where all headers have GAIN and RDNOISE and the frames scatter as these say (`cr_reject`
        for 2 and 3 frames); else `mad_clip` at 7, from 10 frames on at 5; none for 2 frames of unknown noise.
        With ``scale="stars"`` it is `profile_clip` with what is measured of the stars.
    weights : sequence of float, str, Level or callable, optional
        For the mean only: one number per frame, not negative; or "exposure", "noise" (1 / sigma^2 of the
        background, `local_noise`), "variance" (1 / the median of the frame's variance), both after scaling;
        or a `keyword`, a `level`, or a function ``Image -> float``, taken unchanged. Exposures, keywords and
        levels are multiplied by NCOMBINE; exposures and statistics also by Z_1 / (Z_l / s_l) where the zero
        is a statistic Z, as in imcombine. Only the ratios of weights matter. Rejection does not use them;
        where the weights of all values kept are 0, the plain mean is taken.
    scale, zero : None, sequence of float, str, Level or callable
        Numbers are s_l and z_l. A statistic of the good pixels of each frame, S for the scale and Z for the
        zero, gives s_l = S_l / S_1 and z_l = Z_l / s_l - Z_1, so that all frames are brought to the level of
        the first: "mean", "median", "mode", "location" (robust; for the scale also "spread"), a `level` of a
        section, or a function ``Image -> float``. "exposure" scales by the exposure time; a `keyword`
        multiplies, or is added. "stars", for the scale of frames that lie on one another, is the flux of
        their stars relative to the first (`flux_ratio`); without a zero, the sky (`sky_level`) is brought to
        that of the first.
    limits : (float, float), optional
        The least and the greatest value used, before scaling, in the unit of the frames; other values are
        treated as masked, also in the statistics of the frames. Infinity turns a side off.
    flags : int
        The `Flag` bits that make a value bad; all of them by default. The others stay in the mask of the
        result. NO_DATA always makes a value bad: there is no value.
    offsets : sequence of (dx, dy), "wcs", "stars" or Placement, optional
        Where the frames lie in the result, see `placed`: by default it covers their union, and offsets are
        rounded to whole pixels; a `placed` record can set both. Statistics are those of the whole frames. The
        result has a window of its own.
    shared : array (ny, nx) or float, optional
        The part of the frames' variances that comes from one error common to all, such as that of their
        master bias and flat: it is subtracted from each and added to the result in full, because it does not
        average down.
    passes : int
        The `Flag` bits that a pixel of the result has where any frame has them, whether or not they make a
        value bad there; by default SATURATED. Where a star is saturated in the sharp frames only, the mean of
        the others lacks its core: the value stays, but is marked. They do not pass from pixels with BAD_PIXEL
        or NO_DATA, whose saturation says nothing about the sky. 0 for none, as for masters of darks, where a
        saturated cosmic ray in one frame says nothing about the pixel.

    Returns
    -------
    Image
        float32, or float64 if float64 or integers of more than 16 bits are among the frames. Its mask has
        NO_DATA, and the flags of all frames, where no value is kept (value 0), and elsewhere those that pass;
        None if nothing is flagged.
        Its variance is propagated if all frames have one (v / s_l^2), else empirical; see `mean`, `median`
        and the others. It is infinite where no value is kept. The header is that of the first frame, without the
        cards in which the frames differ, with NCOMBINE the number of frames combined, and CORRFACT (see `shift`), the
        mean of those of the frames, which are taken to be as noisy as their weights say. EXPTIME is the
        exposure of the level: ``sum(w t / s) / sum(w)``, ``sum(t / s)`` for `total`, that of the first with
        ``scale="stars"``. GAIN and RDNOISE are effective ones: N g and sqrt(N) R for the mean of N equal frames.
        DATE-OBS, DATE-END, DATE-AVG, MJD-AVG and AIRMASS are those of all frames. Each of these is absent where
        a frame does not say what it needs ([Combining](../combining.md)).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No frames, a number of weights or factors that is not that of the frames, a level that a frame lacks
        or, for a scale, that is not above 0, weights with a median or total, frames without the variance that
        is needed, invalid limits, a rule that keeps no value, a function that raises, too little memory for
        one row.
    MismatchError
        Frames that differ in shape, window, unit or binning.
    FileError
        A file that cannot be read, or that became shorter while it was read.

    See Also
    --------
    stack, align, default_rejection

    Examples
    --------
    >>> import ccdfx
    >>> import numpy as np
    >>> frames = [np.full((1, 2), level) for level in (1.0, 2.0, 6.0)]
    >>> combine(frames, reject=None).array
    array([[3., 3.]])
    >>> combine(frames, average=ccdfx.median(), reject=ccdfx.minmax(low=0, high=1)).array
    array([[1.5, 1.5]])
    """
    choices = Choices(average, reject, weights, scale, zero, limits, flags, offsets, shared, passes)
    return image_of(plan_job(frames, choices))


def image_of(job: Job) -> Image:
    """Combine the frames of a job into one image."""
    job = with_variance_factors(job)
    maps = run(job, Wanted(counts=job.shared is not None))
    flags_found = maps.flags if maps.flags.any() else None
    variance = maps.variance if maps.variance.size else None
    return adopt(maps.value, job.header, flags_found, job.range, variance)


def stack(
    frames: Sequence[Any],
    *,
    average: Average | Callable[[Any], Any] | None = None,
    reject: Rejection | None = _DEFAULT,
    weights: Factor = None,
    scale: Factor = None,
    zero: Factor = None,
    limits: tuple[float, float] | None = None,
    flags: int = ALL_FLAGS,
    offsets: Offsets = None,
    shared: Any = None,
    passes: int = PASSING,
    follow: bool = False,
    scatter: bool = False,
) -> Stack:
    """Combine frames as `combine` does, and keep maps of the numbers of values kept and rejected.

    Parameters and errors are those of `combine`; with `follow`, the result records which frames were rejected
    where. If a rule by ranks rejects some of several equal values, any of them may be recorded. With `scatter`, for a
    plain mean or a total, it has the standard deviation of the values kept in the place of a variance.

    Returns
    -------
    Stack
        The image is that of `combine`, byte for byte, with or without `follow`; but without rejection
        (``reject=None``), `follow` changes the order in which float32 values are added, and the last bit of
        an empirical variance may differ.

    See Also
    --------
    combine

    Examples
    --------
    >>> import numpy as np
    >>> hit = [np.full((1, 2), level) for level in (10, 11, 12, 11, 9000)]
    >>> result = stack(hit)
    >>> result.value, result.rejected_high
    (array([[11., 11.]]), array([[1, 1]], dtype=uint16))
    """
    choices = Choices(average, reject, weights, scale, zero, limits, flags, offsets, shared, passes)
    job = plan_job(frames, choices, exposures=True, follows=follow)
    return _with_scatter(job, follow) if scatter else stack_of(job, follow)


def _with_scatter(job: Job, follow: bool) -> Stack:
    """Combine the frames of a job with the scatter of the values kept instead of a variance."""
    from ccdfx.kernels.stack.averages import VARIANCE_EMPIRICAL

    if job.average.name not in ("mean", "total") or job.weighted:
        raise ArgumentError(
            "scatter", "must come with a mean without weights, or a total", value=job.average.name,
            remedy="take the mean of the same frames as well",
        )  # fmt: skip
    rule = None if job.arrangement is None else replace(job.arrangement, trims=None)
    job = replace(job, variances=VARIANCE_EMPIRICAL, arrangement=rule, shared=None)
    found = _stacked(job, follow)
    # Without factors the variance is that of the values kept alone, over their number, or times it for a total.
    assert found.variance is not None
    scatter = np.array(found.variance)
    with np.errstate(all="ignore"):
        if job.average.name == "total":
            scatter /= found.count
        else:
            scatter *= found.count
        np.sqrt(scatter, out=scatter)
    if found.count.min() < 2:
        scatter[found.count < 2] = np.nan
    scatter.flags.writeable = False
    return replace(found, variance=None, scatter=scatter)


def find_survivors(
    frames: Sequence[Any],
    *,
    reject: Rejection | None = _DEFAULT,
    scale: Factor = None,
    zero: Factor = None,
    limits: tuple[float, float] | None = None,
    flags: int = ALL_FLAGS,
) -> np.ndarray:
    """Find which values of the frames are kept: good, within the limits, and not rejected by the rule.

    Parameters and errors are those of `combine`. If a rule by ranks rejects some of several equal values, any of them
    may be the ones. Nothing is averaged; `stack` with ``follow=True`` does both.

    Returns
    -------
    bool array, shape (n, ny, nx)
        Read-only; True where a value is kept.

    See Also
    --------
    stack, find_outliers

    Examples
    --------
    >>> frames = [[[level, 5.0]] for level in (1.0, 2.0, 9.0)]
    >>> import ccdfx
    >>> find_survivors(frames, reject=ccdfx.minmax(low=0, high=1), limits=(0, 4))[:, 0].tolist()
    [[True, False], [True, False], [False, False]]
    """
    from ccdfx.kernels.stack.averages import VARIANCE_NONE

    choices = Choices(mean(), reject, None, scale, zero, limits, flags, None, None, 0)
    job = replace(plan_job(frames, choices, follows=True), variances=VARIANCE_NONE)
    kept = run(job, Wanted(kept=True)).kept
    kept.flags.writeable = False
    return kept


def stack_of(job: Job, follow: bool) -> Stack:
    """Combine the frames of a job with maps of the numbers of values kept and rejected."""
    return _stacked(with_variance_factors(job), follow)


def _stacked(job: Job, follow: bool) -> Stack:
    maps = run(job, Wanted(counts=True, exposure=True, rejects=follow))
    maps.freeze()
    variance, exposure, rejects = (
        array if array.size else None for array in (maps.variance, maps.exposure, maps.rejects)
    )
    return Stack(
        maps.value, variance, maps.count, maps.rejected_low, maps.rejected_high, maps.flags, exposure,
        job.header, job.range, len(job.frames), rejects,
    )  # fmt: skip
