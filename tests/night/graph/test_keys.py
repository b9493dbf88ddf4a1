"""Keys: equal values have one text in every process, and another field gives another key."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.errors import ArgumentTypeError
from ccdfx.night.graph.keys import canonical_text, digest, versions

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Sample:
    name: str = "a"
    level: float = 1.5
    parts: tuple[int, ...] = (1, 2)
    more: dict | None = None
    note: str = ""
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("note",)


@dataclass(frozen=True)
class Twin:
    name: str = "a"
    level: float = 1.5
    parts: tuple[int, ...] = (1, 2)
    more: dict | None = None


def is_same(one, two):
    """Whether two values are the same in kind too; the order of mappings does not count."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(is_same(part, two[key]) for key, part in one.items())
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(is_same, one, two))
    return type(one) is type(two) and repr(one) == repr(two)


def shuffled(value):
    """The same value, its mappings in the other order and its lists as tuples."""
    if isinstance(value, dict):
        return {key: shuffled(part) for key, part in reversed(list(value.items()))}
    return tuple(map(shuffled, value)) if isinstance(value, list) else value


@pytest.mark.quick
def test_a_key_tells_what_decides_the_bytes_and_nothing_else():
    assert digest(Sample()) == digest(Sample(note="shown in the report"))
    assert digest(Sample()) != digest(Sample(level=1.25))
    assert digest(Sample()) != digest(Twin()), "records of two kinds"
    assert canonical_text({"path": Path("a/b"), "odd": math.nan, "set": {2, 1}}) == (
        '{"odd":{"float":"nan"},"path":"a/b","set":["1","2"]}'
    )
    assert canonical_text((np.float64(0.5), np.int16(3), np.bool_(True))) == "[0.5,3,true]"
    assert "ccdfx" in versions()


@given(PLAIN)
def test_equal_values_have_equal_texts(value):
    text = canonical_text(value)
    assert text == canonical_text(shuffled(value))
    json.loads(text)


@given(PLAIN, PLAIN)
def test_other_values_have_other_texts(one, two):
    assert (canonical_text(one) == canonical_text(two)) == is_same(one, two)
    assert (digest(one) == digest(two)) == is_same(one, two)


def test_what_reads_alike_is_not_taken_for_the_same():
    alike = [math.inf, "inf", "Infinity", 1, 1.0, True, "1", 0.0, -0.0, None, "null", [], {}, "", [[]]]
    assert len({canonical_text(value) for value in alike}) == len(alike)


@given(
    st.sampled_from([one.name for one in fields(Sample) if one.name != "note"]),
    st.builds(Sample, st.text(max_size=5), st.floats(-9, 9), st.tuples(st.integers(), st.integers())),
)
def test_every_field_counts(name, sample):
    other = {
        "name": sample.name + "x",
        "level": sample.level + 1.0,
        "parts": (*sample.parts, 0),
        "more": {"": 1},
    }
    assert digest(replace(sample, **{name: other[name]})) != digest(sample)
    assert digest(replace(sample, note="x")) == digest(sample)


@given(st.sets(st.text(max_size=4), max_size=6))
def test_the_order_of_a_set_does_not_show(values):
    assert canonical_text(values) == canonical_text({*sorted(values, reverse=True)})
    assert canonical_text(values) == canonical_text(frozenset(values))


@pytest.mark.parametrize("value", [print, object(), {"a": [len]}])
def test_what_cannot_be_told_is_refused(value):
    with pytest.raises(ArgumentTypeError, match="key"):
        digest(value)


def test_the_records_of_a_night_name_fields_that_exist():
    from ccdfx.night.calibrators import Use
    from ccdfx.night.frames.frame import Frame
    from ccdfx.night.grouping.setup import Setup

    for record in (Use, Setup, Frame):
        assert set(record.NOT_IN_KEYS) <= {one.name for one in fields(record)}
