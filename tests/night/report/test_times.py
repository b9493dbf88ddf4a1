"""Plots over time: hours of a night go on from 24 to 0, and readouts are compared with their own levels."""

from __future__ import annotations

import re

import pytest

from ccdfx.night.report.time_plot import draw_times
from ccdfx.night.report.times import plots_of_calibrations


@pytest.mark.quick
def test_a_night_goes_on_after_midnight() -> None:
    rows = [
        {
            "time": f"2020-01-0{1 + hour // 24}T{hour % 24:02}:00:00",
            "kind": "bias",
            "file": f"{hour}.fits",
            "noise": 3.0,
        }
        for hour in range(22, 28)
    ]
    (plot,) = plots_of_calibrations(rows)
    hours = [float(text) for text in re.findall(r'text-anchor="middle">([^<]*)<', plot["svg"])]
    assert hours[0] >= 22.0 and hours[-1] < 4.0 and max(hours) < 24.0


@pytest.mark.quick
@pytest.mark.parametrize("count", [2, 9])
def test_the_overscan_of_each_readout_is_drawn_from_its_median(count: int) -> None:
    """A drift of 3 ADU in one of the readouts, whose levels differ by far more, is the largest number of the axis."""
    rows = [
        {
            "time": f"2020-01-01T2{hour}:00:00",
            "kind": "bias",
            "file": f"{hour}.fits",
            "overscans": {f"A{n}": 500.0 + 100.0 * n + 3.0 * hour * (n == 1) for n in range(count)},
        }
        for hour in range(3)
    ]
    (plot,) = plots_of_calibrations(rows)
    assert plot["names"] == (["A0", "A1"] if count == 2 else [""])
    assert plot["svg"].count("<circle") == 3 * count
    assert "2.fits, A1: 3" in plot["svg"] and "2.fits, A0: 0" in plot["svg"]


@pytest.mark.quick
def test_an_axis_of_days_goes_below_0() -> None:
    """One night has room on both sides."""
    drawn = draw_times({"V": [(0.0, 3.0, "")]}, label="Sky", axis="days")
    assert re.findall(r'text-anchor="middle">([^<]*)<', drawn) == ["\u22120.5", "0"]
