"""Affine transforms between the pixels of two images, and the evidence for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.records.checks import boolean, real

Found = TypeVar("Found")
Matrix = tuple[tuple[float, float], tuple[float, float]]


class AlignmentError(CcdfxError):
    """The displacement between two images cannot be determined."""


def tried(measure: Callable[..., Found], *arguments: Any) -> Found | AlignmentError:
    """Call `measure`; return an AlignmentError instead of raising it."""
    try:
        return measure(*arguments)
    except AlignmentError as error:
        return error


@dataclass(frozen=True, slots=True)
class Transform:
    """The affine map ``reference = matrix @ image + offset`` of positions (x, y), in pixels.

    Attributes
    ----------
    matrix : ((xx, xy), (yx, yy))
    offset : (x, y)
        The position of the centre of the image's first pixel in the reference.
    rms : float
        Root mean square distance of the matched stars after the transform, in pixels of the reference.
    error : float
        Standard error of a position in the middle of the matched stars, in pixels, of the worse axis.
    matrix_error : float
        Standard error of the elements of the matrix: at r pixels from the middle, the error of a position is
        ``hypot(error, r * matrix_error)``.
    chance : float
        The expected number of transforms between unrelated fields of as many stars that would fit as well:
        odds of 1 / chance against coincidence.
    pairs : tuple of (int, int)
        Rows of the matched stars, in the image and in the reference.
    method : str
        How it was found: "stars", "correlation", "wcs", "reference", or "given".

    Examples
    --------
    >>> quarter = Transform(((0, -1), (1, 0)), (10, 0))
    >>> quarter.rotation, quarter.scale, quarter.flipped
    (90.0, 1.0, False)
    >>> quarter.apply([(2.0, 3.0)]).tolist(), quarter.inverse().apply([(7.0, 2.0)]).tolist()
    ([[7.0, 2.0]], [[2.0, 3.0]])
    """

    matrix: Matrix = ((1.0, 0.0), (0.0, 1.0))
    offset: tuple[float, float] = (0.0, 0.0)
    rms: float = 0.0
    error: float = 0.0
    matrix_error: float = 0.0
    chance: float = 0.0
    pairs: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    method: str = "given"

    def __post_init__(self) -> None:
        try:
            (xx, xy), (yx, yy) = ((float(a), float(b)) for a, b in self.matrix)
            x, y = (float(step) for step in self.offset)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "Transform",
                "must have a matrix of 2 x 2 numbers and an offset of 2",
                value=(self.matrix, self.offset),
                remedy="give ((xx, xy), (yx, yy)) and (x, y)",
            ) from None
        if not all(map(math.isfinite, (xx, xy, yx, yy, x, y))) or abs(xx * yy - xy * yx) < 1e-12:
            raise ArgumentError(
                "Transform",
                "must be finite, and its matrix must have an inverse",
                value=(self.matrix, self.offset),
                remedy="leave out a frame without a transform",
            )
        object.__setattr__(self, "matrix", ((xx, xy), (yx, yy)))
        object.__setattr__(self, "offset", (x, y))

    @property
    def determinant(self) -> float:
        """The area of a pixel of the image in pixels of the reference; negative for a mirror image."""
        (xx, xy), (yx, yy) = self.matrix
        return xx * yy - xy * yx

    @property
    def scale(self) -> float:
        """The scale in pixels of the reference per pixel of the image, the mean of both axes."""
        return math.sqrt(abs(self.determinant))

    @property
    def flipped(self) -> bool:
        """Whether it makes a mirror image, described as mirrored in x before the rotation."""
        return self.determinant < 0

    @property
    def rotation(self) -> float:
        """The rotation from x to y in degrees, from -180 to 180."""
        (xx, xy), (yx, yy) = self.matrix
        if self.flipped:
            xx, yx = -xx, -yx
        return math.degrees(math.atan2(yx - xy, xx + yy))

    @property
    def matched(self) -> int:
        """The number of stars that agree."""
        return len(self.pairs)

    @property
    def is_shift(self) -> bool:
        """Whether nothing is rotated, scaled or flipped."""
        return self.matrix == ((1.0, 0.0), (0.0, 1.0))

    def apply(self, places: Any) -> np.ndarray:
        """Transform positions (n, 2) of the image to positions in the reference."""
        return np.asarray(places, np.float64) @ np.array(self.matrix).T + self.offset

    def inverse(self) -> Transform:
        """Invert the transform: from the reference to the image."""
        back = np.linalg.inv(self.matrix)
        x, y = -back @ self.offset
        return _exact(back, x, y)

    def then(self, other: Transform) -> Transform:
        """Compose this transform with another one applied after it.

        >>> turn = Transform(((0, -1), (1, 0)), (4, 1))
        >>> turn.then(turn.inverse()).matrix
        ((1.0, 0.0), (0.0, 1.0))
        """
        x, y = np.array(other.matrix) @ self.offset + other.offset
        return _exact(np.array(other.matrix) @ np.array(self.matrix), x, y)


def similarity(
    *, rotation: float = 0.0, scale: float = 1.0, flip: bool = False, offset: tuple[float, float] = (0.0, 0.0)
) -> Transform:
    """Make the transform that mirrors in x, rotates about the first pixel, scales and shifts, in this order.

    Parameters
    ----------
    rotation : float
        Degrees from x to y. Multiples of 90 are exact.
    scale : float
        Positive.
    flip : bool
    offset : (x, y)
        In pixels.

    Raises
    ------
    ArgumentError
        When the scale is not positive, or a number is not finite.

    See Also
    --------
    warp, measure_transform

    Examples
    --------
    >>> similarity(rotation=90, offset=(5, 0)).matrix
    ((0.0, -1.0), (1.0, 0.0))
    """
    scale = real("scale", scale, above=0, remedy="give pixels of the reference a pixel of the image")
    quarters, rest = divmod(real("rotation", rotation, remedy="give degrees") % 360, 90)
    cos, sin = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarters)):
        cos, sin = -sin, cos
    mirror = -1.0 if boolean("flip", flip) else 1.0
    return Transform(
        ((scale * cos * mirror + 0.0, -scale * sin + 0.0), (scale * sin * mirror + 0.0, scale * cos + 0.0)),
        offset,
    )


class HasStep(Protocol):
    """A record with a step in pixels, such as a `Shift`."""

    @property
    def dx(self) -> float: ...
    @property
    def dy(self) -> float: ...


def as_transform(transform: Transform | HasStep) -> Transform:
    """Convert an object with a step (dx, dy), such as a `Shift`; return a Transform as it is."""
    if isinstance(transform, Transform):
        return transform
    if hasattr(transform, "dx") and hasattr(transform, "dy"):
        return Transform(offset=(transform.dx, transform.dy))
    raise ArgumentTypeError(
        "transform",
        "must be a Transform or a Shift",
        value=transform,
        remedy="measure one with measure_transform, or make one with similarity",
    )


def _exact(matrix: np.ndarray, x: float, y: float) -> Transform:
    """Make the transform of computed numbers, without rounding errors of whole ones and negative zeros."""
    whole = np.rint(matrix)
    matrix = np.where(np.abs(matrix - whole) < 1e-15, whole, matrix) + 0.0
    (xx, xy), (yx, yy) = matrix.tolist()
    return Transform(((xx, xy), (yx, yy)), (float(x) + 0.0, float(y) + 0.0))
