"""Choosing frames: what stays, what is left out and why, and what is said of names that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx import Header
from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.night.frames.choose import KINDS, choose
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.frames.scan import scan
from ccdfx.night.frames.values import value_of
from ccdfx.night.instruments.camera_settings import Temperature
from ccdfx.night.instruments.header_facts import Known


def frame(file, kind="science", cards=None, **facts):
    return Frame(path=Path(file), file=file, kind=kind, header=HeaderValues(cards or {}), **facts)


NIGHT = (
    frame("cal/b1.fits", "bias", exptime=0.0),
    frame("cal/d1.fits", "dark", exptime=300.0),
    frame("cal/fR.fits", "flat", filter="R", exptime=2.0),
    frame("cal/fV.fits", "flat", filter="V", exptime=2.0, object="dome"),
    frame("cal/f.fits", "flat", exptime=2.0),
    frame("focus/x1.fits", "other", exptime=1.0),
    frame("gone.fits", None, problem="cannot be opened"),
    frame("m51_1.fits", object="M 51", filter="V", exptime=300.0, cards={"AIRMASS": 1.1, "MOON": "up"}),
    frame("m51_2.fits", object="m  51", filter="R", exptime=30.0, cards={"AIRMASS": "1.9"}),
    frame("n1.fits", object="NGC 1", filter="V", exptime=30.0),
)
CALIBRATIONS = ["cal/b1.fits", "cal/d1.fits", "cal/fR.fits", "cal/fV.fits", "cal/f.fits"]


def files(**options):
    return [one.file for one in choose(NIGHT, **options).frames]


@pytest.mark.quick
def test_calibrations_of_an_object_stay():
    assert files(object="M 51") == [*CALIBRATIONS, "m51_1.fits", "m51_2.fits"]
    assert files(object=["ngc*", "M 52"]) == [*CALIBRATIONS, "n1.fits"]


def test_a_filter_takes_its_flats_and_those_that_have_no_name():
    assert files(filter="v") == [
        "cal/b1.fits",
        "cal/d1.fits",
        "cal/fV.fits",
        "cal/f.fits",
        "m51_1.fits",
        "n1.fits",
    ]


def test_kinds_are_those_asked_for_and_no_others():
    assert files(kind="science") == ["m51_1.fits", "m51_2.fits", "n1.fits"]
    assert files(kind=("flat", "bias"), filter="R") == ["cal/b1.fits", "cal/fR.fits", "cal/f.fits"]


def test_a_condition_spares_calibrations_unless_it_names_the_kind():
    assert files(where="exptime > 10 and airmass < 2") == [*CALIBRATIONS, "m51_1.fits", "m51_2.fits"]
    assert files(where="kind = science and airmass < 1.5") == ["m51_1.fits"]
    assert files(where="Kind in (dark, science) and exptime > 100") == ["cal/d1.fits", "m51_1.fits"]
    assert files(where="not kind") == ["gone.fits"]


@pytest.mark.parametrize(
    ("glob", "gone"),
    [
        ("m51_?.fits", ["m51_1.fits", "m51_2.fits"]),
        ("m51_[13].fits", ["m51_1.fits"]),
        ("focus", ["focus/x1.fits"]),
        ("focus/", ["focus/x1.fits"]),
        ("cal/f*", ["cal/fR.fits", "cal/fV.fits", "cal/f.fits"]),
        ("f[RV].fits", ["cal/fR.fits", "cal/fV.fits"]),
        ("M51*", []),
    ],
)
def test_files_are_excluded_by_patterns_as_those_of_a_shell(glob, gone):
    chosen = choose(NIGHT, exclude=glob)
    assert chosen.reasons == dict.fromkeys(gone, f"not chosen by exclude {glob}")
    assert chosen.notes == (() if gone else (f"no frame is excluded by {glob}",))


def test_reasons_name_what_failed_and_what_is_missing():
    reasons = choose(NIGHT, object="M 51", filter=("V", "B"), where="airmass < 1.05 and MOON = down").reasons
    assert reasons == {
        "cal/fR.fits": "not chosen by filter V or B",
        "focus/x1.fits": "not chosen by object M 51, as it has none",
        "gone.fits": "not chosen by object M 51, as it has none (cannot be opened)",
        "m51_1.fits": "not chosen by where airmass < 1.05",
        "m51_2.fits": "not chosen by filter V or B",
        "n1.fits": "not chosen by object M 51",
    }
    reasons = choose(NIGHT, where="airmass < 1.5 and MOON = down", kind="science").reasons
    assert reasons["n1.fits"] == "not chosen by where airmass < 1.5, as it has no airmass"
    assert reasons["m51_1.fits"] == "not chosen by where MOON = down"
    reasons = choose(NIGHT, where="airmass < 1.5").reasons
    assert (
        reasons["gone.fits"] == "not chosen by where airmass < 1.5, as it has no airmass (cannot be opened)"
    )
    assert choose(NIGHT, where="airmass<1.5", kind="science").by == ("kind science", "where airmass < 1.5")


def test_what_is_not_there_is_said():
    assert choose(NIGHT, object="M 52", filter="B", kind=("other", "bias")).notes == (
        "no frame has the object M 52; there are dome, M 51, m  51, NGC 1",
        "no frame has the filter B; there are R, V",
    )
    assert choose((), kind="dark", object="M 1").notes == (
        "no frame has the object M 1",
        "no frame is of the kind dark",
    )
    (note,) = choose(NIGHT, where="airmass < 2", kind="science").notes
    assert note == "where: 1 frame without airmass, comparisons are false: n1.fits"
    (note,) = choose(NIGHT, where="airmas < 2").notes
    assert (
        note
        == "where: no frame has the keyword airmas, so comparisons with it are false; did you mean 'airmass'?"
    )
    (note,) = choose(NIGHT, where="temperature < 2").notes
    assert note == "where: no frame has the fact temperature, so comparisons with it are false"
    assert choose(NIGHT, where="not airmass or airmass < 2").notes == (), "asked for"


def test_nothing_asked_chooses_all():
    chosen = choose(iter(NIGHT))
    assert (chosen.frames, chosen.left_out, chosen.notes, chosen.by) == (NIGHT, (), (), ())


def test_wrong_words_are_refused():
    with pytest.raises(ArgumentError, match="kind: must be one of bias, dark, flat, science, arc, other"):
        choose(NIGHT, kind="light")
    with pytest.raises(ArgumentError, match="filter: must not be empty"):
        choose(NIGHT, filter=["V", " "])
    for wrong in (3, ["V", None], b"V"):
        with pytest.raises(ArgumentTypeError, match="filter: must be text"):
            choose(NIGHT, filter=wrong)
    with pytest.raises(ArgumentError, match="where: at character 10 must be a number"):
        choose((), where="exptime >")


@given(
    st.lists(st.sampled_from(["V", "R", "*", "B"]), max_size=2),
    st.lists(st.sampled_from(["M 51", "N*", "x"]), max_size=2),
    st.lists(st.sampled_from(KINDS), max_size=2),
    st.sampled_from([(), "exptime > 10", "airmass < 1.5", "kind != dark", "not filter = V"]),
)
def test_each_frame_is_chosen_or_has_a_reason_and_conditions_only_narrow(filters, objects, kinds, where):
    options = {"filter": filters, "object": objects, "kind": kinds, "where": where}
    chosen = choose(NIGHT, **options)
    left = {one.file for one, _ in chosen.left_out}
    assert [one for one in NIGHT if one.file not in left] == list(chosen.frames)
    assert choose(chosen.frames, **options).frames == chosen.frames, "once more changes nothing"
    alone = [{one.file for one in choose(NIGHT, **{name: value}).frames} for name, value in options.items()]
    assert set.intersection(*alone) == {one.file for one in chosen.frames}


def test_facts_have_names():
    one = frame(
        "a.fits",
        binning=(2, 1),
        shape=(10, 20),
        temperature=Temperature(-20.5, "CCD-TEMP"),
        gain=Known(1.5, "header"),
        doubts=("a", "b"),
        cards={"SECZ": 1.3, "AIRMASS": -1.0, "ESO TEL AIRM START": 2.0, "OBJECT": "x"},
    )
    names = ("binning", "SIZE", "width", "height", "temperature", "gain", "readnoise", "doubts", "airmass")
    assert [value_of(one, name) for name in names] == ["2x1", "20x10", 20, 10, -20.5, 1.5, None, "a; b", 1.3]
    assert [value_of(one, name) for name in ("object", "header.object", "HEADER.Nothing")] == [
        None,
        "x",
        None,
    ]
    cards = Header({"HIERARCH ESO TEL AIRM START": 1.2, "HIERARCH ESO TEL AIRM END": 1.4})
    assert value_of(frame("b", cards=cards), "airmass") == pytest.approx(1.3)
    assert value_of(frame("c", cards={"AIRMASS": "nan"}), "airmass") is None


def test_frames_of_a_scan_are_chosen_by_their_headers(camera):
    camera.biases(1)
    camera.science("a.fits", AIRMASS=1.2, **{"HIERARCH ESO DET READ MODE": "slow"})
    camera.science("b.fits", AIRMASS=2.5)
    frames = scan(camera.folder)
    for where in ("airmass < 2", "'ESO DET READ MODE' = slow", "exptime = 60 and header.AIRMASS <= 1.2"):
        assert [one.file for one in choose(frames, where=where).frames] == ["a.fits", "b0.fits"]
