"""Headers of the products of a night: kind, inputs, exposure, times, and nothing that the inputs said wrongly."""

from __future__ import annotations

import hashlib
import json

import pytest

from ccdfx.io import read
from ccdfx.night.graph.keys import digest
from ccdfx.night.run import reduce_night


@pytest.mark.quick
@pytest.mark.parametrize(
    ("file", "product", "inputs"),
    [
        ("masters/bias.fits", "master bias", ["b0.fits", "b1.fits", "b2.fits", "b3.fits", "b4.fits"]),
        ("masters/dark_2s.fits", "master dark", ["kf0.fits", "kf1.fits", "kf2.fits"]),
        ("calibrated/s0.fits", "calibrated frame", ["s0.fits"]),
        ("combined/field_V.fits", "combined frame", [f"calibrated/s{i}.fits" for i in range(3)]),
    ],
)
def test_a_product_says_what_it_is_and_of_what(done, file, product, inputs):
    camera, _, out = done
    header = read(out / file).header
    assert header["PRODUCT"] == product and header["CREATOR"].startswith("ccdfx ") and "DATE" not in header
    for number, name in enumerate(inputs, 1):
        assert header[f"IMCMB{number:03d}"] == name
        if name.startswith("calibrated"):
            assert header[f"IMKEY{number:03d}"] == read(out / name).header["CCDFXKEY"]
        else:
            raw = (camera.folder / name).read_bytes()
            assert header[f"IMSHA{number:03d}"] == hashlib.sha256(raw).hexdigest()
    record = json.loads((out / "facts" / file).with_suffix(".json").read_text())
    assert header["CCDFXKEY"] == record["key"] == digest(record["parts"])
    assert f"IMCMB{len(inputs) + 1:03d}" not in header


@pytest.mark.quick
def test_masters_have_the_gain_and_exposure_of_their_level(done):
    bias, dark, flat = (
        read(done[2] / f"masters/{name}.fits").header for name in ("bias", "dark_60s", "flat_V")
    )
    assert (bias["GAIN"], dark["GAIN"], dark["EXPTIME"]) == (pytest.approx(10.0), pytest.approx(8.0), 60.0)
    assert bias["RDNOISE"] == pytest.approx(6.0 * 5**0.5)
    assert not {"GAIN", "RDNOISE", "EXPTIME"} & set(flat), "a flat of level 1 has none of these"
    assert (flat["IMAGETYP"], flat["FILTER"]) == ("flat", "V")


def test_masters_say_nothing_that_contradicts_them(camera, out):
    for i in range(3):
        camera.write(
            f"b{i}.fits", "bias", filter="B", object="dark", OBSTYPE="DARK", FILTNAM2="clear", AIRMASS=1.1, RA=15.0, CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=10.0, CTYPE1C="linear", CRPIX1C=0.5,
            TEMPERAT=-20.0 - i, UT=f"00:0{i}:00", **{"DATE-OBS": f"2020-01-0{3 - i}T00:00:00"},
        )  # fmt: skip
    camera.science("s.fits")
    reduce_night(camera.folder, out)
    header = read(out / "masters/bias.fits").header
    assert not {"RA", "CTYPE1", "CTYPE2", "CRVAL1"} & set(header) and header["CRPIX1C"] == 0.5
    assert not {"OBSTYPE", "FILTER", "FILTNAM2", "AIRMASS", "TEMPERAT", "UT"} & set(header)
    assert (header["IMAGETYP"], header["OBJECT"], header["INSTRUME"]) == ("bias", "master bias", "small")
    assert header["DATE-OBS"] == "2020-01-01T00:00:00" and header["DATE-END"] == "2020-01-03T00:00:00.000"


def test_masters_have_the_gain_that_was_used_not_that_of_the_headers(camera, out):
    cards = {"GAIN": None, "RDNOISE": None, "EGAIN": 99.0}
    camera.biases(3, **cards)
    camera.flats(2, **cards)
    camera.science("s.fits", **cards)
    facts = reduce_night(camera.folder, out).facts
    (noise,) = facts["noise"]
    assert noise["gain_source"] == "measured", "the headers of IRAF have GAIN"
    header = read(out / "masters/bias.fits").header
    assert header["GAIN"] == pytest.approx(3 * noise["gain"]) and "EGAIN" not in header
    assert header["RDNOISE"] == pytest.approx(3**0.5 * noise["readnoise"])
