"""Cards that state values of pixels follow what is done to the values, or go."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import Image
from ccdfx.records.header import Header

GAIN = 2.5
CARDS = {
    "BUNIT": "adu", "GAIN": (GAIN, "[e-/ADU]"), "EGAIN": GAIN, "RDNOISE": (6.0, "[e-]"), "FILTER": "V",
    "SATURATE": (60_000, "[ADU] full well"), "SATLEVEL": 58_000.0, "DATAMIN": 90.0, "DATAMAX": 61_000.0,
}  # fmt: skip
LEVELS = {"SATURATE", "SATLEVEL"}
EXTREMES = {"DATAMIN", "DATAMAX"}


def frame(**cards):
    rng = np.random.default_rng(1)
    array = rng.normal(1000.0, 10.0, (24, 20))
    array[3, 4], array[5, 6] = 90.0, 61_000.0
    return Image(array, {**CARDS, **cards}, variance=np.full(array.shape, 100.0))


@pytest.mark.quick
def test_nothing_speaks_of_adu_after_to_electrons():
    header = ccdfx.to_electrons(frame(), gain=GAIN).header
    assert header["GAIN"] == 1.0 and "EGAIN" not in header and header["RDNOISE"] == 6.0
    assert {key: header[key] for key in LEVELS | EXTREMES} == {
        "SATURATE": 150_000.0, "SATLEVEL": 145_000.0, "DATAMIN": 225.0, "DATAMAX": 152_500.0,
    }  # fmt: skip
    assert not any("adu" in f"{card.value} {card.comment}".lower() for card in header.cards)


def test_a_read_noise_in_adu_is_converted_and_no_gain_is_invented():
    header = ccdfx.to_electrons(Image([[1.0]], {"RDNOISE": (2.0, "read noise [ADU]")}), gain=GAIN).header
    assert (header["RDNOISE"], "GAIN" in header) == (5.0, False)
    assert "SATURATE" not in ccdfx.to_electrons(frame(SATURATE="high"), gain=GAIN).header


def test_numbers_that_comments_say_to_be_of_adu_follow_or_go():
    header = ccdfx.to_electrons(
        frame(**{
            "ESO DET OUT1 CONAD": (1.1, "Conversion from ADUs to electrons"),
            "ESO DET OUT1 GAIN": (0.91, "Conversion from electrons to ADU"),
            "GAIN2": (2.0, "gain of output 2, e-/ADU"), "BIASLVL": (400.0, "[ADU] level subtracted"),
            "NADU": (3, "counter"), "AMPNAME": ("A", "output that counts [ADU]"),
        }),
        gain=GAIN,
    ).header  # fmt: skip
    assert not {"ESO DET OUT1 CONAD", "ESO DET OUT1 GAIN", "GAIN2"} & set(header)
    assert (header["BIASLVL"], header.comment("BIASLVL")) == (1000.0, "[e-] level subtracted")
    assert (header["NADU"], header["AMPNAME"]) == (3, "A")


@pytest.mark.parametrize("average", [ccdfx.mean(), ccdfx.median(), ccdfx.total()], ids=lambda one: one.name)
def test_combined_frames_have_the_same_header_if_converted_before_or_after(average):
    rng = np.random.default_rng(2)
    cards = {"BUNIT": "adu", "EXPTIME": 9.0, "GAIN": GAIN, "RDNOISE": 4.0}
    frames = [Image(rng.normal(500.0, 3.0, (9, 9)), cards) for _ in range(5)]
    electrons = [ccdfx.to_electrons(one, gain=GAIN) for one in frames]
    before = ccdfx.combine(electrons, average=average, reject=None).header
    after = ccdfx.to_electrons(ccdfx.combine(frames, average=average, reject=None), gain=GAIN).header
    assert after["GAIN"] == pytest.approx(before["GAIN"]) and after["RDNOISE"] == pytest.approx(
        before["RDNOISE"]
    )


def test_a_setting_in_a_combined_frame_is_no_gain_in_electrons():
    assert "GAIN" not in ccdfx.to_electrons(frame(GAIN=400, NCOMBINE=3), gain=GAIN).header


def test_the_extremes_stay_true_in_electrons_and_after_an_offset():
    for image in (ccdfx.to_electrons(frame(), gain=GAIN), ccdfx.offset(frame(), statistic=50.0)):
        assert image.header["DATAMAX"] == pytest.approx(image.array.max())
        assert image.header["DATAMIN"] == pytest.approx(image.array.min())


def test_all_that_takes_the_electrons_agrees_with_adu():
    adu = frame().replace(variance=None)
    electrons = ccdfx.to_electrons(adu, gain=GAIN)
    one, two = (
        ccdfx.mask_cosmic_rays(image).mask for image in (adu, electrons)
    )  # noise of gain and read noise in the header
    assert np.array_equal(one, two) and one.any()
    with pytest.raises(ccdfx.MismatchError, match="take gain=1 for electrons"):
        ccdfx.to_electrons(electrons, gain=GAIN)


FLAT, DARK = np.linspace(0.9, 1.1, 480).reshape(24, 20), np.full((24, 20), 3.0)
FOLLOWED = {
    "offset": (lambda f: ccdfx.offset(f, statistic=100.0), -100.0),
    "subtract_level": (lambda f: ccdfx.subtract_level(f, section=(0, 2, 0, 2), statistic=lambda _: 100.0), -100.0),
}  # fmt: skip
KEPT = {
    "median_filter": lambda f: ccdfx.median_filter(f, size=3),
    "shift": lambda f: ccdfx.shift(f, dx=0.3, dy=0),
    "shift by whole pixels": lambda f: ccdfx.shift(f, dx=2, dy=0),
    "trim": lambda f: ccdfx.trim(f, section=(1, 9, 1, 9)),
    "cutouts": lambda f: ccdfx.cutouts(f, positions=[(8, 9)], size=5)[0],
    "paste": lambda f: ccdfx.paste(f, part=ccdfx.trim(f, section=(1, 9, 1, 9))),
    "replace_masked": lambda f: ccdfx.replace_masked(f, by=0.0),
    "clip_threshold": lambda f: ccdfx.clip_threshold(f, threshold=900.0, by="median"),
    "add_noise": lambda f: ccdfx.add_noise(f, model=ccdfx.gaussian_noise(1.0), rng=1),
    "replace of rays": lambda f: ccdfx.mask_cosmic_rays(f, replace="median"),
    "turned": lambda f: ccdfx.warp(f, transform=ccdfx.similarity(rotation=1)),
    "mean": lambda f: ccdfx.combine([f, f, f]),
}
GONE = {
    "subtract_bias": lambda f: ccdfx.subtract_bias(f, bias=DARK),
    "subtract_dark": lambda f: ccdfx.subtract_dark(f, dark=DARK),
    "divide_flat": lambda f: ccdfx.divide_flat(f, flat=FLAT),
    "calibrate": lambda f: ccdfx.calibrate(f, bias=DARK, gain=GAIN),
    "subtract_overscan": lambda f: ccdfx.subtract_overscan(f, overscan=(0, 4, 0, 24)),
    "scale": lambda f: ccdfx.scale(f, scaling=ccdfx.scalings.asinh()),
    "scaled mean": lambda f: ccdfx.combine([f, f, f], scale=[1.0, 2.0, 1.0]),
    "total": lambda f: ccdfx.combine([f, f, f], average=ccdfx.total()),
    "mean of others": lambda f: ccdfx.combine(
        [f, f.replace(header=f.header.set("SATURATE", 5e4).remove("SATLEVEL"))]
    ),
}
SAME = {
    "mask_saturated": lambda f: ccdfx.mask_saturated(f, saturation=60_000),
    "add_variance": lambda f: ccdfx.add_variance(f, noise=ccdfx.ccd_noise(GAIN, 6.0)),
    "mask_cosmic_rays": ccdfx.mask_cosmic_rays,
    "calibrate": lambda f: ccdfx.calibrate(f, saturation=60_000, noise=ccdfx.ccd_noise(GAIN, 6.0)),
}


def stated(image):
    return {key for key in LEVELS | EXTREMES if key in image.header}


@pytest.mark.parametrize("name", FOLLOWED)
def test_levels_follow_a_constant(name):
    change, zero = FOLLOWED[name]
    header = change(frame()).header
    assert {key: header[key] for key in LEVELS | EXTREMES} == {
        key: Header(CARDS)[key] + zero for key in LEVELS | EXTREMES
    }


@pytest.mark.parametrize("name", KEPT)
def test_extremes_go_where_some_pixels_change(name):
    result = KEPT[name](frame())
    assert stated(result) == LEVELS
    assert result.header["SATURATE"] == 60_000


@pytest.mark.parametrize("name", GONE)
def test_levels_go_where_pixels_change_by_different_amounts(name):
    assert stated(GONE[name](frame())) == set()


@pytest.mark.parametrize("name", SAME)
def test_levels_stay_where_no_value_changes(name):
    assert stated(SAME[name](frame())) == LEVELS | EXTREMES


def test_levels_of_a_warp_follow_the_area_of_a_pixel():
    bright = Image(np.full((40, 40), 100.0), {"SATURATE": 100.0})
    result = ccdfx.warp(bright, transform=ccdfx.similarity(scale=2.0), shape=(80, 80))
    assert result.header["SATURATE"] == pytest.approx(result.array[40, 40], rel=1e-3)
