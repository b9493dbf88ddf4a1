"""Many frames into one: normalise, reject, average, in one pass over tiles of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.operations.average import Average, maximum, mean, median, minimum, total  # noqa: F401 - named in the docs
from ccdfx.operations.normalise import Factor
from ccdfx.operations.reject import Rejection, default_rejection, minmax  # noqa: F401
from ccdfx.operations.stacking import job_of, run
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range

_DEFAULT = default_rejection()


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A combined image with the maps of how it came about; all maps are read-only and of the shape (ny, nx).

    Parameters
    ----------
    value : float32 or float64 array
        The average of the survivors; 0 where nothing survives.
    variance : array or None
        Of `value`; 0 where nothing survives, infinite where it is not known (one survivor without variance).
        None when nothing is known of any pixel: one frame without variance.
    count : uint16 array
        How many values survive.
    rejected_low, rejected_high : uint16 array
        How many values the rule rejected below and above; missing values are not among them.
    flags : uint8 array
        0 where something survives; else NO_DATA and the flags of all frames.
    header : Header
    range : Range
    """

    value: np.ndarray
    variance: np.ndarray | None
    count: np.ndarray
    rejected_low: np.ndarray
    rejected_high: np.ndarray
    flags: np.ndarray
    header: Header
    range: Range

    @property
    def image(self) -> Image:
        """What `combine` gives: value, variance, flags (None where there are none), header and window."""
        return adopt(
            self.value, self.header, self.flags if self.flags.any() else None, self.range, self.variance
        )

    def __repr__(self) -> str:
        rejected = int(self.rejected_low.sum(dtype=np.int64) + self.rejected_high.sum(dtype=np.int64))
        ny, nx = self.value.shape
        return f"Stack({ny} x {nx}, up to {int(self.count.max())} values a pixel, {rejected} rejected)"


def combine(
    frames: Sequence[Any],
    *,
    average: Average | None = None,
    reject: Rejection | None = _DEFAULT,
    weights: Factor = None,
    scale: Factor = None,
    zero: Factor = None,
    limits: tuple[float, float] | None = None,
) -> Image:
    """Combine frames into one image.

    Values x of frame l become x' = x / s_l - z_l; then the rule rejects; then the survivors are averaged. A value that
    is flagged in its frame's mask, is not finite, or lies outside the `limits`, takes no part.

    Parameters
    ----------
    frames : sequence of Image, array (ny, nx) or Source
        Of one shape, window, unit and binning. A source is read by rows, within the memory of the engine.
    average : Average
        `mean` (default), `inverse_variance_mean`, `median`, `total`, `minimum` or `maximum`.
    reject : Rejection or None
        `minmax`, `sigma_clip`, `mad_clip`, `ccd_clip` or one of a plugin; None rejects nothing. The default is
        ``mad_clip(low=5, high=5, floor=None)``, which works from 3 frames on.
    weights : sequence of float, str, Level or callable, optional
        For the mean only: one a frame, not negative; or "exposure", "noise" (1 / sigma^2 of the background,
        `local_noise`), "variance" (1 / the median of the frame's variance), both after scaling; or a `keyword`, a
        `level`, or a function ``Image -> float``, as they are. Exposures, keywords and levels are multiplied by
        NCOMBINE. Only their ratios count. They do not enter the rejection; where those of all survivors are 0, the
        plain mean is taken.
    scale, zero : None, sequence of float, str, Level or callable
        Numbers are s_l and z_l. A statistic of the good pixels of each frame, S for the scale and Z for the zero, makes
        s_l = S_l / S_1 and z_l = Z_l / s_l - Z_1, so that all frames come to the first: "mean", "median", "mode",
        "location" (robust; for the scale also "spread"), a `level` of a section, or a function ``Image -> float``.
        "exposure" scales by the exposure time; a `keyword` multiplies, or is added.
    limits : (float, float), optional
        The least and the greatest value, before scaling, that takes part, in the unit of the frames; the others are
        as good as masked. Infinity turns a side off. Statistics of the frames leave them out too.

    Returns
    -------
    Image
        float32, or float64 if float64 or integers of more than 16 bits take part. Its mask has NO_DATA, and the flags
        of all frames, where nothing survives (value 0); None when that is nowhere. Its variance is propagated when all
        frames have one (v / s_l^2), else empirical; see `mean`, `median` and the others. The errors that frames share,
        such as that of one master, do not average down and are not told apart. The header is the first frame's, with
        NCOMBINE the number of frames combined, and the exposure time: the sum for `total`, else the mean.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No frames, a number of weights or factors that is not that of the frames, a level that a frame does not have
        or that is not above 0 for a scale, weights with a median or total, frames without the variance that is needed,
        limits that are nonsense, a rule that leaves nothing, memory too small for one row.
    MismatchError
        Frames that differ in shape, window, unit or binning.
    FileError
        A file that cannot be read, or that became shorter meanwhile.

    Examples
    --------
    >>> import numpy as np
    >>> frames = [np.full((1, 2), level) for level in (1.0, 2.0, 6.0)]
    >>> combine(frames, reject=None).array
    array([[3., 3.]])
    >>> combine(frames, average=median(), reject=minmax(low=0, high=1)).array
    array([[1.5, 1.5]])
    """
    job = job_of(frames, average, reject, weights, scale, zero, limits)
    maps = run(job, counts=False)
    flags = maps["flags"]
    return adopt(
        maps["value"], job.header, flags if flags.any() else None, job.frames[0].range,
        maps["variance"] if maps["variance"].size else None,
    )  # fmt: skip


def stack(
    frames: Sequence[Any],
    *,
    average: Average | None = None,
    reject: Rejection | None = _DEFAULT,
    weights: Factor = None,
    scale: Factor = None,
    zero: Factor = None,
    limits: tuple[float, float] | None = None,
) -> Stack:
    """Combine frames as `combine` does, and keep the maps of how many values survived and how many were rejected.

    Parameters and errors are those of `combine`.

    Returns
    -------
    Stack

    Examples
    --------
    >>> import numpy as np
    >>> hit = [np.full((1, 2), level) for level in (10, 11, 12, 11, 9000)]
    >>> result = stack(hit)
    >>> result.value, result.rejected_high
    (array([[11., 11.]]), array([[1, 1]], dtype=uint16))
    """
    job = job_of(frames, average, reject, weights, scale, zero, limits)
    maps = run(job, counts=True)
    for array in maps.values():
        array.flags.writeable = False
    variance = maps.pop("variance")
    return Stack(
        variance=variance if variance.size else None, header=job.header, range=job.frames[0].range, **maps
    )
