"""Gain and read noise: from the header, or measured from the flats and biases of the night."""

from __future__ import annotations

import pytest

from ccdfx.io import read
from ccdfx.night.run import reduce_night


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
