"""Levels of frames: the statistics and header numbers by which they are scaled, shifted or weighted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, errors_of
from ccdfx.operations.combining.frames import StackFrame
from ccdfx.operations.headers import EXPOSURES
from ccdfx.records.checks import boolean, real
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import ANYWHERE, Range, RangeLike

SAMPLED = ("mean", "median", "mode")

Limits = tuple[float, float] | None
Statistic = Callable[[Image, np.ndarray], float]


@dataclass(frozen=True, slots=True)
class Level:
    """The source of one number for each frame; made by `level`, `keyword` or `exposure`.

    Parameters
    ----------
    kind : {"pixels", "keyword", "exposure"}
    statistic : str or callable
        Of the pixels: a word or a function ``Image -> float``.
    section : str, Range or None
        The pixels used; None is all.
    sampled : bool
        Whether it is estimated from a sample, as imcombine does.
    keywords : tuple of str
        The header keywords of the number; the first that is present is used.
    """

    kind: str
    statistic: str | Callable[[Image], float] = ""
    section: str | Range | None = None
    sampled: bool = False
    keywords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.kind != "pixels":
            given = "" if self.keywords == EXPOSURES else repr(self.keywords[0])
            return f"{self.kind}({given})"
        statistic = self.statistic
        parts = [
            repr(statistic) if isinstance(statistic, str) else getattr(statistic, "__name__", "function")
        ]
        if self.section is not None:
            text = self.section.to_fits() if isinstance(self.section, Range) else self.section
            parts.append(f"section={text!r}")
        if self.sampled:
            parts.append("sampled=True")
        return f"level({', '.join(parts)})"


def level(
    statistic: str | Callable[[Image], float], *, section: RangeLike = None, sampled: bool = False
) -> Level:
    """Use a statistic of the pixels of each frame, for `scale`, `zero` and `weights` of `combine`.

    Pixels that are flagged, not finite or outside the `limits` of `combine` are not used.

    Parameters
    ----------
    statistic : str or callable
        "mean", "median", "mode" (see Notes), "location" (Tukey's biweight: robust against stars, nearly as
        precise as the mean), "spread" (the biweight standard deviation), "noise" (that of the background,
        `local_noise`), "variance" (the median of the frame's variance), or a function ``Image -> float``.
    section : str, Range or 4-tuple, optional
        Only these pixels, in the coordinates of each frame: FITS text ``[x1:x2,y1:y2]`` or half-open limits
        (x_lower, x_upper, y_lower, y_upper). No others are read.
    sampled : bool
        Estimate the mean, median or mode as imcombine does: from fewer than 100,000 pixels on a regular grid,
        the median as the value of rank n // 2.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        An unknown statistic, an invalid section, or `sampled` with another statistic. By `combine`: a section
        that is not inside a frame, a frame without a good pixel there, a result that is not finite or not of
        the sign that is needed.

    See Also
    --------
    keyword, statistics

    Notes
    -----
    The mode is the middle value in the fullest of overlapping bins, which are a tenth as wide as the range of
    the central 70 % of the pixels and begin at each hundredth of it.

    Examples
    --------
    >>> level("median", section="[101:400,101:400]")
    level('median', section='[101:400,101:400]')
    """
    if not callable(statistic) and not (isinstance(statistic, str) and statistic in STATISTICS):
        raise ArgumentError(
            "statistic", f"must be a function or one of {', '.join(STATISTICS)}", value=statistic,
            remedy="choose one of these",
        )  # fmt: skip
    if boolean("sampled", sampled) and statistic not in SAMPLED:
        raise ArgumentError(
            "sampled", f"goes with {', '.join(SAMPLED)}", value=statistic, remedy="leave it out"
        )
    return Level("pixels", statistic, _window(section), sampled)


def keyword(name: str) -> Level:
    """Use the number under a header keyword of each frame, for `scale`, `zero` and `weights` of `combine`.

    A scale from a keyword multiplies and a zero from a keyword is added, as in imcombine: factors f make
    s_l = f_1 / f_l, and zeros Z make z_l = -Z_l / s_l.

    Raises
    ------
    ArgumentTypeError
        `name` is not a keyword. By `combine`, `ArgumentError`: a frame without it, or with a value that is
        not a number, not above 0 as a factor, or negative as a weight.

    See Also
    --------
    exposure, level

    Examples
    --------
    >>> keyword("FLUXSCAL")
    keyword('FLUXSCAL')
    """
    if not isinstance(name, str) or not name.strip():
        raise ArgumentTypeError(
            "name", "must be a header keyword", value=name, remedy="give such as 'FLUXSCAL'"
        )
    return Level("keyword", keywords=(name.strip(),))


def exposure(name: str | None = None) -> Level:
    """Use the exposure time of each frame, for `scale` and `weights` of `combine`: s_l = t_l / t_1.

    Parameters
    ----------
    name : str, optional
        The header keyword; EXPTIME, or else EXPOSURE, by default.

    Raises
    ------
    ArgumentTypeError
        `name` is not a keyword. By `combine`, `ArgumentError`: a frame without an exposure time above 0.

    See Also
    --------
    keyword, level

    Examples
    --------
    >>> exposure(), exposure("DARKTIME")
    (exposure(), exposure('DARKTIME'))
    """
    return Level("exposure", keywords=EXPOSURES if name is None else keyword(name).keywords)


def measured(
    frames: Sequence[StackFrame], wanted: Mapping[str, Level], limits: Limits
) -> dict[str, list[float]]:
    """Measure the requested levels of each frame, by argument name; read each frame at most once."""
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for frame in frames:
        images: dict[Any, Image] = {}
        done: dict[Level, float] = {}
        for name, which in wanted.items():
            subject = f"{name} of {frame.name}"
            if which.kind != "pixels":
                value = header_number(frame.header, which, name, frame.name)
            elif which in done:
                value = done[which]
            else:
                if which.section not in images:
                    images[which.section] = _pixels(frame, which.section, limits)
                value = done[which] = _statistic(images[which.section], which, subject)
            found[name].append(value)
    return found


def header_number(header: Header, which: Level, name: str, frame: str) -> float:
    """Read the number of a keyword or exposure time, for the argument `name`."""
    for key in which.keywords:
        try:
            value = header.number(key)
        except ArgumentError as error:
            raise ArgumentError(
                f"{key} of {frame}",
                error.rule,
                value=error.value,
                remedy=f"mend it, or give {name} as numbers",
            ) from None
        if value is not None:
            return value
    raise ArgumentError(
        f"{name} of {frame}", f"needs {' or '.join(which.keywords)} in the header", value=None,
        remedy=f"set it, or give {name} as numbers",
    )  # fmt: skip


def _window(section: Any) -> str | Range | None:
    """Check the section and return it; text stays text, because `*` in it depends on the frame."""
    if section is None or isinstance(section, Range):
        return section
    try:
        if isinstance(section, str):
            Range.of(section, ANYWHERE)
            return section.strip()
        return Range(*section)
    except ArgumentError as error:
        raise error.about("section") from None
    except TypeError:
        raise ArgumentTypeError(
            "section", "must be a window of pixels", value=section,
            remedy="give '[x1:x2,y1:y2]' or (x_lower, x_upper, y_lower, y_upper)",
        ) from None  # fmt: skip


def _pixels(frame: StackFrame, section: str | Range | None, limits: Limits) -> Image:
    """Read the section of a frame, with the pixels outside the limits flagged."""
    if section is None:
        image = frame.image()
    else:
        try:
            image = frame.data.select(Range.of(section, frame.range))
        except ArgumentError as error:
            raise error.about(f"section of {frame.name}") from None
    return image if limits is None else _within(image, *limits)


def _within(image: Image, low: float, high: float) -> Image:
    """Flag the pixels outside the limits."""
    from ccdfx.records.flags import Flag

    with np.errstate(over="ignore"):  # limits beyond the largest float32
        outside = ~((image.array >= low) & (image.array <= high))
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    mask[outside] |= np.uint8(Flag.OUTLIER)
    return image.replace(mask=mask)


def _statistic(image: Image, which: Level, subject: str) -> float:
    """Compute the statistic of the good pixels; their order in memory does not matter."""
    good = image.good
    if not good.any():
        raise ArgumentError(
            subject, f"needs a good, finite pixel for {which}", value=0,
            remedy="leave the frame out, or choose other limits or another section",
        )  # fmt: skip
    if callable(which.statistic):
        with errors_of(f"{subject}: function", which.statistic):
            value = which.statistic(image)
        return real(subject, value, remedy="mend the function, or leave the frame out")
    if which.statistic == "variance" and image.variance is None:
        raise ArgumentError(
            subject, "needs the variance of the frame", value=None, remedy="start it with add_variance"
        )
    if which.sampled:
        from ccdfx.estimators import sampled_statistic

        value = sampled_statistic(image.array, good, which.statistic)
    else:
        value = STATISTICS[which.statistic](image, good)
    if not math.isfinite(value):
        raise ArgumentError(
            subject, f"has too few good pixels, or too large ones, for {which}", value=value,
            remedy="choose another statistic or section, or give numbers",
        )  # fmt: skip
    return value


def _mean(image: Image, good: np.ndarray) -> float:
    from ccdfx.estimators.values import values_of

    return values_of(image.array, None if good.all() else ~good).mean


def _noise(image: Image, good: np.ndarray) -> float:
    from ccdfx.estimators import local_noise

    return local_noise(image)


def _variance(image: Image, good: np.ndarray) -> float:
    from ccdfx.estimators import median_of

    return median_of(image.variance, good & (image.variance > 0))  # type: ignore[operator]


def _estimator(name: str) -> Statistic:
    """Return an estimator of good values by name; its module is only loaded when it is called."""

    def statistic(image: Image, good: np.ndarray) -> float:
        from ccdfx import estimators

        return getattr(estimators, name)(image.array, None if good.all() else good)

    return statistic


STATISTICS: Mapping[str, Statistic] = {
    "mean": _mean, "median": _estimator("median_of"), "mode": _estimator("mode_of"),
    "location": _estimator("location_of"), "spread": _estimator("spread_of"), "noise": _noise, "variance": _variance,
}  # fmt: skip
