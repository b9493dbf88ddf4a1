"""Rules that know the noise: of each frame from its header, and from the variances of the frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ccdfx


def test_noise_by_header_keyword():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(100, 20, (5, 40)).astype("f4") for _ in range(4)]
    gains, readnoises = [1.0, 2.0, 4.0, 0.5], [3.0, 5.0, 7.0, 9.0]
    frames = [
        ccdfx.Image(a, {"GAIN": g, "RDNOISE": r}) for a, g, r in zip(arrays, gains, readnoises, strict=True)
    ]
    expected = ccdfx.stack(frames, reject=ccdfx.ccd_clip(gain=gains, readnoise=readnoises))
    got = ccdfx.stack(frames, reject=ccdfx.ccd_clip(gain="gain", readnoise="RDNOISE"))
    assert got.value.tobytes() == expected.value.tobytes() and expected.rejected_high.any()
    bad = [*frames[:3], frames[3].replace(header={"GAIN": 1.0})]
    with pytest.raises(ccdfx.ArgumentError, match=r"frames\[3\]: must have the header keyword RDNOISE"):
        ccdfx.combine(bad, reject=ccdfx.ccd_clip(gain="GAIN", readnoise="RDNOISE"))
    with pytest.raises(ccdfx.ArgumentError, match=r"GAIN of frames\[3\]"):
        zero = frames[3].replace(header={"GAIN": 0.0, "RDNOISE": 1.0})
        ccdfx.combine([*frames[:3], zero], reject=ccdfx.cr_reject(gain="GAIN"))


def test_noise_by_frame_of_the_wrong_length_or_kind():
    frames = [np.ones((2, 2))] * 3
    with pytest.raises(ccdfx.ArgumentError, match="gain: must be one for each of the 3 frames"):
        ccdfx.combine(frames, reject=ccdfx.ccd_clip(gain=[1.0, 2.0]))
    for gain in ([1.0, -1.0, 2.0], [], "", [1.0, "x"], math.nan):
        with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match="gain"):
            ccdfx.ccd_clip(gain=gain)
    with pytest.raises(ccdfx.ArgumentTypeError, match="scaled"):
        ccdfx.sigma_clip(scaled=1)


@pytest.mark.parametrize("center", ["median", "mean"])
def test_variance_clip_scales_the_variances(center):
    rng = np.random.default_rng(5)
    values = rng.normal(100.0, 8.0, (7, 200)).astype("f4")
    values[rng.random(values.shape) < 0.1] += 60
    variances = rng.uniform(20, 200, values.shape).astype("f4")
    scale = [1.0, 2.0, 0.5, 4.0, 1.0, 8.0, 0.25]
    rule = ccdfx.variance_clip(low=2, high=2, center=center)
    plain = [ccdfx.Image(x[None], variance=v[None]) for x, v in zip(values, variances, strict=True)]
    scaled = [
        ccdfx.Image(x[None] * np.float32(s), variance=v[None] * np.float32(s * s))
        for x, v, s in zip(values, variances, scale, strict=True)
    ]
    expected, got = ccdfx.stack(plain, reject=rule), ccdfx.stack(scaled, reject=rule, scale=scale)
    for name in ("value", "variance", "count", "rejected_low", "rejected_high"):
        assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name
    assert (expected.rejected_high > 0).any()


def test_variance_clip_needs_variances():
    frames = [ccdfx.Image([[1.0]], variance=[[1.0]]), ccdfx.Image([[1.0]])]
    with pytest.raises(ccdfx.ArgumentError, match="variance of every frame"):
        ccdfx.combine(frames, reject=ccdfx.variance_clip())


@pytest.mark.quick
@pytest.mark.parametrize("rule", [ccdfx.ccd_clip, ccdfx.cr_reject])
def test_photons_are_counted_above_the_pedestal(rule):
    frames = list(np.random.default_rng(3).normal(1000.0, 5.0, (9, 40, 50)))
    frames[2][10, 20] += 60.0  # 12 sigma of the read noise, 2 of the photons of 1000 ADU
    options = {"gain": 1.0, "readnoise": 5.0, "high": 6.0}
    blind = ccdfx.stack(frames, reject=rule(**options))
    assert blind.rejected_high.sum() == 0
    for pedestal in (1000.0, math.inf):
        found = ccdfx.stack(frames, reject=rule(**options, pedestal=pedestal))
        assert np.argwhere(found.rejected_high).tolist() == [[10, 20]]
    lifted = [frame + 500.0 for frame in frames]  # the level that counts is that before scaling
    moved = ccdfx.stack(lifted, reject=rule(**options, pedestal=1500.0), zero=[500.0] * 9)
    assert np.argwhere(moved.rejected_high).tolist() == [[10, 20]]
    with pytest.raises(ccdfx.errors.ArgumentError, match="pedestal"):
        rule(pedestal=math.nan)
