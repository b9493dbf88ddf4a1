"""Cards of a FITS file corrected in a copy, in which all other bytes are those of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, printable
from ccdfx.io.content import Content, held, opened
from ccdfx.io.fits.cards import BLOCK, CARD, format_card, parse_cards
from ccdfx.io.fits.checksum import sum_of_bytes, verify, with_sums
from ccdfx.io.fits.compressed.tiles import OF_TABLE
from ccdfx.io.fits.groups import chosen, grouped, inherited
from ccdfx.io.fits.hdus import STRUCTURAL, Hdu, walk
from ccdfx.io.inflated import is_compressed
from ccdfx.records.card import COMMENTARY, Card, Value

_CHUNK = 512 * BLOCK
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_OF_ORIGINAL = ("ZHECKSUM",)  # of a tile-compressed image: the sum of a header that is now another


@dataclass(frozen=True, slots=True)
class CardEdits:
    """Cards to rename (old, new), then to remove, then to set (keyword, value), and a text to add to the HISTORY of each."""

    rename: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    set: tuple[tuple[str, Value], ...] = ()

    @property
    def keywords(self) -> tuple[str, ...]:
        """All keywords that are renamed, removed or set."""
        return (*(one for pair in self.rename for one in pair), *self.remove, *(key for key, _ in self.set))


def edit_fits(
    path: Path, target: Path, edits: CardEdits, *, hdu: int | str | None = None, checksum: bool = True
) -> tuple[str, ...]:
    """Write to `target` the file `path` with cards corrected, and return what was changed, in words.

    Pixels, other HDUs and other cards keep their bytes, tile-compressed ones too; CHECKSUM and DATASUM are renewed where
    they are. Compression by gzip and bzip2 is that of the file. Each change is a line of HISTORY.

    Parameters
    ----------
    hdu : int, str or None
        The HDU by number or name, or "all" for all images; by default the first image.
    checksum : bool
        Whether checksums are verified before: a damaged file would get valid ones.

    Raises
    ------
    ArgumentError
        A keyword describes the layout of the file, or a card does not fit.
    FormatError
        The file is damaged.
    """
    with opened(path, keep=True) as content:
        hdus = list(walk(content))
        if hdu == "all":
            wanted = [group.image for group in grouped(content, hdus)]
        else:
            wanted = [chosen(content, hdus, hdu).image]
        for one in wanted if hdu != "all" else ():
            _refuse_inherited(hdus, one, edits)
        for one in hdus if checksum else ():
            verify(content, one)
        places = {one.index for one in wanted}
        changes: list[str] = []
        base = getattr(content, "base", content)
        with held(base), _stream(target, bytes(base.read_at(0, 3))) as write:
            for one in hdus:
                header = bytes(content.read_at(one.header_at, one.data_at - one.header_at))
                if one.index in places:
                    header, done = _edited(one, header, edits)
                    changes += [text if len(places) == 1 else f"HDU {one.index}: {text}" for text in done]
                    if done:
                        header = with_sums(header, one, sum_of_bytes(content, one.data_at, one.end))
                write(header)
                _copy(content, write, one.data_at, one.end)
            _copy(content, write, hdus[-1].end, None)
    return tuple(changes)


def _refuse_inherited(hdus: Sequence[Hdu], image: Hdu, edits: CardEdits) -> None:
    """Refuse to rename or remove cards that an image only inherits: it would have them still."""
    for keyword in (*(old for old, _ in edits.rename), *edits.remove):
        own, primary = keyword in image.header, keyword in hdus[0].header
        if primary and not own and inherited(hdus, image):
            raise ArgumentError(
                f"HDU {image.index}", "inherits the card from the primary header", value=keyword,
                remedy="correct it there: --hdu 0",
            )  # fmt: skip


def require_editable(edits: CardEdits, subject: str) -> None:
    """Raise unless the cards may be edited: none describes the layout of the file, and commentary is added only.

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> require_editable(CardEdits(remove=("NAXIS1",)), "--remove")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: --remove: must not change how the file is read (got 'NAXIS1'); leave it out
    """
    for keyword in edits.keywords:
        if STRUCTURAL.match(keyword):
            raise ArgumentError(
                subject, "must not change how the file is read", value=keyword, remedy="leave it out"
            )
        if keyword in COMMENTARY:
            raise ArgumentError(
                subject, "must not be commentary", value=keyword, remedy="give a keyword with a value"
            )


def _edited(hdu: Hdu, header: bytes, edits: CardEdits) -> tuple[bytes, list[str]]:
    """Return the header with the edits made, padded, and what was changed."""
    require_editable(edits, f"HDU {hdu.index}")
    for keyword in edits.keywords if hdu.kind != "image" else ():
        if OF_TABLE.match(keyword):
            raise ArgumentError(
                f"HDU {hdu.index}",
                "must not change how its tiles are read",
                value=keyword,
                remedy="leave it out",
            )
    lines = _cards_of(header)
    changes = _change(lines, edits)
    if not changes:
        return header, []
    lines = [line for line in lines if line.keyword not in _OF_ORIGINAL]
    while lines and not lines[-1].raw.strip():
        lines.pop()  # room that was kept for more cards
    for text in changes:
        lines.append(_line(Card("HISTORY", f"ccdfx header: {text}")))
    joined = b"".join(line.raw for line in lines)
    kept = b" " * max(0, _length_before_end(header) - len(joined))
    joined += kept + b"END".ljust(CARD)
    return joined.ljust(-(-len(joined) // BLOCK) * BLOCK), changes


def _length_before_end(header: bytes) -> int:
    """Return the number of bytes of the cards before END, room that was kept for more included."""
    return next(
        at for at in range(0, len(header), CARD) if header[at : at + CARD][:8].rstrip(b" \0") == b"END"
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """The line of a card, with its CONTINUE lines, as it stands in the file."""

    keyword: str
    value: Any
    comment: str
    raw: bytes


def _cards_of(header: bytes) -> list[_Lines]:
    groups: list[bytes] = []
    for at in range(0, _length_before_end(header), CARD):
        line = header[at : at + CARD]
        if line.startswith(b"CONTINUE") and groups:
            groups[-1] += line
        else:
            groups.append(line)
    found = []
    for raw in groups:
        card = parse_cards(raw.decode("latin-1"))[0]
        found.append(_Lines(card.keyword, card.value, card.comment, raw))
    return found


def _change(lines: list[_Lines], edits: CardEdits) -> list[str]:
    """Make the edits in the list of lines, and describe those that change something."""
    changes = []
    for old, new in edits.rename:
        if not any(line.keyword == old for line in lines):
            continue
        replaced = [line for line in lines if line.keyword == new]
        was = f", which was {_shown(replaced[0].value)}" if replaced else ""
        kept = [line for line in lines if line.keyword != new]
        lines[:] = [_renamed(line, new) if line.keyword == old else line for line in kept]
        changes.append(f"{old} renamed {new}{was}")
    for keyword in edits.remove:
        gone = [line for line in lines if line.keyword == keyword]
        if gone:
            lines[:] = [line for line in lines if line.keyword != keyword]
            changes.append(f"{keyword} removed, was {_shown(gone[0].value)}")
    for keyword, value in edits.set:
        places = [place for place, line in enumerate(lines) if line.keyword == keyword]
        same = len(places) == 1 and _same(lines[places[0]].value, value)
        if same:
            continue
        was = f", was {_shown(lines[places[0]].value)}" if places else ""
        new_line = _line(Card(keyword, value, lines[places[0]].comment if places else ""))
        if places:
            lines[places[0]] = new_line
            lines[:] = [line for place, line in enumerate(lines) if place not in places[1:]]
        else:
            last = max((place for place, line in enumerate(lines) if line.raw.strip()), default=-1)
            lines.insert(last + 1, new_line)
        changes.append(f"{keyword} = {_shown(value)}{was}")
    return changes


def _renamed(line: _Lines, new: str) -> _Lines:
    """Give a card another keyword; its value keeps its bytes where both are of 8 characters at most."""
    if line.raw[8:10] == b"= " and len(new) <= 8 and _PLAIN.issuperset(new):
        return _Lines(new, line.value, line.comment, f"{new:<8}".encode() + line.raw[8:])
    return _line(Card(new, line.value, line.comment))


def _line(card: Card) -> _Lines:
    return _Lines(card.keyword, card.value, card.comment, format_card(card).encode("ascii"))


def _same(one: Any, two: Any) -> bool:
    return type(one) is type(two) and one == two


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return repr(printable(value, 40)) if isinstance(value, str) else str(value)


@contextmanager
def _stream(target: Path, head: bytes) -> Iterator[Callable[[Any], Any]]:
    """Yield a function that writes bytes to a file, compressed as one that begins with `head`."""
    with open(target, "wb") as file:
        if not is_compressed(head):
            yield file.write
        elif head[:2] == b"\x1f\x8b":
            import gzip

            with gzip.GzipFile("", "wb", 6, file, mtime=0) as stream:
                yield stream.write
        else:
            import bz2

            with bz2.BZ2File(file, "wb") as packed:
                yield packed.write


def _copy(content: Content, write: Callable[[Any], Any], start: int, stop: int | None) -> None:
    """Copy bytes up to `stop`, or all that follow; a file may end before its last padding does."""
    at = start
    while stop is None or at < stop:
        piece = content.read_at(at, _CHUNK if stop is None else min(_CHUNK, stop - at))
        if not len(piece):
            return
        write(piece)
        at += len(piece)


def missing_keywords(headers: Sequence[Any], edits: CardEdits) -> tuple[str, ...]:
    """Return the keywords to rename or remove that no header has.

    >>> missing_keywords([{"A": 1}], CardEdits(rename=(("A", "B"),), remove=("C",)))
    ('C',)
    """
    wanted = (*(old for old, _ in edits.rename), *edits.remove)
    return tuple(keyword for keyword in wanted if not any(keyword in header for header in headers))
