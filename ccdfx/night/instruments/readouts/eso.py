"""Outputs of ESO: ESO DET OUTi X, Y, NX, NY, PRSCX, OVSCX, PRSCY, OVSCY, CONAD, RON; the place of an output decides its side.

X and Y are the pixel of the chip at which the output is, without binning; the others count stored pixels. The strip that an
output reads has its prescan at the side of the output, then the exposed pixels, then the overscan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ccdfx.night.instruments.readouts.amplifiers import detector_of
from ccdfx.night.instruments.readouts.site import Site, Stored
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage
from ccdfx.records.range import Range

_COUNT = "ESO DET OUTPUTS"
_OUTPUT = re.compile(r"ESO DET OUT(\d+) NX\Z")


@dataclass(frozen=True, slots=True)
class _Strip:
    """The pixels of an output along one axis."""

    at: int  # of the output on the chip, from 1
    size: int
    prescan: int
    overscan: int

    @property
    def length(self) -> int:
        return self.prescan + self.size + self.overscan

    def data(self, start: int, beyond: bool) -> tuple[int, int]:
        """Return the exposed pixels of a strip that begins at `start`; `beyond`: the output is at its upper end."""
        low = start + (self.overscan if beyond else self.prescan)
        return low, low + self.size

    def bias(self, start: int, beyond: bool) -> tuple[int, int] | None:
        """Return the overscan, or else the prescan, None where there is neither."""
        size = self.overscan or self.prescan
        if not size:
            return None
        lower = beyond if self.overscan else not beyond
        return (start, start + size) if lower else (start + self.length - size, start + self.length)


def outputs_of(image: StoredImage) -> list[int]:
    """Return the numbers of the outputs that the header describes.

    >>> from ccdfx.records.header import Header
    >>> outputs_of(StoredImage(header=Header({"ESO DET OUT1 NX": 9, "ESO DET OUT4 NX": 9}), shape=(1, 1)))
    [1, 4]
    """
    found = {int(match[1]) for card in image.header.cards if (match := _OUTPUT.match(card.keyword))}
    return sorted(found)


def sites_of_outputs(image: StoredImage, *, least: int = 2, of_file: int | None = None) -> list[Site]:
    """Return the sites of the outputs of a chip in one image; none where there are fewer than `least`.

    ESO DET OUTPUTS counts the outputs of the image, or those of all images of its file, which are `of_file`. Where ESO DET OUTi
    CHIP tells chips apart, they lie beside each other as they are numbered.

    Raises
    ------
    ArgumentError
        ESO DET OUTPUTS counts others than are described, or their strips do not fill the image.
    """
    numbers = outputs_of(image)
    stated = image.count(_COUNT)
    if stated is not None and stated > 1 and stated != of_file and len(numbers) < stated:
        if not numbers and image.hdu is not None:
            return []
        raise image.refusal(_COUNT, f"must be that of the outputs with NX, which are {len(numbers)}", stated)
    if len(numbers) < least or (stated == 1 and len(numbers) > 1):
        return []
    chips = [image.count(f"ESO DET OUT{number} CHIP") for number in numbers]
    if all(chips) and len(set(chips)) == len(chips) > 1:
        return _chips(image, numbers, chips)
    strips = [tuple(_strip(image, number, axis) for axis in "XY") for number in numbers]
    for columns, rows in ((True, True), (True, False), (False, True), (False, False)):
        sites = _laid_out(image, numbers, strips, (columns, rows))
        if sites:
            return sites
    sizes = ", ".join(
        f"OUT{number} {x.length} x {y.length}" for number, (x, y) in zip(numbers, strips, strict=True)
    )
    rule = (
        f"must fill the image of {image.shape[1]} x {image.shape[0]} pixels with their prescans and overscans"
    )
    raise image.refusal(f"ESO DET OUT{numbers[0]} NX", rule, sizes)


def _chips(image: StoredImage, numbers: Sequence[int], chips: Sequence[int | None]) -> list[Site]:
    """Return the sites of chips that lie beside each other in one image, each read through one output (SUSI2)."""
    start, found = 0, []
    for number, chip in sorted(zip(numbers, chips, strict=True), key=lambda pair: pair[1] or 0):
        x, y = (_strip(image, number, axis) for axis in "XY")
        sides = (x.at > max(1.0, x.size / 2), y.at > max(1.0, y.size / 2))
        site = _site(image, number, (x, y), (start, 0), sides, (0, 0))
        named = (
            image.text(f"ESO DET CHIP{chip} ID") or image.text(f"ESO DET CHIP{chip} NAME") or f"chip{chip}"
        )
        found.append(replace(site, detector=named))
        start += x.length
        if y.length != image.shape[0]:
            rule = f"must fill the {image.shape[0]} rows of the image with its prescan and overscan"
            raise image.refusal(f"ESO DET OUT{number} NY", rule, y.length)
    if start != image.shape[1]:
        rule = f"must fill the {image.shape[1]} columns of the image with the prescans and overscans of all chips"
        raise image.refusal(f"ESO DET OUT{numbers[0]} NX", rule, start)
    return found


def _strip(image: StoredImage, number: int, axis: str) -> _Strip:
    names = (axis, f"N{axis}", f"PRSC{axis}", f"OVSC{axis}")
    at, size, prescan, overscan = (image.count(f"ESO DET OUT{number} {name}") for name in names)
    if not size:
        raise image.refusal(f"ESO DET OUT{number} N{axis}", "must be the number of exposed pixels", size)
    if at is None:
        raise image.refusal(
            f"ESO DET OUT{number} {axis}", "is missing, which says at which side the output is"
        )
    return _Strip(at, size, prescan or 0, overscan or 0)


def _laid_out(
    image: StoredImage,
    numbers: Sequence[int],
    strips: Sequence[tuple[_Strip, ...]],
    split: tuple[bool, bool],
) -> list[Site]:
    """Return the sites if outputs that differ in X, in Y or in both lie beside each other; none if that fills no image."""
    ranks, starts, sides, before = [], [], [], []
    for axis, is_split in enumerate(split):
        places = sorted({strip[axis].at for strip in strips}) if is_split else [0]
        rank = [places.index(strip[axis].at) if is_split else 0 for strip in strips]
        along: list[_Strip | None] = [None] * len(places)
        for strip, its in zip(strips, rank, strict=True):
            first = along[its] or strip[axis]
            if (first.size, first.prescan, first.overscan) != (
                strip[axis].size,
                strip[axis].prescan,
                strip[axis].overscan,
            ):
                return []
            along[its] = first
        kept = [one for one in along if one is not None]
        length = image.shape[1 - axis]
        if len(places) > 2 or sum(one.length for one in kept) != length:
            return []
        ranks.append(rank)
        starts.append([sum(one.length for one in kept[:its]) for its in rank])
        before.append([sum(one.size for one in kept[:its]) for its in rank])
        # One strip alone: the place of the output is not binned, where its size may be.
        sides.append(
            [its == 1 if len(places) == 2 else strip[axis].at > max(1.0, strip[axis].size / 2)
             for strip, its in zip(strips, rank, strict=True)]
        )  # fmt: skip
    cells = set(zip(*ranks, strict=True))
    if len(cells) != len(strips) or len(cells) != len(set(ranks[0])) * len(set(ranks[1])):
        return []
    return [
        _site(
            image,
            number,
            strips[i],
            (starts[0][i], starts[1][i]),
            (sides[0][i], sides[1][i]),
            (before[0][i], before[1][i]),
        )
        for i, number in enumerate(numbers)
    ]


def _site(
    image: StoredImage,
    number: int,
    strips: tuple[_Strip, ...],
    starts: tuple[int, int],
    sides: tuple[bool, bool],
    before: tuple[int, int],
) -> Site:
    x, y = (strip.data(start, side) for strip, start, side in zip(strips, starts, sides, strict=True))
    data = Range(*x, *y)
    beside, above = (
        strip.bias(start, side) for strip, start, side in zip(strips, starts, sides, strict=True)
    )
    bias = Range(*beside, *y) if beside else Range(*x, *above) if above else None
    window = Range(starts[0], starts[0] + strips[0].length, starts[1], starts[1] + strips[1].length)
    stored = Stored(
        image=image,
        data=Directed(data),
        kept=data,
        bias=() if bias is None else (bias,),
        window=window,
        card=f"ESO DET OUT{number} NX",
        suffix=f"{number}",
    )
    width, height = x[1] - x[0], y[1] - y[0]
    place = Range(before[0], before[0] + width, before[1], before[1] + height)
    return Site(
        stored=stored,
        place=Directed(place),
        flips=(False, False),
        card=f"ESO DET OUT{number} NX",
        detector=detector_of(image),
        name=image.text(f"ESO DET OUT{number} NAME")
        or image.text(f"ESO DET OUT{number} ID")
        or f"OUT{number}",
        reversals=sides,
    )
