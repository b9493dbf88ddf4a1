"""The record of planes: cards under the checksum of an image that say which HDUs hold its flags and its variance.

``CCDFXPLN = 'MASK 123 UNCERT 456'`` in the header of an image: the next HDU is its mask, the one behind that its
variance, and these are their DATASUMs; 'NONE' where it has neither. ``CCDFXHDU`` in the primary header is the number
of HDUs of the file. A name alone could be damaged, and a file cut between two HDUs looks whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ccdfx.errors import FormatError
from ccdfx.io.content import Content, opened
from ccdfx.io.fits.cards import CARD, format_card
from ccdfx.io.fits.checksum import datasum_of, with_sums
from ccdfx.io.fits.hdus import Hdu, refusal, walk
from ccdfx.records.card import Card

_PLANES, _COUNT = "CCDFXPLN", "CCDFXHDU"
_RECORD = re.compile(r"(?:NONE|(?:MASK (\d{1,10}))? ?(?:UNCERT (\d{1,10}))?)\Z")
_BOTH = "must have both DATASUM and CHECKSUM, as ccdfx wrote it"
_REMEDY = (
    "copy the file again; if a program changed its HDUs on purpose, read it with checksum=False, or --no-checksum in a "
    "command"
)


def planes_card(sums: Mapping[str, int]) -> Card:
    """Return the card of an image whose planes follow it in this order, with the sums of their data.

    >>> planes_card({"MASK": 12, "UNCERT": 345}).value
    'MASK 12 UNCERT 345'
    """
    text = " ".join(f"{name} {value}" for name, value in sums.items())
    return Card(_PLANES, text or "NONE", "next HDUs, their DATASUM")


def count_card(count: int) -> Card:
    """Return the card of the primary header that gives the number of HDUs."""
    return Card(_COUNT, count, "HDUs of this file")


def planes_of(content: Content, hdu: Hdu) -> dict[str, int] | None:
    """Return names and sums of the planes that follow an image; None where its header has no record under a sum.

    Raises
    ------
    FormatError
        When the record cannot be read.
    """
    sums = _sums(hdu)
    if _PLANES not in hdu.header or not sums:
        return None
    if len(sums) == 1:
        raise refusal(content, hdu.index, _BOTH, value=sums, remedy=_REMEDY)
    text = hdu.header[_PLANES]
    match = _RECORD.match(text) if isinstance(text, str) else None
    if not match or not text:
        raise refusal(content, hdu.index, f"{_PLANES} cannot be read", value=text, remedy=_REMEDY)
    found = zip(("MASK", "UNCERT"), match.groups(), strict=True)
    return {name: int(value) for name, value in found if value is not None}


def recorded_count(content: Content, hdus: Sequence[Hdu]) -> int:
    """Return the number of HDUs with which ccdfx wrote a file; 0 where the primary header has no such record.

    Raises
    ------
    FormatError
        When the file has fewer.
    """
    count = hdus[0].header.get(_COUNT)
    sums = _sums(hdus[0])
    if count is None or not sums:
        return 0
    if len(sums) == 1:
        raise refusal(content, 0, _BOTH, value=sums, remedy=_REMEDY)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise refusal(content, 0, f"{_COUNT} must be a number from 1", value=count, remedy=_REMEDY)
    if count > len(hdus):
        rule = (
            f"must have the {count} HDUs that its primary header names: images, flags or variances are lost"
        )
        raise FormatError(content.name, rule, value=len(hdus), remedy=_REMEDY)
    return count


def recorded_plane(
    content: Content, hdus: Sequence[Hdu], image: Hdu, index: int, name: str, data: int
) -> Hdu:
    """Return the plane of an image at an index, compared with what the image says of it.

    Raises
    ------
    FormatError
        When it is missing, has another name, shape or sum, or is no image.
    """
    if index >= len(hdus):
        rule = f"the {name} that its header names is missing"
        raise refusal(content, image.index, rule, value=f"{len(hdus)} HDUs", remedy=_REMEDY)
    plane = hdus[index]
    found = (plane.name, plane.kind in ("image", "tiles"), plane.axes)
    if found != (name, True, image.axes):
        rule = f"must be the {name} of HDU {image.index}, an image of the axes {image.axes}, as that HDU says"
        raise refusal(content, index, rule, value=(plane.name, plane.kind, plane.axes), remedy=_REMEDY)
    if datasum_of(plane) != data:
        rule = f"must be the {name} of HDU {image.index}, which names another DATASUM, {data}"
        raise refusal(content, index, rule, value=datasum_of(plane), remedy=_REMEDY)
    return plane


def unrecorded(content: Content, hdu: Hdu) -> FormatError:
    """Return the error for an HDU that is no image with a record where ccdfx wrote one."""
    rule = f"must be an image with the card {_PLANES}, as ccdfx wrote it"
    return refusal(content, hdu.index, rule, value=f"{hdu.kind} {hdu.name!r}", remedy=_REMEDY)


def _with_card(header: bytes, card: Card) -> bytes:
    """Replace the card of that keyword in header bytes, which keep their length."""
    line = format_card(card).encode("ascii")
    start = next(i for i in range(0, len(header), CARD) if header[i : i + 8] == line[:8])
    return header[:start] + line + header[start + CARD :]


def renew_records(path: Path, inserted: int | None = None) -> None:
    """Update the records of a file, in place, to the sums of its planes.

    Parameters
    ----------
    inserted : int, optional
        Index of an image behind which a MASK was inserted.
    """
    with opened(path) as content:
        hdus = list(walk(content))
        renewed = []
        for hdu in hdus:
            header = old = bytes(content.read_at(hdu.header_at, hdu.data_at - hdu.header_at))
            if hdu.index == 0 and inserted is not None and (count := recorded_count(content, hdus)):
                header = _with_card(header, count_card(count + 1))
            planes = planes_of(content, hdu)
            if planes is not None:
                names = [*(["MASK"] if hdu.index == inserted else []), *planes]
                found = {name: datasum_of(hdus[i]) for i, name in enumerate(names, hdu.index + 1)}
                header = _with_card(header, planes_card({name: data or 0 for name, data in found.items()}))
            if header != old:
                renewed.append((hdu, with_sums(header, hdu, datasum_of(hdu) or 0)))
    with open(path, "r+b") as file:
        for hdu, header in renewed:
            file.seek(hdu.header_at)
            file.write(header)


def _sums(hdu: Hdu) -> list[str]:
    """Return which sums a header has: one damaged card cannot remove both, as programs that do not renew them do."""
    return [name for name in ("CHECKSUM", "DATASUM") if str(hdu.header.get(name) or "").strip()]
