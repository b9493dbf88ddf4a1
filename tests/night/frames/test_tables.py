"""Tables of frames and of groups of frames."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.errors import ArgumentError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.frames.tables import COLUMNS, csv_text, group_frames, tabulate_frames


def frame(file, cards=None, **facts):
    return Frame(path=Path(file), file=file, header=HeaderValues(cards or {}), **facts)


NIGHT = (
    frame("1", filter="V", exptime=30.0, kind="science", cards={"SEEING": 2.0}),
    frame("2", filter="V", exptime=5.0, kind="science", cards={"SEEING": "bad"}),
    frame("3", filter="B", exptime=30.0, kind="science"),
    frame("4", kind="bias"),
    frame("5", kind="bias", exptime=0.0),
)


@pytest.mark.quick
def test_groups_have_counts_and_total_exposures():
    assert group_frames(NIGHT, by=("filter", "exptime")) == (
        {"filter": None, "exptime": None, "frames": 1, "total_exptime": None},
        {"filter": None, "exptime": 0.0, "frames": 1, "total_exptime": 0.0},
        {"filter": "B", "exptime": 30.0, "frames": 1, "total_exptime": 30.0},
        {"filter": "V", "exptime": 5.0, "frames": 1, "total_exptime": 5.0},
        {"filter": "V", "exptime": 30.0, "frames": 1, "total_exptime": 30.0},
    )
    assert [
        (row["kind"], row["frames"], row["total_exptime"]) for row in group_frames(NIGHT, by=["kind"])
    ] == [
        ("bias", 2, 0.0),
        ("science", 3, 65.0),
    ]
    assert group_frames((), by=["kind"]) == ()
    assert group_frames(NIGHT, by=[]) == ({"frames": 5, "total_exptime": 65.0},)


def test_groups_of_keywords_are_sorted_whatever_their_values():
    assert [row["SEEING"] for row in group_frames(NIGHT, by=["SEEING"])] == [None, 2.0, "bad"]


def test_columns_are_facts_and_keywords():
    (row, *_) = tabulate_frames(NIGHT, columns=("file", "seeing", "header.SEEING", "exptime", "gain"))
    assert row == {"file": "1", "seeing": 2.0, "header.SEEING": 2.0, "exptime": 30.0, "gain": None}
    assert tuple(tabulate_frames(NIGHT)[0]) == COLUMNS


@pytest.mark.parametrize("names", [("a", "a"), ("a", " a"), ("",), (" ",), (3,)])
def test_names_that_are_none_are_refused(names):
    with pytest.raises(ArgumentError, match="columns: must be names, each once"):
        tabulate_frames(NIGHT, columns=names)
    with pytest.raises(ArgumentError, match="by: must be names, each once, and not frames or total_exptime"):
        group_frames(NIGHT, by=names)
    with pytest.raises(ArgumentError, match="got 'frames'"):
        group_frames(NIGHT, by=("frames",))


CELLS = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("C", "Z")))
)


@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), max_size=4))
def test_csv_is_read_back_as_it_was(rows):
    found = list(csv.DictReader(io.StringIO(csv_text(rows, ("a", "b")), newline="")))
    assert found == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]


@given(
    st.lists(st.sampled_from(NIGHT), max_size=9),
    st.lists(st.sampled_from(["kind", "filter", "exptime"]), unique=True),
)
def test_groups_hold_every_frame_once(frames, by):
    rows = group_frames(frames, by=by)
    assert sum(row["frames"] for row in rows) == len(frames)
    total = math.fsum(one.exptime or 0.0 for one in frames)
    assert math.fsum(row["total_exptime"] or 0.0 for row in rows) == total


def test_no_character_of_a_header_steers_a_terminal():
    assert csv_text([{"a": "x\x1b[2J\ny"}], ["a"]) == "a\nx\\x1b[2J\\ny\n"
