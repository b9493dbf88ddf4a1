"""Two amplifiers of Lick's CCDs (Kast, Nickel and others), whose overscans stand behind the columns of both.

AMPSROW times AMPSCOL is the number of amplifiers, COVER that of the overscan columns of each, DNAXIS1 that of the columns of
the sensor; CRVAL1U is the first column that was read, CDELT1U the binning, negative where columns are counted down. The left
half of the sensor is that of the first amplifier, whose overscan comes first.
"""

from __future__ import annotations

from ccdfx.night.instruments.readouts.site import Site, Stored
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull
from ccdfx.records.range import Range

_ROW, _COLUMN, _OVERSCAN = "AMPSROW", "AMPSCOL", "COVER"


def sites_of_two_amplifiers(image: StoredImage) -> list[Site]:
    """Return the sites of two amplifiers, or of the one of them that read all of a window; none of one amplifier.

    Raises
    ------
    ArgumentError
        There are overscan rows, or more amplifiers, of which it is not known where their pixels are.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> cards = {"AMPSROW": 2, "AMPSCOL": 1, "COVER": 32, "DNAXIS1": 1200, "CRVAL1U": 0, "CDELT1U": 1}
    >>> sites = sites_of_two_amplifiers(StoredImage(header=Header(cards), shape=(400, 1264)))
    >>> [(site.name, site.stored.kept.to_fits(), site.stored.bias[0].to_fits()) for site in sites]
    [('left', '[1:600,1:400]', '[1201:1232,1:400]'), ('right', '[601:1200,1:400]', '[1233:1264,1:400]')]
    """
    along = [image.count(card) or 0 if _OVERSCAN in image.header else 0 for card in (_ROW, _COLUMN)]
    if along[0] * along[1] < 2:
        return []
    if along[0] * along[1] > 2:
        raise image.refusal(_ROW, f"must be of one or two amplifiers with AMPSCOL = {along[1]}", along[0])
    if image.count("ROVER"):
        raise image.refusal("ROVER", "must be 0 beside two amplifiers", image.count("ROVER"))
    height, width = image.shape
    overscan = image.count(_OVERSCAN) or 0
    columns = width - 2 * overscan
    if columns < 1:
        raise image.refusal(
            _OVERSCAN, f"must leave some of the {width} columns of the image, twice taken", overscan
        )
    border = min(max(_border(image, columns), 0), columns)
    halves = (
        ("left", 0, border, columns, False),
        ("right", border, columns, columns + overscan, True),
    )
    return [
        _site(
            image,
            name,
            Range(low, high, 0, height),
            Range(at, at + overscan, 0, height) if overscan else None,
            turned,
        )
        for name, low, high, at, turned in halves
        if low < high
    ]


def _border(image: StoredImage, columns: int) -> int:
    """Return how many stored columns belong to the left amplifier, if all were read from the left edge on."""
    sensor, first, step = (image.number(card) for card in ("DNAXIS1", "CRVAL1U", "CDELT1U"))
    for card, value in (("DNAXIS1", sensor), ("CRVAL1U", first), ("CDELT1U", step)):
        if value is None or (card != "CRVAL1U" and not value):
            raise image.refusal(card, "is missing, which says where the border of two amplifiers lies", value)
    assert sensor is not None and first is not None and step is not None
    binning = abs(step)
    lowest = first / binning - (columns if step < 0 else 0)
    return round(sensor / binning / 2 - lowest)


def _site(image: StoredImage, name: str, data: Range, bias: Range | None, turned: bool) -> Site:
    sections = () if bias is None else (bias,)
    stored = Stored(
        image=image,
        data=Directed(data),
        kept=data,
        bias=sections,
        window=hull([data, *sections]),
        card=_OVERSCAN,
    )
    return Site(
        stored=stored,
        place=Directed(data),
        flips=(False, False),
        card=_ROW,
        name=name,
        reversals=(turned, False),
    )
