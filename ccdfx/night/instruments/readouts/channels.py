"""Channels of Subaru's CCDs (FOCAS, Suprime-Cam, HSC): S_EFMNij to S_EFMXij exposed, S_OSMNij to S_OSMXij overscan.

i is the channel and j the axis (1 for x); pixels are counted from 1 as they are stored. The channels follow each other as they are
stored; the gain of channel i is S_GAINi.
"""

from __future__ import annotations

import re

from ccdfx.night.instruments.readouts.amplifiers import detector_of
from ccdfx.night.instruments.readouts.site import Site, Stored, place_as_stored
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull
from ccdfx.records.range import Range

_CHANNEL = re.compile(r"S_EFMN(\d)1\Z")


def sites_of_channels(image: StoredImage) -> list[Site]:
    """Return the sites of the channels of a chip in one image; none where it has no such cards.

    Raises
    ------
    ArgumentError
        A card of a channel is missing, or its pixels are not those of the image.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> ends = {"S_EFMN11": 1, "S_EFMX11": 4, "S_OSMN11": 5, "S_OSMX11": 6, "S_EFMN21": 9, "S_EFMX21": 12, "S_OSMN21": 7, "S_OSMX21": 8}
    >>> rows = {f"S_{part}{end}{channel}2": 1 + 3 * (end == "MX") for part in ("EF", "OS") for end in ("MN", "MX") for channel in (1, 2)}
    >>> sites = sites_of_channels(StoredImage(header=Header(ends | rows), shape=(4, 12)))
    >>> [(one.name, one.stored.kept.to_fits(), one.stored.bias[0].to_fits(), one.place.range.to_fits()) for one in sites]
    [('1', '[1:4,1:4]', '[5:6,1:4]', '[1:4,1:4]'), ('2', '[9:12,1:4]', '[7:8,1:4]', '[5:8,1:4]')]
    """
    numbers = [found[1] for card in image.header.cards if (found := _CHANNEL.match(card.keyword))]
    data = [_section(image, "EF", number) for number in numbers]
    sites = []
    for number, exposed in zip(numbers, data, strict=True):
        overscan = _section(image, "OS", number)
        beside = Range(overscan.x_lower, overscan.x_upper, exposed.y_lower, exposed.y_upper)
        bias = (
            overscan if beside.intersection(exposed) else beside
        )  # in some headers the rows are those of another chip
        stored = Stored(
            image=image, data=Directed(exposed), kept=exposed, bias=(bias,), window=hull([exposed, bias]),
            card=f"S_EFMN{number}1", suffix=number,
        )  # fmt: skip
        sites.append(
            Site(
                stored=stored, place=Directed(place_as_stored(exposed, data)), flips=(False, False), card=stored.card,
                detector=detector_of(image), name=number, reversals=(bias.x_upper <= exposed.x_lower, False),
            )
        )  # fmt: skip
    return sites


def _section(image: StoredImage, part: str, number: str) -> Range:
    cards = [f"S_{part}{end}{number}{axis}" for axis in (1, 2) for end in ("MN", "MX")]
    values = [image.count(card) for card in cards]
    for card, value in zip(cards, values, strict=True):
        if value is None:
            raise image.refusal(card, f"is missing, which says where the pixels of channel {number} are")
    x_lower, x_upper, y_lower, y_upper = (value or 0 for value in values)
    text = f"[{x_lower}:{x_upper},{y_lower}:{y_upper}]"
    if not (1 <= x_lower <= x_upper <= image.shape[1] and 1 <= y_lower <= y_upper <= image.shape[0]):
        raise image.refusal(cards[0], f"must begin a section inside the image {image.whole.to_fits()}", text)
    return Range.from_fits(text)
