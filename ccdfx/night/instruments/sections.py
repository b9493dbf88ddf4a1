"""Sections of a raw frame: overscan and exposed pixels.

A section is written in an instrument file as

- a header keyword that holds FITS text: ``"BIASSEC"``,
- FITS text itself: ``"[1:1024,1:1024]"``,
- a strip along one side: ``{ side = "right", size = "COVER", skip = 2, edge = 1 }``; `size` is a keyword or a
  number of pixels; `skip` lines next to the exposed pixels are excluded (they contain deferred charge), and
  `edge` lines at the edge of the frame,
- the part of the frame inside margins: ``{ left = "ESO DET OUT1 PRSCX", right = 32 }``,
- or a list of these: the first one for which the header has the keywords.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.records.card import as_keyword
from ccdfx.records.checks import one_of
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.range import Range, is_section

Size = str | int
_OVERSCAN_SECTION = re.compile(r"B(?:IAS)?SEC\w?\w?|OVERSEC\w?|OSCANSEC|OVSCNSEC")
_OVERSCAN_SIZE = re.compile(r"(?:PRE|POST|OVER)(?:SCAN|PIX)[XY]?|N?OVERSCN|NOVRSCAN")
_LARGEST_LOSS = 0.3  # of a frame; the field of a camera may leave the corners of its detector dark
_LEAST_MARGIN = 4  # lines; one or two at an edge are often bad
SIDES = ("left", "right", "bottom", "top")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A section given as FITS text."""

    text: str

    def find(self, header: Header, shape: tuple[int, int]) -> Range | None:
        """Return the window; it is never None."""
        return _inside(self.text, shape, f"section {self.text}")


@dataclass(frozen=True, slots=True)
class Named:
    """A section whose FITS text is in the header."""

    keyword: str

    def find(self, header: Header, shape: tuple[int, int]) -> Range | None:
        """Return the window, or None where the header has no such keyword, or ``[0:0,0:0]`` or UNKNOWN for none."""
        value = header.get(self.keyword)
        if not is_section(value):
            return None
        return _inside(str(value), shape, f"header keyword {self.keyword}")


@dataclass(frozen=True, slots=True)
class Strip:
    """A strip of `size` lines along one side of the frame, without the `skip` innermost, `edge` outermost."""

    side: str
    size: Size
    skip: int = 0
    edge: int = 0

    def find(self, header: Header, shape: tuple[int, int]) -> Range | None:
        """Return the window, or None where no line is left or the size is not in the header."""
        size = _pixels(self.size, header)
        if size <= self.skip + self.edge:
            return None
        ny, nx = shape
        length = nx if self.side in ("left", "right") else ny
        if size >= length:
            raise ArgumentError(
                f"overscan on the {self.side}",
                f"must be narrower than the frame of {length} pixels",
                value=size,
                remedy="correct the instrument file",
            )
        kept, edge = size - self.skip, self.edge
        return {
            "left": Range(edge, kept, 0, ny),
            "right": Range(nx - kept, nx - edge, 0, ny),
            "bottom": Range(0, nx, edge, kept),
            "top": Range(0, nx, ny - kept, ny - edge),
        }[self.side]


@dataclass(frozen=True, slots=True)
class Inside:
    """The part of the frame inside margins."""

    left: Size = 0
    right: Size = 0
    bottom: Size = 0
    top: Size = 0

    def find(self, header: Header, shape: tuple[int, int]) -> Range | None:
        """Return the window; a margin without its keyword in the header is 0."""
        left, right, bottom, top = (_pixels(getattr(self, side), header) for side in SIDES)
        ny, nx = shape
        if left + right >= nx or bottom + top >= ny:
            raise ArgumentError(
                "data section",
                f"the margins leave nothing of a frame of {nx} x {ny}",
                value=(left, right, bottom, top),
                remedy="correct the instrument file",
            )
        return Range(left, nx - right, bottom, ny - top)


Section = Fixed | Named | Strip | Inside


def find_section(sections: tuple[Section, ...], header: Header, shape: tuple[int, int]) -> Range | None:
    """Return the first section that the header defines, in a raw frame of `shape` (ny, nx), or None.

    Raises
    ------
    ArgumentError
        A header value is not a section, or the section is not inside the frame.

    Examples
    --------
    >>> find_section((Strip("right", "COVER", 2),), Header({"COVER": 32}), (1024, 1056)).to_fits()
    '[1027:1056,1:1024]'
    """
    for section in sections:
        window = section.find(header, shape)
        if window is not None:
            return window
    return None


