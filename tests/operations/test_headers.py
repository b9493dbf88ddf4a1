"""Headers of combined frames: exposure, effective gain and read noise, times, and what all frames say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx import Header, Image
from ccdfx.operations.headers import Mixture, combined_header

AVERAGES = {"mean": ccdfx.mean, "median": ccdfx.median, "total": ccdfx.total}


def darks(times=(10.0, 20.0, 30.0), rate=2.0, **cards) -> list[Image]:
    return [Image(np.full((2, 2), rate * t), {"EXPTIME": t, **cards}) for t in times]


@pytest.mark.quick
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.5, 500), min_size=1, max_size=5),
    st.sampled_from(["mean", "total"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_the_exposure_belongs_to_the_level(times, average, scaled, seed) -> None:
    rng = np.random.default_rng(seed)
    options = {"average": AVERAGES[average](), "reject": None}
    if scaled:
        options["scale"] = list(rng.uniform(0.2, 5, len(times)))
    if average == "mean":
        options["weights"] = list(rng.uniform(0.1, 1, len(times)))
    made = ccdfx.combine(darks(times), **options)
    assert made.array[0, 0] / made.header["EXPTIME"] == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize(
    "average", [ccdfx.mean(), ccdfx.median(), ccdfx.minimum(), ccdfx.inverse_variance_mean()]
)
def test_frames_of_one_level_have_its_exposure(average) -> None:
    frames = [image.replace(variance=np.ones((2, 2)) * image.exptime) for image in darks(EXPOSURE=7.0)]
    header = ccdfx.combine(frames, average=average, scale="exposure", reject=None).header
    assert header["EXPTIME"] == 10.0
    uneven = ccdfx.combine(frames, average=average, reject=None).header
    assert uneven.get("EXPTIME") == (None if average.name == "inverse_variance_mean" else 20.0)


def test_an_exposure_that_a_frame_does_not_say_is_absent() -> None:
    frames = [*darks(EXPOSURE=5.0, DARKTIME=6.0), Image(np.zeros((2, 2)), {"EXPOSURE": 5.0})]
    header = ccdfx.combine(frames, reject=None).header
    assert "EXPTIME" not in header and "DARKTIME" not in header and header["EXPOSURE"] == 5.0
    for average in AVERAGES.values():
        bare = ccdfx.combine([*darks(), Image(np.zeros((2, 2)))], average=average(), reject=None).header
        assert "EXPTIME" not in bare
    two = [Image([[1.0]], {"EXPTIME": 2.0}), Image([[1.0]], {"EXPOSURE": 4.0})]
    assert ccdfx.combine(two, reject=None).header["EXPTIME"] == 3.0, "each says it by its own keyword"


@pytest.mark.parametrize(
    ("average", "options", "times"),
    [
        ("mean", {}, (1.0, 1.0, 1.0, 1.0, 1.0)),
        ("mean", {"weights": [1, 2, 3, 0.5, 1]}, (1.0, 2.0, 3.0, 1.0, 1.0)),
        ("mean", {"scale": "exposure", "weights": [1, 2, 3, 0.5, 1]}, (1.0, 2.0, 3.0, 0.5, 1.0)),
        ("total", {"scale": "exposure"}, (1.0, 2.0, 3.0, 0.5, 1.0)),
        ("total", {}, (1.0, 2.0, 3.0, 0.5, 1.0)),
        ("median", {}, (1.0, 1.0, 1.0, 1.0, 1.0)),
        ("mean", {"scale": "exposure", "zero": [20.0, -1.0, 5.0, 0.0, 60.0]}, (1.0, 2.0, 3.0, 0.5, 1.0)),
    ],
)
def test_gain_and_read_noise_predict_the_scatter_of_the_result(average, options, times) -> None:
    rng = np.random.default_rng(5)
    shape = (250, 250)
    for rate in (3.0, 400.0):  # electrons: read noise, and photons, dominate
        gains, noises = (2.0, 1.0, 2.0, 1.5, 2.0), (6.0, 5.0, 6.0, 4.0, 6.0)
        if average == "median":
            gains, noises = (2.0,) * 5, (6.0,) * 5
        zeros = options.get("zero", (0.0,) * 5)
        frames = [
            Image((rng.poisson((rate + z) * g * t, shape) + rng.normal(0, r, shape)) / g,
                  {"EXPTIME": t, "GAIN": g, "RDNOISE": r})
            for t, g, r, z in zip(times, gains, noises, zeros, strict=True)
        ]  # fmt: skip
        made = ccdfx.combine(frames, average=AVERAGES[average](), reject=None, **options)
        gain, readnoise = made.header["GAIN"], made.header["RDNOISE"]
        predicted = made.array.mean() / gain + (readnoise / gain) ** 2
        assert made.array.var() == pytest.approx(predicted, rel=0.03)


def test_equal_frames_have_n_times_the_gain() -> None:
    header = ccdfx.combine(darks((5.0,) * 4, GAIN=2.0, RDNOISE=6.0), reject=None).header
    assert (header["GAIN"], header["RDNOISE"]) == (8.0, 12.0)
    again = ccdfx.combine([Image([[1.0]], header), Image([[2.0]], header)], reject=None).header
    assert (again["GAIN"], again["NCOMBINE"]) == (16.0, 8), "of combined frames too"


@pytest.mark.parametrize(
    ("cards", "average", "gone"),
    [
        ({"GAIN": 120, "RDNOISE": 6.0}, ccdfx.mean(), {"GAIN", "RDNOISE"}),
        ({"GAIN": 100, "EGAIN": 1.0}, ccdfx.mean(), {"GAIN"}),
        ({"GAIN": "high"}, ccdfx.mean(), {"GAIN"}),
        ({"GAIN": 2.0, "RDNOISE": 6.0}, ccdfx.maximum(), {"GAIN", "RDNOISE"}),
        ({"RDNOISE": 6.0}, ccdfx.mean(), {"RDNOISE"}),
    ],
)
def test_what_cannot_be_said_goes(cards, average, gone) -> None:
    header = ccdfx.combine(darks((5.0, 5.0), **cards), average=average, reject=None).header
    assert set(cards) - set(header) == gone


def exposed(start: str, time: float, airmass: float, **cards) -> Header:
    return Header({"DATE-OBS": (start, "start"), "EXPTIME": time, "AIRMASS": airmass, **cards})


@pytest.mark.quick
@pytest.mark.parametrize("value", [1e300, 1.7e308, 1e-300, 5e-324, -1e300])
def test_numbers_of_no_frame_are_as_those_that_it_does_not_say(value: float) -> None:
    """Their squares overflowed, which ended combine."""
    for keyword in ("EXPTIME", "GAIN", "RDNOISE", "TOTALEXP"):
        cards = {"EXPTIME": 10.0, "GAIN": 2.0, "RDNOISE": 6.0, "TOTALEXP": 10.0}
        for average in ("mean", "median", "total"):
            headers = [Header(cards), Header({**cards, keyword: value}), Header(cards)]
            made = combined_header(headers, Mixture(average, (1.0, 1.0, 1.0)))
            numbers = [card.value for card in made.cards if isinstance(card.value, float)]
            assert keyword not in made and np.isfinite(numbers).all()


def test_times_are_those_of_all_frames() -> None:
    headers = [
        exposed("2026-01-02T00:10:00", 60.0, 1.2),
        exposed("2026-01-02T00:00:00.5", 20.0, 1.6),
        exposed("2026-01-02T00:05:00", 20.0, 1.4),
    ]
    made = combined_header(headers, Mixture("mean", (1.0, 1.0, 1.0)))
    assert made["DATE-OBS"] == "2026-01-02T00:00:00.5" and made["DATE-END"] == "2026-01-02T00:11:00.000"
    # (60 * 630 + 20 * 10.5 + 20 * 310) / 100 s after midnight
    assert made["DATE-AVG"] == "2026-01-02T00:07:22.100"
    assert made["MJD-AVG"] == pytest.approx(61042 + 442.1 / 86400, abs=1e-8)
    assert made["AIRMASS"] == pytest.approx((60 * 1.2 + 20 * 1.6 + 20 * 1.4) / 100)
    scaled = combined_header(headers, Mixture("mean", (3.0, 1.0, 1.0)))
    assert scaled["AIRMASS"] == pytest.approx(1.4), "each frame gives a third of the light"


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        ({"DATE-OBS": "2026-01-02", "UT": "00:03:00", "EXPTIME": 10.0}, {"DATE-OBS", "DATE-END", "DATE-AVG"}),
        ({"DATE-OBS": "2026-01-02T01:00:00+00:00", "EXPTIME": 9}, {"DATE-OBS", "DATE-END", "DATE-AVG"}),
        ({"DATE-OBS": "2026-01-02T01:00:00"}, {"DATE-OBS"}),
        ({"DATE-OBS": "2026-01-02", "EXPTIME": 10.0}, set()),
        ({"DATE-OBS": "yesterday", "EXPTIME": 10.0}, set()),
        ({}, set()),
    ],
)
def test_times_that_a_frame_does_not_say_go(second, kept) -> None:
    made = combined_header(
        [exposed("2026-01-02T00:00:00", 10.0, 1.0), Header(second)], Mixture("mean", (1.0, 1.0))
    )
    assert {key for key in ("DATE-OBS", "DATE-END", "DATE-AVG") if key in made} == kept
    assert ("MJD-AVG" in made) == ("DATE-AVG" in made) and "AIRMASS" not in made


def test_cards_in_which_the_frames_differ_go() -> None:
    sky = {"CRVAL1": 10.0, "CRPIX1": 5.0, "CTYPE1": "RA---TAN"}
    one = Header(
        {"OBJECT": "a", "UT": "1", "FILTER": "B", "CCDTEMP": -20.0, "OBSERVER": ("me", "who"), **sky}
    )
    two = Header({"OBJECT": "b", "UT": "2", "FILTER": "V", "CCDTEMP": -20.1, "OBSERVER": "me", "CRPIX1": 6.0})
    made = combined_header([one, two, Header()], Mixture("mean", (1.0,) * 3))
    assert dict(made) == {"OBJECT": "a", "OBSERVER": "me", **sky} and made.comment("OBSERVER") == "who"


def test_one_frame_stays_what_it_is() -> None:
    header = exposed("2026-01-02T00:00:00", 10.0, 1.0, GAIN=2.0)
    assert combined_header([header], Mixture("mean", (1.0,))) == header


def test_frames_side_by_side_have_no_gain_of_their_own() -> None:
    header = ccdfx.combine(darks((5.0, 5.0), GAIN=2.0), offsets=[(0, 0), (1, 0)], reject=None).header
    assert "GAIN" not in header and header["EXPTIME"] == 5.0
