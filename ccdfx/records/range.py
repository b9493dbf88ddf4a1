"""Window of an array in its parent frame."""

from __future__ import annotations

import numbers
import operator
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ccdfx.errors import ArgumentError, ArgumentTypeError, WindowError

_SECTION = re.compile(r"^\[\s*(\*|-?\d+\s*:\s*-?\d+|-?\d+)\s*,\s*(\*|-?\d+\s*:\s*-?\d+|-?\d+)\s*\]$")
_FORMS = "give None, (x_lower, x_upper, y_lower, y_upper), (x, y, radius) or '[x1:x2,y1:y2]'"


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A window in a frame, half-open and 0-based: ``x_lower <= x < x_upper``.

    `Range.of` also accepts None (the whole frame), a 4-tuple, a 3-tuple (x, y, radius) and FITS text.

    >>> Range.of((10, 20, 0, 5), (100, 100)).shape
    (5, 10)
    >>> Range.of("[11:20,1:5]", (100, 100))
    Range(x_lower=10, x_upper=20, y_lower=0, y_upper=5)
    >>> Range.of((2, 50, 5), (100, 100)).to_fits()
    '[1:8,46:56]'
    """

    x_lower: int
    x_upper: int
    y_lower: int
    y_upper: int

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if type(value) is not int:  # most are, of the many windows of a stack
                object.__setattr__(self, name, _integer(value, name))
        if not (0 <= self.x_lower < self.x_upper and 0 <= self.y_lower < self.y_upper):
            raise ArgumentError(
                "range",
                "must be 0 <= lower < upper on both axes",
                value=tuple(self),
                remedy="give (x_lower, x_upper, y_lower, y_upper), half-open",
            )

    def __iter__(self) -> Iterator[int]:
        return iter((self.x_lower, self.x_upper, self.y_lower, self.y_upper))

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the window."""
        return self.y_upper - self.y_lower, self.x_upper - self.x_lower

    @property
    def slices(self) -> tuple[slice, slice]:
        """The slices that cut the window out of the array of its parent, ``array[range.slices]``."""
        return slice(self.y_lower, self.y_upper), slice(self.x_lower, self.x_upper)

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Range:
        """Return the window of a whole frame of `shape` (ny, nx)."""
        return cls(0, shape[1], 0, shape[0])

    @classmethod
    def of(cls, spec: RangeLike, frame: tuple[int, int] | Range) -> Range:
        """Convert `spec` to a window inside `frame`, which is a shape (ny, nx) or a window.

        The form (x, y, radius) is clipped to the frame; its centre must be inside, and the window covers the
        pixels ``x - radius`` to ``x + radius``.
        """
        frame = frame if isinstance(frame, Range) else cls.whole(frame)
        if spec is None:
            return frame
        if isinstance(spec, str):
            return _from_text(spec, frame)._inside(frame, spec)
        if not isinstance(spec, Range):
            try:
                values: tuple[Any, ...] = tuple(spec)
            except TypeError:
                raise ArgumentTypeError("range", "is not a window", value=spec, remedy=_FORMS) from None
            if len(values) == 3:
                return cls._around(*values, frame=frame)
            if len(values) != 4:
                raise ArgumentError("range", "is not a window", value=values, remedy=_FORMS)
            spec = cls(*values)
        return spec._inside(frame)

    def _inside(self, frame: Range, text: str | None = None) -> Range:
        """Return the window, which must lie in the frame; an error quotes the `text` that it was given as."""
        if not frame.contains(self) and text is not None:
            raise WindowError(
                "range",
                f"must lie inside the frame {frame.to_fits()}",
                value=text,
                remedy="choose a section within the frame",
            )
        if not frame.contains(self):
            raise WindowError(
                "range",
                f"must lie inside the frame {tuple(frame)} (x_lower, x_upper, y_lower, y_upper)",
                value=tuple(self),
                remedy="choose a window within the frame",
            )
        return self

    @classmethod
    def _around(cls, x: Any, y: Any, radius: Any, *, frame: Range) -> Range:
        x, y, radius = _integer(x, "x"), _integer(y, "y"), _integer(radius, "radius")
        if radius < 0:
            raise ArgumentError(
                "range", "must have a radius of at least 0", value=(x, y, radius), remedy=_FORMS
            )
        if not (frame.x_lower <= x < frame.x_upper and frame.y_lower <= y < frame.y_upper):
            raise WindowError(
                "range",
                f"must have its centre inside the frame {tuple(frame)}",
                value=(x, y, radius),
                remedy="choose a centre within the frame",
            )
        return cls(
            max(x - radius, frame.x_lower),
            min(x + radius + 1, frame.x_upper),
            max(y - radius, frame.y_lower),
            min(y + radius + 1, frame.y_upper),
        )

    @classmethod
    def from_fits(cls, text: str) -> Range:
        """Convert FITS text ``[x1:x2,y1:y2]``, 1-based and inclusive, to a window; ends in any order.

        >>> Range.from_fits("[  17: 528,   1: 520]")
        Range(x_lower=16, x_upper=528, y_lower=0, y_upper=520)
        """
        return _from_text(text, None)

    def to_fits(self) -> str:
        """Convert the window to FITS text, 1-based and inclusive."""
        return f"[{self.x_lower + 1}:{self.x_upper},{self.y_lower + 1}:{self.y_upper}]"

    def contains(self, other: Range) -> bool:
        """Return whether `other` lies inside this window."""
        return (
            self.x_lower <= other.x_lower
            and other.x_upper <= self.x_upper
            and self.y_lower <= other.y_lower
            and other.y_upper <= self.y_upper
        )

    def relative_to(self, other: Range) -> Range:
        """Express the window in the pixel coordinates of `other`, which must contain it."""
        return self._inside(other).moved(-other.x_lower, -other.y_lower)

    def moved(self, dx: int, dy: int) -> Range:
        """Return the window moved by (dx, dy) pixels."""
        return Range(self.x_lower + dx, self.x_upper + dx, self.y_lower + dy, self.y_upper + dy)

    def intersection(self, other: Range) -> Range | None:
        """Return the overlap of both windows, or None.

        >>> Range(0, 4, 0, 4).intersection(Range(2, 9, 3, 9))
        Range(x_lower=2, x_upper=4, y_lower=3, y_upper=4)
        """
        x_lower, x_upper = max(self.x_lower, other.x_lower), min(self.x_upper, other.x_upper)
        y_lower, y_upper = max(self.y_lower, other.y_lower), min(self.y_upper, other.y_upper)
        return Range(x_lower, x_upper, y_lower, y_upper) if x_lower < x_upper and y_lower < y_upper else None


