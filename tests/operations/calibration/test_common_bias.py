"""One bias in science frame and dark: its error cancels, and its variance is counted once."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import MismatchError
from ccdfx.io import read, read_master, write

SHAPE = (50, 60)
READ = 8.0
NOISE = ccdfx.noise.gaussian_noise(READ)
LONG, SHORT = 100.0, 60.0


def raw(rng, exptime=0.0, columns=SHAPE[1]):
    header = {"EXPTIME": exptime, "BUNIT": "adu"}
    return ccdfx.Image(rng.normal(1000 + 0.3 * exptime, READ, (SHAPE[0], columns)), header)


def masters(rng, biases=3, darks=3, exptime=LONG, shared=True):
    bias = ccdfx.combine([ccdfx.add_variance(raw(rng), noise=NOISE) for _ in range(biases)], reject=None)
    frames = [ccdfx.calibrate(raw(rng, exptime), bias=bias, noise=NOISE) for _ in range(darks)]
    dark = ccdfx.combine(frames, reject=None, shared=bias.variance if shared else None)
    return bias, dark


def reported_over_true(make, seed, trials=40):
    rng = np.random.default_rng(seed)
    done = [make(rng) for _ in range(trials)]
    truth = np.var([image.array for image in done], axis=0, ddof=1).mean()
    return np.sqrt(np.mean([image.variance.mean() for image in done]) / truth)


def fused(frame, bias, dark, **options):
    return ccdfx.calibrate(frame, bias=bias, dark=dark, noise=NOISE, **options)


def separate(frame, subtracted, dark, scale=None, **options):
    signal = ccdfx.add_variance(ccdfx.subtract_bias(frame, bias=subtracted), noise=NOISE)
    return ccdfx.subtract_dark(signal, dark=dark, scale=scale, **options)


@pytest.mark.quick
@pytest.mark.parametrize(("biases", "darks"), [(3, 3), (9, 5)])
def test_science_less_bias_less_dark_has_the_variance_that_it_says(biases, darks):
    def make(rng):
        return fused(raw(rng, LONG), *masters(rng, biases, darks))

    assert reported_over_true(make, 31) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("steps", [fused, separate])
def test_scaled_darks_too_however_they_were_combined(steps, shared):
    def make(rng):
        options = {"dark_scale" if steps is fused else "scale": 0.6}
        return steps(raw(rng, SHORT), *masters(rng, shared=shared), **options)

    assert reported_over_true(make, 32) == pytest.approx(1.0, abs=0.02)


def test_a_dark_of_another_bias_adds_in_full():
    def make(rng):
        return fused(raw(rng, LONG), masters(rng)[0], masters(rng)[1])

    assert reported_over_true(make, 33) == pytest.approx(1.0, abs=0.02)


def test_an_empirical_dark_shows_nothing_of_its_bias():
    def make(rng):
        bias = masters(rng)[0]
        frames = [ccdfx.subtract_bias(raw(rng, LONG), bias=bias).replace(variance=None) for _ in range(5)]
        dark = ccdfx.combine(frames, reject=None)
        return fused(raw(rng, LONG), bias, dark)

    assert reported_over_true(make, 34) == pytest.approx(1.0, abs=0.02)


@pytest.mark.quick
def test_fused_and_separate_agree_and_a_file_is_as_good_as_memory(tmp_path):
    rng = np.random.default_rng(35)
    bias, dark = masters(rng)
    variance = bias.variance * rng.uniform(1.0, 2.0, SHAPE)  # as after rejection
    bias = bias.replace(variance=variance)
    frames = [ccdfx.calibrate(raw(rng, LONG), bias=bias, noise=NOISE) for _ in range(3)]
    dark = ccdfx.combine(frames, reject=None, shared=variance)
    science = raw(rng, SHORT)
    one = fused(science, bias, dark, dark_scale="exposure", gain=2.0)
    two = ccdfx.to_electrons(separate(science, bias, dark, scale="exposure", bias=bias), gain=2.0)
    np.testing.assert_allclose(one.variance, two.variance, rtol=1e-6)
    assert one.header == two.header
    near = separate(science, bias, dark, scale="exposure")  # with the mean variance of the bias
    assert near.variance.mean() == pytest.approx(two.variance.mean() / 4, rel=0.01)
    files = [write(image, tmp_path / f"{i}.fits") for i, image in enumerate((bias, dark))]
    loaded = fused(science, read_master(files[0]), read(files[1]), dark_scale="exposure", gain=2.0)
    np.testing.assert_allclose(loaded.variance, one.variance, rtol=1e-5)


def test_a_bias_that_was_not_subtracted_is_refused():
    rng = np.random.default_rng(36)
    bias, dark = masters(rng)
    signal = ccdfx.subtract_bias(raw(rng, LONG), bias=bias)
    with pytest.raises(MismatchError, match=r"^bias: .*subtracted from the image"):
        ccdfx.subtract_dark(raw(rng, LONG), dark=dark, bias=bias)
    with pytest.raises(MismatchError, match=r"^bias: .*BIASID"):
        ccdfx.subtract_dark(signal, dark=dark, bias=masters(rng)[0])


def test_darks_of_several_biases_are_combined_without_a_claim():
    rng = np.random.default_rng(37)
    frames = [ccdfx.subtract_bias(raw(rng, LONG), bias=masters(rng)[0]) for _ in range(2)]
    assert "BIASID" in frames[0].header
    header = ccdfx.combine(frames).header
    assert "BIASID" not in header and "BIASVAR" not in header
