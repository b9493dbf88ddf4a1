"""What a header says of the gain: e-/ADU, or a setting of the camera."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import Image
from ccdfx.noise.header_gain import doubt_about_gain, gain_keyword
from ccdfx.records.header import Header

PROGRAMS = [
    {"SWCREATE": "SharpCap v4.0"}, {"SWCREATE": "N.I.N.A. 1.10.2.90"}, {"CREATOR": "Sequence Generator Pro v3.1"},
    {"SWCREATE": "Astro Photography Tool - APT v.3.54"}, {"CREATOR": "ZWO Seestar S50"}, {"INSTRUME": "QHY600M"},
    {"INSTRUME": "ZWO ASI2600MM Pro"}, {"OFFSET": 30}, {"BAYERPAT": "RGGB"},
]  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("mark", PROGRAMS, ids=str)
@pytest.mark.parametrize("setting", [1, 5, 100, "120", 300.0])
def test_a_setting_of_a_cmos_camera_is_no_gain(mark, setting):
    header = Header({"GAIN": setting, **mark})
    assert gain_keyword(header) is None
    assert f"GAIN = {float(setting):g}" in doubt_about_gain(header)
    assert gain_keyword(header.set("EGAIN", 0.25)) == "EGAIN"


@pytest.mark.parametrize("setting", [100, 120.0, 390, 20.5])
def test_no_camera_has_more_than_20_electrons_a_count(setting):
    assert gain_keyword(Header({"GAIN": setting})) is None
    assert gain_keyword(Header({"EGAIN": setting, "GAIN": setting})) is None
    assert gain_keyword(Header({"EGAIN": setting, "GAIN": 1.6})) == "GAIN"
    assert f"EGAIN = {setting:g}" in doubt_about_gain(Header({"EGAIN": setting}), "EGAIN")


@pytest.mark.parametrize(
    "cards",
    [
        {"GAIN": 4.95},
        {"GAIN": 2},
        {"GAIN": 1, "EGAIN": 1.0, "OFFSET": 30},
        {"GAIN": 1.6, "INSTRUME": "QHY600M"},
        {"GAIN": (2, "[e-/ADU]"), "OFFSET": 10},
        {"GAIN": (2, "electrons per ADU"), "CREATOR": "KStars"},
        {"GAIN": 48.0, "NCOMBINE": 25},
    ],
    ids=str,
)
def test_a_gain_in_electrons_is_believed(cards):
    assert doubt_about_gain(Header(cards)) is None and gain_keyword(Header(cards)) is not None


def test_other_keywords_are_those_of_whoever_names_them():
    assert doubt_about_gain(Header({"MYGAIN": 100}), "MYGAIN") is None


def sky(count=1, gain=1.0, **cards):
    rng = np.random.default_rng(1)
    return [
        Image(rng.poisson(600.0 * gain, (60, 60)) / gain + rng.normal(0, 3 / gain, (60, 60)), {"RDNOISE": 3.0, **cards})
        for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("rule", [ccdfx.ccd_clip, ccdfx.cr_reject])
def test_rules_refuse_a_setting_and_name_the_card_and_the_remedy(rule):
    frames = sky(4, GAIN=100, EGAIN=1.0)
    with pytest.raises(
        ccdfx.ArgumentError, match=r"GAIN = 100 is a setting.*EGAIN = 1 is; give gain='EGAIN'"
    ):
        ccdfx.combine(frames, reject=rule(gain="GAIN", readnoise="RDNOISE"))
    by_number, by_card = (
        ccdfx.stack(frames, reject=rule(gain=gain, readnoise="RDNOISE")) for gain in (1.0, "EGAIN")
    )
    assert np.array_equal(by_number.rejected_high, by_card.rejected_high)
    with pytest.raises(ccdfx.ArgumentError, match="the number of e-/ADU"):
        ccdfx.combine(sky(4, GAIN=100), reject=rule(gain="GAIN", readnoise="RDNOISE"))


def test_the_default_rule_takes_the_gain_in_electrons():
    assert ccdfx.default_rejection(sky(5, GAIN=100, EGAIN=1.0)).parameters["gain"] == "EGAIN"
    assert ccdfx.default_rejection(sky(5, GAIN=1.0)).parameters["gain"] == "GAIN"
    assert ccdfx.default_rejection(sky(5, GAIN=100)).name == "mad_clip"
    mixed = [*sky(3, GAIN=100, EGAIN=1.0), *sky(2, GAIN=1.0)]
    assert ccdfx.default_rejection(mixed).name == "mad_clip"  # no one keyword says it


def test_cosmic_rays_are_found_with_the_gain_in_electrons():
    (frame,) = sky(GAIN=100, EGAIN=1.0)
    assert (ccdfx.mask_cosmic_rays(frame).mask != 0).sum() < 5
    with pytest.raises(ccdfx.ArgumentError, match=r"GAIN = 100 is no gain.*noise=ccd_noise"):
        ccdfx.mask_cosmic_rays(sky(GAIN=100)[0])
    (electrons,) = sky(GAIN=8.0, BUNIT="electron")  # the gain that the frame had in ADU
    assert (ccdfx.mask_cosmic_rays(electrons).mask != 0).sum() < 5


PREDICTIONS = {
    "variance_of": lambda image, model: ccdfx.variance_of(image, model=model),
    "std_of": lambda image, model: ccdfx.std_of(image, model=model),
    "snr": lambda image, model: ccdfx.snr(image, model=model),
    "add_noise": lambda image, model: ccdfx.add_noise(image, model=model, rng=1).array,
    "add_variance": lambda image, model: ccdfx.add_variance(image, noise=model).variance,
    "calibrate": lambda image, model: ccdfx.calibrate(image, noise=model).variance,
    "mask_cosmic_rays": lambda image, model: ccdfx.mask_cosmic_rays(image, noise=model).mask,
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_gain_is_not_applied_twice(name):
    predict = PREDICTIONS[name]
    image = Image(np.full((9, 9), 100.0), {"BUNIT": "electron"})
    for model in (ccdfx.ccd_noise(2.0, 3.0), ccdfx.ccd_noise(2.0, 3.0) + ccdfx.uniform_noise(-0.5, 0.5)):
        with pytest.raises(
            ccdfx.MismatchError, match=r"in ADU for a gain of 2 \(got 'electron'\); give gain=1"
        ):
            predict(image, model)
    assert predict(image, ccdfx.ccd_noise(1.0, 3.0)).shape == (9, 9)


@pytest.mark.parametrize("unit", ["adu/s", "electron/s", "electron s-1", "e- / s", "MJy/sr"])
@pytest.mark.parametrize("name", PREDICTIONS)
def test_photon_noise_is_of_counts_not_of_rates(name, unit):
    image = Image(np.full((9, 9), 100.0), {"BUNIT": unit})
    for model in (ccdfx.ccd_noise(1.0, 3.0), ccdfx.ccd_noise(2.0, 3.0), ccdfx.poisson_noise()):
        with pytest.raises(ccdfx.MismatchError, match="in ADU or electrons") as caught:
            PREDICTIONS[name](image, model)
        assert ("exposure time" in caught.value.remedy) == (unit != "MJy/sr")
    assert PREDICTIONS[name](image, ccdfx.gaussian_noise(3.0)).shape == (9, 9)  # in the unit of the image


def test_the_gain_of_a_rate_is_not_measured():
    frames = [frame.replace(header={"BUNIT": "adu/s"}) for frame in sky(4)]
    with pytest.raises(ccdfx.MismatchError, match=r"flats.*adu/s.*exposure time"):
        ccdfx.fit_noise(frames[:2], frames[2:])


@pytest.mark.parametrize("rule", [ccdfx.ccd_clip, ccdfx.cr_reject])
def test_rules_with_a_gain_refuse_rates(rule):
    with pytest.raises(ccdfx.MismatchError, match=r"frames\[0\].*adu/s"):
        ccdfx.combine(sky(4, BUNIT="adu/s"), reject=rule(gain=1.0, readnoise=3.0))
