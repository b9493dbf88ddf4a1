"""Sources whose image is resampled as it is read: any rows of the result, from the rows of the file that they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ccdfx.kernels.image.bad_pixels import middle, sample_stride
from ccdfx.operations.resampling.affine import Affine
from ccdfx.operations.resampling.move import Move, MovedPlanes, ReadWindow, Resampling
from ccdfx.operations.resampling.taps import SHIFT_KERNELS, check_kernel
from ccdfx.operations.resampling.transform import HasStep, Transform, as_transform
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt, as_image
from ccdfx.records.planes import as_shape, variance_as, working_dtype
from ccdfx.records.range import Range, RangeLike
from ccdfx.records.wcs import windowed

_ROWS = 256  # rows read at a time where all of them are looked at
_BLOCK = (
    256  # columns of the result that are computed at a time where rows of it cross many rows of the image
)
_SLANTED = 4  # times as many pixels as in the result that may be read at a time


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Warped:
    """An image of a source, resampled as its rows are read; made by `warped`.

    It is a `Source`: `select` gives any window of what `warp` makes of the whole image, with the same numbers.
    Nothing is kept between two readings. `close` closes the source.
    """

    source: Any
    resampling: Resampling
    header: Header
    range: Range
    name: str
    _known: dict[int, float] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.resampling.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return self.resampling.dtype

    @property
    def row_bytes(self) -> int:
        """The bytes of a row of pixels, flags and variances, and of as much of the source while it is made."""
        return self.shape[1] * (2 * self.dtype.itemsize + 1)

    @property
    def bytes_around(self) -> int:
        """The bytes of what is read for a tile besides as many pixels as it has: stored and decoded, all planes."""
        last = self.shape[0] - 1
        pixels = max(self._needed((y, y + 1)) for y in (0, last // 2, last))
        return pixels * (4 * self.dtype.itemsize + 2)

    def select(self, range: RangeLike = None) -> Image:
        """Compute a window of the result, given in coordinates of its parent frame."""
        image = self.select_planes(range)
        window = image.range
        header = self.header if window == self.range else windowed(self.header, self.range, window)
        return adopt(image.array, header, image.mask, window, image.variance)

    def select_planes(self, range: RangeLike = None) -> Image:
        """Compute a window as `select` does, but without its header."""
        window = Range.of(range, self.range)
        rows, columns = window.relative_to(self.range).slices
        planes = self._window((rows.start, rows.stop), (columns.start, columns.stop))
        return adopt(planes.array, Header(), planes.flags, window, planes.variance)

    def _window(self, rows: tuple[int, int], columns: tuple[int, int]) -> MovedPlanes:
        """Compute values, flags and variance of a window (lower, upper) of the result."""
        width = columns[1] - columns[0]
        pixels = (rows[1] - rows[0]) * width
        if width <= _BLOCK or self._area(rows, columns) <= _SLANTED * (pixels + 64 * width):
            return self._planes(rows, columns)
        middle = columns[0] + width // 2
        left, right = self._window(rows, (columns[0], middle)), self._window(rows, (middle, columns[1]))
        variance = None
        if left.variance is not None and right.variance is not None:
            variance = np.hstack([left.variance, right.variance])
        return MovedPlanes(
            np.hstack([left.array, right.array]), np.hstack([left.flags, right.flags]), variance
        )

    def close(self) -> None:
        """Close the source."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Warped:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warped({self.name!r}, shape={self.shape}, dtype={self.dtype})"

    def _planes(self, rows: tuple[int, int], columns: tuple[int, int]) -> MovedPlanes:
        y, x = self.resampling.needed(rows, columns)
        if y[1] <= y[0] or x[1] <= x[0]:
            y, x = (0, 1), (0, 1)  # nothing of the image, but whether it has a variance
        cut = ReadWindow(self._read(y, x), (y[0], x[0]), self.resampling.size)
        return self.resampling.apply(cut, rows, columns, self.usual)

    def _area(self, rows: tuple[int, int], columns: tuple[int, int]) -> int:
        y, x = self.resampling.needed(rows, columns)
        return (y[1] - y[0]) * (x[1] - x[0])

    def _needed(self, rows: tuple[int, int]) -> int:
        """Return how many pixels are read at a time for some rows."""
        columns = 0, self.shape[1]
        whole = self._area(rows, columns)
        if whole <= _SLANTED * 65 * columns[1]:
            return whole
        return max(self._area(rows, (x, min(x + _BLOCK, columns[1]))) for x in range(0, columns[1], _BLOCK))

    def _read(self, rows: tuple[int, int], columns: tuple[int, int]) -> Image:
        own = range_of(self.source)
        window = Range(
            own.x_lower + columns[0], own.x_lower + columns[1], own.y_lower + rows[0], own.y_lower + rows[1]
        )
        if isinstance(self.source, Image):
            cut = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
            mask, variance = self.source.mask, self.source.variance
            return adopt(
                self.source.array[cut],
                Header(),
                None if mask is None else np.ascontiguousarray(mask[cut]),
                window,
                None if variance is None else np.ascontiguousarray(variance[cut]),
            )
        read = getattr(self.source, "select_planes", self.source.select)
        found: Image = read(window)
        return found

    def usual(self, power: int) -> float:
        """Compute the typical value (0) or variance (1) of the image, as `typical` does, or return that computed before."""
        if power not in self._known:
            stride = sample_stride(self.resampling.size[0] * self.resampling.size[1])
            sample = np.concatenate([*self._good(power, stride, stride), np.empty(0, self.dtype)])
            if not sample.size:
                sample = np.concatenate([*self._good(power, 1, _ROWS), np.empty(0, self.dtype)])
            self._known[power] = middle(sample)
        return self._known[power]

    def _good(self, power: int, stride: int, step: int) -> Iterator[np.ndarray]:
        """Yield the good values or variances of every row and column of a stride, `step` rows at a time."""
        ny, nx = self.resampling.size
        for y in range(0, ny, step):
            image = self._read((y, min(y + step, ny) if stride == 1 else y + 1), (0, nx))
            good, values = image.good, image.array.astype(self.dtype, copy=False)
            if power:
                values = variance_as(image.variance, self.dtype)  # type: ignore[arg-type]
                good = good & np.isfinite(values)
            yield values[:, ::stride][good[:, ::stride]]


