"""What this package does otherwise than ccdproc, on purpose; each point is in the README."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

import ccdfx_ccdproc as ccdproc

UPSTREAM = Path(__file__).parent / "upstream.py"


def ccd(values, **options) -> CCDData:
    return CCDData(np.array(values), unit="adu", **options)


def test_a_mean_with_weights_leaves_the_weights_of_masked_values_out() -> None:
    combiner = ccdproc.Combiner([ccd([[1.0]]), ccd([[2.0]]), ccd([[9.0]], mask=np.array([[True]]))])
    combiner.weights = np.array([1.0, 1.0, 2.0])
    assert combiner.average_combine().data == [[1.5]]
    combiner.weights = np.array([1.0, 1.0, 2.0]).reshape(3, 1, 1)
    assert combiner.average_combine().data == [[1.5]]


def test_a_sigma_clip_does_not_use_masked_values() -> None:
    frames = [ccd([[level]]) for level in (1.0, 2.0) * 6 + (20.0,)]
    combiner = ccdproc.Combiner([ccd([[1e6]], mask=np.array([[True]])), *frames])
    combiner.sigma_clipping(low_thresh=3, high_thresh=3)
    assert combiner.data_arr.mask[:, 0, 0].tolist() == [True, *[False] * 12, True]


def test_whole_numbers_do_not_wrap_around() -> None:
    raw, bias = ccd([[100]]), ccd([[300]])
    raw.data, bias.data = raw.data.astype(np.uint16), bias.data.astype(np.uint16)
    assert ccdproc.subtract_bias(raw, bias).data == [[-200.0]]
    assert ccdproc.gain_correct(raw, 1000).data == [[1e5]]


def test_bad_values_of_masters_and_overscan_are_left_out() -> None:
    frame = ccd([[1e6, 10.0, 12.0, 111.0]], mask=np.array([[True, False, False, False]]))
    assert ccdproc.subtract_overscan(frame, fits_section="[1:3,:]").data[0, 3] == 100
    frame.mask[:] = True
    with pytest.raises(ValueError, match="no good value"):
        ccdproc.subtract_overscan(frame, fits_section="[1:3,:]")
    flat = ccd([[np.nan, 1.0, 3.0, 1e9]], mask=np.array([[False, False, False, True]]))
    assert ccdproc.flat_correct(ccd([[8.0, 8, 6, 1]]), flat).data[0, 1:3].tolist() == [16.0, 4.0]


def test_the_mask_of_a_frame_stays_when_bad_pixels_are_given() -> None:
    frame = ccd([[1.0, 2.0]], mask=np.array([[True, False]]))
    assert ccdproc.ccd_process(frame, bad_pixel_mask=np.array([[0, 1]])).mask.all()


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="convolve"):
        ccdproc.cosmicray_lacosmic(np.ones((20, 20)), fsmode="convolve")
    combiner = ccdproc.Combiner([ccd([[1.0]]), ccd([[2.0]])])
    combiner.weights = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="cannot be weighted"):
        combiner.average_combine(scale_func=np.ma.max)


def test_scaled_uncertainty_follows_the_gain_of_cosmic_ray_removal() -> None:
    frame = ccd(np.full((20, 20), 100.0), uncertainty=StdDevUncertainty(np.full((20, 20), 3.0)))
    clean = ccdproc.cosmicray_lacosmic(frame, gain=2 * u.electron / u.adu)
    assert clean.unit == u.electron and clean.uncertainty.array[0, 0] == 6 and not clean.mask.any()


def test_a_loop_that_is_left_early_changes_no_other_loop(tmp_path: Path) -> None:
    for i in range(3):
        fits.PrimaryHDU(np.ones((2, 2)), fits.Header({"FILTER": "RGB"[i]})).writeto(tmp_path / f"{i}.fits")
    files = ccdproc.ImageFileCollection(tmp_path)
    for _ in files.headers(filter="R"):
        break
    assert len(list(files.data())) == 3 and list(files.files_filtered(filter="[rg]", regex_match=True)) == [
        "0.fits",
        "1.fits",
    ]
    assert [ccd.unit for ccd in files.ccds(ccd_kwargs={"unit": "adu"}, filter="B")] == [u.adu]


def test_nothing_is_recorded_if_that_is_wanted() -> None:
    frame = ccd([[1.0, 2.0]])
    assert not ccdproc.ccd_process(frame, gain=2 * u.electron / u.adu, add_keyword=None).meta
    with ccdproc.conf.set_temp("auto_logging", False):
        assert not ccdproc.trim_image(frame).meta


def test_nothing_is_imported_that_is_not_needed() -> None:
    code = """
import sys, ccdfx_ccdproc
assert not [name for name in sys.modules if name.startswith("astropy")]
ccdfx_ccdproc.ImageFileCollection
assert not {"astropy.nddata", "numba"} & set(sys.modules)
for name in ccdfx_ccdproc.__all__:
    getattr(ccdfx_ccdproc, name)
assert not {"ccdproc", "astroscrappy", "reproject", "numba"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow  # half a minute of CPU time: the whole test suite of ccdproc
def test_the_tests_of_ccdproc_pass() -> None:
    pytest.importorskip("ccdproc")
    pytest.importorskip("skimage")
    with warnings.catch_warnings():
        found = subprocess.run([sys.executable, str(UPSTREAM)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
