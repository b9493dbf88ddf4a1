"""Readouts from sites: places in binned pixels from the first one of each detector, and what they must not do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.site import Site
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.range import Range

Span = tuple[int, int]
_AXES = (0, 1)


def settled(sites: Sequence[Site], numbers: Numbers, *, whole: bool = True) -> tuple[Readout, ...]:
    """Return the readouts of sites, in their order.

    Parameters
    ----------
    sites : sequence of Site
    numbers : Numbers
    whole : bool
        Whether the readouts of a detector must be rows and columns without a hole; chips of a mosaic may be shifted.

    Raises
    ------
    ArgumentError
        Two readouts overlap in the file or on their detector, a section has another size than the pixels that it is the
        place of, or the readouts of a detector do not fit together.
    """
    _refuse_overlaps_in_the_file(sites)
    places: dict[int, Range] = {}
    for detector in dict.fromkeys(site.detector for site in sites):
        members = [number for number, site in enumerate(sites) if site.detector == detector]
        found = places_of([sites[number] for number in members])
        _refuse_what_does_not_fit([sites[number] for number in members], found, whole)
        places |= dict(zip(members, found, strict=True))
    return tuple(
        _readout(site, places[number], (site.numbers or numbers).of(site.stored.image, *_rank(sites, number)))
        for number, site in enumerate(sites)
    )


def _rank(sites: Sequence[Site], number: int) -> tuple[str, int, int]:
    """Return the suffix of a readout, and its number in and the count of those that a list of its header is for."""
    own = sites[number].stored
    same = [i for i, site in enumerate(sites) if site.stored.image is own.image]
    if len(same) == 1:  # a list in the primary header is for all readouts of the file
        return own.suffix, number, len(sites)
    return own.suffix, same.index(number), len(same)


def _readout(site: Site, place: Range, numbers: dict[str, float | None]) -> Readout:
    stored = site.stored
    return Readout(
        name=site.name,
        detector=site.detector,
        hdu=stored.image.hdu,
        window=stored.window,
        data=stored.kept,
        bias=stored.bias,
        place=place,
        flip_x=site.flips[0],
        flip_y=site.flips[1],
        reversed_x=site.reversals[0],
        reversed_y=site.reversals[1],
        **numbers,  # type: ignore[arg-type]
    )


def places_of(sites: Sequence[Site]) -> list[Range]:
    """Return where the used pixels of the sites of one detector lie in its assembled image, in binned pixels."""
    spans = [_spans(sites, axis) for axis in _AXES]
    left, low = (min(lower for lower, _ in of_axis) for of_axis in spans)
    return [
        Range(x[0] - left, x[1] - left, y[0] - low, y[1] - low)
        for x, y in zip(spans[0], spans[1], strict=True)
    ]


def _spans(sites: Sequence[Site], axis: int) -> list[Span]:
    first = min(site.place.spans[axis][0] for site in sites)
    kinds = {_scale(site, axis) for site in sites}
    if len(kinds) > 1:
        site = next(site for site in sites if _scale(site, axis) != _scale(sites[0], axis))
        rule = (
            f"must be in the same pixels as {sites[0].card} of {sites[0].stored.image.name}: binned, or not"
        )
        raise site.stored.image.refusal(site.card, rule, _text(site))
    return [_span(site, axis, first) for site in sites]


def _scale(site: Site, axis: int) -> int:
    """Return the pixels of the detector in one stored pixel: 1, or the binning where the place is not binned."""
    lower, upper = site.place.spans[axis]
    low, high = site.stored.data.spans[axis]
    binning, size = site.stored.image.binning[axis], high - low
    if upper - lower == size:
        return 1
    if binning > 1 and size in ((upper - lower) // binning, -(-(upper - lower) // binning)):
        return binning
    binned = f", or {binning} times as much" if binning > 1 else ""
    raise site.stored.image.refusal(
        site.card,
        f"must have the size of {site.stored.card} = {site.stored.data.range.to_fits()} in {'xy'[axis]}{binned}",
        _text(site),
    )


def _span(site: Site, axis: int, first: int) -> Span:
    scale = _scale(site, axis)
    lower, upper = (edge - first for edge in site.place.spans[axis])
    low, high = site.stored.data.spans[axis]
    start = lower // scale if high - low == (upper - lower) // scale else -(-lower // scale)
    kept_low, kept_high = (
        (site.stored.kept.x_lower, site.stored.kept.x_upper),
        (site.stored.kept.y_lower, site.stored.kept.y_upper),
    )[axis]
    start += high - kept_high if site.flips[axis] else kept_low - low
    return start, start + kept_high - kept_low


def _text(site: Site) -> str:
    return site.stored.image.text(site.card) or site.place.range.to_fits()


def _refuse_overlaps_in_the_file(sites: Sequence[Site]) -> None:
    for one, other in combinations(sites, 2):
        a, b = one.stored, other.stored
        if a.image is b.image:
            for section, its in ((b.kept, "data"), *((bias, "bias") for bias in b.bias)):
                if section.intersection(a.kept) is not None:
                    rule = f"must not overlap the {its} section {section.to_fits()} of readout {other.name}"
                    raise a.image.refusal(a.card, rule, a.kept.to_fits())
            if any(bias.intersection(b.kept) is not None for bias in a.bias):
                rule = f"must not overlap the bias section of readout {one.name}"
                raise b.image.refusal(b.card, rule, b.kept.to_fits())


def overlapping(places: Sequence[Range]) -> tuple[int, int] | None:
    """Return the first two of some windows that overlap, None where none do."""
    pairs = combinations(range(len(places)), 2)
    return next((pair for pair in pairs if places[pair[0]].intersection(places[pair[1]])), None)


def _refuse_what_does_not_fit(sites: Sequence[Site], places: Sequence[Range], whole: bool) -> None:
    """Refuse readouts that overlap on the detector, and where it must be `whole` that are no rows and columns."""
    pair = overlapping(places)
    if pair is not None:
        one, other = (sites[number] for number in pair)
        rule = f"must not overlap {one.card} = {_text(one)} of readout {one.name}"
        raise other.stored.image.refusal(other.card, rule, _text(other))
    _refuse_other_edges(sites, places, whole)
    if whole:
        _refuse_holes(sites, places)


def _refuse_other_edges(sites: Sequence[Site], places: Sequence[Range], whole: bool) -> None:
    """Refuse readouts beside each other of other heights or widths; chips of one size may be shifted."""
    spans = [[(one.x_lower, one.x_upper), (one.y_lower, one.y_upper)] for one in places]
    for axis in _AXES:
        for one, other in combinations(range(len(places)), 2):
            a, b = spans[one][axis], spans[other][axis]
            is_other = a != b if whole else a[1] - a[0] != b[1] - b[0]
            if is_other and a[0] < b[1] and b[0] < a[1]:
                site, beside = sites[other], sites[one]
                rule = (
                    f"must begin and end in {'xy'[axis]} where {beside.card} = {_text(beside)} of readout "
                    f"{beside.name} does, or lie beside it"
                )
                raise site.stored.image.refusal(site.card, rule, _text(site))


def _refuse_holes(sites: Sequence[Site], places: Sequence[Range]) -> None:
    found = {(one.x_lower, one.y_lower) for one in places}
    wanted = {(x, y) for x, _ in found for _, y in found}
    if found != wanted:
        x, y = min(wanted - found)
        width = next(one.x_upper for one in places if one.x_lower == x)
        height = next(one.y_upper for one in places if one.y_lower == y)
        hole = Range(x, width, y, height).to_fits()
        site = sites[0]
        rule = f"must have a readout beside it at {hole} of the assembled image, and none has it"
        raise site.stored.image.refusal(site.card, rule, _text(site), "copy the file again, or give the readouts in an "
                                        "instrument file ([[readout]])")  # fmt: skip
