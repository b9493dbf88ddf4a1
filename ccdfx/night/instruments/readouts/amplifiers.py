"""Readouts of one image by cards that bear the name of an amplifier.

IRAF's quad format has AMPLIST = '11 12 21 22' and ASEC11, BSEC11, CSEC11, DSEC11, TSEC11...; other cameras have DATASECA,
BIASSECA, TRIMSECA, CCDSECA, DETSECA, AMPSECA..., and cameras of Spectral Instruments 4P_ASECD (data) and 4P_ASECB (bias) of
port A. Where no card says where the pixels lie on the detector (GROND, SI), they follow each other as they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ccdfx.night.instruments.readouts.mosaic import DETECTORS, reading_order
from ccdfx.night.instruments.readouts.site import (
    SectionCards,
    Site,
    Stored,
    differing,
    place_as_stored,
    stored_sections,
)
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull

_LIST = "AMPLIST"
_QUAD = SectionCards(data=("DSEC",), trim=("TSEC",), bias=("BSEC",), window=("ASEC",))
_LETTERED = SectionCards(data=("DATASEC",), trim=("TRIMSEC",), bias=("BIASSEC",))
_PLACES = {_QUAD.data: ("CSEC",), _LETTERED.data: ("CCDSEC", "DETSEC")}
_SUFFIX = re.compile(r"(DATASEC|DSEC|TSEC)[A-Z0-9]{1,4}\Z")
_PORT = re.compile(r"\dP_([A-Z])SECD\Z")
_CORNER = re.compile(r"[12][12]\Z")


def sites_of_amplifiers(image: StoredImage) -> list[Site]:
    """Return the sites of the amplifiers of an image; none where its cards name no amplifier with an overscan, or one beside BIASSEC.

    Raises
    ------
    ArgumentError
        An amplifier of AMPLIST, or one that has exposed pixels, has no section on the detector, where others have one.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> cards = {"AMPLIST": "11 12", "DSEC11": "[1:4,1:4]", "CSEC11": "[1:4,1:4]"}
    >>> cards |= {"DSEC12": "[5:8,1:4]", "CSEC12": "[5:8,1:4]"}
    >>> [site.name for site in sites_of_amplifiers(StoredImage(header=Header(cards), shape=(4, 8)))]
    ['11', '12']
    >>> cards = {"DSECA": "[3:6,1:4]", "BSECA": "[1:2,1:4]", "DSECB": "[7:10,1:4]", "BSECB": "[11:12,1:4]"}
    >>> [site.place.range.to_fits() for site in sites_of_amplifiers(StoredImage(header=Header(cards), shape=(4, 12)))]
    ['[1:4,1:4]', '[5:8,1:4]']
    """
    for cards, names in _named(image):
        stored = [stored_sections(image, replace(cards, suffix=name)) for name in names]
        return _sites(stored, _PLACES[cards.data])
    return _sites(_stored_of_ports(image), ())


def _named(image: StoredImage) -> list[tuple[SectionCards, list[str]]]:
    """Return the cards and the names of the amplifiers; nothing, or one pair."""
    quad = image.text(_LIST).replace(",", " ").split()
    if quad and any(image.has(f"DSEC{name}") for name in quad):
        return [(_QUAD, quad)]
    for cards, stem in ((_LETTERED, "DATASEC"), (_QUAD, "DSEC"), (_QUAD, "TSEC")):
        names = _suffixes(image, stem)
        if len(names) > 1 or (stem == "DSEC" and names and _has_own_overscan(image, names[0])):
            return [(cards, names)]
    return []


def _has_own_overscan(image: StoredImage, name: str) -> bool:
    return image.has(f"BSEC{name}") and not image.has("BIASSEC")


def _suffixes(image: StoredImage, stem: str) -> list[str]:
    found = [
        card.keyword.removeprefix(stem)
        for card in image.header.cards
        if _SUFFIX.match(card.keyword) and card.keyword.startswith(stem) and image.has(card.keyword)
    ]
    return list(dict.fromkeys(found))


def _stored_of_ports(image: StoredImage) -> list[Stored]:
    """Return the stored sections of ports of Spectral Instruments; none where they were cut, and lie beyond the image."""
    found = []
    for card in image.header.cards:
        port = _PORT.match(card.keyword)
        bias = f"{card.keyword[:-1]}B"
        if port is None or not (image.has(card.keyword) and image.has(bias)):
            continue
        if not all(
            image.whole.contains(section.range)
            for key in (card.keyword, bias)
            if (section := image.section(key))
        ):
            return []
        stored = stored_sections(image, SectionCards(data=(card.keyword,), trim=(), bias=(bias,)))
        found.append(replace(stored, suffix=port[1], window=hull([stored.kept, *stored.bias])))
    return found if len(found) > 1 else []


def _sites(stored: Sequence[Stored], places: tuple[str, ...]) -> list[Site]:
    """Return the sites by the cards of their places, or where none has one as they are stored."""
    cards = [
        next((place + one.suffix for place in places if one.image.has(place + one.suffix)), "")
        for one in stored
    ]
    if any(cards):
        for one, card in zip(stored, cards, strict=True):
            if not card:
                raise one.image.refusal(
                    places[0] + one.suffix, "is missing, which says where the pixels lie on the detector"
                )
    every = [one.data.range for one in stored]
    found = []
    for one, card in zip(stored, cards, strict=True):
        place = (
            one.image.section(card)
            if card
            else Directed(place_as_stored(one.data.range, every), *one.data.reversals)
        )
        assert place is not None
        found.append(_site(one, place, card or one.card))
    return found


def _site(stored: Stored, place: Directed, card: str) -> Site:
    flips = differing(place.reversals, stored.data.reversals)
    reversals = reading_order(stored, flips)
    if stored.card.startswith(("DSEC", "TSEC")) and _CORNER.match(
        stored.suffix
    ):  # the corner at which it reads: row, column
        reversals = stored.suffix[1] == "2", stored.suffix[0] == "2"
    return Site(
        stored=stored,
        place=place,
        flips=flips,
        card=card,
        name=stored.suffix,
        detector=detector_of(stored.image),
        reversals=reversals,
    )


def detector_of(image: StoredImage) -> str:
    """Return the name of the detector of an image that holds all its readouts; that of an extension has its name."""
    named = next((text for card in DETECTORS if (text := image.text(card))), "")
    return named or ("" if image.hdu is None else image.name)
