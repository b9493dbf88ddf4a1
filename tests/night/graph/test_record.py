"""Records and stars come back from their files to the last bit."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.record import (
    Made,
    Record,
    facts_path,
    read_record,
    read_stars,
    record_of,
    write_record,
    write_stars,
)
from ccdfx.photometry.sources import SOURCE
from ccdfx.photometry.stars import FrameStars, measure_stars

from .conftest import product

TEXT = st.text(max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ANY = st.floats(width=64)


def same_bits(one, two):
    return np.asarray(one, np.float64).tobytes() == np.asarray(two, np.float64).tobytes()


@pytest.mark.quick
def test_a_record_says_what_a_product_is_made_of(tmp_path):
    one = product("calibrated/a.fits", "masters/bias.fits", raw=("a.fits",))
    parts = one.key_parts({"masters/bias.fits": "5"}, {"a.fits": "7"})
    made = Made(facts={"sky": np.float32(2.5), "fwhm": float("nan")}, warnings=("x", "x"), used=("a.fits",))
    record = record_of(one, parts, made, size=2880)
    assert (record.key, record.size, record.facts) == (digest(parts), 2880, {"sky": 2.5, "fwhm": None})
    assert record.warnings == ("x",), "a warning is said once"
    path = facts_path(tmp_path, "calibrated/a.fits")
    path.parent.mkdir(parents=True)
    write_record(tmp_path, record)
    assert read_record(tmp_path, "calibrated/a.fits") == record
    assert json.loads(path.read_text())["parts"]["raw"] == {"a.fits": "7"}
    assert read_record(tmp_path, "calibrated/b.fits") is None


@given(
    st.builds(
        Record,
        file=st.just("a.fits"),
        kind=TEXT,
        key=TEXT,
        parts=st.dictionaries(TEXT, VALUES, max_size=3),
        size=st.none() | st.integers(0, 2**40),
        stars=st.none() | st.integers(0, 2**40),
        facts=st.none() | st.dictionaries(TEXT, VALUES, max_size=3),
        warnings=st.lists(TEXT, max_size=3).map(tuple),
        failed=st.dictionaries(TEXT, TEXT, max_size=3),
        used=st.lists(TEXT, max_size=3).map(tuple),
        lost=st.none() | TEXT,
        untrusted=st.booleans(),
        seconds=st.none() | st.floats(0, 1e6),
        histogram=st.none() | st.dictionaries(TEXT, VALUES, max_size=3),
    )
)
def test_records_come_back(tmp_path_factory, record):
    output = tmp_path_factory.mktemp("records")
    facts_path(output, "a.fits").parent.mkdir()
    write_record(output, record)
    assert read_record(output, "a.fits") == record


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"file": "b.fits"}', '{"file": "a.fits"}', "\x00"])
def test_what_is_no_whole_record_is_none(tmp_path, text):
    path = facts_path(tmp_path, "a.fits")
    path.parent.mkdir()
    path.write_text(text)
    assert read_record(tmp_path, "a.fits") is None


@given(st.data())
def test_stars_come_back_to_the_last_bit(tmp_path_factory, data):
    count = data.draw(st.integers(0, 4))
    rows = [tuple(data.draw(ANY) for _ in SOURCE.names) for _ in range(count)]
    flux, error = (np.array([data.draw(ANY) for _ in range(count)]) for _ in range(2))
    usable = np.array([data.draw(st.booleans()) for _ in range(count)], bool)
    numbers = {one.name: data.draw(ANY) for one in fields(FrameStars)[4:]}
    stars = FrameStars(np.array(rows, SOURCE), flux, error, usable, **numbers)
    path = tmp_path_factory.mktemp("stars") / "a.npy"
    write_stars(path, stars)
    back = read_stars(path)
    assert back.sources.dtype == SOURCE and all(
        same_bits(back.sources[n], stars.sources[n]) for n in SOURCE.names
    )
    assert same_bits(back.flux, flux) and same_bits(back.error, error)
    assert back.usable.dtype == bool and np.array_equal(back.usable, usable)
    assert all(same_bits(getattr(back, name), value) for name, value in numbers.items())


@pytest.mark.parametrize("level", [0.0, 1.0], ids=["none", "some"])
def test_measured_stars_come_back(tmp_path, level):
    image = np.random.default_rng(4).normal(0, 1, (64, 64))
    for y, x in ((20, 20), (40, 45), (12, 50)):
        image[y - 1 : y + 2, x - 1 : x + 2] += 200 * level
    stars = measure_stars(image)
    write_stars(tmp_path / "a.npy", stars)
    back = read_stars(tmp_path / "a.npy")
    assert back.sources.tobytes() == stars.sources.tobytes() and len(back.sources) == 3 * level
    assert all(same_bits(getattr(back, one.name), getattr(stars, one.name)) for one in fields(FrameStars)[4:])


@pytest.mark.quick
@pytest.mark.parametrize("name", [one.name for one in fields(Record) if one.name != "intact"])
@pytest.mark.parametrize("value", [None, [], "x", 5, 1.5, True, {"a": []}, [1]], ids=repr)
def test_a_record_that_was_edited_is_none_or_says_so(tmp_path, name, value):
    """What it says may still be looked at: each value has its type."""
    one = product("calibrated/a.fits", raw=("a.fits",))
    record = record_of(one, one.key_parts({}, {"a.fits": "7"}), Made(facts={"sky": 2.5}), size=2880)
    path = facts_path(tmp_path, one.file)
    path.parent.mkdir(parents=True)
    write_record(tmp_path, record)
    values = json.loads(path.read_text())
    before = values[name]
    path.write_text(json.dumps({**values, name: value}))
    found = read_record(tmp_path, one.file)
    if found is None or name == "seconds":
        return
    assert found.intact is (before == value and type(before) is type(value))
    raw = found.parts.get("raw") or {}
    assert all(isinstance(text, str) for text in (found.kind, found.key, *found.warnings, *found.used, *raw))
