"""Display of a header: its cards as in a FITS file."""

from __future__ import annotations

import html as markup
from collections.abc import Sequence

from ccdfx.errors import printable
from ccdfx.records.card import COMMENTARY, Card

_MOST = 400  # cards that are shown


def card_text(card: Card) -> str:
    """Return a card in the form of FITS, without its fixed width for long values.

    >>> card_text(Card("EXPTIME", 5.0, "seconds")), card_text(Card("SIMPLE", True))
    ('EXPTIME =                  5.0 / seconds', 'SIMPLE  =                    T')
    """
    keyword = printable(card.keyword, 60)
    if card.keyword in COMMENTARY:
        return f"{keyword:<8}{printable(card.value or '', 2000)}".rstrip()
    if isinstance(card.value, str):
        value = "'" + printable(card.value, 2000).replace("'", "''").ljust(8) + "'"
        value = f"{value:<20}"
    else:
        shown = {True: "T", False: "F"}.get(card.value, "") if isinstance(card.value, bool) else card.value
        value = f"{'' if shown is None else str(shown):>20}"
    comment = f" / {printable(card.comment, 2000)}" if card.comment else ""
    return f"{keyword:<8}= {value}{comment}".rstrip()


def cards_text(cards: Sequence[Card]) -> str:
    """Return the cards, one a line; of very many the first."""
    more = [f"... and {len(cards) - _MOST} cards more"] if len(cards) > _MOST else []
    return "\n".join([*map(card_text, cards[:_MOST]), *more])


def cards_html(cards: Sequence[Card]) -> str:
    """Return an HTML table of the cards: keyword, value, comment."""
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:left'>{markup.escape(printable('' if text is None else text, 2000))}</td>"
            for text in card
        )
        + "</tr>"
        for card in cards[:_MOST]
    )
    more = f"<p>... and {len(cards) - _MOST} cards more</p>" if len(cards) > _MOST else ""
    titles = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("keyword", "value", "comment"))
    return f"<table><tr>{titles}</tr>{rows}</table>{more}"
