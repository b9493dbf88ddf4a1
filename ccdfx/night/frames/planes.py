"""Frames of cubes: one plane, or the mean of several, which is formed plane by plane as the rows are read."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.frames.frame import Frame
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range, RangeLike

_FEWEST_OF_RAMP = 4  # planes
_SAMPLED = 1 << 14  # pixels of which the level of a plane is measured
_EVEN = 0.5  # of the median step: no step of a ramp is smaller
_SURE = 10.0  # errors of a level by which a ramp must rise


def open_planes_of(frame: Frame, *, checksum: bool = True) -> Any:
    """Open the plane of a cube that a frame is, or the mean of its planes, as a source; only headers are read now.

    Raises
    ------
    FileError
        The file cannot be opened.
    """
    from ccdfx.io import open_source

    assert frame.planes is not None
    first, end = frame.planes
    options: dict[str, Any] = {} if frame.hdu is None else {"hdu": frame.hdu}
    source = open_source(frame.path, plane=first, checksum=checksum, **options)
    if end - first == 1:
        return source

    def of_plane(plane: int) -> Any:
        same = getattr(source, "of_plane", None)  # verified once, and inflated once
        return same(plane) if same else open_source(frame.path, plane=plane, checksum=False, **options)

    saturation = None if frame.saturation is None else frame.saturation.value
    return PlaneMean(source, of_plane, range(first, end), saturation)


class PlaneMean:
    """The mean of planes of a cube as a source: of each window all planes are read one after another, and none is kept.

    A pixel that is flagged in one plane, such as one above `saturation` there, is flagged in the mean.
    """

    raw = None

    def __init__(
        self, first: Any, of_plane: Callable[[int], Any], planes: range, saturation: float | None = None
    ) -> None:
        self.name, self.range = first.name, getattr(first, "range", Range.whole(first.shape))
        self._first, self._of_plane, self._planes, self._saturation = first, of_plane, planes, saturation

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        shape: tuple[int, int] = self._first.shape
        return shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a mean."""
        return np.result_type(self._first.dtype, np.float32)

    @property
    def header(self) -> Header:
        """The header of the image."""
        header: Header = self._first.header
        return header

    def select(self, range: RangeLike = None) -> Image:
        """Read a window of all planes, and return their mean."""
        total: np.ndarray | None = None
        variance: np.ndarray | None = None
        mask: np.ndarray | None = None
        levels, error, first = [], 0.0, None
        for image in self._images(range):
            if total is None:
                first, total, error = image, np.zeros(image.shape, np.float64), _error_of_level(image)
            total += image.array
            if image.variance is not None:
                variance = image.variance + (0 if variance is None else variance)
            if image.mask is not None:
                mask = image.mask if mask is None else mask | image.mask
            levels.append(_level(image))
        assert first is not None and total is not None
        count = len(self._planes)
        if range is None and _is_ramp(levels, error):
            warnings.warn(
                f"{self.name}: the levels of its planes rise evenly, as those of a ramp of reads without a reset do: their noise "
                "is not that of a mean of exposures; take single planes (planes = [...])",
                CcdfxWarning,
                stacklevel=2,
            )
        variance = None if variance is None else (variance / count**2).astype(self.dtype)
        return first.replace(array=(total / count).astype(self.dtype), mask=mask, variance=variance)

    def _images(self, window: RangeLike) -> Iterator[Image]:
        from ccdfx.operations.pixels.flag import mask_saturated  # a scan needs no kernels

        for number, plane in enumerate(self._planes):
            source = self._first if number == 0 else self._of_plane(plane)
            image = source.select(window)
            yield image if self._saturation is None else mask_saturated(image, saturation=self._saturation)

    def close(self) -> None:
        """Close the file."""
        self._first.close()

    def __enter__(self) -> PlaneMean:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def of_first_plane(frame: Frame) -> Frame:
    """Return the frame of the first plane alone, by which a camera is measured; one that is no mean as it is."""
    return frame if frame.planes is None else replace(frame, planes=(frame.planes[0], frame.planes[0] + 1))


def require_single_planes(windows: tuple[tuple[int, int], ...], readouts: object) -> None:
    """Refuse the mean of planes of several readouts, or of ones with a law of linearity.

    Raises
    ------
    ArgumentError
        There are readouts, and a frame has several planes.
    """
    if readouts and any(end - first > 1 for first, end in windows):
        raise ArgumentError(
            "planes",
            "must be each or single ones where frames have several readouts, or a law of linearity",
            value="mean",
            remedy='write planes = "each" (--planes each): the frames are then combined',
        )


def _level(image: Image) -> float:
    flat = image.array.reshape(-1)
    return float(np.median(flat[:: max(1, flat.size // _SAMPLED)]))


def _error_of_level(image: Image) -> float:
    """Return the error of the difference of two levels."""
    flat = image.array.reshape(-1)[:: max(1, image.size // _SAMPLED)].astype(np.float64)
    return float(2.5 * np.median(np.abs(flat - np.median(flat))) / np.sqrt(flat.size))


def _is_ramp(levels: list[float], error: float) -> bool:
    steps = np.diff(levels)
    if len(levels) < _FEWEST_OF_RAMP or not levels[-1] - levels[0] > _SURE * error:
        return False
    return bool(steps.min() > _EVEN * np.median(steps) > 0 and steps.max() < np.median(steps) / _EVEN)
