"""Readouts of one image by cards that end in the name of an amplifier.

IRAF's quad format has AMPLIST = '11 12 21 22' and ASEC11, BSEC11, CSEC11, DSEC11, TSEC11...; other cameras have DATASECA,
BIASSECA, TRIMSECA, CCDSECA, DETSECA, AMPSECA...
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ccdfx.night.instruments.readouts.mosaic import DETECTORS, reading_order
from ccdfx.night.instruments.readouts.site import SectionCards, Site, differing, stored_sections
from ccdfx.night.instruments.readouts.stored import StoredImage

_LIST = "AMPLIST"
_QUAD = SectionCards(data=("DSEC",), trim=("TSEC",), bias=("BSEC",), window=("ASEC",))
_LETTERED = SectionCards(data=("DATASEC",), trim=("TRIMSEC",), bias=("BIASSEC",))
_SUFFIX = re.compile(r"(DATASEC|DSEC)[A-Z0-9]{1,4}\Z")
_CORNER = re.compile(r"[12][12]\Z")


def sites_of_amplifiers(image: StoredImage) -> list[Site]:
    """Return the sites of the amplifiers of an image; none where its cards name fewer than two, and no AMPLIST one.

    Raises
    ------
    ArgumentError
        An amplifier of AMPLIST, or one that has exposed pixels, has no section on the detector.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> cards = {"AMPLIST": "11 12", "DSEC11": "[1:4,1:4]", "CSEC11": "[1:4,1:4]"}
    >>> cards |= {"DSEC12": "[5:8,1:4]", "CSEC12": "[5:8,1:4]"}
    >>> [site.name for site in sites_of_amplifiers(StoredImage(header=Header(cards), shape=(4, 8)))]
    ['11', '12']
    """
    quad = image.text(_LIST).replace(",", " ").split()
    if quad and any(image.has(f"DSEC{name}") for name in quad):
        return [_site(image, replace(_QUAD, suffix=name), ("CSEC",)) for name in quad]
    for cards, stems, places in (
        (_LETTERED, ("DATASEC",), ("CCDSEC", "DETSEC")),
        (_QUAD, ("DSEC",), ("CSEC",)),
    ):
        names = _suffixes(image, stems)
        if len(names) > 1:
            return [_site(image, replace(cards, suffix=name), places) for name in names]
    return []


def _suffixes(image: StoredImage, stems: Sequence[str]) -> list[str]:
    found = [
        card.keyword.removeprefix(stem)
        for card in image.header.cards
        for stem in stems
        if _SUFFIX.match(card.keyword) and card.keyword.startswith(stem) and image.has(card.keyword)
    ]
    return list(dict.fromkeys(found))


def _site(image: StoredImage, cards: SectionCards, places: tuple[str, ...]) -> Site:
    stored = stored_sections(image, cards)
    card = next((place + cards.suffix for place in places if image.has(place + cards.suffix)), "")
    place = image.section(card) if card else None
    if place is None:
        raise image.refusal(
            places[0] + cards.suffix, "is missing, which says where the pixels lie on the detector"
        )
    flips = differing(place.reversals, stored.data.reversals)
    reversals = reading_order(stored, flips)
    if cards.data == _QUAD.data and _CORNER.match(cards.suffix):  # the corner at which it reads: row, column
        reversals = cards.suffix[1] == "2", cards.suffix[0] == "2"
    return Site(
        stored=stored,
        place=place,
        flips=flips,
        card=card,
        name=cards.suffix,
        detector=detector_of(image),
        reversals=reversals,
    )


def detector_of(image: StoredImage) -> str:
    """Return the name of the detector of an image that holds all its readouts; that of an extension has its name."""
    named = next((text for card in DETECTORS if (text := image.text(card))), "")
    return named or ("" if image.hdu is None else image.name)
