"""Moves by a constant step, of the whole of an image or of any window of it, with the same numbers in both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.kernels.image.bad_pixels import REACH, typical
from ccdfx.operations.resampling.overlaps import factor_of
from ccdfx.operations.resampling.taps import AxisWeights, Taps, mirrored_places, taps
from ccdfx.records.flags import Flag, own_flags
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import read_only, variance_as
from ccdfx.records.range import Range
from ccdfx.records.wcs import moved, moved_mosaic, refuse_mosaic, with_physical

NOTABLE = 0.05
"""A bad pixel flags every output pixel in which its weight is at least this, of a sum of weights of 1."""
Usual = Callable[[int], float]
"""Gives the value (0) or the variance (1) that replaces bad pixels far from any good one."""
_NO_DATA = np.uint8(Flag.NO_DATA)


class MovedPlanes(NamedTuple):
    """What a move makes of a window: values, flags and, where it has one, the variance."""

    array: np.ndarray
    flags: np.ndarray
    variance: np.ndarray | None


class ReadWindow(NamedTuple):
    """A window of an image, the pixel (y, x) of the image that is its first, and the shape of the image."""

    image: Image
    corner: tuple[int, int]
    size: tuple[int, int]

    def planes(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return values, flags (empty where there are none) and variance, read-only, as kernels take them."""
        image = self.image
        flags = np.empty((0, 0), np.uint8) if image.mask is None else image.mask
        variance = None if image.variance is None else read_only(variance_as(image.variance, dtype))
        return read_only(image.array.astype(dtype, copy=False)), read_only(flags), variance


