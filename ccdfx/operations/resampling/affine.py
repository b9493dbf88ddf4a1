"""Affine transforms of the whole of an image or of any window of the result, with the same numbers in both."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ccdfx.estimators.correlated_noise import with_correlation
from ccdfx.operations.resampling.move import (
    NOTABLE,
    MovedPlanes,
    ReadWindow,
    Usual,
    reached,
)
from ccdfx.operations.resampling.taps import POLE, Taps, cardinal, lanczos, mirrored_places
from ccdfx.operations.resampling.transform import Transform
from ccdfx.records.flags import Flag, own_flags
from ccdfx.records.header import Header
from ccdfx.records.keywords import followed_levels, without_extremes
from ccdfx.records.range import Range
from ccdfx.records.wcs import refuse_mosaic, with_physical
from ccdfx.records.wcs_affine import transformed

_MARGIN = 10  # pixels around a position that its value may need, of the coefficients
_SAMPLE = 61  # pixels of each axis, in which the weights are averaged; a prime number
_PHASES = 4096
# Neighbours used, from the pixel before a position: for the spline, for Lanczos, for the spline's variance.
_NEAR, _LOBES, _WIDE = tuple(range(-1, 3)), tuple(range(-2, 4)), tuple(range(-4, 6))
_EDGE = tuple(range(-_MARGIN, _MARGIN + 1))  # for that variance near edges, where products of weights count
_NO_DATA = np.uint8(Flag.NO_DATA)
_ONE = Taps(0, np.ones(1))
Window = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Affine:
    """A transform of images of a size and a working type to a result of some shape."""

    transform: Transform
    kernel: str
    size: tuple[int, int]
    shape: tuple[int, int]
    dtype: np.dtype

    @property
    def area(self) -> float:
        """The area of a pixel of the result in pixels of the image."""
        return 1 / abs(self.transform.determinant)

    def header(self, header: Header, range: Range) -> Header:
        """Return the header of the result, of an image with this header and range; refuse to mix colours of a mosaic."""
        refuse_mosaic(header, "to be moved by parts of pixels")
        header = followed_levels(without_extremes(header), self.area)  # a uniform sky is multiplied by it
        header = transformed(with_physical(header, range), self.transform.matrix, self.transform.offset)
        squares = _tables(self.kernel, self.dtype)[1]
        mean = self.area * _mean_square(self.transform, self.shape, squares)
        return with_correlation(header, max(1.0, 1.0 / mean))

    def needed(self, rows: tuple[int, int], columns: tuple[int, int]) -> Window:
        """Return the rows and columns (lower, upper) of the image that a window of the result needs."""
        found = self._box(rows, columns)
        if found is None:
            return (0, 0), (0, 0)
        radius = 0 if self.kernel == "lanczos" else _prefilter(self.dtype).weights.size // 2
        down, across = (
            reached(lower - radius, upper + radius, size)
            for (lower, upper), size in zip(found, self.size, strict=True)
        )
        return down, across

    def apply(
        self, cut: ReadWindow, rows: tuple[int, int], columns: tuple[int, int], usual: Usual
    ) -> MovedPlanes:
        """Compute a window of the result; the cut has what it needs."""
        shape = rows[1] - rows[0], columns[1] - columns[0]
        box = self._box(rows, columns)
        values, flags, variance = cut.planes(self.dtype)
        if box is None:
            found = None if variance is None else np.zeros(shape, self.dtype)
            return MovedPlanes(np.zeros(shape, self.dtype), np.full(shape, _NO_DATA), found)
        part = _Part(self, cut, box, (rows[0], columns[0]), shape)
        tables = _tables(self.kernel, self.dtype)
        lobes = self.kernel == "lanczos"
        one = _ONE if lobes else _prefilter(self.dtype)
        plane = part.filtered(values, values, flags, one, usual, 0)
        array = part.resampled(plane, tables[0], _LOBES if lobes else _NEAR, self.area)
        # Pixels outside the image count as NO_DATA.
        spread = part.spread(own_flags(cut.image.mask, cut.image.good), _NO_DATA, tables[2])
        if variance is None:
            return MovedPlanes(array, spread, None)
        steps = _LOBES if lobes else _WIDE
        plane = part.filtered(variance, values, flags, _ONE, usual, 1)
        found = part.resampled(plane, tables[1], steps, self.area**2)
        part.correct_edges(plane, tables[3], _LOBES if lobes else _EDGE, self.area**2, found)
        unknown = cut.image.good & ~np.isfinite(variance)
        if unknown.any():
            inside = part.resampled(np.ones_like(plane), tables[1], steps, 1) > 0
            notable = part.spread(unknown.view(np.uint8), np.uint8(0), tables[2]) != 0
            found[inside & notable] = np.inf
        return MovedPlanes(array, spread, found)

    def _box(self, rows: tuple[int, int], columns: tuple[int, int]) -> Window | None:
        """Return the pixels of the image, also beyond its edges, of which a window of the result is made."""
        matrix, origin = _place(self.transform)
        corners = np.array([(x, y) for x in (columns[0], columns[1] - 1) for y in (rows[0], rows[1] - 1)])
        places = corners @ matrix.T + origin
        found = []
        for axis, size in ((1, self.size[0]), (0, self.size[1])):
            lower, upper = places[:, axis].min(), places[:, axis].max()
            if upper < -_MARGIN or lower > size - 1 + _MARGIN:
                return None
            lower, upper = max(lower, -_MARGIN), min(upper, size - 1.0 + _MARGIN)
            found.append((int(np.floor(lower)) - _MARGIN, int(np.floor(upper)) + 1 + _MARGIN))
        return found[0], found[1]


@dataclass(frozen=True, slots=True)
class _Part:
    """A window of the result, from the pixel `place` (y, x) on, made of the pixels in a box of the image."""

    affine: Affine
    cut: ReadWindow
    box: Window
    place: tuple[int, int]
    shape: tuple[int, int]

    def filtered(
        self, plane: np.ndarray, values: np.ndarray, flags: np.ndarray, one: Taps, usual: Usual, power: int
    ) -> np.ndarray:
        """Fill bad pixels of a plane of the cut, filter it along both axes, and return the pixels of the box."""
        from ccdfx.kernels.image.shifted_rows import shift_rows

        dtype, size = self.affine.dtype, self.cut.size
        # Also the pixels of which those beyond the edges are reflections.
        limits = [reached(lower, upper, n, 0) for (lower, upper), n in zip(self.box, size, strict=True)]
        out = np.empty([upper - lower for lower, upper in limits], dtype)
        both = (weights for n in size for weights in one.along(n, dtype))
        geometry = np.array(self.cut.corner), np.array(size), *both
        where = [np.array((*limit, limit[0])) for limit in limits]
        _, far, _ = shift_rows(plane, values, flags, *geometry, dtype.type(0), *where, out)
        if far:
            shift_rows(plane, values, flags, *geometry, dtype.type(usual(power)), *where, out)
        rows, columns = (
            mirrored_places(np.arange(*both), n) - lower
            for both, n, (lower, _) in zip(self.box, size, limits, strict=True)
        )
        if rows.size == out.shape[0] and columns.size == out.shape[1]:
            return out
        return out[np.ix_(rows, columns)]

    def resampled(
        self, plane: np.ndarray, table: np.ndarray, steps: tuple[int, ...], gain: float
    ) -> np.ndarray:
        """Interpolate in the pixels of the box."""
        from ccdfx.kernels.image.resample import resample

        out = np.empty(self.shape, plane.dtype)
        corner = np.array([lower for lower, _ in self.box])
        matrix, origin = _place(self.affine.transform)
        resample(
            plane, corner, np.array(self.cut.size), matrix, origin, table, steps, plane.dtype.type(gain),
            np.array(self.place), out,
        )  # fmt: skip
        return out

    def correct_edges(
        self, plane: np.ndarray, table: np.ndarray, steps: tuple[int, ...], gain: float, out: np.ndarray
    ) -> None:
        """Replace the variances near the edges, where several neighbours are reflections of one pixel."""
        from ccdfx.kernels.image.resample import resample_variance_at_edges

        corner = np.array([lower for lower, _ in self.box])
        matrix, origin = _place(self.affine.transform)
        resample_variance_at_edges(
            plane,
            corner,
            np.array(self.cut.size),
            matrix,
            origin,
            table,
            steps,
            gain,
            np.array(self.place),
            out,
        )

    def spread(self, flags: np.ndarray, outside: np.uint8, table: np.ndarray) -> np.ndarray:
        """Spread the flags of each pixel, and of the outside, to the pixels in which their weight is notable."""
        from ccdfx.kernels.image.resample import gather_flags

        own = np.full([upper - lower for lower, upper in self.box], outside)
        inside = [
            (max(lower, 0), max(min(upper, n), 0, lower))
            for (lower, upper), n in zip(self.box, self.cut.size, strict=True)
        ]
        target = tuple(
            slice(a - lower, b - lower) for (a, b), (lower, _) in zip(inside, self.box, strict=True)
        )
        source = tuple(slice(a - c, b - c) for (a, b), c in zip(inside, self.cut.corner, strict=True))
        own[target] = flags[source]
        rows = own[:-3] | own[1:-2] | own[2:-1] | own[3:]
        near = rows[:, :-3] | rows[:, 1:-2] | rows[:, 2:-1] | rows[:, 3:]
        out = np.zeros(self.shape, np.uint8)
        matrix, origin = _place(self.affine.transform)
        corner, place = np.array([lower for lower, _ in self.box]), np.array(self.place)
        gather_flags(
            own, near, corner, np.array(self.cut.size), matrix, origin, table, NOTABLE, place, outside, out
        )
        return out


@functools.cache
def _prefilter(dtype: np.dtype) -> Taps:
    """Return the filter that makes the coefficients of the cubic spline: weights sqrt(3) z**|k|."""
    radius = 12 if dtype == np.float32 else 24
    weights = np.sqrt(3) * POLE ** np.abs(np.arange(-radius, radius + 1))
    return Taps(-radius, weights / weights.sum())


def _mean_square(transform: Transform, shape: tuple[int, int], table: np.ndarray) -> float:
    """Compute the mean of the sum of squared weights over a sample of the pixels of the result."""
    matrix, origin = _place(transform)
    y, x = (np.unique(np.linspace(0, size - 1, min(size, _SAMPLE)).astype(int)) for size in shape)
    places = np.einsum("ij,jyx->iyx", matrix, np.array(np.meshgrid(x, y))) + origin[:, None, None]
    phases = np.rint((places - np.floor(places)) * _PHASES).astype(int)
    squares = table.sum(axis=1, dtype=np.float64)[phases]
    return float(np.mean(squares[0] * squares[1]))


def _place(transform: Transform) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix and the offset from a pixel of the result to its position in the image."""
    back = transform.inverse()
    return np.array(back.matrix), np.array(back.offset)


@functools.cache
def _tables(kernel: str, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tabulate weights of values, squared weights of variances, weights of the four nearest pixels and near edges."""
    phase = np.arange(_PHASES + 1)[:, None] / _PHASES
    if kernel == "lanczos":
        weights = lanczos(phase - np.array(_LOBES))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights.astype(dtype), (weights**2).astype(dtype), weights[:, 1:5].copy(), weights
    t = np.abs(phase - np.array(_NEAR))
    values = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)
    weights = cardinal(phase - np.array(_WIDE))
    edge = cardinal(phase - np.array(_EDGE))
    return values.astype(dtype), (weights**2).astype(dtype), weights[:, 3:7].copy(), edge
