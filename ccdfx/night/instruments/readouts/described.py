"""Readouts as an instrument file describes them: sections and numbers, or the cards that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.conditions import Condition
from ccdfx.night.instruments.readouts.numbers import Lookup, Numbers
from ccdfx.night.instruments.readouts.site import Site, Stored, differing, place_as_stored
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull
from ccdfx.records.header import Header
from ccdfx.records.range import Range

_NUMBERS = ("gain", "readnoise", "saturation")
_REMEDY = "correct [[readout]] of the instrument file"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedReadout:
    """Describe a readout of a camera; a section is FITS text of the stored image, or the card that holds it.

    Parameters
    ----------
    name : str
    data : str
        The exposed pixels.
    bias : tuple of str
    window : str or None
        All that it read; by default what holds `data` and `bias`.
    place : str or None
        Where `data` lies on the detector, binned or not; by default the readouts of a detector follow each other there
        as they do in the stored image.
    flip : (bool, bool)
        Whether columns and rows run against those of the detector, besides sections that are reversed.
    gain, readnoise, saturation : tuple of str or float
        Cards or numbers; by default those of the instrument.
    detector : str
    hdu : int, str or None
        The HDU that holds its pixels; None for the only image.
    when : tuple of Condition
        It is a readout of frames where all of them hold.

    Examples
    --------
    >>> DescribedReadout(name="A", data="[1:1024,1:1024]", bias=("BIASSEC",)).applies(Header())
    True
    """

    name: str
    data: str
    bias: tuple[str, ...] = ()
    window: str | None = None
    place: str | None = None
    flip: tuple[bool, bool] = (False, False)
    gain: Lookup = ()
    readnoise: Lookup = ()
    saturation: Lookup = ()
    detector: str = ""
    hdu: int | str | None = None
    when: tuple[Condition, ...] = field(default=())

    def applies(self, header: Header) -> bool:
        """Return whether it is a readout of a frame with this header."""
        return all(condition.holds(header) for condition in self.when)


def sites_of_described(
    images: Sequence[StoredImage], described: Sequence[DescribedReadout], numbers: Numbers
) -> list[Site]:
    """Return the sites of the readouts of an instrument file; `numbers` are those of the whole instrument.

    Raises
    ------
    ArgumentError
        The file does not have an HDU, or the header a card, or a section is outside of the image.
    """
    stored = [_stored(_image_of(images, item), item) for item in described]
    orders = [
        _order(stored, described, number) if item.place is None else None
        for number, item in enumerate(described)
    ]
    sites = []
    for one, item, order in zip(stored, described, orders, strict=True):
        if item.place is None:
            assert order is not None
            place, card = replace(one.data, range=order), one.card
        else:
            place, card = (
                _section(one.image, item, item.place, "place", inside=False),
                _named(item, "place", item.place),
            )
        against = differing(place.reversals, one.data.reversals)
        sites.append(
            Site(
                stored=one,
                place=place,
                flips=differing(against, item.flip),
                card=card,
                detector=item.detector,
                name=item.name,
                numbers=replace(numbers, **{key: found for key in _NUMBERS if (found := getattr(item, key))}),
            )
        )
    return sites


def _image_of(images: Sequence[StoredImage], item: DescribedReadout) -> StoredImage:
    if item.hdu is None and len(images) == 1:
        return images[0]
    names = [image.name for image in images]
    fitting = [
        image
        for image in images
        if (
            image.hdu == item.hdu
            if isinstance(item.hdu, int)
            else image.name.upper() == str(item.hdu).upper()
        )
    ]
    if len(images) == 1 and not fitting and item.hdu in (0, 1) and images[0].hdu is None:
        fitting = [images[0]]
    if len(fitting) != 1:
        rule = f"must name one of the {len(images)} images of the file: {', '.join(names)}"
        raise ArgumentError(f"hdu of readout {item.name}", rule, value=item.hdu, remedy=_REMEDY)
    return fitting[0]


def _stored(image: StoredImage, item: DescribedReadout) -> Stored:
    data = _section(image, item, item.data, "data")
    bias = tuple(_section(image, item, text, "bias").range for text in item.bias)
    covered = hull([data.range, *bias])
    window = covered if item.window is None else _section(image, item, item.window, "window").range
    for section in (data.range, *bias):
        if not window.contains(section):
            rule = f"must lie inside its window {window.to_fits()}"
            raise image.refusal(f"section of readout {item.name}", rule, section.to_fits(), _REMEDY)
    for section in bias:
        if section.intersection(data.range) is not None:
            rule = f"must not overlap its data section {data.range.to_fits()}"
            raise image.refusal(f"bias of readout {item.name}", rule, section.to_fits(), _REMEDY)
    return Stored(
        image=image,
        data=data,
        kept=data.range,
        bias=bias,
        window=window,
        card=_named(item, "data", item.data),
    )


def _named(item: DescribedReadout, key: str, text: str) -> str:
    return f"{key} of readout {item.name}" if text.startswith("[") else text


def _section(
    image: StoredImage, item: DescribedReadout, text: str, key: str, *, inside: bool = True
) -> Directed:
    if text.startswith("["):
        found: Directed | None = Directed.of(text)
    else:
        found = image.section(text)
    if found is None:
        raise image.refusal(text, f"is missing, which is the {key} section of readout {item.name}")
    if inside and not image.whole.contains(found.range):
        rule = f"must lie inside the image {image.whole.to_fits()}"
        raise image.refusal(_named(item, key, text), rule, found.range.to_fits(), _REMEDY)
    return found


def _order(stored: Sequence[Stored], described: Sequence[DescribedReadout], number: int) -> Range:
    """Return the place of a readout where those of its detector follow each other as in the stored image."""
    own, item = stored[number], described[number]
    beside = [
        one.data.range
        for one, its in zip(stored, described, strict=True)
        if one.image is own.image and its.detector == item.detector
    ]
    alone = sum(its.detector == item.detector for its in described)
    if len(beside) < alone:
        raise own.image.refusal(
            f"place of readout {item.name}",
            "is missing, and its detector has readouts in other HDUs",
            None,
            _REMEDY,
        )
    return place_as_stored(own.data.range, beside)
