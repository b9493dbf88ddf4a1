"""A variance that holds the errors of the calibration alone is not taken for that of the frame."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import ArgumentError


def flats(count: int) -> list[ccdfx.Image]:
    """Frames of 20,000 ADU with 24 overscan columns at 1,000 ADU."""
    rng = np.random.default_rng(41)
    raw = rng.normal(1000, 5, (count, 40, 84))
    raw[:, :, :60] += rng.normal(20_000, 100, (count, 40, 60))
    return [
        ccdfx.trim(ccdfx.subtract_overscan(one, overscan=(60, 84, 0, 40)), section=(0, 60, 0, 40))
        for one in raw.astype("f4")
    ]


@pytest.mark.quick
@pytest.mark.parametrize("rule", ["default", None])
def test_the_variance_of_a_stack_is_then_that_of_the_scatter(rule):
    options = {} if rule == "default" else {"reject": rule}
    result = ccdfx.stack(flats(6), **options)
    assert result.count.mean() > 5.9
    assert np.sqrt(result.variance.mean()) == pytest.approx(100 / np.sqrt(6), rel=0.05)
    assert "VARPART" not in result.header


@pytest.mark.quick
def test_the_noise_of_the_frame_makes_it_whole():
    (frame,) = flats(1)
    assert frame.header["VARPART"] is True and frame.variance.mean() < 4
    whole = ccdfx.add_variance(frame, noise=ccdfx.ccd_noise(gain=2.0, readnoise=10.0))
    assert "VARPART" not in whole.header
    assert whole.variance.mean() == pytest.approx(10_000 + 25 + frame.variance.mean(), rel=0.01)
    done = ccdfx.calibrate(frame, noise=ccdfx.ccd_noise(gain=2.0, readnoise=10.0))
    assert "VARPART" not in done.header


def test_errors_of_masters_alone_are_marked():
    bias = ccdfx.Image(np.full((3, 3), 5.0), variance=np.full((3, 3), 0.25))
    for step in (ccdfx.subtract_bias, ccdfx.calibrate):
        done = step(ccdfx.Image(np.full((3, 3), 100.0)), bias=bias)
        assert done.header["VARPART"] is True and (done.variance == 0.25).all()
    own = ccdfx.subtract_bias(ccdfx.Image(np.full((3, 3), 100.0), variance=np.full((3, 3), 9.0)), bias=bias)
    assert "VARPART" not in own.header and (own.variance == 9.25).all()
    assert "VARPART" in ccdfx.subtract_level(np.arange(9.0).reshape(3, 3), section=(0, 3, 0, 1)).header


def test_they_are_no_weights_and_nothing_is_shared():
    with pytest.raises(ArgumentError, match="must have a variance"):
        ccdfx.combine(flats(3), average=ccdfx.inverse_variance_mean())
    with pytest.raises(ArgumentError, match="variance of every frame"):
        ccdfx.combine(flats(3), shared=1.0)


def test_apertures_take_the_noise_of_the_sky():
    (frame,) = flats(1)
    table = ccdfx.aperture_photometry(frame, [(30, 20)], radius=3, annulus=(5, 12))
    assert np.sqrt(table["variance"][0] / table["area"][0]) == pytest.approx(100, rel=0.3)