RangeLike = Range | Iterable[SupportsIndex | float] | str | None
"""What `Range.of` accepts."""


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool):
        raise ArgumentTypeError(name, "must be a whole number of pixels", value=value, remedy="give a number")
    try:
        return operator.index(value)
    except TypeError:
        if isinstance(value, numbers.Real) and float(value).is_integer():
            return int(float(value))
        raise ArgumentTypeError(
            name, "must be a whole number of pixels", value=value, remedy="round it"
        ) from None


def _from_text(text: str, frame: Range | None) -> Range:
    match = _SECTION.match(text.strip()) if isinstance(text, str) and len(text) < 200 else None
    if match is None or (frame is None and "*" in text):
        raise ArgumentError(
            "range", "is not a FITS section", value=text, remedy="write [x1:x2,y1:y2], 1-based and inclusive"
        )
    x, y = match.groups()
    if min(int(number) for number in re.findall(r"-?\d+", text) or [1]) < 1:
        raise ArgumentError(
            "range", "must count pixels from 1, as a FITS section does", value=text,
            remedy="write [x1:x2,y1:y2], 1-based and inclusive",
        )  # fmt: skip
    return Range(
        *((frame.x_lower, frame.x_upper) if frame and x == "*" else _ends(x)),
        *((frame.y_lower, frame.y_upper) if frame and y == "*" else _ends(y)),
    )


def _ends(part: str) -> tuple[int, int]:
    ends = [int(number) for number in part.split(":")]
    return min(ends) - 1, max(ends)


@contextmanager
def window_errors_about(argument: str) -> Iterator[None]:
    """Let an error about a window name the argument that gave the window.

    >>> with window_errors_about("section"):
    ...     Range.of((0, 9, 0, 2), (5, 5))
    Traceback (most recent call last):
    ccdfx.errors.WindowError: section: must lie inside the frame (0, 5, 0, 5) (x_lower, ...
    """
    try:
        yield
    except (ArgumentError, ArgumentTypeError) as error:
        raise (error.about(argument) if error.subject in _SUBJECTS else error) from None


_SUBJECTS = ("range", "x", "y", "radius", *Range.__slots__)

ANYWHERE = Range(0, 2**31, 0, 2**31)
"""The largest frame there is: a window in it lies anywhere."""


def window_of(range: RangeLike, shape: tuple[int, int]) -> Range:
    """Return the window of an array: the whole frame for None, else a range that must have its shape."""
    if range is None:
        return Range.whole(shape)
    window = Range.of(range, ANYWHERE)
    if window.shape != shape:
        raise ArgumentError(
            "range",
            f"must be a window of the array's shape {shape}",
            value=tuple(window),
            remedy="cut pixels out with select(image, section=...)",
        )
    return window


DETECTOR_SECTIONS = ("CCDSEC", "AMPSEC", "DETSEC")
"""Where DATASEC lies on the CCD, on its amplifier and on the detector."""
SECTIONS = ("BIASSEC", "TRIMSEC", "DATASEC", *DETECTOR_SECTIONS)
_NO_SECTION = frozenset(
    {"", "0", "-", "--", "UNKNOWN", "N/A", "NA", "NONE", "NULL", "UNDEFINED", "[]", "[0:0,0:0]"}
)


def is_section(value: Any) -> bool:
    """Return whether the value of a section keyword gives a section, and is not written for none.

    >>> [is_section(text) for text in ("[1:10,1:9]", "[0:0, 0:0]", "UNKNOWN", "-", None)]
    [True, False, False, False, False]
    """
    return value is not None and str(value).replace(" ", "").upper() not in _NO_SECTION


_DIRECTED = re.compile(r"\s*\[?\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]?\s*")


def directed_section(value: Any) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the ends (first, last) in x and y of a section keyword, counted from 1; a flip has the greater one first.

    >>> directed_section("[4096:2049,1:2048]"), directed_section("[0:0,0:0]"), directed_section(None)
    (((4096, 2049), (1, 2048)), None, None)
    """
    found = _DIRECTED.fullmatch(str(value))
    if found is None:
        return None
    x1, x2, y1, y2 = map(int, found.groups())
    return None if 0 in (x1, x2, y1, y2) else ((x1, x2), (y1, y2))
