"""Extensions by the conventions of NOAO: DATASEC, BIASSEC, TRIMSEC; CCDSEC, DETSEC, LTM, ATM; CCDNAME and others.

DATASEC, BIASSEC and TRIMSEC count stored pixels; CCDSEC, AMPSEC and DETSEC those of the detector without binning, and in
headers that do not follow the convention with it. DATASEC and CCDSEC (or DETSEC) begin and end with the same pixels, so
that a reversed one is a flip. AMPSEC, and ATM1_1 and ATM2_2, are the order of reading, which is no flip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ccdfx.night.instruments.readouts.settle import overlapping, places_of
from ccdfx.night.instruments.readouts.site import SectionCards, Site, Stored, differing, stored_sections
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage
from ccdfx.records.range import Range

DETECTORS = (
    "CCDNAME", "CCDNUM", "CHIPID", "CHIPNAME", "ESO DET CHIP1 ID", "ESO DET CHIP ID", "ESO DET CHIP1 NAME",
    "ESO DET CHIP NAME", "DETNAME", "DETECTOR",
)  # fmt: skip
_NAMES = ("EXTNAME", "AMPNAME", "AMPID", "IMAGEID")
_EVIDENCE = ("DATASEC", "TRIMSEC", "BIASSEC", "CCDSEC", "DETSEC")
_PLACES = ("CCDSEC", "DETSEC", "LTM1_1", "ATM1_1")
_TOLERANCE = 0.02  # of a pixel


def sites_of_extensions(images: Sequence[StoredImage]) -> list[Site]:
    """Return the sites of images that are one readout each; none where their headers do not say that they are.

    Raises
    ------
    ArgumentError
        Some images say where their pixels belong and others do not, or cards contradict each other.
    """
    raw = [image for image in images if any(map(image.has, _EVIDENCE))]
    if len(raw) < len(images):
        placed = [image for image in images if image.has("CCDSEC") or image.has("DETSEC")]
        if len(placed) > 1:
            other = next(image for image in images if image not in raw)
            rule = f"is missing, which {len(placed)} of {len(images)} images of the file have"
            raise other.refusal("CCDSEC" if placed[0].has("CCDSEC") else "DETSEC", rule)
        return []
    _refuse_other_binning(images)
    names = names_of(images)
    stored = [stored_sections(image, SectionCards()) for image in images]
    for card in _PLACES:
        sites = [_placed(one, card) for one in stored]
        found = [site for site in sites if site is not None]
        if len(found) == len(sites):
            named = [replace(site, name=name) for site, name in zip(found, names, strict=True)]
            grouped = _by_detector(named)
            _refuse_other_turns(grouped)
            return grouped
        if found and card in ("CCDSEC", "DETSEC") and not _have_other(images, card):
            other = next(one.image for one, site in zip(stored, sites, strict=True) if site is None)
            raise other.refusal(
                card, f"is missing, which {len(found)} of {len(images)} images of the file have"
            )
    return _one_each(stored, names)


def names_of(images: Sequence[StoredImage]) -> list[str]:
    """Return a name for each image: EXTNAME, AMPNAME or the like that tells them apart, or else the number of the HDU.

    >>> from ccdfx.records.header import Header
    >>> names_of([StoredImage(header=Header({"AMPNAME": name}), shape=(1, 1), hdu=1) for name in ("UL", "UR")])
    ['UL', 'UR']
    """
    for card in _NAMES:
        names = [image.text(card) for image in images]
        if all(names) and len(set(names)) == len(names):
            return names
    return [f"HDU {image.hdu}" if image.hdu is not None else image.name for image in images]


def _have_other(images: Sequence[StoredImage], card: str) -> bool:
    return card == "CCDSEC" and all(image.has("DETSEC") for image in images)


def _refuse_other_binning(images: Sequence[StoredImage]) -> None:
    for image in images[1:]:
        if image.binning != images[0].binning:
            first = " x ".join(map(str, images[0].binning))
            rule = f"must be binned as {images[0].name} is, {first}"
            raise image.refusal("CCDSUM", rule, " x ".join(map(str, image.binning)))


def _placed(stored: Stored, card: str) -> Site | None:
    """Return the site of a readout as one card says, None where the header does not have it."""
    image = stored.image
    if card in ("CCDSEC", "DETSEC"):
        place = image.section(card)
    elif stored.card == "NAXIS":  # a matrix alone tells nothing of raw pixels: any trimmed image has one
        return None
    else:
        place = _by_image(stored) if card == "LTM1_1" else _by_amplifier(image)
    if place is None:
        return None
    flips = differing(place.reversals, stored.data.reversals)
    flips = _by_signs(stored, card, flips) if card in ("CCDSEC", "DETSEC") else flips
    return Site(stored=stored, place=place, flips=flips, card=card, reversals=reading_order(stored, flips))


def _by_signs(stored: Stored, card: str, flips: tuple[bool, bool]) -> tuple[bool, bool]:
    """Return the flips with what LTM says beside CCDSEC; DTM beside DETSEC must agree."""
    image, found = stored.image, []
    for axis, flip in enumerate(flips, 1):
        matrix = f"{'LTM' if card == 'CCDSEC' else 'DTM'}{axis}_{axis}"
        value, image_value = image.number(matrix), image.number(f"LTM{axis}_{axis}")
        is_clear = card == "CCDSEC" or image_value is None or image_value >= 0
        if value and is_clear and (value < 0) != flip and (flip or card == "DETSEC"):
            says = "is reversed" if flip else "is not reversed"
            raise image.refusal(matrix, f"must agree with {card} = {image.text(card)}, which {says}", value)
        found.append(flip or bool(card == "CCDSEC" and value and value < 0))
    return found[0], found[1]


def reading_order(stored: Stored, flips: tuple[bool, bool]) -> tuple[bool, bool]:
    """Return whether stored columns and rows run against the order of reading, by ATM1_1 and ATM2_2 or else by AMPSEC."""
    signs = [stored.image.number(f"ATM{axis}_{axis}") or 0.0 for axis in (1, 2)]
    if all(signs) and not stored.suffix:  # from the CCD to the amplifier
        return differing((signs[0] < 0, signs[1] < 0), flips)
    section = stored.image.section("AMPSEC" + stored.suffix)
    return (False, False) if section is None else differing(section.reversals, stored.data.reversals)


def _by_image(stored: Stored) -> Directed | None:
    """Return the section of the CCD by LTM and LTV: the stored pixel is LTM times that of the CCD plus LTV."""
    ends = []
    for axis in (1, 2):
        scale = stored.image.number(f"LTM{axis}_{axis}")
        offset = stored.image.number(f"LTV{axis}") or 0.0
        if not scale:
            return None
        low, high = stored.data.spans[axis - 1]
        edges = [(edge + 0.5 - offset) / scale + 0.5 for edge in (low, high)]
        ends.append(_whole_ends(stored.image, f"LTV{axis}", edges))
    return _directed(stored.image, "LTV1", ends, stored.data.reversals)


def _by_amplifier(image: StoredImage) -> Directed | None:
    """Return the section of the CCD by AMPSEC, ATM and ATV: the pixel of the amplifier is ATM times its own plus ATV."""
    section = image.section("AMPSEC")
    if section is None:
        return None
    ends = []
    for axis, (span, is_reversed) in enumerate(zip(section.spans, section.reversals, strict=True), 1):
        scale, offset = (image.number(f"AT{card}") for card in (f"M{axis}_{axis}", f"V{axis}"))
        if not scale or offset is None:
            return None
        low, high = ((edge + 0.5 - offset) / scale + 0.5 for edge in span)
        ends.append(_whole_ends(image, f"ATV{axis}", [high, low] if is_reversed else [low, high]))
    return _directed(image, "ATV1", ends, (False, False))


def _whole_ends(image: StoredImage, card: str, edges: list[float]) -> tuple[int, int]:
    """Return two edges of pixels, counted from 1, as whole numbers; the second is the lower one for a flip."""
    found = [round(edge) for edge in edges]
    if any(
        not math.isfinite(edge) or abs(edge - whole) > _TOLERANCE
        for edge, whole in zip(edges, found, strict=True)
    ):
        raise image.refusal(card, "must place whole pixels on the CCD", image.header.get(card))
    return found[0], found[1]


def _directed(
    image: StoredImage, card: str, ends: list[tuple[int, int]], reversals: tuple[bool, bool]
) -> Directed:
    """Return the section between edges that count from 1; it is reversed where the first edge is the upper one."""
    (x1, x2), (y1, y2) = ends
    if min(x1, x2, y1, y2) < 1 or x1 == x2 or y1 == y2:
        raise image.refusal(
            card, "must place the pixels on the CCD, which counts from 1", image.header.get(card)
        )
    window = Range(min(x1, x2) - 1, max(x1, x2) - 1, min(y1, y2) - 1, max(y1, y2) - 1)
    turned = differing((x1 > x2, y1 > y2), reversals)
    return Directed(window, *turned)


def _by_detector(sites: list[Site]) -> list[Site]:
    """Return the sites with the names of their detectors: by the first card that tells them apart, or by DETSEC.

    A card that all images have in common names one detector only where their places do not overlap.
    """
    images = [site.stored.image for site in sites]
    for apart in (True, False):
        for card in DETECTORS:
            names = [image.text(card) for image in images]
            if all(names) and (len(set(names)) > 1) == apart and _fit(sites, names):
                return _named(sites, names)
    if _fit(sites, [""] * len(sites)):
        return sites
    by_origin = _origins(sites)
    if by_origin is None:
        return sites
    parted = next((names for card in DETECTORS if _parts(names := _texts(sites, card), by_origin)), None)
    # Where DETSEC contradicts the names, readouts overlap, which is refused.
    return _named(sites, parted or by_origin)


def _texts(sites: Sequence[Site], card: str) -> list[str]:
    return [site.stored.image.text(card) for site in sites]


def _parts(names: Sequence[str], by_origin: Sequence[str]) -> bool:
    """Return whether names tell detectors apart, and readouts of one of these lie on two by DETSEC."""
    of_name = {(name, origin) for name, origin in zip(names, by_origin, strict=True)}
    return all(names) and len(set(names)) > 1 and len(of_name) > len(set(names))


def _refuse_other_turns(sites: Sequence[Site]) -> None:
    """Refuse readouts of one detector that DETSEC turns in other ways against each other than CCDSEC does."""
    first: dict[str, tuple[Site, tuple[bool, bool]]] = {}
    for site in sites:
        image = site.stored.image
        section = image.section("DETSEC") if site.card == "CCDSEC" else None
        if section is None:
            continue
        turns = differing(differing(section.reversals, site.stored.data.reversals), site.flips)
        beside, its = first.setdefault(site.detector, (site, turns))
        if turns != its:
            rule = (
                f"must be reversed against CCDSEC = {image.text('CCDSEC')} as that of {beside.name} is, "
                f"{beside.stored.image.text('DETSEC')}"
            )
            raise image.refusal("DETSEC", rule, image.text("DETSEC"))


def _named(sites: Sequence[Site], names: Sequence[str]) -> list[Site]:
    return [replace(site, detector=name) for site, name in zip(sites, names, strict=True)]


def _fit(sites: Sequence[Site], names: Sequence[str]) -> bool:
    """Return whether the places of the sites of each detector do not overlap."""
    groups = [[site for site, its in zip(sites, names, strict=True) if its == name] for name in set(names)]
    return all(overlapping(places_of(group)) is None for group in groups)


def _origins(sites: Sequence[Site]) -> list[str] | None:
    """Return names of detectors by where the first pixel of each CCD lies in DETSEC, or None where they do not fit."""
    found = []
    for site in sites:
        section = site.stored.image.section("DETSEC") if site.card == "CCDSEC" else None
        if section is None:
            return None
        against = differing(section.reversals, site.place.reversals)
        found.append(
            tuple(
                (turned, there[1] + here[0] if turned else there[0] - here[0])
                for here, there, turned in zip(site.place.spans, section.spans, against, strict=True)
            )
        )
    numbers = {origin: f"chip{number}" for number, origin in enumerate(dict.fromkeys(found), 1)}
    names = [numbers[origin] for origin in found]
    # Otherwise one section is wrong, and is no other chip.
    are_alike = len({names.count(name) for name in names}) == 1
    return names if are_alike and _fit(sites, names) else None


def _one_each(stored: Sequence[Stored], names: Sequence[str]) -> list[Site]:
    """Return the sites of chips of one readout each, whose names differ; none where no card names them."""
    for card in DETECTORS:
        detectors = [one.image.text(card) for one in stored]
        if all(detectors) and len(set(detectors)) == len(stored):
            return [
                Site(
                    stored=one,
                    place=one.data,
                    flips=(False, False),
                    card=one.card,
                    detector=detector,
                    name=name,
                    reversals=reading_order(one, (False, False)),
                )
                for one, detector, name in zip(stored, detectors, names, strict=True)
            ]
    return []
