"""Trends over nights: the numbers of each night, and one page of all."""

from __future__ import annotations

import copy

import pytest

from ccdfx.errors import ArgumentError, OutputExistsError
from ccdfx.night.report.trends import night_trends, write_trends

from .test_page import Page


def a_night(day: int, level: float) -> dict:
    frames = [
        {"file": "b.fits", "kind": "bias", "date": f"2020-01-0{day}T20:00:00", "used": True},
        *(
            {
                "file": f"s{i}.fits",
                "kind": "science",
                "filter": band,
                "date": f"2020-01-0{day}T2{i}:00:00",
                "used": True,
            }
            for i, band in enumerate("VVR")
        ),
    ]
    calibrated = [
        {
            "file": f"calibrated/s{i}.fits",
            "source": f"s{i}.fits",
            "filter": band,
            "sky": 100.0 * i,
            "fwhm": 2.0 + i,
        }
        | {"zero_point": 25.0, "pixel_scale": 0.5, "unit": "adu"}
        for i, band in enumerate("VVR")
    ]
    measured = {
        "file": "b.fits",
        "level": 1.0,
        "overscan": level,
        "noise": 3.0,
        "outliers": 0.0,
        "saturated": 0,
    }
    master = {"file": "masters/bias.fits", "kind": "bias", "instrument": "ccd", "measured": [measured]}
    return {
        "frames": frames,
        "calibrated": calibrated,
        "masters": [master],
        "instrument": "ccd",
        "noise": [{"instrument": "ccd", "setup": "ccd 1x1", "gain": 2.0, "readnoise": 6.0}],
        "observation": {
            "nights": [f"2020-01-0{day}"],
            "telescopes": ["<b>1 m"],
            "begin": f"2020-01-0{day}T20:00:00",
        },
    }


@pytest.mark.quick
def test_the_numbers_of_a_night_are_medians_by_filter_and_camera():
    found = night_trends(a_night(1, 1000.0))
    assert found["bias"] == {"ccd": 1001.0} and found["readnoise"] == {"ccd 1x1": 6.0}
    assert found["sky"] == {"V": 50.0, "R": 200.0} and found["fwhm"] == {"V": 2.5, "R": 4.0}
    assert found["zero_point"] == {"V": 25.0, "R": 25.0}
    assert found["frames"] == 4 and found["exposures"] == 3
    readouts = a_night(1, 1000.0)
    readouts["noise"][0]["readouts"] = [{"name": "A", "readnoise": 4.0}, {"name": "B", "readnoise": 5.0}]
    assert night_trends(readouts)["readnoise"] == {"ccd 1x1, A": 4.0, "ccd 1x1, B": 5.0}


@pytest.mark.quick
def test_one_page_has_all_nights_in_their_order(tmp_path):
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "report.html").write_text("page")
    nights = [
        (tmp_path / "two", a_night(2, 1010.0)),
        (tmp_path / "one", a_night(1, 1000.0)),
        (tmp_path / "none", {}),
    ]
    page = write_trends(nights, tmp_path / "trends.html")
    made = Page(page.read_text(encoding="utf-8"))
    assert made.text.index("Night of 2020-01-01") < made.text.index("Night of 2020-01-02")
    assert [link["href"] for link in made.tags("a")] == ["two/report.html"]
    assert "1001" in made.text and "1011" in made.text and "1 night without a time of day" in made.text
    labels = [svg["aria-label"] for svg in made.tags("svg") if svg.get("class") == "times"]
    assert labels[0] == "Bias level over nights" and "Zero point [mag] over nights" in labels
    assert "<b>1 m" in made.text
    assert write_trends(nights, page) == page  # its own page is replaced


def test_no_night_and_a_file_of_others_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="nights"):
        write_trends([], tmp_path / "trends.html")
    (tmp_path / "mine.html").write_text("mine")
    night = a_night(1, 1000.0)
    kept = copy.deepcopy(night)
    with pytest.raises(OutputExistsError, match="is not a report"):
        write_trends([(tmp_path, night)], tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "mine" and night == kept
