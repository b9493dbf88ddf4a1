"""Groups of HDUs in a FITS file: each image with the HDUs of its flags and its variance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, FormatError
from ccdfx.io.content import Content
from ccdfx.io.fits.hdus import Hdu, refusal
from ccdfx.io.fits.planes import planes_of, recorded_count, recorded_plane, unrecorded
from ccdfx.records.card import Card
from ccdfx.records.flags import Flag

MASK, UNCERTAINTY = "MASK", "UNCERT"
BIT_CARD = "MASKBIT"  # MASKBIT0 = 'BAD_PIXEL' ...: the meaning of a bit of the mask
_POWERS = {"StdDevUncertainty": 2, "VarianceUncertainty": 1, "InverseVariance": -1}
VARIANCES = {UNCERTAINTY: None, "VAR": 1, "IVAR": -1}


@dataclass(frozen=True, slots=True)
class Group:
    """An image HDU with those that belong to it; `power` converts `uncertainty` to a variance."""

    image: Hdu
    mask: Hdu | None = None
    uncertainty: Hdu | None = None
    power: int = 1


def grouped(content: Content, hdus: Sequence[Hdu], *, recorded: bool = True) -> list[Group]:
    """Group the images of a file in order, as their records say; see `ccdfx.io.fits.planes`.

    Of an image without a record, and behind the HDUs that ccdfx wrote, MASK, UNCERT, VAR and IVAR belong to the image
    before them.

    Parameters
    ----------
    recorded : bool
        Whether records count; otherwise names alone do.

    Raises
    ------
    FormatError
        When a plane that is recorded is missing, or is another.
    """
    groups: list[Group] = []
    count = recorded_count(content, hdus) if recorded else 0
    after = 0  # index behind the last plane of the last record
    for hdu in hdus:
        if hdu.index < after:
            continue
        if recorded and (hdu.is_image or 0 < hdu.index < count):
            planes = planes_of(content, hdu)
            if planes is not None and hdu.is_image:
                groups.append(_recorded(content, hdus, hdu, planes))
                after = hdu.index + 1 + len(planes)
                continue
            if 0 < hdu.index < count:
                raise unrecorded(content, hdu)
        if not hdu.is_image or 0 in hdu.axes:
            continue
        owner = groups[-1] if groups else None
        if owner and hdu.name == MASK and owner.mask is None and _fits(content, owner, hdu):
            groups[-1] = replace(owner, mask=hdu)
        elif owner and hdu.name in VARIANCES and owner.uncertainty is None and _fits(content, owner, hdu):
            groups[-1] = replace(owner, uncertainty=hdu, power=_power(content, hdu))
        else:
            groups.append(Group(hdu))
    return groups


def chosen(content: Content, hdus: Sequence[Hdu], hdu: Any, *, recorded: bool = True) -> Group:
    """Select the image that `hdu` names: None (the first), a number from 0, EXTNAME or 'EXTNAME,EXTVER'."""
    groups = grouped(content, hdus, recorded=recorded)
    if hdu is None:
        if not groups:
            raise FormatError(content.name, "holds no image", value=", ".join(map(_described, hdus)))
        return groups[0]
    found = _numbered(content, hdus, hdu) if not isinstance(hdu, str) else _named(content, hdus, hdu)
    for group in groups:
        if group.image is found:
            return group
    if found.kind not in ("image", "tiles"):
        raise refusal(content, found.index, "holds no image", value=_described(found), remedy=_listing(hdus))
    return Group(found)


def bit_cards() -> list[Card]:
    """Return the cards that give the meaning of the bits of a mask."""
    return [
        Card(f"{BIT_CARD}{i}", flag.name, f"meaning of bit {i}, value {int(flag)}")
        for i, flag in enumerate(Flag)
    ]


def flags_of(stored: np.ndarray, table: np.ndarray | None) -> np.ndarray:
    """Convert a mask HDU to flags by the table of its bits; without one to BAD_PIXEL wherever it is not 0."""
    if stored.dtype != np.uint8 or table is None:
        return (stored != 0).astype(np.uint8)
    return stored if table is OWN_BITS else table[stored]


OWN_BITS = np.arange(256, dtype=np.uint8)
"""The table of a mask whose bits mean what those of `Flag` mean."""


def flag_table(hdu: Hdu) -> np.ndarray | None:
    """Return the flags for each value of a mask HDU, by the names of its bits; None where no bit has a name."""
    names = {bit: hdu.header.get(f"{BIT_CARD}{bit}") for bit in range(8)}
    if not any(names.values()):
        return None
    known = {flag.name: int(flag) for flag in Flag}
    table = np.zeros(256, np.uint8)
    for bit, name in names.items():
        table[(OWN_BITS >> bit & 1) == 1] |= np.uint8(known.get(str(name), Flag.BAD_PIXEL))
    return OWN_BITS if (table == OWN_BITS).all() else table


def inherited(hdus: Sequence[Hdu], hdu: Hdu) -> bool:
    """Return whether an extension inherits the cards of a primary header without data."""
    primary = hdus[0]
    return hdu.index > 0 and math.prod(primary.axes or (0,)) == 0 and hdu.header.get("INHERIT") is not False


def _recorded(content: Content, hdus: Sequence[Hdu], image: Hdu, planes: Mapping[str, int]) -> Group:
    """Return the group of an image and of the HDUs that its header names."""
    found = {
        name: recorded_plane(content, hdus, image, index, name, data)
        for index, (name, data) in enumerate(planes.items(), image.index + 1)
    }
    uncertainty = found.get(UNCERTAINTY)
    power = 1 if uncertainty is None else _power(content, uncertainty)
    return Group(image, found.get(MASK), uncertainty, power)


def _fits(content: Content, owner: Group, hdu: Hdu) -> bool:
    if _squeezed(owner.image.axes) == _squeezed(hdu.axes):
        return True
    if hdu.name in (MASK, UNCERTAINTY):
        raise refusal(content, hdu.index, f"{hdu.name} must have the shape {owner.image.axes} of its image",
                      value=hdu.axes)  # fmt: skip
    return False


def _squeezed(axes: tuple[int, ...]) -> tuple[int, ...]:
    lead = axes[:-2]
    return axes[-2:] if math.prod(lead) == 1 else axes


def _power(content: Content, hdu: Hdu) -> int:
    power = VARIANCES[hdu.name]
    if power is not None:
        return power
    kind = str(hdu.header.get("UTYPE") or "StdDevUncertainty").strip()
    if kind not in _POWERS:
        raise refusal(content, hdu.index, f"UTYPE must be one of {', '.join(_POWERS)}", value=kind)
    return _POWERS[kind]


def _numbered(content: Content, hdus: Sequence[Hdu], number: Any) -> Hdu:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise ArgumentTypeError(
            "hdu",
            "must be a number from 0 or an EXTNAME",
            value=number,
            remedy="see 'ccdfx info' of the file",
        )
    if not 0 <= number < len(hdus):
        raise ArgumentError(
            "hdu",
            f"must be 0 to {len(hdus) - 1} in {content.name}",
            value=number,
            remedy="see 'ccdfx info' of the file",
        )
    return hdus[int(number)]


def _named(content: Content, hdus: Sequence[Hdu], name: str) -> Hdu:
    wanted, _, version = name.strip().upper().partition(",")
    for hdu in hdus:
        same = hdu.name == wanted or (wanted == "PRIMARY" and hdu.index == 0)
        if same and (not version or str(hdu.header.get("EXTVER", 1)) == version.strip()):
            return hdu
    raise ArgumentError("hdu", f"must be an EXTNAME of {content.name}", value=name, remedy=_listing(hdus))


def _listing(hdus: Sequence[Hdu]) -> str:
    return "it has " + ", ".join(map(_described, hdus[:20])) + (" and more" if len(hdus) > 20 else "")


def _described(hdu: Hdu) -> str:
    size = " x ".join(map(str, reversed(hdu.axes))) if hdu.axes else "no data"
    return f"{hdu.index} {hdu.name or '(no name)'!r} {hdu.kind} {size}"