@dataclass(frozen=True, slots=True)
class Move:
    """The move of the content of an image by (+dx, +dy) pixels; the result has the shape of the image.

    `across` and `down` are its weights, `filters` those along y and x of values and of variances; `steps` (n, 2) lead
    from a pixel of the result to those that are notable in it.
    """

    dx: float
    dy: float
    across: Taps
    down: Taps
    size: tuple[int, int]
    dtype: np.dtype
    filters: tuple[tuple[AxisWeights, AxisWeights], ...]
    steps: np.ndarray

    @staticmethod
    def of(dx: float, dy: float, kernel: str, size: tuple[int, int], dtype: np.dtype) -> Move:
        """Make the move of images of a shape and a working type."""
        across, down = taps(dx, kernel, dtype), taps(dy, kernel, dtype)
        filters = tuple(
            (down.along(size[0], dtype, power), across.along(size[1], dtype, power)) for power in (1, 2)
        )
        return Move(dx, dy, across, down, size, dtype, filters, _notable_steps(across, down))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the result."""
        return self.size

    @property
    def is_exact(self) -> bool:
        """Whether the step is by whole pixels, which does not interpolate."""
        return float(self.dx).is_integer() and float(self.dy).is_integer()

    def header(self, header: Header, range: Range) -> Header:
        """Return the header of the result, of an image with this header and range; refuse to mix colours of a mosaic."""
        if self.dx or self.dy:
            if not self.is_exact:
                refuse_mosaic(header, "to be moved by parts of pixels")
            header = moved(with_physical(without_extremes(header), range), self.dx, self.dy)
            header = moved_mosaic(header, int(-self.dx), int(-self.dy), int(self.dy))
        return header if self.is_exact else with_correlation(header, factor_of(self.across, self.down))

    def needed(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the rows and columns (lower, upper) of the image that a window of the result needs."""
        if self.is_exact:
            dy, dx = int(self.dy), int(self.dx)
            return (
                _limited(rows[0] - dy, rows[1] - dy, self.size[0]),
                _limited(columns[0] - dx, columns[1] - dx, self.size[1]),
            )
        down, across = (
            reached(lower + one.first, upper + one.first + one.weights.size - 1, size)
            for (lower, upper), one, size in zip(
                (rows, columns), (self.down, self.across), self.size, strict=True
            )
        )
        return down, across

    def apply(
        self, cut: ReadWindow, rows: tuple[int, int], columns: tuple[int, int], usual: Usual
    ) -> MovedPlanes:
        """Compute a window of the result; the cut has what it needs."""
        if self.is_exact:
            return self._placed(cut, rows, columns)
        from ccdfx.kernels.image.shifted_rows import spread_rows

        values, flags, variance = cut.planes(self.dtype)
        inside = _inside(rows, self.dy, self.size[0]), _inside(columns, self.dx, self.size[1])
        steps = self.steps
        place, corner, size = np.array((rows[0], columns[0])), np.array(cut.corner), np.array(self.size)
        out_flags = self._outside_flags(rows, columns, steps)
        array, bad, lost = self._filtered(values, values, flags, cut, inside, (rows, columns), usual, 1)
        if bad:
            nothing = np.empty((0, 0), self.dtype)
            spread_rows(values, values, flags, corner, size, steps, place, out_flags, nothing)
        if lost:  # interpolation near the largest number overflows
            out_flags[~np.isfinite(array)] |= _NO_DATA
        found = None
        if variance is not None:
            found, bad, _ = self._filtered(variance, values, flags, cut, inside, (rows, columns), usual, 2)
            if bad:
                nothing = np.empty((0, 0), np.uint8)
                spread_rows(variance, values, flags, corner, size, steps, place, nothing, found)
                _clear_outside(found, rows[0], columns[0], inside)
        return MovedPlanes(array, out_flags, found)

    def squares(self, image: Image, places: np.ndarray, side: int, usual: Usual) -> MovedPlanes:
        """Compute squares of the result of an image, one below the other, from their first pixels (y, x) on.

        All pixels that they need have to be inside the image.
        """
        from ccdfx.kernels.image.shifted_rows import shift_squares, spread_squares

        shape, size = (len(places) * side, side), np.array(self.size)
        values, flags, variance = ReadWindow(image, (0, 0), self.size).planes(self.dtype)

        def filtered(plane: np.ndarray, power: int) -> tuple[np.ndarray, bool]:
            down, across = self.filters[power]
            out, number = np.empty(shape, self.dtype), self.dtype.type
            given = plane, values, flags, size, *down, *across
            bad, far, _ = shift_squares(*given, number(0), places, out)
            if far:
                shift_squares(*given, number(usual(power)), places, out)
            return out, bad

        no_flags, nothing = np.empty((0, side), np.uint8), np.empty((0, side), self.dtype)
        array, bad = filtered(values, 0)
        out_flags = np.zeros(shape, np.uint8)
        if bad:
            spread_squares(values, values, flags, size, self.steps, places, side, out_flags, nothing)
        out_flags[~np.isfinite(array)] |= _NO_DATA
        if variance is None:
            return MovedPlanes(array, out_flags, None)
        found, bad = filtered(variance, 1)
        if bad:
            spread_squares(variance, values, flags, size, self.steps, places, side, no_flags, found)
        return MovedPlanes(array, out_flags, found)

    def _placed(self, cut: ReadWindow, rows: tuple[int, int], columns: tuple[int, int]) -> MovedPlanes:
        """Move by whole pixels: values and flags stay as they are."""
        shape = rows[1] - rows[0], columns[1] - columns[0]
        steps = int(self.dy) - rows[0] + cut.corner[0], int(self.dx) - columns[0] + cut.corner[1]
        places = [
            (max(step, 0), min(step + length, room))
            for step, length, room in zip(steps, cut.image.shape, shape, strict=True)
        ]
        target = tuple(slice(lower, max(lower, upper)) for lower, upper in places)
        source = tuple(slice(t.start - step, t.stop - step) for t, step in zip(target, steps, strict=True))

        def put(values: np.ndarray, out: np.ndarray) -> np.ndarray:
            out[target] = values[source]
            return out

        image = cut.image
        array = put(image.array, np.zeros(shape, self.dtype))
        flags = put(own_flags(image.mask, image.good), np.full(shape, _NO_DATA))
        if image.variance is None:
            return MovedPlanes(array, flags, None)
        return MovedPlanes(
            array, flags, put(variance_as(image.variance, self.dtype), np.zeros(shape, self.dtype))
        )

    def _filtered(
        self,
        plane: np.ndarray,
        values: np.ndarray,
        flags: np.ndarray,
        cut: ReadWindow,
        inside: tuple[tuple[int, int], tuple[int, int]],
        window: tuple[tuple[int, int], tuple[int, int]],
        usual: Usual,
        power: int,
    ) -> tuple[np.ndarray, bool, bool]:
        """Filter a plane with the weights to a power; also return whether pixels were bad, and results are lost."""
        from ccdfx.kernels.image.shifted_rows import shift_rows

        rows, columns = window
        whole = inside == window  # all pixels are computed
        out = (np.empty if whole else np.zeros)((rows[1] - rows[0], columns[1] - columns[0]), self.dtype)
        if inside[0][0] >= inside[0][1] or inside[1][0] >= inside[1][1]:
            return out, True, False
        down, across = self.filters[power - 1]
        geometry = np.array(cut.corner), np.array(cut.size), *down, *across
        where = np.array((*inside[0], rows[0])), np.array((*inside[1], columns[0]))
        number = self.dtype.type
        bad, far, lost = shift_rows(plane, values, flags, *geometry, number(0), *where, out)
        if far:
            bad, far, lost = shift_rows(
                plane, values, flags, *geometry, number(usual(power - 1)), *where, out
            )
        return out, bad, lost

    def _outside_flags(
        self, rows: tuple[int, int], columns: tuple[int, int], steps: np.ndarray
    ) -> np.ndarray:
        """Flag NO_DATA where pixels outside the image are notable."""
        out = np.zeros((rows[1] - rows[0], columns[1] - columns[0]), np.uint8)
        for axis, (lower, upper) in enumerate((rows, columns)):
            if lower + steps[:, axis].min() >= 0 and upper - 1 + steps[:, axis].max() < self.size[axis]:
                continue
            n = np.arange(lower, upper)
            outside = np.zeros(n.size, bool)
            for step in np.unique(steps[:, axis]):
                outside |= (n + step < 0) | (n + step >= self.size[axis])
            out[(outside, slice(None)) if axis == 0 else (slice(None), outside)] |= _NO_DATA
        return out


