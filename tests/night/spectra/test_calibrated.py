"""A night of spectra against the truth: masters, calibrated frames, and what is not done to spectra."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ccdfx
from ccdfx.records.flags import Flag

STEM = "V_+_Gr_13_+_slit_1.0"


def deviations(image, truth):
    """Return the differences to the truth in units of the stated errors, of good pixels."""
    return ((image.array - truth) / np.sqrt(np.where(image.good, image.variance, 1)))[image.good]


def test_the_flat_is_the_response_of_the_pixels_whatever_the_lamp(spectra):
    camera, _, out = spectra
    flat = ccdfx.read(out / f"masters/flat_{STEM}.fits")
    found = deviations(flat, camera.response)
    assert (0.95 < found.std() < 1.05) and abs(found.mean()) < 0.05
    lit = camera.slit > 0
    assert flat.header["DISPAXIS"] == 2
    assert not flat.good[camera.dead].any() and not flat.good[~lit].any()
    assert flat.good[lit & ~camera.dead].mean() > 0.999  # the faint end of the lamp is not dead
    plain = ccdfx.read(out / "masters/flat_V.fits")  # of the sky, without the grism
    assert "DISPAXIS" not in plain.header and plain.good[~lit].mean() > 0.99


@pytest.mark.quick
def test_spectra_are_the_truth_with_their_lines_and_traces(spectra):
    camera, night, out = spectra
    for name, light in (("s0", camera.light), ("arc", camera.arc)):
        image = ccdfx.read(out / f"calibrated/{name}.fits")
        found = deviations(image, light / 1.5)
        assert 0.95 < found.std() < 1.05
        assert f"flat_{STEM}" in str(image.header["HISTORY"])
        assert (image.header["DISPAXIS"], image.header["FILTER"]) == (2, "V + Gr#13 + slit 1.0")
        assert "NSTARS" not in image.header
        rays = 0 if image.mask is None else np.count_nonzero(image.mask & np.uint8(Flag.COSMIC_RAY))
        assert rays == 0 if name == "arc" else rays < 0.001 * image.size
    assert night.status == 0
    assert not night.facts["combined"]
    assert not [one for one in night.facts["ignored"] if one["effect"] == "fringes"]
    assert any("combine.align = false" in text for text in night.plan.warnings)


def test_spectra_that_are_said_to_lie_on_one_another_are_combined_unmoved(spectra, tmp_path):
    camera, _, _ = spectra
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        night = ccdfx.reduce_night(
            camera.folder, tmp_path / "out", recipe={"combine": {"align": False}}, object=["star"]
        )
    [made] = night.facts["combined"]
    assert made["inputs"] == ["calibrated/s0.fits", "calibrated/s1.fits"]
    image = ccdfx.read(tmp_path / "out" / made["file"])
    found = deviations(image, camera.light / 1.5)
    assert (0.95 < found.std() < 1.05) and made["stars"] is None
    assert not any("transparency" in text for text in night.facts["warnings"])
