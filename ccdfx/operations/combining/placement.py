"""Placement of the frames of a stack on the pixels of the result, as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.operations.resampling.taps import SHIFT_KERNELS, check_kernel
from ccdfx.records.checks import one_of, real, whole
from ccdfx.records.parameters import renamed_options
from ccdfx.records.positions import FARTHEST

EXTENTS = ("union", "intersection")
MEASURED = ("wcs", "stars")


@dataclass(frozen=True, slots=True)
class Placement:
    """The placement of the frames of a stack in the result; made by `placed`.

    Attributes
    ----------
    by : tuple of (float, float), "wcs" or "stars"
    extent : {"union", "intersection"}
    kernel : {None, "spline", "lanczos", "spline1", "spline2", "spline4", "spline5"}
    """

    by: tuple[tuple[float, float], ...] | str
    extent: str = "union"
    kernel: str | None = None

    @property
    def resample(self) -> str | None:
        """The old word for `kernel`, for one release."""
        return self.kernel


@renamed_options(resample="kernel")
def placed(
    by: Iterable[Iterable[float]] | str, *, extent: str = "union", kernel: str | None = None
) -> Placement:
    """Make a placement of overlapping or adjacent frames, for the `offsets` of `combine` and `stack`.

    The pixel (x, y) of a frame with the offset (dx, dy) lies at (x + dx, y + dy); only differences of offsets
    matter.

    Parameters
    ----------
    by : sequence of (dx, dy), "wcs" or "stars"
        One pair per frame, in pixels; or measured relative to the first frame, from the WCS or from the stars
        of each frame. The stars are measured as by `measure_shifts`, which reads whole frames.
    extent : {"union", "intersection"}
        The result covers the pixels that any frame has, or those that all frames have.
    kernel : {None, "spline", "lanczos", "spline1", "spline2", "spline4", "spline5"}
        The treatment of fractions of a pixel. None rounds the offsets and leaves the values unchanged; a
        kernel moves each frame by the remainder, at most half a pixel, with its mask and variance, as `shift`
        does.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `by` is not pairs of finite numbers, or a word is unknown.

    See Also
    --------
    grid, align

    Examples
    --------
    >>> placed([(0, 0), (3, -1)], extent="intersection")
    Placement(by=((0.0, 0.0), (3.0, -1.0)), extent='intersection', kernel=None)
    """
    if isinstance(by, str):
        if by not in MEASURED:
            raise ArgumentError(
                "offsets",
                f"must be pairs of numbers or one of {', '.join(MEASURED)}",
                value=by,
                remedy="choose one",
            )
    else:
        by = _pairs(by)
    one_of("extent", extent, EXTENTS)
    if kernel is not None:
        check_kernel(kernel, SHIFT_KERNELS)
    return Placement(by, extent, kernel)


def grid(columns: int, rows: int, *, dx: float, dy: float) -> tuple[tuple[float, float], ...]:
    """Compute the offsets of frames on a grid, row by row from the lower left.

    Parameters
    ----------
    columns, rows : int
    dx, dy : float
        Steps from column to column and from row to row, in pixels.

    See Also
    --------
    placed

    Examples
    --------
    >>> grid(2, 2, dx=100, dy=50)
    ((0.0, 0.0), (100.0, 0.0), (0.0, 50.0), (100.0, 50.0))
    """
    steps = real("dx", dx), real("dy", dy)
    nx, ny = whole("columns", columns, least=1), whole("rows", rows, least=1)
    return tuple((i * steps[0], j * steps[1]) for j in range(ny) for i in range(nx))


def as_placement(offsets: Any) -> Placement | None:
    """Convert offsets as given to a Placement; return a Placement or None as it is."""
    return offsets if offsets is None or isinstance(offsets, Placement) else placed(offsets)


def _pairs(by: Any) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((float(dx), float(dy)) for dx, dy in by)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "offsets",
            "must be pairs (dx, dy) of numbers, one a frame",
            value=by,
            remedy="give [(dx, dy), ...]",
        ) from None
    if not all(abs(step) < FARTHEST for pair in pairs for step in pair):
        raise ArgumentError(
            "offsets",
            "must be finite and below 2**31",
            value=pairs,
            remedy="leave out a frame without an offset",
        )
    return pairs