class Resampling(Protocol):
    """A `Move` or an `Affine`: what computes any window of a resampled image from a window of the image."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> np.dtype: ...

    def header(self, header: Header, range: Range) -> Header: ...

    def needed(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[int, int]]: ...

    def apply(
        self, cut: ReadWindow, rows: tuple[int, int], columns: tuple[int, int], usual: Usual
    ) -> MovedPlanes: ...


def whole_image(move: Resampling, image: Image, usual: Usual) -> MovedPlanes:
    """Apply a move to all of an image."""
    ny, nx = move.shape
    return move.apply(ReadWindow(image, (0, 0), image.shape), (0, ny), (0, nx), usual)


def usual_of(image: Image, dtype: np.dtype) -> Usual:
    """Return the typical value and variance of an image, computed when they are asked for."""

    def usual(power: int) -> float:
        if power == 0:
            return typical(image.array.astype(dtype, copy=False), image.good)
        variance = variance_as(image.variance, dtype)  # type: ignore[arg-type]
        return typical(variance, image.good & np.isfinite(variance))

    return usual


def _clear_outside(out: np.ndarray, y: int, x: int, inside: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Set to 0 what lies outside of rows and columns (lower, upper); ``out[0, 0]`` is the pixel (y, x)."""
    rows, columns = inside
    out[: rows[0] - y], out[rows[1] - y :] = 0, 0
    out[:, : columns[0] - x], out[:, columns[1] - x :] = 0, 0


def _limited(lower: int, upper: int, size: int) -> tuple[int, int]:
    lower = min(max(lower, 0), size)
    return lower, min(max(upper, lower), size)


def reached(lower: int, upper: int, size: int, around: int = REACH) -> tuple[int, int]:
    """Return the pixels of an axis that those from lower to upper are, reflected at its ends, and some around.

    >>> reached(-2, 1, 8, around=1)
    (0, 4)
    """
    if lower >= 0 and upper <= size:
        return _limited(lower - around, upper + around, size)
    index = mirrored_places(np.arange(lower, upper), size)
    return _limited(int(index.min()) - around, int(index.max()) + 1 + around, size)


def _inside(window: tuple[int, int], step: float, size: int) -> tuple[int, int]:
    """Return the pixels (lower, upper) of a window whose centres lie inside the pixels of the image."""
    if window[0] - step >= -0.5 and window[1] - 1 - step <= size - 0.5 and window[1] > window[0]:
        return window
    position = np.arange(*window) - step
    known = np.flatnonzero((position >= -0.5) & (position <= size - 0.5))
    first = window[0]
    return (first + int(known[0]), first + int(known[-1]) + 1) if known.size else (first, first)


def _notable_steps(across: Taps, down: Taps) -> np.ndarray:
    """Find the steps (y, x) from a pixel of the result to those that weigh at least `NOTABLE` in it."""
    weight = np.abs(np.outer(down.weights, across.weights))
    j, i = np.nonzero(weight >= min(NOTABLE, weight.max()))
    return np.column_stack([j + down.first, i + across.first])
