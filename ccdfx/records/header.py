"""An immutable FITS header."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ccdfx.errors import (
    ArgumentError,
    ArgumentTypeError,
    UnknownNameError,
    WindowError,
    did_you_mean,
    printable,
)
from ccdfx.records.card import (
    COMMENTARY,
    Card,
    Value,
    as_card,
    as_keyword,
    for_astropy,
    from_astropy,
    lines_joined,
    same_cards,
)

_PATTERN = re.compile(r"[*?]")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


class HasCards(Protocol):
    """A header of another package, such as astropy, or of this one."""

    @property
    def cards(self) -> Any: ...


HeaderLike = HasCards | Mapping[str, Any] | Iterable[tuple[Any, ...]] | None
"""What `Header` accepts."""


class Header(Mapping[str, Value]):
    """An ordered, immutable mapping of FITS cards; keywords are case-insensitive, duplicates are kept.

    Setting, removing and adding return a new header. ``header["HISTORY"]`` joins the lines, each filled up to the 72
    characters of a card, so that astropy makes the same cards of them, and ``WCS(header)`` works; ``header.history`` has the
    lines. An absent keyword raises an `UnknownNameError`, which is a KeyError. ``header[0]`` is the value of the first card,
    ``header["FILT*"]`` the header of all that match. It prints as its cards.

    Parameters
    ----------
    source : mapping, astropy Header, Header, or iterable of cards, optional
        A card is `Card` or a tuple (keyword, value) or (keyword, value, comment).

    Examples
    --------
    >>> header = Header({"OBJECT": "M 13"}).set("EXPTIME", 5.0, "seconds").add_history("made by hand")
    >>> header["exptime"], header.comment("EXPTIME"), header.history
    (5.0, 'seconds', ('made by hand',))
    >>> header.get("FILTER") is None, header[1], list(header["*TIME"])
    (True, 5.0, ['EXPTIME'])
    >>> header
    OBJECT  = 'M 13    '
    EXPTIME =                  5.0 / seconds
    HISTORY made by hand
    """

    __slots__ = ("_cards", "_index")

    def __init__(self, source: HeaderLike = ()) -> None:
        self._cards = _cards_of(source)
        self._index = _first_places(self._cards)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, "_index"):
            raise AttributeError("a Header is immutable; header.set(keyword, value) gives a new one")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Header, (tuple(tuple(card) for card in self._cards),)

    def __getitem__(self, keyword: str | int) -> Value:
        """Return the value of a keyword or of the card of a number, or, of a pattern with * or ?, a header of all that match."""
        if isinstance(keyword, int) and not isinstance(keyword, bool):
            return self._card_at(keyword).value
        if isinstance(keyword, str) and _PATTERN.search(keyword) and keyword not in self:
            return self.matching(keyword)  # type: ignore[return-value]  # all else is a value
        card = self._first(keyword)  # type: ignore[arg-type]  # anything else is refused there
        return lines_joined(self.all(card.keyword)) if card.keyword in COMMENTARY else card.value

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return the value, or `default` where the keyword is absent."""
        if keyword not in self:  # avoids the search for similar names when an error is raised
            return default
        return self[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, keyword: object) -> bool:
        return isinstance(keyword, str) and as_keyword(keyword) in self._index

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Header)
            and all(map(same_cards, self._cards, other._cards))
            and len(self._cards) == len(other._cards)
        )

    def __hash__(self) -> int:
        return hash(tuple(card.keyword for card in self._cards))

    def __repr__(self) -> str:
        from ccdfx.records.views.header import cards_text

        return cards_text(self._cards) or "Header of no cards"

    def _repr_html_(self) -> str:
        from ccdfx.records.views.header import cards_html

        return cards_html(self._cards)

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards in order."""
        return self._cards

    @property
    def comments(self) -> Mapping[str, str]:
        """The comments of the cards by keyword, of the first of each; as absent keywords raise an error."""
        return Comments(self)

    @property
    def history(self) -> tuple[str, ...]:
        """The HISTORY lines in order."""
        return self.all("HISTORY")

    def comment(self, keyword: str) -> str:
        """Return the comment of the first card of this keyword."""
        return self._first(keyword).comment

    def _card_at(self, number: int) -> Card:
        try:
            return self._cards[number]
        except IndexError:
            raise WindowError(
                "card", f"must be below {len(self._cards)}, the number of cards", value=number,
                remedy="header.cards has them all",
            ) from None  # fmt: skip

    def matching(self, pattern: str) -> Header:
        """Return a header of the cards whose keywords match a pattern with * and ?; ``header[pattern]`` is the same.

        >>> list(Header({"FILTER1": "V", "FILTER2": "open"}).matching("filter*"))
        ['FILTER1', 'FILTER2']
        """
        form = re.compile(fnmatch.translate(as_keyword(pattern)))
        return Header._of(tuple(card for card in self._cards if form.match(card.keyword)))

    def _first(self, keyword: str) -> Card:
        if keyword not in self:
            remedy = did_you_mean(keyword, self._index, "ask with header.get(keyword)")
            raise UnknownNameError("keyword", "must be in the header", value=keyword, remedy=remedy)
        return self._cards[self._index[as_keyword(keyword)]]

    def all(self, keyword: str) -> tuple[Any, ...]:
        """Return the values of all cards of this keyword, in order."""
        key = as_keyword(keyword)
        return tuple(card.value for card in self._cards if card.keyword == key)

    def number(self, keyword: str) -> float | None:
        """Return the value as a float; None where it is absent or undefined.

        Numbers written as text are converted, also with a decimal comma; not with a comma before three digits, which may
        divide thousands.

        Raises
        ------
        ArgumentError
            The value is not a finite number.
        """
        value = self.get(keyword)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
            raise ArgumentError(
                f"header keyword {keyword}",
                "must be one number; the comma may divide thousands or be that of a decimal",
                value=value,
                remedy="mend it with header.set",
            )
        try:
            number = math.nan if isinstance(value, bool | complex) else float(_decimal(value))
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ArgumentError(
                f"header keyword {keyword}",
                "must be a finite number",
                value=value,
                remedy="mend it with header.set",
            )
        return number

    def set(self, keyword: str, value: Value, comment: str | None = None) -> Header:
        """Return a header in which the first card of this keyword has the value; a new card is appended.

        Without a comment, the old one is kept.
        """
        key = as_keyword(keyword)
        if key in COMMENTARY:
            raise ArgumentError(
                "keyword", "HISTORY and COMMENT are added, not set", value=key, remedy="use add_history"
            )
        if key not in self._index:
            return Header._of((*self._cards, as_card((key, value, comment or ""))))
        i = self._index[key]
        new = as_card((key, value, self._cards[i].comment if comment is None else comment))
        return Header._of((*self._cards[:i], new, *self._cards[i + 1 :]))

    def update(self, values: Mapping[str, Value]) -> Header:
        """Return a header in which all these keywords are set."""
        if not isinstance(values, Mapping):
            raise ArgumentTypeError(
                "values", "must be a mapping of keywords", value=values, remedy="give a dict"
            )
        header = self
        for keyword, value in values.items():
            header = header.set(keyword, value)
        return header

    def remove(self, *keywords: str) -> Header:
        """Return a header without the cards of these keywords; absent ones are ignored."""
        gone = {as_keyword(keyword) for keyword in keywords}
        if gone.isdisjoint(self._index):
            return self
        return Header._of(tuple(card for card in self._cards if card.keyword not in gone))

    def add_history(self, *lines: str) -> Header:
        """Return a header with these lines added to its HISTORY."""
        return Header._of(self._cards + tuple(as_card(("HISTORY", line)) for line in lines))

    def to_astropy(self) -> Any:
        """Convert to an `astropy.io.fits.Header`; what FITS cannot store is replaced, as in a file."""
        from astropy.io import fits

        return fits.Header([fits.Card(*one) for card in self._cards for one in for_astropy(card)])

    @classmethod
    def _of(cls, cards: tuple[Card, ...]) -> Header:
        """Make a header of valid cards, without checks."""
        header = cls.__new__(cls)
        object.__setattr__(header, "_cards", cards)
        object.__setattr__(header, "_index", _first_places(cards))
        return header


class Comments(Mapping[str, str]):
    """The comments of a header by keyword."""

    __slots__ = ("_header",)

    def __init__(self, header: Header) -> None:
        self._header = header

    def __getitem__(self, keyword: str) -> str:
        return self._header.comment(keyword)

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def __len__(self) -> int:
        return len(self._header)

    def __repr__(self) -> str:
        return "\n".join(f"{keyword:<8}  {printable(comment)}" for keyword, comment in self.items())


def lenient_number(header: Header, keyword: str) -> float | None:
    """Return the number of a keyword, or None where the header has another value."""
    try:
        return header.number(keyword)
    except ArgumentError:
        return None


def _first_places(cards: tuple[Card, ...]) -> dict[str, int]:
    index: dict[str, int] = {}
    for i, card in enumerate(cards):
        index.setdefault(card.keyword, i)
    return index


def _cards_of(source: Any) -> tuple[Card, ...]:
    if source is None:
        return ()
    if isinstance(source, Header):
        return source.cards
    astropy_cards = getattr(source, "cards", None)
    if astropy_cards is not None:
        return tuple(from_astropy(card) for card in astropy_cards)
    if isinstance(source, Mapping):
        return tuple(as_card((key, *(v if isinstance(v, tuple) else (v,)))) for key, v in source.items())
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise ArgumentTypeError(
            "header",
            "must be a mapping or a sequence of cards",
            value=type(source).__name__,
            remedy="give a dict, or tuples (keyword, value, comment)",
        )
    return tuple(as_card(item) for item in source)


def _decimal(value: str | int | float) -> str | int | float:
    return (
        value.strip().replace(",", ".").replace("D", "E").replace("d", "e")
        if isinstance(value, str)
        else value
    )
