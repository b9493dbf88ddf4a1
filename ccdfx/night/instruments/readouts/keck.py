"""One or two amplifiers of Keck's CCDs (ESI, older LRIS): PREPIX and POSTPIX columns each, around the columns of WINDOW.

The file has the prescans of all amplifiers, then their exposed columns, then their overscans (PypeIt: keck_esi, keck_lris). It is
read only where these fill the image, so that a header of another meaning is none of these.
"""

from __future__ import annotations

import re

from ccdfx.night.instruments.readouts.site import Site, Stored
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull
from ccdfx.records.range import Range

_CARDS = ("NUMAMPS", "PREPIX", "POSTPIX")
_MOST = 2  # amplifiers along a row


def sites_of_windows(image: StoredImage) -> list[Site]:
    """Return the sites of one or two amplifiers; none where the cards are not there, or their columns do not fill the image.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> cards = {"NUMAMPS": 2, "PREPIX": 12, "POSTPIX": 80, "WINDOW": "0,0,0,2048,4096"}
    >>> sites = sites_of_windows(StoredImage(header=Header(cards), shape=(4096, 2232)))
    >>> [(site.name, site.stored.kept.to_fits(), site.stored.bias[0].to_fits()) for site in sites]
    [('1', '[25:1048,1:4096]', '[2073:2152,1:4096]'), ('2', '[1049:2072,1:4096]', '[2153:2232,1:4096]')]
    """
    if not all(card in image.header for card in _CARDS) or image.count("POSTLINE") or image.count("PRELINE"):
        return []
    count, prescan, overscan = (image.count(card) or 0 for card in _CARDS)
    window = re.findall(r"\d+", image.text("WINDOW"))
    if not 1 <= count <= _MOST or len(window) != 5:
        return []
    found = {
        (prescan // scan, int(window[3]) // size, overscan // scan)
        for scan in {1, image.binning[0]}
        for size in {1, image.binning[0]}
        if count * (prescan // scan + overscan // scan) + int(window[3]) // size == image.shape[1]
    }
    if len(found) != 1:
        return []
    prescan, columns, overscan = found.pop()
    if not overscan or columns % count:
        return []
    width, start = columns // count, count * prescan
    return [_site(image, number, start + number * width, width, start + columns + number * overscan, overscan)
            for number in range(count)]  # fmt: skip


def _site(image: StoredImage, number: int, low: int, width: int, at: int, overscan: int) -> Site:
    height = image.shape[0]
    data, bias = Range(low, low + width, 0, height), Range(at, at + overscan, 0, height)
    stored = Stored(
        image=image, data=Directed(data), kept=data, bias=(bias,), window=hull([data, bias]), card="PREPIX", suffix=str(number + 1)
    )  # fmt: skip
    place = Range(number * width, (number + 1) * width, 0, height)
    return Site(
        stored=stored, place=Directed(place), flips=(False, False), card="WINDOW", name=str(number + 1),
        reversals=(number == 1, False),
    )  # fmt: skip
