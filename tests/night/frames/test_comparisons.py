"""Values that headers have, compared with what a condition says."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.frames.comparisons import Constant, compare, date_of

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@given(MOMENTS, MOMENTS)
def test_dates_compare_as_dates(one, other):
    constant = [Constant(other.isoformat(), quoted=True)]
    for sign, expected in (
        ("<", one < other),
        (">=", one >= other),
        ("=", one == other),
        ("!=", one != other),
    ):
        assert compare(one.isoformat(), sign, constant) is expected


@given(MOMENTS, MOMENTS)
def test_a_day_is_all_of_it(one, other):
    constant = [Constant(other.date().isoformat())]
    assert compare(one.isoformat(), "=", constant) is (one.date() == other.date())
    assert compare(one.isoformat(), "<=", constant) is (one.date() <= other.date())
    assert compare(one.isoformat(), ">", constant) is (one.date() > other.date())


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-00-10", "2023-02-29", "24-01-01", "2024-01-01T1", "1/2/99", ""]
)
def test_what_is_no_date(text):
    assert date_of(text) is None


@pytest.mark.parametrize(
    ("value", "sign", "text", "expected"),
    [
        (10**400, "=", "5", False),
        (float("nan"), "<", "5", False),
        (float("nan"), "=", "5", False),
        (True, "=", "1", False),
        (1 + 2j, "=", "5", False),
        ("1.50", "=", "1.5", True),
        ("a\nb", "=", "a?b", True),
    ],
)
def test_odd_values_of_headers(value, sign, text, expected):
    assert compare(value, sign, [Constant(text)]) is expected
