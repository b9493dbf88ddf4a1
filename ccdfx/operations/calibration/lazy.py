"""Sources whose frames are calibrated as their rows are read, so that none is held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.operations.calibration.calibrate import PlannedCalibration
from ccdfx.operations.calibration.overscan import LineLevels, subtract_levels
from ccdfx.operations.pixels.flag import mask_from, mask_saturated
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range, RangeLike


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CalibratedRows:
    """A raw frame of a source, prepared and calibrated as its rows are read.

    It is a `Source`: `select` gives any window of the calibrated frame, with the same numbers as if the whole frame
    were flagged by `mask_saturated` and `mask_from`, its levels subtracted by `subtract_overscan`, trimmed, and
    calibrated by `calibrate`.

    Attributes
    ----------
    source : Source
        Of the raw frame; it is not closed before the result is.
    data : Range
        What is left after trimming.
    levels : LineLevels, optional
        Of the overscan, for all rows of the raw frame.
    saturation : float, optional
    bad_pixels : uint8 array, optional
        Flags for the raw frame.
    planned : PlannedCalibration
        For the trimmed frame.
    header : Header
        Of the result.
    keeps_variance : bool
        Whether the result has the variance; without the noise of the frame that is one of its masters alone.
    """

    source: Any
    data: Range
    planned: PlannedCalibration
    header: Header
    dtype: np.dtype
    levels: LineLevels | None = None
    saturation: float | None = None
    bad_pixels: np.ndarray | None = None
    keeps_variance: bool = True

    @property
    def name(self) -> str:
        """The name in messages."""
        return str(self.source.name)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.data.shape

    @property
    def range(self) -> Range:
        """The window in the parent frame."""
        return self.data

    def select(self, range: RangeLike = None) -> Image:
        """Calibrate a window of the frame, given in coordinates of its parent frame."""
        window = Range.of(range, self.data)
        raw = self.source.range
        rows = Range(raw.x_lower, raw.x_upper, window.y_lower, window.y_upper)
        # Without its header, which the result does not have and which takes longer than the pixels of few rows.
        image = getattr(self.source, "select_planes", self.source.select)(rows)
        lower, upper = window.y_lower - raw.y_lower, window.y_upper - raw.y_lower
        if self.saturation is not None:
            image = mask_saturated(image, saturation=self.saturation)
        if self.bad_pixels is not None:
            image = mask_from(image, bad_pixels=self.bad_pixels[lower:upper])
        if self.levels is not None:
            image = subtract_levels(image, self.levels.part(lower, upper))
        whole = Range(self.data.x_lower, self.data.x_upper, window.y_lower, window.y_upper)
        first = window.y_lower - self.data.y_lower
        planned = self.planned.rows(first, first + whole.shape[0])
        image = planned.apply(image.select(whole))
        variance = image.variance if self.keeps_variance else None
        done = adopt(image.array, self.header, image.mask, whole, variance)
        return done if whole == window else done.select(window)

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def __enter__(self) -> CalibratedRows:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"CalibratedRows({self.name!r}, shape={self.shape}, dtype={self.dtype})"
