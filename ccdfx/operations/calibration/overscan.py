"""Overscan subtraction: the electronic level of each line of a frame, from its overscan pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.operations.calibration.line_levels import LevelStatistic, sample_levels
from ccdfx.operations.calibration.overscan_fit import Levels, OverscanFit, as_fit, fitted_levels
from ccdfx.records.checks import one_of
from ccdfx.records.history import refuse_twice, with_partial_variance, with_step
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_levels
from ccdfx.records.parameters import renamed_options
from ccdfx.records.planes import variance_as, working_dtype
from ccdfx.records.range import Range, RangeLike, window_errors_about

Sections = RangeLike | Sequence[RangeLike]


@renamed_options(method="statistic")
def subtract_overscan(
    image: ImageLike,
    *,
    overscan: Sections,
    statistic: LevelStatistic = "clipped_mean",
    fit: OverscanFit | Mapping[str, Any] | None = None,
    axis: str | None = None,
    again: bool = False,
) -> Image:
    """Subtract from each row (or column) its level in the overscan.

    Parameters
    ----------
    image : Image or 2-D array
        The frame, not yet trimmed.
    overscan : Range, 4-tuple, '[x1:x2,y1:y2]', or a list of them
        In pixels of the parent frame (BIASSEC). The pixels of a line in all sections are combined; to exclude
        columns, give the sections on both sides of them. Flagged and non-finite pixels are ignored, and so are
        columns (for levels of columns: rows) that lie more than 3 times the scatter of a pixel beside the
        others in most lines: they hold light, charge left by incomplete transfer, or a defect. At least 3
        columns and 8 lines are needed to find them.
    statistic : "clipped_mean", "mean", "median", "min", "max" or function
        The statistic of the pixels of a line. The clipped mean leaves out values further than 4 times the
        scatter of a typical line from the level of their line. A function receives the good pixels as a 1-D
        float64 array. The median of an even number is the mean of the middle two (IRAF takes the lower); of
        whole ADU with little noise it is biased towards whole ADU.
    fit : OverscanFit or mapping of its options, optional
        Replaces the levels by a smooth function of the line number, fitted with rejection of deviant lines.
        Before the first and after the last line with good pixels, its value at that line is used.
    axis : "rows" or "columns", optional
        Whether each row or each column has a level. By default rows when the sections cover the whole height
        and not the whole width, or at least half of the height and less than half of the width; columns in
        the opposite case.
    again : bool
        Accept an image from which the overscan was subtracted before, as CALSTAT or another card of its header says.

    Returns
    -------
    Image
        Floats of the same shape; flags are unchanged, and CALSTAT gets the letter O. The squared error of the level is added to
        the variance: scatter**2 / n of the line for a mean, the scatter being that of the values kept for a
        clipped mean; that times 1.19 (n = 4) ... pi/2 for a median; about pi**2 / (12 ln n) times scatter**2
        for an extreme; that of the mean for a function; with a fit, its error from covariance and residuals.
        An image without a variance gets one of this error alone, and VARPART in its header, which
        `add_variance` removes. Of whole numbers, the rounding of a median or extreme adds 1/12. Lines of fewer than 5 values have the
        scatter of a typical line. All pixels of a line share this error.

    Raises
    ------
    MismatchError
        When the overscan was subtracted before.
    ArgumentError
        When a section is not inside the image, the axis is ambiguous, a line has no good overscan pixel and
        no fit interpolates it, or the fit has more terms than there are lines.

    See Also
    --------
    fit_overscan, subtract_level, trim

    Examples
    --------
    >>> frame = np.array([[12.0, 2.0, 2.0], [15.0, 4.0, 6.0]])
    >>> subtract_overscan(frame, overscan="[2:3,1:2]").array
    array([[10.,  0.,  0.],
           [10., -1.,  1.]])
    """
    image = as_image(image)
    refuse_twice(image.header, "overscan", again)
    levels = line_levels(image, overscan=overscan, statistic=statistic, fit=fit, axis=axis)
    return subtract_levels(image, levels)


@dataclass(frozen=True, slots=True, eq=False)
class LineLevels:
    """The level of each line, row or column, that is subtracted, and its squared error."""

    rows: bool
    values: np.ndarray
    variances: np.ndarray

    def part(self, lower: int, upper: int) -> LineLevels:
        """Return the levels for some rows of the frame."""
        return LineLevels(True, self.values[lower:upper], self.variances[lower:upper]) if self.rows else self


def line_levels(
    image: Image,
    *,
    overscan: Sections,
    statistic: LevelStatistic = "clipped_mean",
    fit: OverscanFit | Mapping[str, Any] | None = None,
    axis: str | None = None,
) -> LineLevels:
    """Measure the levels that `subtract_overscan` subtracts, with its options and errors."""
    rows, measured = _measured(image, overscan, statistic, axis)
    return LineLevels(rows, *_smoothed(measured, as_fit(fit)))


def subtract_levels(image: Image, levels: LineLevels) -> Image:
    """Subtract the levels of the lines of an image; see `subtract_overscan`."""
    kind = working_dtype(image.array)
    shape = (-1, 1) if levels.rows else (1, -1)
    with np.errstate(over="ignore", invalid="ignore"):  # float32 overflow is infinite, so a bad pixel
        own = levels.variances.reshape(shape).astype(kind)
        array = image.array.astype(kind)
        array -= levels.values.reshape(shape).astype(kind)
        if image.variance is None:
            variance = np.broadcast_to(own, image.shape).copy()
        else:
            variance = np.add(variance_as(image.variance, kind), own)
    header = with_step(without_levels(image.header), "overscan")
    header = with_partial_variance(header) if image.variance is None else header
    return adopt(array, header, image.mask, image.range, variance)


def overscan_levels(
    image: ImageLike,
    *,
    overscan: Sections,
    statistic: LevelStatistic = "clipped_mean",
    axis: str | None = None,
) -> Levels:
    """Measure the overscan level of each line, as `subtract_overscan` does with these options.

    >>> overscan_levels([[12.0, 2.0, 2.0], [15.0, 4.0, 6.0]], overscan="[2:3,1:2]").values
    array([2., 5.])
    """
    return _measured(as_image(image), overscan, statistic, axis)[1]


def _measured(
    image: Image, overscan: Sections, statistic: LevelStatistic, axis: str | None
) -> tuple[bool, Levels]:
    """Return whether the lines are rows, and the levels of the lines."""
    sections = _sections(image, overscan)
    rows = _along_rows(image, sections, axis)
    return rows, sample_levels(_samples(image, sections, rows), statistic)


def _sections(image: Image, overscan: Sections) -> list[Range]:
    several = isinstance(overscan, list | tuple) and any(
        np.ndim(item) or isinstance(item, str | Range) for item in overscan
    )
    specs: list[Any] = list(overscan) if several else [overscan]  # type: ignore[arg-type]
    if overscan is None or specs == []:
        raise ArgumentTypeError(
            "overscan", "must be one or more sections", value=overscan, remedy="give BIASSEC"
        )
    sections = []
    for spec in specs:
        with window_errors_about("overscan"):
            sections.append(Range.of(spec, image.range))
    return sections


def _along_rows(image: Image, sections: list[Range], axis: str | None) -> bool:
    if axis is not None:
        return one_of("axis", axis, ("rows", "columns")) == "rows"
    for part in (1.0, 0.5):
        tall = {section.shape[0] >= part * image.shape[0] for section in sections}
        wide = {section.shape[1] >= part * image.shape[1] for section in sections}
        if len(tall) == len(wide) == 1 and tall != wide:
            return tall == {True}
    raise ArgumentError(
        "overscan",
        "must be clearly a strip beside, above or below the data",
        value=[section.to_fits() for section in sections],
        remedy="say axis='rows' (a level for each row) or axis='columns'",
    )


def _samples(image: Image, sections: list[Range], rows: bool) -> np.ndarray:
    """Collect the overscan pixels of all lines, (lines, pixels) float64; NaN where missing or bad."""
    windows = [section.relative_to(image.range) for section in sections]
    values = image.array if rows else image.array.T
    flags = image.mask if rows or image.mask is None else image.mask.T
    strips = []
    for window in windows:
        y, x = window.slices if rows else window.slices[::-1]
        strip = np.full((values.shape[0], x.stop - x.start), np.nan)
        part = strip[y]
        part[:] = values[y, x]
        if values.dtype.kind == "f":
            part[np.isinf(part)] = np.nan
        if flags is not None:
            part[flags[y, x] != 0] = np.nan
        strips.append(strip)
    _require_apart(sections)
    return strips[0] if len(strips) == 1 else np.concatenate(strips, axis=1)


def _require_apart(sections: list[Range]) -> None:
    for i, section in enumerate(sections):
        for other in sections[:i]:
            if section.intersection(other):
                raise ArgumentError(
                    "overscan",
                    "must be sections that do not overlap",
                    value=[other.to_fits(), section.to_fits()],
                    remedy="give every pixel once",
                )


def _smoothed(levels: Levels, fit: OverscanFit | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the value to subtract from every line, and its squared error."""
    if fit is not None:
        found = fitted_levels(fit, levels)
        return found.values, found.errors
    if levels.lines.size < levels.count:
        missing = np.setdiff1d(np.arange(levels.count), levels.lines)
        raise ArgumentError(
            "overscan",
            "must have a good pixel in every line, or a fit",
            value=f"{missing.size} lines of {levels.count} without, first {missing[0]}",
            remedy="give fit=OverscanFit(...), which interpolates, or a longer section",
        )
    return levels.values, levels.errors
