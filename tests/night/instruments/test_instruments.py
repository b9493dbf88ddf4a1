"""Instrument files: what they say, how they match, and what they refuse."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ccdfx.errors import ArgumentError, FileError, FormatError, UnknownNameError
from ccdfx.night.instruments.conditions import Condition
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.header_facts import Known, facts_of
from ccdfx.night.instruments.instrument import match_instrument
from ccdfx.night.instruments.known import builtin_instruments, load_instrument
from ccdfx.night.instruments.sections import find_section, sections_of, sections_of_frame
from ccdfx.records.header import Header
from ccdfx.records.range import Range

MINE = """
name = "mine"
match = { INSTRUME = "My Camera" }
rules = [{ kind = "science", when = { IMAGETYP = "light*" } }]
"""


def nickel_header(**changes):
    cards = {
        "NAXIS": 2, "NAXIS1": 1056, "NAXIS2": 1024, "INSTRUME": "Nickel Direct Camera", "OBSTYPE": "OBJECT",
        "OBJECT": "NGC_4147          ", "EXPTIME": 60, "FILTNAM": "V                 ", "COVER": 32, "GAIN": 1,
        "CDELT1U": -2, "CDELT2U": -2, "DATE-BEG": "2024-05-13T04:37:01.29",
    }  # fmt: skip
    return Header({k: v for k, v in {**cards, **changes}.items() if v is not None})


def facts(header):
    return facts_of(header, builtin_instruments())


@pytest.mark.parametrize(
    ("test", "value", "holds"),
    [
        ("flat*", "Flat Field", True),
        ("*flat*", "Sky FLAT v", True),
        ("flat", "flat field", False),
        ("bias", " bias      ", True),
        (0, 0.0, True),
        (0, "0", True),
        (0, False, False),
        ("< 0.1", 0, True),
        ("< 0.1", "0.05", True),
        (">= 2", 2, True),
        ("<= 0", 0.5, False),
        ("> 1", "many", False),
        (True, "anything", True),
        (True, "   ", False),
        (True, None, False),
        (False, None, True),
        (False, "there", False),
        (True, True, True),
        (True, False, False),
        ("! flat*", "object", True),
        ("! flat*", "flat", False),
        ("! *", None, True),
        ("! *", "there", False),
        (("a*", 3), "abc", True),
        (("a*", 3), 3, True),
        (("a*", 3), "x", False),
        ("[O III]", "[o iii]", True),
        ("[O III]", "O", False),
    ],
)
def test_condition(test, value, holds):
    header = {} if value is None else {"KEY": value}
    assert Condition("KEY", test).holds(header) is holds


@pytest.mark.quick
def test_shipped_instruments():
    names = [item.name for item in builtin_instruments()]
    assert names == sorted(set(names)) and {"capture", "eso", "iraf", "nickel", "obstype", "sbig"} <= set(
        names
    )
    assert all(item.description for item in builtin_instruments())
    for item in builtin_instruments():
        assert pickle.loads(pickle.dumps(item)) == item


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "science"),
        ({"OBSTYPE": "DARK", "OBJECT": "bias", "EXPTIME": 0}, "bias"),
        ({"OBSTYPE": "DARK", "OBJECT": "dark", "EXPTIME": 300}, "dark"),
        ({"OBJECT": "sky flat", "EXPTIME": 4}, "flat"),
        ({"OBJECT": "Dome Flat"}, "flat"),
        ({"OBJECT": "focus run"}, "other"),
    ],
)
def test_nickel_kinds(changes, kind):
    assert facts(nickel_header(**changes))["kind"] == kind


def test_nickel_facts():
    found = facts(nickel_header())
    assert found["instrument"] == "nickel"
    assert found["overscan"] == Range.from_fits(
        "[1027:1056,1:1024]"
    )  # columns 1025-1056, the first two skipped
    assert found["data"] == Range.from_fits("[1:1024,1:1024]")
    assert found["bad"] == (Range(256, 257, 0, 1024),)
    assert found["gain"] is None and found["readnoise"] is None  # GAIN is the index of a setting
    assert found["saturation"].value == 65535
    assert (found["filter"], found["object"], found["exptime"]) == ("V", "NGC_4147", 60)
    assert found["date"] == "2024-05-13T04:37:01.29"
    assert found["binning"] == (2, 2)


def test_nickel_bad_column_belongs_to_one_binning():
    assert facts(nickel_header(CDELT1U=-1, NAXIS1=2080))["bad"] == ()


def iraf_header(**changes):
    cards = {
        "NAXIS": 2, "NAXIS1": 536, "NAXIS2": 520, "IMAGETYP": "object", "OBJECT": "rf0420", "EXPTIME": 150.04,
        "FILTERS": 48, "BIASSEC": "[  4:  13,   1: 520]", "TRIMSEC": "[  17: 528,   1: 520]", "GAIN": 1.9,
        "RDNOISE": 5.0, "DATE-OBS": "2013-07-13", "CCDSUM": "2 1",
    }  # fmt: skip
    return Header({k: v for k, v in {**cards, **changes}.items() if v is not None})


def test_iraf_facts():
    found = facts(iraf_header())
    assert (found["instrument"], found["kind"]) == ("iraf", "science")
    assert (found["gain"], found["readnoise"]) == (Known(1.9, "header"), Known(5.0, "header"))
    assert (found["overscan"], found["data"]) == (Range(3, 13, 0, 520), Range(16, 528, 0, 520))
    assert (found["filter"], found["binning"]) == ("48", (2, 1))


@pytest.mark.parametrize(
    ("imagetyp", "kind"),
    [
        ("zero", "bias"), ("BIAS", "bias"), ("dark", "dark"), ("Sky Flat", "flat"), ("domeflat", "flat"),
        ("comp", "arc"), ("Composite", "other"), ("focus", "other"), ("object", "science"), ("STANDARD", "science"),
    ],
)  # fmt: skip
def test_iraf_kinds(imagetyp, kind):
    assert facts(iraf_header(IMAGETYP=imagetyp))["kind"] == kind


@pytest.mark.parametrize(
    ("imagetyp", "kind"),
    [
        ("Light Frame", "science"), ("LIGHT", "science"), ("Bias Frame", "bias"), ("BIAS", "bias"),
        ("Dark Frame", "dark"), ("Flat Field", "flat"), ("FLAT", "flat"), ("Tricolor Image", "other"),
    ],
)  # fmt: skip
def test_sbig_kinds_win_over_iraf(imagetyp, kind):
    header = Header({
        "NAXIS": 2, "NAXIS1": 100, "NAXIS2": 50, "IMAGETYP": imagetyp, "SWCREATE": "MaxIm DL Version 6.18",
        "EXPTIME": 5.0, "EGAIN": 1.74, "XBINNING": 2, "YBINNING": 2,
    })  # fmt: skip
    found = facts(header)
    assert (found["instrument"], found["kind"], found["gain"], found["binning"]) == (
        "sbig",
        kind,
        Known(1.74, "header"),
        (2, 2),
    )


def eso_header(**changes):
    cards = {
        "NAXIS": 2, "NAXIS1": 2048, "NAXIS2": 1034, "EXPTIME": 60.0, "OBJECT": "NGC-1", "DATE-OBS": "2010-01-01T00:00:00",
        "ESO DPR CATG": "SCIENCE", "ESO DPR TYPE": "OBJECT", "ESO DPR TECH": "IMAGE", "ESO DET OUTPUTS": 1,
        "ESO DET OUT1 CONAD": 2.2, "ESO DET OUT1 GAIN": 0.45, "ESO DET OUT1 RON": 3.1, "ESO DET OUT1 PRSCX": 0,
        "ESO DET OUT1 OVSCX": 0, "ESO DET OUT1 PRSCY": 5, "ESO DET OUT1 OVSCY": 5, "ESO DET WIN1 BINX": 2,
        "ESO DET WIN1 BINY": 2, "ESO INS FILT1 NAME": "free", "ESO INS FILT2 NAME": "H_Alpha+83",
    }  # fmt: skip
    return Header({**cards, **changes})


def test_eso_facts():
    found = facts(eso_header())
    assert (found["instrument"], found["kind"], found["filter"]) == ("eso", "science", "H_Alpha+83")
    assert (found["gain"].value, found["readnoise"].value) == (2.2, 3.1)  # CONAD, not its inverse
    assert (found["overscan"], found["data"]) == (Range(0, 2048, 1029, 1034), Range(0, 2048, 5, 1029))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "BIAS"}, "bias"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "DARK"}, "dark"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "FLAT,SKY"}, "flat"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "FLAT,LAMP", "ESO DPR TECH": "SPECTRUM"}, "flat"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "STD"}, "science"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "WAVE,LAMP"}, "other"),
        ({"ESO DPR CATG": "ACQUISITION"}, "other"),
        ({"ESO DPR TECH": "SPECTRUM"}, "science"),
        ({"ESO DPR TECH": "ECHELLE"}, "other"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "WAVE,LAMP", "ESO DPR TECH": "SPECTRUM"}, "arc"),
    ],
)
def test_eso_kinds(changes, kind):
    assert facts(eso_header(**changes))["kind"] == kind


@pytest.mark.quick
def test_a_camera_goes_before_a_convention_and_literals_before_patterns():
    header = Header({"INSTRUME": "My Camera", "SWCREATE": "MaxIm DL", "IMAGETYP": "LIGHT"})
    mine = read_instrument(MINE)
    loose = read_instrument(MINE.replace('"mine"', '"loose"').replace('"My Camera"', '"My*"'))
    assert match_instrument(header, [*builtin_instruments(), loose, mine]) is mine
    assert match_instrument(header, [*builtin_instruments(), loose]) is loose
    assert match_instrument(header, builtin_instruments()).name == "sbig"
    assert match_instrument(Header(), builtin_instruments()) is None


@pytest.mark.quick
def test_two_equal_matches_are_an_error_that_names_both():
    other = read_instrument(MINE.replace('"mine"', '"other"'))
    with pytest.raises(ArgumentError, match="mine and other"):
        match_instrument(Header({"INSTRUME": "My Camera"}), [read_instrument(MINE), other])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "is not TOML"),
        ('match = { A = "b" }', "name"),
        ('name = "../x"\n', "letters, digits"),
        ('name = "x"', "match: is missing"),
        (MINE + "colour = 1", "colour: is not a key"),
        (MINE + "[detector]\ngain = -1", "detector.gain"),
        (MINE + "[detector]\ngian = 1", "detector.gian: is not a key"),
        (MINE + "[keywords]\nexptime = 3", "keywords.exptime"),
        (MINE + "[keywords]\nbinning = { x = 1 }", "keywords.binning"),
        (MINE + "[keywords]\nexptime_unit = 'days'", "keywords.exptime_unit: must be a unit of time"),
        (MINE.replace("IMAGETYP =", "'IMAGETYP +' ="), "rules.when: must name keywords"),
        (MINE + "[sections]\noverscan = { side = 'up', size = 3 }", "sections.overscan.side"),
        (MINE + "[sections]\noverscan = { side = 'left' }", "sections.overscan.size"),
        (MINE + "[sections]\noverscan = { side = 'left', size = 3, skipp = 1 }", "skipp"),
        (MINE + "[sections]\noverscan = { side = 'left', size = 3, edge = -1 }", "edge"),
        (MINE + "[sections]\ndata = '[1:2]'", "FITS section"),
        (MINE + "[[bad_pixels]]\ncolumns = [-1]", "bad_pixels.columns"),
        (MINE + "[[bad_pixels]]\ncolumns = 3", "bad_pixels.columns"),
        (MINE + "generic = 'yes'", "generic"),
        (MINE + "planes = 'some'", "planes: must be"),
        (
            MINE + "[spectrum]\ndispersion = 2",
            "spectrum.dispersion: must be rows, columns or a header keyword",
        ),
        (MINE + "[spectrum]\naxis = 2", "spectrum.axis: is not a key here"),
        (MINE.replace('"science"', '"light"'), "rules.kind"),
        (MINE.replace('"light*"', '"< many"'), "compare with a number"),
        (MINE.replace('{ IMAGETYP = "light*" }', "{}"), "rules.when"),
        (MINE + "[[refuse]]\nwhen = { A = 1 }", "refuse.reason"),
    ],
)
def test_a_wrong_file_is_named_with_key_and_rule(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        load_instrument(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_load_by_name_and_by_path(tmp_path):
    assert load_instrument("nickel").name == "nickel"
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    assert load_instrument(str(path)).name == "mine"
    with pytest.raises(UnknownNameError, match="nickel"):
        load_instrument("nikel")
    with pytest.raises(FileError, match="cannot be opened"):
        load_instrument(Path("absent.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="UTF-8"):
        load_instrument(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("spec", "window"),
    [
        ("BIASSEC", (0, 4, 0, 50)),
        ("[1:10,1:50]", (0, 10, 0, 50)),
        ({"side": "left", "size": 8}, (0, 8, 0, 50)),
        ({"side": "left", "size": 8, "skip": 2}, (0, 6, 0, 50)),
        ({"side": "right", "size": "COVER", "skip": 1}, (95, 100, 0, 50)),
        ({"side": "right", "size": "COVER", "skip": 1, "edge": 2}, (95, 98, 0, 50)),
        ({"side": "left", "size": 8, "edge": 3}, (3, 8, 0, 50)),
        ({"side": "top", "size": 3, "edge": 1}, (0, 100, 47, 49)),
        ({"side": "bottom", "size": 3, "edge": 1}, (0, 100, 1, 3)),
        ({"side": "bottom", "size": 3, "skip": 2, "edge": 1}, None),
        ({"side": "bottom", "size": 3}, (0, 100, 0, 3)),
        ({"side": "top", "size": 3}, (0, 100, 47, 50)),
        ({"side": "top", "size": "ABSENT"}, None),
        ({"left": 2, "top": "COVER"}, (2, 100, 0, 44)),
        (["ABSENT", "BIASSEC"], (0, 4, 0, 50)),
        ("ABSENT", None),
    ],
)
def test_sections(spec, window):
    header = Header({"BIASSEC": "[1:4,1:50]", "COVER": 6})
    expected = None if window is None else Range(*window)
    assert find_section(sections_of(spec, "sections.x"), header, (50, 100)) == expected


@pytest.mark.parametrize("text", ["[4096:4109]", "[1:200,1:50]", "[0:4,1:50]", "left"])
def test_a_wrong_section_in_a_header_is_said(text):
    with pytest.raises(ArgumentError, match="BIASSEC"):
        find_section(sections_of("BIASSEC", "sections.overscan"), Header({"BIASSEC": text}), (50, 100))


def test_an_overscan_that_reaches_into_the_exposed_pixels_is_refused():
    sections = sections_of("BIASSEC", "sections.overscan"), sections_of("TRIMSEC", "sections.data")
    header = Header({"BIASSEC": "[90:100,1:50]", "TRIMSEC": "[1:90,1:50]"})
    with pytest.raises(ArgumentError, match=r"overlap the exposed pixels \[1:90,1:50\] \(got '\[90:100"):
        sections_of_frame(*sections, header, (50, 100))
    found, _ = sections_of_frame(*sections, Header({**header, "TRIMSEC": "[1:89,1:50]"}), (50, 100))
    assert found == Range(89, 100, 0, 50)


@pytest.mark.parametrize("value", [-3, 2.5, "many", 500])
def test_a_wrong_size_of_an_overscan_is_said(value):
    with pytest.raises(ArgumentError):
        find_section(sections_of({"side": "left", "size": "COVER"}, "x"), Header({"COVER": value}), (50, 100))


def test_text_in_gain_says_nothing():
    assert facts(iraf_header(GAIN="high", RDNOISE=0))["gain"] is None
    assert facts(iraf_header(RDNOISE=0))["readnoise"] is None


@pytest.mark.parametrize(
    ("cards", "kind", "instrument"),
    [
        ({"IMAGETYP": "FlatDark"}, "dark", "iraf"),
        ({"IMAGETYP": "Flat Dark"}, "dark", "iraf"),
        ({"IMAGETYP": "DARKFLAT"}, "dark", "iraf"),
        ({"OBSTYPE": "DOME FLAT DARK"}, "dark", "obstype"),
        ({"IMAGETYP": "Dark Flat", "SBSTDVER": "SBFITSEXT Version 1.0"}, "dark", "sbig"),
        ({"FRAME": "Light"}, "science", "capture"),
        ({"FRAME": "Flat Dark"}, "dark", "capture"),
        ({"FRAMETYP": "Offset"}, "bias", "capture"),
        ({"OBSTYPE": "SKYFLAT"}, "flat", "obstype"),
        ({"OBSTYPE": "EXPOSE"}, "science", "obstype"),
        ({"OBSTYPE": "BIAS", "IMAGETYP": "flat"}, "flat", "iraf"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "DARK", "EXPTIME": 0.0}, "bias", "eso"),
        ({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "DARK"}, "dark", "eso"),
    ],
)
def test_kinds_by_the_words_of_many_programs(cards, kind, instrument):
    found = facts(Header({"NAXIS": 2, "NAXIS1": 9, "NAXIS2": 9, "EXPTIME": 3.0, **cards}))
    assert (found["kind"], found["instrument"], found.get("problem")) == (kind, instrument, None)


@pytest.mark.parametrize(
    "cards",
    [
        {"IMAGETYP": "Master Flat"},
        {"FRAME": "masterDark"},
        {"CALFRAME": "MasterBias"},
        {"OBSTYPE": "Superbias"},
        {"IMAGETYP": "Stacked Flat"},
    ],
)
def test_a_master_is_no_raw_frame(cards):
    problem = facts(Header({"NAXIS": 2, "NAXIS1": 9, "NAXIS2": 9, "EXPTIME": 3.0, **cards}))["problem"]
    (keyword,) = cards
    assert problem.startswith(f"header keyword {keyword}: must be that of a raw frame, not of a master")


def test_an_unknown_header_is_answered_with_its_cards_and_what_to_do():
    problem = facts(Header({"NAXIS": 2, "NAXIS1": 9, "NAXIS2": 9, "INSTRUME": "DWARFII"}))["problem"]
    for words in ("INSTRUME = 'DWARFII'", "--instrument", "IMAGETYP"):
        assert words in problem
