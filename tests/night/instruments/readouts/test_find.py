"""Readouts written into headers by each convention come back from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import Header
from ccdfx.records.range import Range

NUMBERS = Numbers(gain=("GAIN",), readnoise=("RDNOISE",), saturation=("SATURATE", 65535.0))


@dataclass(frozen=True)
class Layout:
    """Columns and rows of readouts of one detector; each stores `scan` columns beside its pixels, on one side."""

    widths: tuple[int, ...]
    heights: tuple[int, ...]
    scan: int
    left: tuple[bool, ...]
    flips: tuple[tuple[bool, bool], ...]
    orders: tuple[tuple[bool, bool], ...]
    gains: tuple[float, ...]
    binning: tuple[int, int]
    cut: int
    """First column of the detector that is read, as binned."""

    @property
    def cells(self):
        return [(i, j) for j in range(len(self.heights)) for i in range(len(self.widths))]

    def place(self, cell):
        i, j = cell
        x, y = sum(self.widths[:i]), sum(self.heights[:j])
        return Range(x, x + self.widths[i], y, y + self.heights[j])

    def strip(self, cell, number):
        """The stored pixels of a readout from its own first one: data and bias."""
        height, width = self.place(cell).shape
        start = self.scan if self.left[number] else 0
        beside = 0 if self.left[number] else width
        return Range(start, start + width, 0, height), Range(beside, beside + self.scan, 0, height)

    def stored(self, cell, number):
        """The same where all readouts are in one image, beside each other."""
        i, j = cell
        x, y = sum(self.widths[:i]) + i * self.scan, sum(self.heights[:j])
        data, bias = self.strip(cell, number)
        return data.moved(x, y), bias.moved(x, y)

    @property
    def shape(self):
        return sum(self.heights), sum(self.widths) + len(self.widths) * self.scan


@st.composite
def layouts(draw, most=16):
    columns = draw(st.integers(1, 4 if most > 4 else 2))
    rows = draw(st.integers(1, most // columns if most > 4 else 2))
    count = columns * rows
    pairs = st.tuples(st.booleans(), st.booleans())
    return Layout(
        widths=tuple(draw(st.lists(st.integers(2, 9), min_size=columns, max_size=columns))),
        heights=tuple(draw(st.lists(st.integers(2, 9), min_size=rows, max_size=rows))),
        scan=draw(st.integers(1, 4)),
        left=tuple(draw(st.lists(st.booleans(), min_size=count, max_size=count))),
        flips=tuple(draw(st.lists(pairs, min_size=count, max_size=count))),
        orders=tuple(draw(st.lists(pairs, min_size=count, max_size=count))),
        gains=tuple(draw(st.lists(st.sampled_from((1.1, 1.5, 2.7)), min_size=count, max_size=count))),
        binning=draw(st.sampled_from(((1, 1), (2, 2), (3, 1)))),
        cut=draw(st.sampled_from((0, 5))),
    )


def text(window, flips=(False, False), binning=(1, 1), cut=0):
    """FITS text of a section, without binning, reversed as it is flipped."""
    x = (window.x_lower + cut) * binning[0] + 1, (window.x_upper + cut) * binning[0]
    y = window.y_lower * binning[1] + 1, window.y_upper * binning[1]
    (a, b), (c, d) = x[:: -1 if flips[0] else 1], y[:: -1 if flips[1] else 1]
    return f"[{a}:{b},{c}:{d}]"


def in_extensions(layout, place_cards, **more):
    """One image a readout; `place_cards(layout, cell, number)` are the cards of its place."""
    images, found = [], []
    for number, cell in enumerate(layout.cells):
        data, bias = layout.strip(cell, number)
        cards = {"EXTNAME": f"im{number + 1}", "DATASEC": text(data), "BIASSEC": text(bias)}
        cards |= {
            "CCDSUM": "{} {}".format(*layout.binning),
            "GAIN": layout.gains[number],
            "SATURATE": 50000 + number,
        }
        shape = data.shape[0], data.shape[1] + layout.scan
        header = Header(cards | more | place_cards(layout, cell, number))
        images.append(StoredImage(header=header, shape=shape, hdu=number + 1, binning=layout.binning))
        found.append(
            Readout(
                name=f"im{number + 1}", hdu=number + 1, window=Range.whole(shape), data=data, bias=(bias,),
                place=layout.place(cell), flip_x=layout.flips[number][0], flip_y=layout.flips[number][1],
                reversed_x=layout.orders[number][0], reversed_y=layout.orders[number][1],
                gain=layout.gains[number], saturation=50000.0 + number,
            )
        )  # fmt: skip
    return images, tuple(found)


def by_ccdsec(layout):
    def cards(layout, cell, number):
        place, order = layout.place(cell), layout.orders[number]
        amplifier = text(Range.whole(place.shape), order)
        return {"CCDSEC": text(place, layout.flips[number], layout.binning, layout.cut), "AMPSEC": amplifier}

    return in_extensions(layout, cards)


def by_detsec(layout):
    """Two chips above each other in DETSEC; CCDNUM tells them apart."""
    upper = layout.place(layout.cells[-1]).y_upper * layout.binning[1]
    images, found = [], []
    for chip in (1, 2):

        def cards(layout, cell, number, chip=chip):
            place = layout.place(cell).moved(0, (chip - 1) * (upper // layout.binning[1] + 3))
            pairs = zip(layout.orders[number], layout.flips[number], strict=True)
            signs = {
                f"ATM{axis}_{axis}": 1.0 - 2.0 * (order != flip)
                for axis, (order, flip) in enumerate(pairs, 1)
            }
            return {"DETSEC": text(place, layout.flips[number], layout.binning, layout.cut), **signs}

        its, readouts = in_extensions(layout, cards, CCDNUM=chip)
        shift = len(images)
        images += [
            replace(one, hdu=one.hdu + shift, header=one.header.set("EXTNAME", f"im{one.hdu + shift}"))
            for one in its
        ]
        found += [
            replace(one, hdu=one.hdu + shift, detector=str(chip), name=f"im{one.hdu + shift}")
            for one in readouts
        ]
    return images, tuple(found)


def by_ltm(layout):
    """LTM and LTV: the stored pixel is LTM times that of the CCD plus LTV."""

    def cards(layout, cell, number):
        found = {}
        place, (data, _) = layout.place(cell).moved(layout.cut, 0), layout.strip(cell, number)
        spans = (place.x_lower, place.x_upper, data.x_lower), (place.y_lower, place.y_upper, data.y_lower)
        for axis, (low, high, first) in enumerate(spans):
            factor = layout.binning[axis]
            scale = (-1.0 if layout.flips[number][axis] else 1.0) / factor
            edge = (high if layout.flips[number][axis] else low) * factor + 0.5
            found |= {f"LTM{axis + 1}_{axis + 1}": scale, f"LTV{axis + 1}": first + 0.5 - scale * edge}
        return found

    images, found = in_extensions(layout, cards)
    return images, tuple(replace(one, reversed_x=False, reversed_y=False) for one in found)


def by_atm(layout):
    """AMPSEC in the pixels of the amplifier, which ATM and ATV make of those of the CCD."""

    def cards(layout, cell, number):
        place = Range.of(text(layout.place(cell), (False, False), layout.binning, layout.cut), (9999, 9999))
        size = 500
        found, ends = {}, []
        spans = (place.x_lower + 1, place.x_upper), (place.y_lower + 1, place.y_upper)
        for axis, (low, high) in enumerate(spans):
            order = layout.orders[number][axis] != layout.flips[number][axis]
            scale, offset = (-1.0, size + 1) if order else (1.0, 0)
            found |= {f"ATM{axis + 1}_{axis + 1}": scale, f"ATV{axis + 1}": offset}
            first, last = (high, low) if layout.flips[number][axis] else (low, high)
            ends.append(f"{round(scale * first + offset)}:{round(scale * last + offset)}")
        return found | {"AMPSEC": f"[{','.join(ends)}]"}

    return in_extensions(layout, cards)


def in_one(layout, cards_of, names, **more):
    cards, found = dict(more), []
    for number, (cell, name) in enumerate(zip(layout.cells, names, strict=True)):
        data, bias = layout.stored(cell, number)
        cards |= cards_of(name, data, bias, cell, number)
        both = Range(
            min(data.x_lower, bias.x_lower), max(data.x_upper, bias.x_upper), data.y_lower, data.y_upper
        )
        found.append(
            Readout(
                name=name, window=both, data=data, bias=(bias,), place=layout.place(cell), gain=layout.gains[number],
                saturation=65535.0,
            )
        )  # fmt: skip
    return [StoredImage(header=Header(cards), shape=layout.shape, binning=layout.binning)], tuple(found)


def by_quad(layout):
    """IRAF: AMPLIST of rows and columns, CSEC binned as DSEC is."""
    names = [f"{'123456789ABCDEFG'[j]}{i + 1}" for i, j in layout.cells]

    def cards(name, data, bias, cell, number):
        found = {f"DSEC{name}": text(data), f"BSEC{name}": text(bias), f"TSEC{name}": text(data)}
        found |= {
            f"CSEC{name}": text(layout.place(cell), cut=layout.cut),
            f"GTGAIN{name}": layout.gains[number],
        }
        return found

    images, found = in_one(layout, cards, names, AMPLIST=" ".join(names))
    return images, tuple(
        replace(one, reversed_x=one.name[1] == "2", reversed_y=one.name[0] == "2")
        if set(one.name) <= set("12")
        else one
        for one in found
    )


def by_letters(layout):
    names = "ABCDEFGHIJKLMNOP"[: len(layout.cells)]

    def cards(name, data, bias, cell, number):
        place = text(layout.place(cell), layout.flips[number], layout.binning)
        amplifier = text(Range.whole(data.shape), layout.orders[number])
        found = {"DATASEC": data, "BIASSEC": bias}
        return {key + name: text(value) for key, value in found.items()} | {
            f"CCDSEC{name}": place, f"AMPSEC{name}": amplifier, f"GAIN{name}": layout.gains[number],
            f"SATURAT{name}": 65535.0,
        }  # fmt: skip

    images, found = in_one(layout, cards, names)
    if len(names) == 1:  # one readout as ever
        return images, ()
    turned = zip(found, layout.flips, layout.orders, strict=True)
    return images, tuple(
        replace(one, flip_x=flip[0], flip_y=flip[1], reversed_x=order[0], reversed_y=order[1])
        for one, flip, order in turned
    )


def by_list(layout):
    """An instrument file; gains are a list in the header, as LCO writes them."""
    tables = []
    for number, cell in enumerate(layout.cells):
        data, bias = layout.stored(cell, number)
        flip = {(False, False): "none", (True, False): "x", (False, True): "y", (True, True): "xy"}
        tables.append(
            f'[[readout]]\nname = "{number}"\ndata = "{text(data)}"\nbias = ["{text(bias)}"]\n'
            f'place = "{text(layout.place(cell), binning=layout.binning)}"\nflip = "{flip[layout.flips[number]]}"\n'
        )
    camera = 'name = "m"\nmatch = { A = 1 }\nrules = [{ kind = "flat", when = { A = 1 } }]\n' + "\n".join(
        tables
    )
    names = [str(number) for number in range(len(layout.cells))]
    images, found = in_one(layout, lambda *_: {}, names, GAIN=str(list(layout.gains)))
    found = tuple(
        replace(one, flip_x=flip[0], flip_y=flip[1]) for one, flip in zip(found, layout.flips, strict=True)
    )
    return images, found, read_instrument(camera).readouts


def by_eso(layout):
    """At most two by two outputs, at the corners of the chip, or one side of it; prescans at their side."""
    columns, rows = len(layout.widths), len(layout.heights)
    numbers, cards = [], {"ESO DET OUTPUTS": columns * rows}
    right = [i == 1 if columns == 2 else layout.left[0] for i, _ in layout.cells]
    top = [j == 1 if rows == 2 else layout.orders[0][1] for _, j in layout.cells]
    for number, (i, j) in enumerate(layout.cells, 1):
        factor = layout.binning
        at = (
            sum(layout.widths) * factor[0] if right[number - 1] else 1,
            (sum(layout.heights) * factor[1] if top[number - 1] else 1),
        )
        its = {
            "X": at[0],
            "Y": at[1],
            "NX": layout.widths[i],
            "NY": layout.heights[j],
            "PRSCX": 0,
            "OVSCX": layout.scan,
        }
        its |= {"CONAD": layout.gains[number - 1], "GAIN": 1 / layout.gains[number - 1], "RON": 3.0 + number}
        cards |= {f"ESO DET OUT{number} {key}": value for key, value in its.items()}
        numbers.append(f"OUT{number}")
    layout = replace(layout, left=tuple(right))
    images, found = in_one(layout, lambda *_: {}, numbers, **cards)
    if columns * rows == 1:
        return images, ()
    return images, tuple(
        replace(one, readnoise=3.0 + number, reversed_x=x, reversed_y=y)
        for number, (one, x, y) in enumerate(zip(found, right, top, strict=True), 1)
    )


@pytest.mark.quick
@pytest.mark.parametrize("way", [by_ccdsec, by_detsec, by_ltm, by_atm, by_quad, by_letters, by_list, by_eso])
def test_readouts_come_back_from_headers(way):
    @settings(max_examples=30, deadline=None)
    @given(layouts(4 if way is by_eso else 16))
    def law(layout):
        images, wanted, *described = way(layout)
        found = find_readouts(images, described=described[0] if described else (), numbers=NUMBERS)
        if len(images) == 1 and images[0].hdu is not None:
            assert found == ()
        else:
            assert found == wanted

    law()


def output_of(number, x=1, **more):
    """Cards of an output of ESO with 4 prescan columns, 20 exposed and 6 of overscan."""
    numbers = {"X": x, "Y": 1, "NX": 20, "NY": 8, "PRSCX": 4, "OVSCX": 6, "CONAD": 1.0 + number / 10, **more}
    return {f"ESO DET OUT{number} {key}": value for key, value in numbers.items()}


@pytest.mark.quick
def test_outputs_of_eso_that_are_counted_over_all_images_of_a_file() -> None:
    images = [
        StoredImage(header=Header({"ESO DET OUTPUTS": 2, "ESO DET CHIP1 ID": f"ccd{chip}", **output_of(1, x)}), shape=(8, 30), hdu=chip)
        for chip, x in ((1, 1), (2, 20))
    ]  # fmt: skip
    found = find_readouts(images)
    assert [(one.detector, one.data.to_fits()) for one in found] == [
        ("ccd1", "[5:24,1:8]"),
        ("ccd2", "[7:26,1:8]"),
    ]


@pytest.mark.quick
def test_chips_beside_each_other_in_one_image_are_detectors() -> None:
    cards = {"ESO DET OUTPUTS": 2, "ESO DET CHIP1 ID": "ccd45", "ESO DET CHIP2 ID": "ccd46"}
    header = Header(cards | output_of(1, CHIP=1) | output_of(2, CHIP=2))
    one, two = find_readouts([StoredImage(header=header, shape=(8, 60))])
    assert (one.detector, one.data.to_fits(), one.place.to_fits()) == ("ccd45", "[5:24,1:8]", "[1:20,1:8]")
    assert (two.detector, two.data.to_fits(), two.place.to_fits()) == ("ccd46", "[35:54,1:8]", "[1:20,1:8]")
    assert (two.bias[0].to_fits(), two.gain) == ("[55:60,1:8]", 1.2)
    with pytest.raises(ArgumentError, match="ESO DET OUT1 NX: must fill the 61 columns"):
        find_readouts([StoredImage(header=header, shape=(8, 61))])
