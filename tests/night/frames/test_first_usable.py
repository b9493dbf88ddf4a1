"""Frames that are measured until enough are usable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.engines import engine
from ccdfx.night.frames.first_usable import first_usable


@pytest.mark.quick
@given(st.lists(st.booleans(), max_size=12), st.integers(0, 6), st.integers(1, 3))
def test_they_are_the_first_ones_and_no_more_are_measured(usable, count, threads):
    measured = []

    def measure(place):
        measured.append(place)
        return place if usable[place] else None

    with engine("threads", threads=threads):
        found = first_usable(range(len(usable)), measure, count)
    expected = [place for place, one in enumerate(usable) if one][:count]
    last = len(usable) if len(expected) < count else expected[-1] + 1 if expected else 0
    assert found == expected and sorted(measured) == list(range(last))
