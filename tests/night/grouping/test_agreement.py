"""Groups of things that agree where some lack a property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.grouping.agreement import agree, agreeing_groups

PROPERTIES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 1), max_size=3)


def grouped(things):
    return [members for _, members in agreeing_groups(things, lambda thing: thing)]


@pytest.mark.quick
def test_a_thing_that_lacks_a_property_joins_the_only_group_it_fits():
    assert grouped([{"a": 1}, {}, {"a": 1}]) == [[{"a": 1}, {}, {"a": 1}]]
    assert grouped([{"a": 1}, {"a": 2}, {}]) == [[{"a": 1}], [{"a": 2}], [{}]]
    assert grouped([{"a": 1}, {"b": 2}, {}]) == [[{"a": 1}, {"b": 2}, {}]]


@given(st.lists(PROPERTIES, max_size=8))
def test_groups_hold_everything_once_and_no_group_contradicts_itself(things):
    groups = agreeing_groups(things, lambda thing: thing)
    assert sorted(map(str, things)) == sorted(str(thing) for _, members in groups for thing in members)
    for properties, members in groups:
        assert all(agree(properties, member) and set(member) <= set(properties) for member in members)


@given(
    st.lists(PROPERTIES, max_size=6).flatmap(
        lambda things: st.tuples(st.just(things), st.permutations(things))
    )
)
def test_the_order_does_not_matter(both):
    one, two = ({frozenset(map(str, members)) for members in grouped(things)} for things in both)
    assert one == two
