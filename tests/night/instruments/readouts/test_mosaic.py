"""Headers in the manner of cameras, made up from their documents and from the programs that write or read them."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header


def read(shape, headers, binning=(1, 1)):
    """Return the name, place, flips and reversed directions of readouts, by detector."""
    images = [
        StoredImage(
            header=Header(cards), shape=shape, hdu=number if len(headers) > 1 else None, binning=binning
        )
        for number, cards in enumerate(headers, 1)
    ]
    found: dict[str, list[tuple[str, ...]]] = {}
    for one in find_readouts(images, numbers=Numbers(gain=("GAIN", "ESO DET OUT1 CONAD"))):
        turned = "".join(
            letter
            for letter, is_so in zip(
                "xyXY", (one.flip_x, one.flip_y, one.reversed_x, one.reversed_y), strict=True
            )
            if is_so
        )
        found.setdefault(one.detector, []).append((one.name, one.place.to_fits(), turned))
    return found


def azcam(number, place, flip):
    """Mont4K of Steward Observatory, binned 3 x 3 (mplesser/azcam writes all of LTM, ATM, AMPSEC from the flip)."""
    return {
        "EXTNAME": f"im{number}", "CCDNAME": "ccd1", "BIASSEC": "[683:702,1:1365]", "DATASEC": "[1:682,1:1365]",
        "TRIMSEC": "[1:682,1:1365]", "CCDSEC": place, "DETSEC": place, "CCDSUM": "3 3", "LTM1_1": flip / 3,
        "LTM2_2": 1 / 3, "ATM1_1": flip, "ATM2_2": 1, "AMPSEC": "[1:2048,1:4096]" if flip > 0 else "[2048:1,1:4096]",
        "CCDSEC1": "[1:682,1:1365]",
    }  # fmt: skip


def test_azcam():
    headers = [azcam(1, "[1:2048,1:4096]", 1), azcam(2, "[4096:2049,1:4096]", -1)]
    assert read((1365, 702), headers, (3, 3)) == {
        "ccd1": [("im1", "[1:682,1:1365]", ""), ("im2", "[683:1364,1:1365]", "x")]
    }


def test_sinistro_with_a_row_that_is_not_read():
    """LCO (LCOGT/banzai, lco.py): DETSEC alone, in pixels without binning, with flips."""
    places = ("[1:2048,1:2048]", "[4096:2049,1:2048]", "[4096:2049,4096:2050]", "[1:2048,4096:2050]")
    rows = ("[1:2048,1:2048]", "[1:2048,1:2048]", "[1:2048,2:2048]", "[1:2048,2:2048]")
    headers = [
        {"EXTVER": n, "DATASEC": data, "BIASSEC": "[2055:2080,1:2048]", "TRIMSEC": "UNKNOWN", "DETSEC": place}
        for n, (data, place) in enumerate(zip(rows, places, strict=True), 1)
    ]
    assert read((2048, 2080), headers) == {
        "": [
            ("HDU 1", "[1:2048,1:2048]", ""), ("HDU 2", "[2049:4096,1:2048]", "x"),
            ("HDU 3", "[2049:4096,2050:4096]", "xy"), ("HDU 4", "[1:2048,2050:4096]", "y"),
        ]
    }  # fmt: skip


@pytest.mark.quick
def test_arcon():
    """IRAF's xccdred.readme: two amplifiers of CTIO's Arcon side by side."""
    cards = {
        "AMPLIST": "11 12   ", "ASEC11": "[1:1056,1:2048]", "CSEC11": "[1:1024,1:2048]", "DSEC11": "[1:1024,1:2048]",
        "TSEC11": "[1:1024,1:2048]", "BSEC11": "[1025:1056,1:2048]", "ASEC12": "[1057:2112,1:2048]",
        "CSEC12": "[1025:2048,1:2048]", "DSEC12": "[1089:2112,1:2048]", "TSEC12": "[1089:2112,1:2048]",
        "BSEC12": "[1057:1088,1:2048]", "GTGAIN11": 1.7, "GTRON12": 3.3,
    }  # fmt: skip
    assert read((2048, 2112), [cards]) == {
        "": [("11", "[1:1024,1:2048]", ""), ("12", "[1025:2048,1:2048]", "X")]
    }
    one, two = find_readouts([StoredImage(header=Header(cards), shape=(2048, 2112))])
    assert (one.window.to_fits(), one.gain, one.readnoise, two.readnoise) == (
        "[1:1056,1:2048]",
        1.7,
        None,
        3.3,
    )


def test_desi():
    """Four amplifiers in one image (desihub/desidatamodel): the reversed AMPSEC is the order of reading, no flip."""
    cards = {"CCDNAME": "CCDSM9B", "DATASEC": "[1:9,1:9]"}
    for letter, columns, bias, rows, place in (
        ("A", "8:2064", "2065:2128", "2:2065", "[1:2057,1:2064]"),
        ("B", "2193:4249", "2129:2192", "2:2065", "[2058:4114,1:2064]"),
        ("C", "8:2064", "2065:2128", "2130:4193", "[1:2057,2065:4128]"),
        ("D", "2193:4249", "2129:2192", "2130:4193", "[2058:4114,2065:4128]"),
    ):
        (left, right), (low, high) = (part.split(":") for part in place[1:-1].split(","))
        x = f"{right}:{left}" if letter in "BD" else f"{left}:{right}"
        y = f"{high}:{low}" if letter in "CD" else f"{low}:{high}"
        cards |= {f"DATASEC{letter}": f"[{columns},{rows}]", f"BIASSEC{letter}": f"[{bias}, {rows}]"}
        cards |= {f"CCDSEC{letter}": place, f"DETSEC{letter}": place, f"AMPSEC{letter}": f"[{x}, {y}]"}
    assert read((4194, 4256), [cards]) == {
        "CCDSM9B": [
            ("A", "[1:2057,1:2064]", ""), ("B", "[2058:4114,1:2064]", "X"), ("C", "[1:2057,2065:4128]", "Y"),
            ("D", "[2058:4114,2065:4128]", "XY"),
        ]
    }  # fmt: skip


def test_lris_and_gmos():
    """DETSEC of a mosaic: reversed for flips (Keck LRIS), and with the CCDNAME of each chip (Gemini GMOS)."""
    headers = [
        {"EXTNAME": f"VidInp{n}", "DATASEC": "[51:1074,1:4096]", "DETSEC": place}
        for n, place in enumerate(("[1:1024,1:4096]", "[2048:1025,1:4096]"), 1)
    ]
    assert read((4096, 1154), headers)[""][1] == ("VidInp2", "[1025:2048,1:4096]", "x")
    headers = [
        {
            "CCDNAME": f"BI{chip}", "AMPNAME": f"BI{chip}, {side}", "DATASEC": "[1:256,1:2112]", "CCDSUM": "2 2",
            "BIASSEC": "[257:288,1:2112]", "CCDSEC": f"[{x}:{x + 511},1:4224]",
            "DETSEC": f"[{x + chip * 1024}:{x + 511 + chip * 1024},1:4224]",
        }
        for chip in (0, 1) for side, x in (("left", 1), ("right", 513))
    ]  # fmt: skip
    assert read((2112, 288), headers, (2, 2))["BI1"] == [
        ("BI1, left", "[1:256,1:2112]", ""), ("BI1, right", "[257:512,1:2112]", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "step", "places"),
    [
        (0, 1, ["[1:600,1:40]", "[601:1000,1:40]"]),
        (1200, -1, ["[1:400,1:40]", "[401:1000,1:40]"]),
        (200, 1, ["[1:400,1:40]", "[401:1000,1:40]"]),
        (0, 0.5, ["[1:1000,1:40]"]),
        (1300, 1, ["[1:1000,1:40]"]),
    ],
)
def test_kast(first, step, places):
    """Lick (E. Gates, mthamilton.ucolick.org, kast_obsHints): the overscans of both stand behind all columns."""
    cards = {
        "AMPSROW": 1,
        "AMPSCOL": 2,
        "COVER": 32,
        "ROVER": 0,
        "DNAXIS1": 1200,
        "CRVAL1U": first,
        "CDELT1U": step,
    }
    image = StoredImage(header=Header(cards), shape=(40, 1064))
    found = find_readouts([image])
    assert [one.data.to_fits() for one in found] == places
    left = found[0].name == "left"
    assert found[0].bias[0].to_fits() == ("[1001:1032,1:40]" if left else "[1033:1064,1:40]")
    for card, value in (("AMPSROW", 2), ("ROVER", 5), ("CDELT1U", None)):
        with pytest.raises(ArgumentError, match=card):
            find_readouts([StoredImage(header=image.header.set(card, value), shape=(40, 1064))])


def test_decam():
    """Two amplifiers in each extension, one extension a chip."""
    headers = []
    for number in (1, 2):
        cards = {"EXTNAME": f"S{number}", "CCDNUM": number, "DATASEC": "[57:2104,51:4146]"}
        for letter, columns, bias, place, amplifier in (
            ("A", "1081:2104", "2105:2154", "[1025:2048,1:4096]", "[2048:1025,4096:1]"),
            ("B", "57:1080", "7:56", "[1:1024,1:4096]", "[1:1024,4096:1]"),
        ):
            cards |= {f"DATASEC{letter}": f"[{columns},51:4146]", f"BIASSEC{letter}": f"[{bias},51:4146]"}
            cards |= {f"CCDSEC{letter}": place, f"AMPSEC{letter}": amplifier, f"GAIN{letter}": 4.0 + number}
        headers.append(cards)
    found = read((4146, 2160), headers)
    assert found["2"] == [("S2 A", "[1025:2048,1:4096]", "XY"), ("S2 B", "[1:1024,1:4096]", "Y")]


def test_chips_of_one_readout():
    """OmegaCAM and other mosaics of ESO; the INT's WFC, whose chips have no section but names."""
    eso = [
        {
            "EXTNAME": f"ESO_CCD_#{n}", "ESO DET CHIP1 ID": f"ESO_CCD_#{n}", "ESO DET OUT1 X": 1, "ESO DET OUT1 Y": 1,
            "ESO DET OUT1 NX": 2048, "ESO DET OUT1 NY": 4100, "ESO DET OUT1 PRSCX": 48, "ESO DET OUT1 OVSCX": 48,
            "ESO DET OUT1 OVSCY": 100,
        }
        for n in (65, 66)
    ]  # fmt: skip
    assert read((4200, 2144), eso) == {
        name: [(name, "[1:2048,1:4100]", "")] for name in ("ESO_CCD_#65", "ESO_CCD_#66")
    }
    wfc = [
        {
            "EXTNAME": f"im{n}",
            "CHIPNAME": f"A5506-{n}",
            "TRIMSEC": "[54:2101,1:4096]",
            "BIASSEC": "[10:40,1:4096]",
        }
        for n in (1, 2, 3, 4)
    ]
    assert read((4200, 2154), wfc)["A5506-3"] == [("im3", "[1:2048,1:4096]", "")]