def sections_of_frame(
    overscan: tuple[Section, ...], data: tuple[Section, ...], header: Header, shape: tuple[int, int]
) -> tuple[Range | None, Range]:
    """Return the overscan, None where there is none, and the exposed pixels of a raw frame of `shape` (ny, nx).

    Columns of overscan that the header gives for other rows than those of the exposed pixels, or for some of them, are read in all
    rows, and are taken for all. Where no section of exposed pixels is given, they end where an overscan at an edge begins. An overscan
    beyond a frame that is exposed in whole was cut off: there is none.

    Raises
    ------
    ArgumentError
        As `find_section`; or the two sections overlap.

    Examples
    --------
    >>> biassec, datasec = (Named("BIASSEC"),), (Named("DATASEC"),)
    >>> header = Header({"BIASSEC": "[9:12,5:8]", "DATASEC": "[1:8,1:4]"})
    >>> [found.to_fits() for found in sections_of_frame(biassec, datasec, header, (8, 12))]
    ['[9:12,1:4]', '[1:8,1:4]']
    >>> [found.to_fits() for found in sections_of_frame(biassec, datasec, Header({"BIASSEC": "[9:12,2:3]"}), (8, 12))]
    ['[9:12,1:8]', '[1:8,1:8]']
    >>> sections_of_frame(biassec, datasec, Header({"BIASSEC": "[13:16,1:8]", "DATASEC": "[1:12,1:8]"}), (8, 12))[0] is None
    True
    """
    whole = Range.whole(shape)
    if _are_cut_off(overscan, header, whole) and find_section(data, header, shape) == whole:
        return None, whole
    found, exposed = (find_section(sections, header, shape) for sections in (overscan, data))
    if found is None:
        return None, exposed or whole
    if exposed is None:
        exposed = _without_edge(whole, found)
    elif exposed != whole and found.intersection(exposed) is not None:
        named = (
            one.keyword for one in overscan if isinstance(one, Named) and is_section(header.get(one.keyword))
        )
        card = next(named, None)
        raise ArgumentError(
            "overscan" if card is None else f"header keyword {card}",
            f"must not overlap the exposed pixels {exposed.to_fits()}",
            value=found.to_fits(),
            remedy="correct the cards (ccdfx header), or give [sections] in an instrument file",
        )
    is_beside = found.x_upper <= exposed.x_lower or exposed.x_upper <= found.x_lower
    if is_beside and not (found.y_lower <= exposed.y_lower and exposed.y_upper <= found.y_upper):
        found = Range(found.x_lower, found.x_upper, exposed.y_lower, exposed.y_upper)
    return found, exposed


def _are_cut_off(overscan: tuple[Section, ...], header: Header, whole: Range) -> bool:
    texts = [header.get(one.keyword) for one in overscan if isinstance(one, Named)]
    text = next((str(text) for text in texts if is_section(text)), None)
    try:
        return text is not None and Range.from_fits(text.strip()).intersection(whole) is None
    except ArgumentError:
        return False


def _without_edge(whole: Range, overscan: Range) -> Range:
    """Return the frame without the columns, or else the rows, of an overscan at an edge of it; all of it for any other one."""
    _, nx, _, ny = whole
    if overscan.y_upper - overscan.y_lower < ny and overscan.x_upper - overscan.x_lower == nx:
        if overscan.y_lower == 0:
            return Range(0, nx, overscan.y_upper, ny)
        return Range(0, nx, 0, overscan.y_lower) if overscan.y_upper == ny else whole
    if overscan.x_lower == 0 and overscan.x_upper < nx:
        return Range(overscan.x_upper, nx, 0, ny)
    return Range(0, overscan.x_lower, 0, ny) if overscan.x_upper == nx and overscan.x_lower else whole


def refuse_several_overscans(header: Header) -> None:
    """Refuse a frame that was read through several amplifiers, by their overscans, where no card says which pixels are whose.

    >>> refuse_several_overscans(Header({"BSEC1": "[9:12,1:4]", "BSEC2": "[13:16,1:4]"}))
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: frame: must say which pixels each of its amplifiers read (got 'BSEC1, BSEC2'); give the readouts in an instrument file ([[readout]])
    """
    found = {
        str(card.value): card.keyword
        for card in header.cards
        if _OVERSCAN_SECTION.fullmatch(card.keyword) and is_section(card.value)
    }
    if len(found) > 1:
        raise ArgumentError(
            "frame",
            "must say which pixels each of its amplifiers read",
            value=", ".join(found.values()),
            remedy="give the readouts in an instrument file ([[readout]])",
        )


def unread_overscan(header: Header) -> tuple[str, ...]:
    """Return what the cards of a frame in which no overscan was found say of one; where it is not read, it stays in the image.

    >>> unread_overscan(Header({"BSEC11": "[97:112,1:64]", "PRESCAN": 0, "POSTPIX": 20}))[0]
    "BSEC11 = '[97:112,1:64]' tells of an overscan, for which an instrument file must name the place ([sections])"
    >>> len(unread_overscan(Header({"BSEC11": "[97:112,1:64]", "PRESCAN": 0, "POSTPIX": 20})))
    2
    """
    return tuple(
        f"{card.keyword} = {card.value!r} tells of an overscan, for which an instrument file must name the place ([sections])"
        for card in header.cards
        if (_OVERSCAN_SECTION.fullmatch(card.keyword) and is_section(card.value))
        or (_OVERSCAN_SIZE.fullmatch(card.keyword) and (lenient_number(header, card.keyword) or 0) > 0)
    )


