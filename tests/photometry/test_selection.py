"""Limits on the facts of frames: which frames they leave out, with what words."""

from __future__ import annotations

import pytest

from ccdfx import CcdfxError
from ccdfx.photometry.selection import check_limit, reasons_to_leave_out


@pytest.mark.quick
def test_absolute_limits_leave_out_what_lies_beyond():
    out = reasons_to_leave_out("sky", [100.0, 900.0, 20.0, None], {"most": 500, "least": 50})
    assert out == [None, "its sky, 900, is above the limit 500", "its sky, 20, is below the limit 50", None]


@pytest.mark.parametrize(
    ("name", "bad"),
    [("fwhm", 9.0), ("ellipticity", 9.0), ("sky", 9.0), ("stars", 0.5), ("transparency", 0.5)],
)
def test_limits_in_sigma_are_on_the_bad_side(name, bad):
    usual = [3.0, 3.1, 2.9, 3.05, 2.95]
    out = reasons_to_leave_out(name, [*usual, bad], {"sigma": 4})
    assert out[:5] == [None] * 5
    assert "sigma" in out[5]
    good = 9.0 if bad == 0.5 else 0.5
    assert reasons_to_leave_out(name, [*usual, good], {"sigma": 4}) == [None] * 6


def test_a_scatter_of_three_is_no_scatter_and_equal_values_are_not_told_apart():
    assert reasons_to_leave_out("fwhm", [3.0, 3.0, 30.0], {"sigma": 3}) == [None] * 3
    assert reasons_to_leave_out("fwhm", [3.0, 3.0, 3.0, 3.0, 3.02], {"sigma": 3}) == [None] * 5
    assert reasons_to_leave_out("fwhm", [3.0, 3.0, 3.0, 3.0, 3.2], {"sigma": 3})[4] is not None


@pytest.mark.parametrize("limit", [5.0, {}, {"above": 3}, {"sigma": 0}, {"most": "wide"}, {"sigma": True}])
def test_a_limit_is_a_table_of_numbers(limit):
    with pytest.raises(CcdfxError):
        check_limit("select.fwhm", limit)
