"""Gain and read noise: from the header, or measured from the flats and biases of the night."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccdfx.errors import FormatError
from ccdfx.io import read
from ccdfx.night.cameras import camera_noise as module
from ccdfx.night.cameras.camera_noise import _decided, _Pairs, camera_noise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.run import reduce_night
from ccdfx.night.settings.choices import NoiseChoice
from ccdfx.night.settings.reading import load_night_recipe


def test_gain_and_read_noise_are_measured_when_nobody_says_them(camera, out):
    camera.biases(5, GAIN=None, RDNOISE=None)
    camera.flats(4, GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert noise["source"] == "measured"
    assert abs(noise["gain"] - 2.0) < 5 * noise["gain_error"] < 0.5
    assert abs(noise["readnoise"] - 6.0) < 5 * noise["readnoise_error"] < 2.0
    header = read(out / "calibrated/s.fits").header
    assert header["GAIN"] == noise["gain"]


@pytest.mark.quick
def test_read_noise_alone_is_measured_from_biases(camera, out):
    camera.biases(4, RDNOISE=None)
    camera.science("s.fits", RDNOISE=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["gain_source"], noise["readnoise_source"]) == ("header", "measured")
    assert noise["source"] == "gain: header, read noise: measured"
    assert noise["readnoise"] == pytest.approx(6.0, rel=0.06)


def test_a_number_of_the_header_has_no_measured_error(camera, out):
    camera.biases(3, GAIN=None)
    camera.flats(3, GAIN=None)
    camera.science("s.fits", GAIN=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["gain_source"], noise["readnoise_source"]) == ("measured", "header")
    assert noise["gain_error"] > 0 and noise["readnoise"] == 6.0 and noise["readnoise_error"] is None


def test_read_noise_is_measured_from_integers(camera, out):
    none = {"RDNOISE": None, "BIASSEC": None, "TRIMSEC": None}
    camera.structure = camera.structure * 0
    camera.biases(4, **none)
    camera.science("s.fits", **none)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert noise["readnoise"] == pytest.approx(6.0, rel=0.06)


def test_without_gain_there_is_no_prediction_and_that_is_said(camera, out):
    camera.biases(3, GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    facts = reduce_night(camera.folder, out).facts
    assert facts["noise"][0]["gain"] is None
    assert any("gain and read noise are not known" in text for text in facts["warnings"])


def wrong_night(camera, **cards):
    """Frames whose headers state a gain and read noise that are not those of the camera, 2.0 and 6.0."""
    cards = {"GAIN": 2.7, "RDNOISE": 12.0, **cards}
    camera.biases(4, **cards)
    camera.flats(4, **cards)
    camera.science("s.fits", **cards)


@pytest.mark.parametrize(
    ("prefer", "source", "gain"),
    [("auto", "measured", 2.0), ("measured", "measured", 2.0), ("header", "header", 2.7)],
)
def test_a_header_that_pairs_of_frames_belie_is_said_and_the_recipe_decides(
    camera, out, prefer, source, gain
):
    wrong_night(camera)
    facts = reduce_night(camera.folder, out, recipe={"noise": {"prefer": prefer}}).facts
    (noise,) = facts["noise"]
    assert noise["source"] == source and noise["gain"] == pytest.approx(gain, rel=0.1)
    assert noise["readnoise"] == pytest.approx(6.0 if source == "measured" else 12.0, rel=0.1)
    assert noise["stated"] == {"gain": 2.7, "readnoise": 12.0}
    assert noise["measured"]["gain"][0] == pytest.approx(2.0, rel=0.1)
    (said,) = [text for text in facts["warnings"] if "noise.prefer" in text]
    assert "gain of 2.7 e-/ADU in the header is not the" in said and "read noise of 12 e-" in said
    assert ("measured one is used" if source == "measured" else "that of the header is used") in said
    page = (out / "report.html").read_text()
    assert "stated and measured: gain 2.7" in page and "noise.prefer" in page
    product = read(out / "calibrated/s.fits")
    assert product.header["GAIN"] == noise["gain"] and product.header["RDNOISE"] == noise["readnoise"]
    assert source == "header" or facts["calibrated"][0]["excess"] == pytest.approx(1.0, abs=0.07)


def test_numbers_that_agree_or_that_an_instrument_file_gives_stay(camera, out, tmp_path):
    from importlib import resources

    wrong_night(camera, GAIN=2.1, RDNOISE=6.2)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["source"], noise["gain"], noise["stated"]["gain"]) == ("header", 2.1, 2.1)
    text = (resources.files("ccdfx.night.instruments") / "descriptions" / "iraf.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('gain = ["EGAIN", "GAIN"]', "gain = 2.7"))
    facts = reduce_night(camera.folder, out, instrument=mine, overwrite=True).facts
    assert facts["noise"][0]["gain"] == 2.7 and facts["noise"][0]["gain_source"] == "instrument file"
    assert any("that of the instrument file is used" in text for text in facts["warnings"])


@pytest.mark.parametrize(
    ("stated", "measured", "source", "disagrees"),
    [
        (4.95, (3.73, 0.02), "measured", True),
        (4.95, (3.73, 0.30), "header", True),  # an error of 8 %
        (4.95, (3.73, 0.60), "header", False),  # two errors
        (4.95, (3.73, None), "header", True),
        (4.00, (3.73, 0.02), "header", False),
        (None, (3.73, 0.30), "measured", False),
    ],
)
def test_the_better_known_number_is_used(stated, measured, source, disagrees):
    known = None if stated is None else Known(stated, "header")
    number = _decided("gain", known, measured, NoiseChoice())
    assert (number.source, number.disagrees) == (source, disagrees)
    assert number.value == (stated if source == "header" else measured[0])


@pytest.mark.parametrize(
    "table", [{"prefer": "mine"}, {"tolerance": -1}, {"tolerance": 2.0}, {"gain": 2.0}], ids=str
)
def test_bad_choices_are_refused(table):
    with pytest.raises(FormatError, match="noise"):
        load_night_recipe({"noise": table})


@pytest.mark.quick
@pytest.mark.parametrize(
    ("gain", "adu", "used", "said"),
    [
        (11.0, 4.0, 1.5, "saturated, or were averaged"),
        (1.0, 4.0, 1.0, "pairs of frames measure"),
        (6.0, 2.0, 6.0, "pairs of frames measure"),  # each pixel is the mean of four
        (1.6, 4.1, 1.5, ""),
    ],
)
def test_flats_without_the_noise_of_light_measure_no_gain(monkeypatch, gain, adu, used, said):
    """Biases show the read noise of the header, 6 e- of 1.5 e-/ADU; of saturated flats little noise is left."""
    found = _Pairs((gain, 0.01), (adu, 0.01), 4)
    monkeypatch.setattr(module, "_measured", lambda *_: found)
    frame = Frame(
        path=Path("f.fits"),
        file="f.fits",
        kind="flat",
        gain=Known(1.5, "header"),
        readnoise=Known(6.0, "header"),
    )
    texts: list[str] = []
    noise = camera_noise([frame], lambda _: None, texts.append)
    assert noise.gain == used and noise.readnoise == pytest.approx(adu * used, rel=0.08)
    assert (said in texts[0]) if said else not texts


def test_masters_state_the_gain_that_is_used_and_a_flat_none(camera, out):
    wrong_night(camera, EGAIN=2.7)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    bias, flat = (read(out / f"masters/{name}.fits").header for name in ("bias", "flat_V"))
    assert bias["GAIN"] == pytest.approx(4 * noise["gain"]) and "EGAIN" not in bias  # of the mean of 4
    assert not {"GAIN", "EGAIN", "RDNOISE", "BUNIT"} & set(flat)


@pytest.mark.parametrize("prefer", ["auto", "measured"])
def test_frames_in_electrons_have_a_gain_of_1_whatever_is_measured(camera, out, tmp_path, prefer):
    """A BUNIT that pairs of frames belie is said, and does not cost the masters."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"[noise]\nprefer = '{prefer}'\n[science]\nelectrons = true\n")
    wrong_night(camera, BUNIT="electron", RDNOISE=None)
    camera.science("t.fits", BUNIT="electron", GAIN=2.7, RDNOISE=None)
    facts = reduce_night(camera.folder, out, recipe=recipe).facts
    (noise,) = facts["noise"]
    assert (noise["gain"], noise["gain_source"]) == (1.0, "header")
    (text,) = [text for text in facts["warnings"] if "pairs of frames measure" in text]
    assert "BUNIT" in text and "1 e-/ADU" in text
    assert read(out / "masters/bias.fits").unit == "electron"
    assert len(list((out / "combined").glob("*.fits"))) == 1
