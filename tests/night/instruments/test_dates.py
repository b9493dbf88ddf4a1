"""Dates, times and nights of raw frames."""

from __future__ import annotations

import pytest

from ccdfx.night.frames.choose import choose
from ccdfx.night.frames.scan import scan
from ccdfx.night.instruments.dates import date_of, night_of
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import builtin_instruments
from ccdfx.records.header import Header


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "begun"),
    [
        ({"DATE-OBS": "2020-01-01T03:04:05.6", "UT": "09:09:09"}, "2020-01-01T03:04:05.6"),
        ({"DATE-OBS": "2020-01-01", "UT": "03:04:05.6"}, "2020-01-01T03:04:05.6"),
        ({"DATE-OBS": "2020-12-31", "TIME-OBS": "24:00:01"}, "2021-01-01T00:00:01"),
        ({"DATE-OBS": "20200101", "UTSTART": "3:04"}, "2020-01-01T03:04:00"),
        ({"DATE-OBS": "2020-01-01", "UTC": 18538.0}, "2020-01-01"),  # seconds: no text with colons
        ({"DATE-OBS": "01/02/98", "UT": "hh:mm:ss"}, "1998-02-01"),
        ({"DATE-OBS": "01/02/13", "UT": "03:04:05"}, None),  # FITS says 1913
        ({"DATE-OBS": "15/02/1985", "UT": "03:04:05"}, "1985-02-15T03:04:05"),
        ({"DATE-OBS": "2006/01/02", "UT-START": "03:04:05"}, "2006-01-02T03:04:05"),
        ({"DATE-OBS": "2006/01/02T03:04:05"}, "2006-01-02T03:04:05"),
        ({"DATE-OBS": "2020-02-30", "UT": "03:04:05"}, "2020-02-30"),
        ({"UT": "03:04:05"}, None),
    ],
)
def test_a_date_takes_the_time_of_day_of_its_own_card(cards, begun):
    assert date_of(cards, ["DATE-OBS"]) == begun


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "begun", "night"),
    [
        ({"DATE-LOC": "2020-01-02T01:00:00.5"}, "2020-01-01T23:00:00", "2020-01-01"),
        ({"DAY-OBS": "20200101"}, "2020-01-02T09:00:00", "2020-01-01"),
        ({"SITELONG": "-105 16 00"}, "2020-01-02T09:00:00", "2020-01-01"),
        ({"SITELONG": 210.0}, "2020-01-02T09:00:00", "2020-01-01"),
        ({"LONGITUD": 20.8}, "2020-01-01T17:00:00", "2020-01-01"),
        ({"LONGITUD": 110.88}, "2017-12-19T18:33:43.317-0700", "2017-12-19"),  # degrees west
        ({"LONGITUD": 110.88}, "2017-12-20T05:00:00", None),
        ({"SITELONG": 0}, "2020-01-02T03:00:00", None),
        ({"SITELONG": 20.8}, "2020-01-02", None),
    ],
)
def test_the_night_is_from_noon_to_noon_at_the_site(cards, begun, night):
    assert night_of(cards, begun) == night


def test_one_night_is_chosen_before_and_after_midnight(camera):
    for i, begun in enumerate(["2019-12-31T20:00:00", "2020-01-01T22:00:00", "2020-01-02T02:00:00"]):
        camera.write(f"s{i}.fits", "object", **{"DATE-OBS": begun, "SITELONG": 0.5})
    chosen = choose(scan(camera.folder), where="night = 2020-01-01")
    assert [frame.file for frame in chosen.frames] == ["s1.fits", "s2.fits"]


def test_the_exposure_of_a_card_in_milliseconds_and_one_of_the_file_in_minutes():
    [iraf] = [one for one in builtin_instruments() if one.name == "iraf"]
    header = Header(
        [("NAXIS", 2), ("NAXIS1", 9), ("NAXIS2", 9), ("IMAGETYP", "flat"), ("EXPTIME", 250, "[ms] exposure")]
    )
    assert facts_of(header, [iraf])["exptime"] == 0.25