def cut_off_margins(exposed: Range, shape: tuple[int, int]) -> tuple[str, ...]:
    """Return what is said of columns or rows outside the exposed pixels of a frame in which no overscan was found; of a few nothing.

    >>> cut_off_margins(Range(0, 64, 0, 64), (64, 96))
    ('32 columns outside of the exposed section [1:64,1:64] may be an overscan, for which an instrument file must name the place ([sections])',)
    >>> cut_off_margins(Range(1, 63, 0, 64), (64, 64))
    ()
    """
    ny, nx = shape
    left, right, bottom, top = exposed.x_lower, nx - exposed.x_upper, exposed.y_lower, ny - exposed.y_upper
    return tuple(
        f"{count} {lines} outside of the exposed section {exposed.to_fits()} may be an overscan, for which an instrument file "
        "must name the place ([sections])"
        for lines, count in (("columns", max(left, right)), ("rows", max(bottom, top)))
        if count >= _LEAST_MARGIN
    )


def lost_part(exposed: Range, overscan: Range, shape: tuple[int, int]) -> tuple[str, ...]:
    """Return what is said of a large part of a frame that is neither exposed nor beside the lines of the overscan.

    >>> lost_part(Range(0, 64, 0, 50), Range(128, 144, 0, 100), (100, 144))
    ('75 % of the frame lies outside of the exposed section [1:64,1:50] and the overscan',)
    >>> lost_part(Range(4, 124, 0, 100), Range(128, 144, 0, 100), (100, 144))
    ()
    """
    ny, nx = shape
    beside = exposed.x_upper <= overscan.x_lower or overscan.x_upper <= exposed.x_lower
    whole = ny * (nx - overscan.shape[1]) if beside else (ny - overscan.shape[0]) * nx
    lost = 1.0 - exposed.shape[0] * exposed.shape[1] / whole if whole > 0 else 0.0
    text = f"{100 * lost:.0f} % of the frame lies outside of the exposed section {exposed.to_fits()} and the overscan"
    return (text,) if lost > _LARGEST_LOSS else ()


def sections_of(spec: Any, where: str) -> tuple[Section, ...]:
    """Convert a TOML value to sections; `where` names it in errors."""
    if isinstance(spec, list):
        return tuple(_section(item, where) for item in spec)
    return (_section(spec, where),)


def _section(spec: Any, where: str) -> Section:
    if isinstance(spec, str) and spec.strip():
        text = spec.strip()
        if not text.startswith("["):
            return Named(as_keyword(text))
        Range.from_fits(text)
        return Fixed(text)
    if isinstance(spec, Mapping) and "side" in spec:
        return _strip(spec, where)
    if isinstance(spec, Mapping) and spec and set(spec) <= set(SIDES):
        return Inside(**{side: _size(value, f"{where}.{side}") for side, value in spec.items()})
    raise ArgumentError(
        where,
        "must be a keyword, FITS text, a strip or margins",
        value=spec,
        remedy='write "BIASSEC", "[1:10,1:9]", { side = "right", size = "COVER" } or { right = "COVER" }',
    )


def _strip(spec: Mapping[str, Any], where: str) -> Strip:
    unknown = set(spec) - {"side", "size", "skip", "edge"}
    if unknown:
        raise ArgumentError(
            where, "knows side, size, skip and edge only", value=sorted(unknown)[0], remedy="remove it"
        )
    one_of(f"{where}.side", spec["side"], SIDES)
    if "size" not in spec:
        raise ArgumentError(
            f"{where}.size", "is missing", remedy="give a number of pixels or a header keyword"
        )
    left_out = {name: _lines_left_out(spec.get(name, 0), f"{where}.{name}") for name in ("skip", "edge")}
    return Strip(spec["side"], _size(spec["size"], f"{where}.size"), **left_out)


def _lines_left_out(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError(
            where, "must be a whole number of pixels, 0 or more", value=value, remedy="give such as 2"
        )
    return value


def _size(value: Any, where: str) -> Size:
    if isinstance(value, str) and value.strip():
        return as_keyword(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ArgumentError(
        where,
        "must be a number of pixels, 0 or more, or a header keyword",
        value=value,
        remedy="give such as 32 or 'COVER'",
    )


def _pixels(size: Size, header: Header) -> int:
    if isinstance(size, int):
        return size
    value = header.number(size)
    if value is None:
        return 0
    if value < 0 or value != int(value):
        raise ArgumentError(
            f"header keyword {size}",
            "must be a number of pixels, 0 or more",
            value=value,
            remedy="correct the header, or give a number in the instrument file",
        )
    return int(value)


def _inside(text: str, shape: tuple[int, int], subject: str) -> Range:
    try:
        return Range.of(text.strip(), shape)
    except ArgumentError as problem:
        rule = f"must be a section of the frame of {shape[1]} x {shape[0]}: {problem.rule}"
        raise ArgumentError(
            subject, rule, value=text,
            remedy="name the instrument, or correct the header (ccdfx header); it counts stored pixels, of binned frames binned ones",
        ) from None  # fmt: skip