def moved_planes(moved: Warped, rows: tuple[int, int], columns: tuple[int, int]) -> MovedPlanes:
    """Compute values, flags and variance of a window (lower, upper) of a source that is moved as it is read."""
    return moved._window(rows, columns)


def range_of(source: Any) -> Range:
    """Return the window of a source in its parent frame."""
    found: Range = getattr(source, "range", None) or Range.whole(tuple(source.shape))
    return found


def warped(
    source: Any,
    *,
    transform: Transform | HasStep,
    shape: tuple[int, int] | None = None,
    kernel: str = "spline",
) -> Warped:
    """Make a source of what `warp` makes of an image, computed as its rows are read.

    `combine` and `stack` take it like any source, so that frames of any number and size are moved onto common
    pixels and combined in one pass over their files: only the rows that a tile of the result needs are in memory.

    Parameters
    ----------
    source : Source or Image
        Such as `open_source` gives. It is not closed before the result is.
    transform : Transform or Shift
        From positions in the image to positions in the result, as in `warp`.
    shape : (ny, nx), optional
        The shape of the result; by default that of the image, whose range is then kept too.
    kernel : {"spline", "lanczos"}; for a shift also {"spline1", "spline2", "spline4", "spline5"}

    Returns
    -------
    Warped
        Its pixels are those of `warp`, whatever rows are read at a time. It has flags, and a variance where the
        source has one.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `source`, `transform` or `shape` is not valid.
    UnknownNameError
        When the kernel is unknown, or one for shifts alone is given for a transform that is none.

    See Also
    --------
    warp, combine

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import Transform, warp
    >>> image = np.random.default_rng(1).normal(100, 5, (60, 40))
    >>> step = Transform(offset=(2.3, -0.6))
    >>> lazy = warped(image, transform=step)
    >>> rows = lazy.select((0, 40, 20, 30))
    >>> bool(np.array_equal(rows.array, warp(image, transform=step).array[20:30]))
    True
    """
    transform = as_transform(transform)
    if not (hasattr(source, "select") and hasattr(source, "close")):
        source = as_image(source, "source")
    size: tuple[int, int] = tuple(source.shape)
    dtype, own = working_dtype(source), range_of(source)
    wanted = size if shape is None else as_shape(shape)
    dx, dy = transform.offset
    resampling: Resampling
    if transform.is_shift and wanted == size and abs(dx) < size[1] and abs(dy) < size[0]:
        check_kernel(kernel, SHIFT_KERNELS)
        resampling = Move.of(dx, dy, kernel, size, dtype)
    else:
        check_kernel(kernel)
        resampling = Affine(transform, kernel, size, wanted, dtype)
    window = own if wanted == size else Range.whole(wanted)
    name = str(getattr(source, "name", "image"))
    return Warped(source, resampling, resampling.header(source.header, own), window, name)
