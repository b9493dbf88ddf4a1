"""What readouts must not do is refused with extension, card and value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header

SHAPE = (8, 10)
GOOD = {"DATASEC": "[1:8,1:8]", "BIASSEC": "[9:10,1:8]", "CCDSUM": "1 1"}
PLACES = ("[1:8,1:8]", "[9:16,1:8]", "[1:8,9:16]", "[9:16,9:16]")


def four(changes=None, of=2, hdus=5, binning=(1, 1), drop=(), **more):
    """Find the readouts of four extensions, one of which has other cards."""
    images = []
    for number, place in enumerate(PLACES, 1):
        cards = GOOD | {"EXTNAME": f"im{number}", "CCDSEC": place, "NEXTEND": 4} | more
        cards |= (changes or {}) if number == of else {}
        cards = {key: value for key, value in cards.items() if value is not None}
        if number not in drop:
            own = binning if number == of else (1, 1)
            images.append(StoredImage(header=Header(cards), shape=SHAPE, hdu=number, binning=own))
    return find_readouts(images, hdus=hdus, numbers=Numbers(gain=("GAIN",)))


def one(shape=(8, 20), **cards):
    return find_readouts([StoredImage(header=Header(cards), shape=shape)])


QUAD = {
    "AMPLIST": "11 12", "DSEC11": "[1:8,1:8]", "BSEC11": "[9:10,1:8]", "CSEC11": "[1:8,1:8]", "DSEC12": "[13:20,1:8]",
    "BSEC12": "[11:12,1:8]", "CSEC12": "[9:16,1:8]",
}  # fmt: skip
OUTPUTS = {
    f"ESO DET OUT{number} {key}": value
    for number, x in ((1, 1), (2, 16))
    for key, value in {"X": x, "Y": 1, "NX": 8, "NY": 8, "OVSCX": 2}.items()
} | {"ESO DET OUTPUTS": 2}
FURTHER = (
    "CCDSEC", "DETSEC", "AMPSEC", "TRIMSEC", "CCDNAME", "DETECTOR", "LTM1_1", "LTV1", "ATM1_1", "ATV1", "NEXTEND", "GAIN",
    "DSEC1", "DATASECA", "AMPLIST", "ESO DET OUT1 NX",
)  # fmt: skip
VALUES = (
    st.sampled_from(
        (
            None,
            0,
            -1,
            1,
            2,
            4,
            8,
            1.5,
            -0.5,
            True,
            "",
            "x",
            "11 12",
            "[1, 2]",
            "[0:0,0:0]",
            "[1:0,1:8]",
            "[-3:4,1:8]",
        )
    )
    | st.tuples(*[st.integers(1, 21)] * 4).map("[{0[0]}:{0[1]},{0[2]}:{0[3]}]".format)
    | st.floats(-1e9, 1e9)
)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda: four({"CCDSEC": "[8:15,1:8]"}), ("extension im2, CCDSEC", "[1:8,1:8] of readout im1", "[8:15,1:8]")),
        (lambda: four({"CCDSEC": "[1:8,1:8]"}), ("extension im2, CCDSEC", "must not overlap", "im1")),
        (lambda: four({"CCDSEC": "[9:17,1:8]"}), ("extension im2, CCDSEC", "size of DATASEC = [1:8,1:8] in x")),
        (lambda: four({"CCDSEC": "[9:16,10:17]"}, of=4), ("extension im4, CCDSEC", "begin and end in y where", "im3")),
        (lambda: four({"CCDSEC": "abc"}), ("extension im2, CCDSEC", "FITS section", "abc")),
        (lambda: four({"CCDSEC": None}), ("extension im2, CCDSEC", "3 of 4 images")),
        (lambda: four({"DATASEC": "[1:11,1:8]"}), ("extension im2, DATASEC", "inside the image [1:10,1:8]")),
        (lambda: four({"BIASSEC": "[8:10,1:8]"}), ("extension im2, BIASSEC", "DATASEC = [1:8,1:8]", "[8:10,1:8]")),
        (lambda: four({"TRIMSEC": "[2:9,1:8]"}), ("extension im2, TRIMSEC", "inside DATASEC")),
        (lambda: four({"DATASEC": None}), ("extension im2, DATASEC", "is missing")),
        (lambda: four({"LTM1_1": 1.0, "CCDSEC": "[16:9,1:8]"}), ("extension im2, LTM1_1", "CCDSEC = [16:9,1:8]")),
        (lambda: four({"DETSEC": "[16:9,1:8]"}, DETSEC="[1:8,1:8]"), ("im2, DETSEC", "CCDSEC = [9:16,1:8] as that of im1")),
        (lambda: four(binning=(2, 2)), ("extension im2, CCDSUM", "as im1 is, 1 x 1", "2 x 2")),
        (lambda: four(hdus=4), ("NEXTEND", "which are 3", "4")),
        (lambda: four(drop=(4,), NEXTEND=None), ("CCDSEC", "[9:16,9:16] of the assembled image")),
        (lambda: four(GAIN="[1, 2, 3]"), ("extension im1, GAIN", "list of 4", "[1, 2, 3]")),
        (lambda: one(**QUAD | {"CSEC12": None}), ("keyword CSEC12", "is missing")),
        (lambda: one(**QUAD | {"DSEC12": "[12:19,1:8]"}), ("keyword BSEC12", "DSEC12 = [12:19,1:8]")),
        (lambda: one(**QUAD | {"DSEC12": "[8:15,1:8]", "BSEC12": None}), ("keyword DSEC11", "data section", "12")),
        (lambda: one(**QUAD | {"AMPLIST": "11 12 21"}), ("keyword DSEC21", "is missing")),
        (lambda: one(NUMAMPS=2, AMPLIST="1,4,0,0"), ("keyword NUMAMPS", "must be 1, or each", "2")),
        (lambda: one(**OUTPUTS | {"ESO DET OUTPUTS": 4}), ("ESO DET OUTPUTS", "which are 2", "4")),
        (lambda: one(**OUTPUTS | {"ESO DET OUT2 OVSCX": 3}), ("ESO DET OUT1 NX", "fill the image of 20 x 8")),
        (lambda: one(**OUTPUTS | {"ESO DET OUT2 X": None}), ("ESO DET OUT2 X", "at which side")),
    ],
)  # fmt: skip
def test_extension_and_card_are_named(found, words):
    with pytest.raises(ArgumentError) as problem:
        found()
    for word in words:
        assert word in str(problem.value)


@pytest.mark.quick
def test_what_is_no_set_of_readouts_is_left_alone():
    science = [
        StoredImage(header=Header({"EXTNAME": name}), shape=SHAPE, hdu=number)
        for number, name in enumerate("AB")
    ]
    assert find_readouts(science) == ()
    matrix = {"LTM1_1": 1.0, "LTM2_2": 1.0, "DETECTOR": "WFC"}
    assert find_readouts([StoredImage(header=Header(matrix), shape=SHAPE, hdu=n) for n in (1, 2)]) == ()
    assert one(DATASEC="[1:8,1:8]", BIASSEC="[9:10,1:8]", CCDSEC="[1:8,1:8]", DETSEC="[1:8,1:8]") == ()
    assert four({"BIASSEC": GOOD["DATASEC"]})[1].bias == ()  # azcam writes so where there is no overscan
    assert one(NUMAMPS=1) == one(NUMAMP="one") == ()
    assert len(four()) == 4 and len(one(**QUAD)) == 2 and len(one(**OUTPUTS)) == 2


def test_chips_without_names_are_told_apart_by_where_they_lie_in_detsec():
    images = []
    for number, (ccd, detector) in enumerate(
        (("[1:8,1:8]", "[1:8,1:8]"), ("[9:16,1:8]", "[9:16,1:8]"), ("[1:8,1:8]", "[32:25,8:1]"),
         ("[9:16,1:8]", "[24:17,8:1]")), 1
    ):  # fmt: skip
        cards = GOOD | {"CCDSEC": ccd, "DETSEC": detector, "DETECTOR": "Mosaic"}
        images.append(StoredImage(header=Header(cards), shape=SHAPE, hdu=number))
    found = find_readouts(images)
    assert [one.detector for one in found] == ["chip1", "chip1", "chip2", "chip2"]
    assert [one.place.x_lower for one in found] == [0, 8, 0, 8] and not any(one.flip_x for one in found)


@pytest.mark.quick
@pytest.mark.parametrize("named", [True, False])
def test_a_wrong_ccdsec_is_no_chip_of_its_own(named):
    """One of four readouts lies in CCDSEC where another one does: DETSEC beside it makes no second chip of it."""
    images = []
    for number in range(4):
        low = 8 * number + 1
        cards = GOOD | {"CCDSEC": f"[{low}:{low + 7},1:8]", "DETSEC": f"[{low}:{low + 7},1:8]"}
        cards |= {"CCDSEC": "[5:12,1:8]"} if number == 1 else {}
        cards |= {"CCDNAME": "BI5"} if named else {}
        images.append(StoredImage(header=Header(cards), shape=SHAPE, hdu=number + 1))
    if named:  # and another chip, so that the name tells two apart
        other = {"CCDSEC": "[1:8,1:8]", "DETSEC": "[65:72,1:8]", "CCDNAME": "BI6"}
        images.append(StoredImage(header=Header(GOOD | other), shape=SHAPE, hdu=5))
    with pytest.raises(ArgumentError, match=r"CCDSEC.*must not overlap"):
        find_readouts(images)


@pytest.mark.quick
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(("four", "quad", "outputs")),
    st.data(),
)
def test_any_header_is_read_or_refused_by_name(kind, data):
    """Whatever a card says, readouts lie in the file and beside each other on the detector, or an error names them."""
    known = {"four": GOOD | dict.fromkeys(FURTHER), "quad": QUAD, "outputs": OUTPUTS}[kind]
    card = data.draw(st.sampled_from(sorted(known)))
    changes = {card: data.draw(VALUES)}
    try:
        found = four(changes) if kind == "four" else one(**known | changes)
    except ArgumentError as problem:
        assert problem.remedy
        return
    for number, readout in enumerate(found):
        for other in found[:number]:
            if other.detector == readout.detector:
                assert readout.place.intersection(other.place) is None
            if other.hdu == readout.hdu:
                assert readout.data.intersection(other.data) is None


def test_chips_in_detsec_may_be_shifted_but_not_of_other_sizes():
    places = ["[1:8,1:8]", "[11:18,4:11]", "[1:8,20:27]"]
    found = find_readouts([
        StoredImage(header=Header(GOOD | {"DETSEC": place}), shape=SHAPE, hdu=number)
        for number, place in enumerate(places, 1)
    ])  # fmt: skip
    assert [one.place.to_fits() for one in found] == places
    small = GOOD | {"DETSEC": "[11:18,4:10]", "DATASEC": "[1:8,1:7]", "EXTNAME": "im2"}
    images = [
        StoredImage(header=Header(one), shape=SHAPE, hdu=n)
        for n, one in enumerate((GOOD | {"DETSEC": places[0]}, small))
    ]
    with pytest.raises(
        ArgumentError, match=r"extension im2, DETSEC: must begin and end in y where DETSEC = \[1:8,1:8\]"
    ):
        find_readouts(images)
