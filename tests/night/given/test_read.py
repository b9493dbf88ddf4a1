"""Which files are masters, what was subtracted from them, and what is said of those that are not taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.find import find_given
from ccdfx.night.given.read import read_given

FRAMES = (Frame(path=Path("s.fits"), file="s.fits", kind="science", instrument="iraf"),)


@pytest.fixture
def given(tmp_path):
    """Write a master and read it."""

    def read(level=1000.0, kind=None, spread=2.0, dtype=np.float32, **cards):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.fits"
        array = np.random.default_rng(1).normal(level, spread, (20, 30)).astype(dtype)
        fits.PrimaryHDU(array, fits.Header(cards)).writeto(path)
        text = str(path) if kind is None else f"{kind}={path}"
        return read_given(find_given([text], tmp_path / "out"), FRAMES)

    return read


@pytest.mark.quick
def test_levels_tell_what_headers_do_not(given):
    (bias,) = given(IMAGETYP="Master Bias")
    assert (bias.frame.kind, bias.overscan) == ("bias", False)
    (bias,) = given(0.1, IMAGETYP="Master Bias")
    assert bias.overscan is True
    (dark,) = given(0.2, IMAGETYP="Master Dark", EXPTIME=60.0)
    assert (dark.bias, dark.frame.exptime) == (True, 60.0)
    (flat,) = given(1.0, spread=0.01, IMAGETYP="Master Flat", FILTER="V")
    assert (flat.bias, flat.frame.filter) == (True, "V")


@pytest.mark.parametrize(
    ("level", "cards", "why"),
    [
        (1000.0, {"IMAGETYP": "bias"}, "does not tell that it is a master"),
        (1000.0, {}, "does not tell the kind"),
        (12.0, {"IMAGETYP": "Master Bias"}, "do not tell whether the overscan was subtracted"),
        (300.0, {"IMAGETYP": "Master Dark", "EXPTIME": 60.0}, "dark-with-bias=FILE or dark-without-bias=FILE"),
        (0.0, {"IMAGETYP": "Master Dark"}, "exposure time"),
        (30000.0, {"IMAGETYP": "Master Flat", "FILTER": "V"}, "flat-without-bias=FILE"),
        (100.0, {"IMAGETYP": "Master Bias", "BUNIT": "adu/s"}, "not in counts"),
        (1000.0, {"IMAGETYP": "Light Frame"}, "does not tell the kind"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_not_taken_and_the_remedy_is_said(given, level, cards, why):
    found = given(level, **cards)
    assert found.masters == () and len(found.remarks) == 1
    assert found.remarks[0].startswith("no master is taken from 0.fits: ") and why in found.remarks[0]


def test_what_is_said_is_taken(given):
    (bias,) = given(12.0, "bias-with-level")
    assert bias.overscan is False
    (bias,) = given(12.0, "bias-without-level")
    assert bias.overscan is True
    (dark,) = given(300.0, "dark-with-bias", EXPTIME=60.0)
    assert dark.holds_bias
    (dark,) = given(300.0, "dark-without-bias", EXPTIME=60.0)
    assert not dark.holds_bias
    (flat,) = given(30000.0, "flat-without-bias", FILTER="V", dtype=np.uint16)
    assert flat.frame.kind == "flat"
    assert "said to be a bias, and its header says dark" in given(1000.0, "bias", IMAGETYP="dark").remarks[0]


def test_fractions_of_unknown_units_are_refused(given):
    assert "between 0 and 1" in given(0.02, spread=1e-4, IMAGETYP="Master Bias").remarks[0]
    (bias,) = given(0.02, spread=1e-4, IMAGETYP="Master Bias", PROGRAM="Siril 1.2.0")
    assert (bias.factor, bias.overscan) == (65535.0, False)


def test_a_dark_is_compared_with_a_bias_of_its_camera(tmp_path):
    def write(name, level, **cards):
        array = np.random.default_rng(1).normal(level, 2.0, (20, 30)).astype(np.float32)
        fits.PrimaryHDU(array, fits.Header(cards)).writeto(tmp_path / name)

    dark = {"IMAGETYP": "Master Dark", "EXPTIME": 60.0}
    write("bias.fits", 500.0, IMAGETYP="Master Bias", INSTRUME="small")
    write("a.fits", 510.0, INSTRUME="small", **dark)
    write("b.fits", 40.0, INSTRUME="small", **dark)
    write("c.fits", 250.0, INSTRUME="small", **dark)
    write("d.fits", 510.0, INSTRUME="large", **dark)
    found = read_given(find_given([str(tmp_path)], tmp_path / "out"), FRAMES)
    assert {one.name: one.bias for one in found if one.frame.kind == "dark"} == {
        "a.fits": False,
        "b.fits": True,
    }
    assert len(found.remarks) == 2 and all("dark-with-bias=FILE" in text for text in found.remarks)


def test_a_broken_file_is_said(tmp_path):
    (tmp_path / "a.fits").write_text("SIMPLE  =")
    found = read_given(find_given([str(tmp_path)], tmp_path / "out"), FRAMES)
    assert found.masters == () and "a.fits" in found.remarks[0]
    assert read_given((), FRAMES).remarks == ()
