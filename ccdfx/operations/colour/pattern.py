"""The pattern of a mosaic of colour filters, and how headers state it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.header import Header, HeaderLike
from ccdfx.records.planes import as_shape
from ccdfx.records.wcs import MOSAIC_OFFSETS, PATTERNS, rows_from_top, stated_pattern

PLANES = ("R", "G1", "G2", "B")
"""The planes of a mosaic: the first green pixels are those in the rows of the red ones."""
_BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")


@dataclass(frozen=True, slots=True)
class ColourPattern:
    """The colours of the pixels of an array, which repeat every 2 x 2 pixels (the mosaic of Bayer).

    Parameters
    ----------
    letters : str
        The colours of the first two pixels of the first row of the array and of those of its second row: RGGB,
        BGGR, GRBG or GBRG.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        Another pattern.

    Examples
    --------
    >>> pattern = ColourPattern("RGGB")
    >>> pattern.place("B"), pattern.moved(1, 0), pattern.colour(3, 0)
    ((1, 1), ColourPattern(letters='GRBG'), 'G')
    """

    letters: str
    KNOWN: ClassVar[tuple[str, ...]] = _BAYER

    def __post_init__(self) -> None:
        if not isinstance(self.letters, str):
            raise ArgumentTypeError(
                "pattern", "must be text", value=self.letters, remedy=f"give one of {', '.join(_BAYER)}"
            )
        letters = self.letters.strip().upper()
        if letters not in _BAYER:
            raise ArgumentError(
                "pattern",
                f"must be one of {', '.join(_BAYER)}, the mosaics of 2 x 2 pixels with two green ones",
                value=self.letters,
                remedy="other mosaics of colours are not known to ccdfx",
            )
        object.__setattr__(self, "letters", letters)

    @classmethod
    def of(cls, pattern: ColourPattern | str) -> ColourPattern:
        """Return a pattern as it is, or make one of its letters."""
        return pattern if isinstance(pattern, ColourPattern) else cls(pattern)

    def colour(self, x: int, y: int) -> str:
        """Return the colour of a pixel: R, G or B."""
        return self.letters[2 * (y % 2) + x % 2]

    def place(self, plane: str) -> tuple[int, int]:
        """Return the first pixel (x, y) of a plane: R, G1, G2 or B; G1 are the green pixels in the rows of red ones."""
        red, blue = self.letters.index("R"), self.letters.index("B")
        # A green pixel is in the row of one of the others and in the column of the other.
        found = {"R": red, "B": blue, "G1": red ^ 1, "G2": blue ^ 1}[plane]
        return found % 2, found // 2

    def moved(self, x: int, y: int) -> ColourPattern:
        """Return the pattern of a window whose first pixel is (x, y)."""
        return ColourPattern("".join(self.colour(x + i, y + j) for j in (0, 1) for i in (0, 1)))

    def turned(self, rows: int) -> ColourPattern:
        """Return the pattern of an array of so many rows when their order is reversed."""
        return ColourPattern("".join(self.colour(i, rows - 1 - j) for j in (0, 1) for i in (0, 1)))

    def __str__(self) -> str:
        return self.letters


def colour_pattern(header: HeaderLike, *, shape: tuple[int, int]) -> ColourPattern | None:
    """Find the pattern of the colour filters in front of the pixels of an array, from its header.

    BAYERPAT, COLORTYP or CFAIMAGE name the colours of the first 2 x 2 pixels, seen from the top of the picture.
    With XBAYROFF and YBAYROFF the mosaic begins so many columns and rows before the array. The first row of the
    file is the top row, but with ROWORDER = BOTTOM-UP the last one is. This is how Siril, N.I.N.A. and others
    read these cards; `select` and `trim` keep them true.

    Parameters
    ----------
    header : Header or mapping
    shape : (ny, nx)
        Of the whole array of this header.

    Returns
    -------
    ColourPattern or None
        As it lies from the first pixel of the array; None where the header names no mosaic.

    Raises
    ------
    ArgumentError
        The header names a mosaic that is none of Bayer's, or an offset that is no whole number.

    See Also
    --------
    split_colours, debayer

    Examples
    --------
    >>> cards = {"BAYERPAT": "RGGB", "XBAYROFF": 1, "ROWORDER": "BOTTOM-UP"}
    >>> str(colour_pattern(cards, shape=(100, 120))), str(colour_pattern(cards, shape=(101, 120)))
    ('BGGR', 'GRBG')
    """
    header, (ny, _) = Header(header), as_shape(shape)
    stated = stated_pattern(header)
    if stated is None:
        return None
    keyword, text = stated
    try:
        pattern = ColourPattern(text)
    except ArgumentError as error:
        raise error.about(keyword) from None
    x, y = (_offset(header, keyword) for keyword in MOSAIC_OFFSETS)
    if not rows_from_top(header):
        return pattern.moved(x, y).turned(ny)
    return pattern.moved(x, y)


def with_pattern(header: Header, pattern: ColourPattern | None, *, shape: tuple[int, int]) -> Header:
    """Set the cards of a header so that they state this pattern for an array of this shape; None removes them.

    >>> dict(with_pattern(Header({"ROWORDER": "BOTTOM-UP"}), ColourPattern("RGGB"), shape=(4, 4)))
    {'ROWORDER': 'BOTTOM-UP', 'BAYERPAT': 'GBRG', 'XBAYROFF': 0, 'YBAYROFF': 0}
    """
    if pattern is None:
        return header.remove(*PATTERNS, *MOSAIC_OFFSETS)
    if stated_pattern(header) is not None and colour_pattern(header, shape=shape) == pattern:
        return header
    header = header.remove(*PATTERNS, *MOSAIC_OFFSETS)
    named = pattern if rows_from_top(header) else pattern.turned(shape[0])
    header = header.set("BAYERPAT", named.letters, "colours of the mosaic, from the top")
    header = header.set("XBAYROFF", 0, "columns by which the mosaic begins earlier")
    return header.set("YBAYROFF", 0, "rows by which the mosaic begins earlier")


def _offset(header: Header, keyword: str) -> int:
    value = header.get(keyword)
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    number = header.number(keyword)
    if number is None or number != int(number):
        raise ArgumentError(
            keyword,
            "must be a whole number: by how many pixels the mosaic of colours begins earlier",
            value=value,
            remedy="correct the header",
        )
    return int(number)
