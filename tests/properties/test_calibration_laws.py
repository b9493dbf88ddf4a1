"""Laws of calibration: fused equals separate, inputs stay, masks grow, integers are numbers, windows commute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ccdfx.noise import ccd_noise, gaussian_noise
from ccdfx.operations.calibration.calibrate import (
    add_variance,
    calibrate,
    divide_flat,
    subtract_bias,
    subtract_dark,
)
from ccdfx.operations.calibration.electrons import to_electrons
from ccdfx.operations.calibration.overscan import subtract_overscan
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.pixels.flag import mask_from, mask_invalid, mask_saturated, replace_masked
from ccdfx.operations.window import trim
from ccdfx.records.image import Image

SHAPE = (7, 9)
DTYPES = [np.uint16, np.int16, np.int32, np.float32, np.float64]
SATURATION = 20000.0


def values(rng, low, high, dtype, holes):
    array = rng.uniform(low, high, SHAPE)
    if np.dtype(dtype).kind == "f" and holes:
        spots = rng.random(SHAPE) < 0.1
        array[spots] = rng.choice([np.nan, np.inf, -np.inf], spots.sum())
    return array.astype(dtype)


def image(rng, low, high, dtype, *, holes=False, mask=False, variance=False, **header):
    """A random image, with NaN, flags and variance when asked for."""
    flags = rng.choice(np.array([0, 0, 0, 0, 1, 2, 8, 96], np.uint8), SHAPE) if mask else None
    errors = rng.uniform(0, 50, SHAPE).astype(np.float32) if variance else None
    return Image(values(rng, low, high, dtype, holes), header, flags, variance=errors)


@st.composite
def nights(draw):
    """A raw frame and a random choice of what is done to it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    yes = lambda: draw(st.booleans())  # noqa: E731
    floats = st.sampled_from([np.float32, np.float64])
    frame = lambda low, high, kind, **h: image(  # noqa: E731
        rng, low, high, kind, holes=yes(), mask=yes(), variance=yes(), **h
    )
    raw = frame(0, 30000, draw(st.sampled_from(DTYPES)), EXPTIME=30.0, BUNIT="adu", FILTER="V")
    options = _without_idle_options(
        {
            "bias": frame(290, 310, draw(st.sampled_from(DTYPES))) if yes() else None,
            "dark": frame(1, 20, draw(floats), EXPTIME=60.0) if yes() else None,
            "dark_scale": draw(st.sampled_from(["exposure", 1.0, 2.5])),
            "flat": frame(-0.2, 2, draw(floats), FILTER="V") if yes() else None,
            "statistic": draw(st.sampled_from(["median", "mean", None, 1.3])),
            "noise": draw(
                st.sampled_from([None, ccd_noise(1.5, 5.0), ccd_noise(2.0, 3.0, 0.01), gaussian_noise(4.0)])
            ),
            "saturation": SATURATION if yes() else None,
            "bad_pixels": rng.random(SHAPE) < 0.1 if yes() else None,
            "gain": 1.5 if yes() else None,
        }
    )
    return raw, options


def _without_idle_options(options):
    """An option of a master that is not there is an error."""
    if options["dark"] is None:
        options["dark_scale"] = None
    if options["flat"] is None:
        options["statistic"] = "median"
    return options


def step_by_step(raw, options):
    """What `calibrate` says it does, with the public steps."""
    done = raw
    if options["saturation"] is not None:
        done = mask_saturated(done, saturation=options["saturation"])
    done = mask_invalid(done)
    if options["bad_pixels"] is not None:
        done = mask_from(done, bad_pixels=options["bad_pixels"])
    if options["bias"] is not None:
        done = subtract_bias(done, bias=options["bias"])
    if options["noise"] is not None:
        done = add_variance(done, noise=options["noise"])
    if options["dark"] is not None:
        done = subtract_dark(done, dark=options["dark"], scale=options["dark_scale"])
    if options["flat"] is not None:
        done = divide_flat(done, flat=options["flat"], statistic=options["statistic"])
    return done if options["gain"] is None else to_electrons(done, gain=options["gain"])


@given(nights())
@settings(max_examples=300, deadline=None)
def test_fused_equals_the_separate_steps(night):
    raw, options = night
    fused, steps = calibrate(raw, **options), step_by_step(raw, options)
    np.testing.assert_array_equal(fused.mask, steps.mask)
    np.testing.assert_allclose(fused.array, steps.array, rtol=1e-6, atol=5e-3)
    assert (fused.variance is None) == (steps.variance is None)
    if fused.variance is not None:
        np.testing.assert_allclose(fused.variance, steps.variance, rtol=1e-5)
    assert fused.header == steps.header and fused.range == steps.range


def snapshot(*images):
    planes = [plane for i in images if isinstance(i, Image) for plane in (i.array, i.mask, i.variance)]
    return [(None if p is None else p.tobytes()) for p in planes]


@given(nights())
@settings(max_examples=100, deadline=None)
def test_inputs_never_change_and_results_are_frozen(night):
    raw, options = night
    before = snapshot(raw, *options.values())
    done = calibrate(raw, **options)
    assert snapshot(raw, *options.values()) == before
    for plane in (done.array, done.mask, done.variance):
        assert plane is None or not plane.flags.writeable
        assert plane is None or not any(
            np.shares_memory(plane, p) for p in (raw.array, raw.mask) if p is not None
        )


@given(nights())
@settings(max_examples=100, deadline=None)
def test_masks_only_grow_and_good_pixels_are_finite(night):
    raw, options = night
    done = calibrate(raw, **options)
    for given_mask in (raw.mask, *(options[name].mask for name in ("bias", "dark", "flat") if options[name])):
        if given_mask is not None:
            assert ((done.mask & given_mask) == given_mask).all()
    assert np.isfinite(done.array[done.mask == 0]).all()
    if done.variance is not None:
        assert (done.variance[done.mask == 0] >= 0).all()


@given(nights(), st.sampled_from([np.uint16, np.int16]))
@settings(max_examples=60, deadline=None)
def test_integer_arithmetic_is_float64_arithmetic(night, dtype):
    _, options = night
    raw = np.random.default_rng(1).integers(0, 32000, SHAPE).astype(dtype)
    header = {"EXPTIME": 30.0, "FILTER": "V"}
    short, wide = (calibrate(Image(array, header), **options) for array in (raw, raw.astype(np.float64)))
    np.testing.assert_array_equal(short.mask, wide.mask)
    good = short.mask == 0
    np.testing.assert_allclose(short.array[good], wide.array[good], rtol=1e-5, atol=2e-2)


@given(nights(), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_variance_scales_as_the_square(night, factor):
    raw, options = night
    done = calibrate(raw, **{**options, "gain": None})
    scaled = to_electrons(done, gain=factor)
    if done.variance is None:
        assert scaled.variance is None
    else:
        np.testing.assert_allclose(scaled.variance, done.variance * factor**2, rtol=1e-5)


@given(nights(), st.integers(0, 3), st.integers(5, 7), st.integers(0, 4), st.integers(5, 9))
@settings(max_examples=100, deadline=None)
def test_trim_commutes_with_pixelwise_steps(night, y0, y1, x0, x1):
    raw, options = night
    section = (x0, x1, y0, y1)
    # A level taken from the flat is that of the whole flat or of its window: there only a number commutes.
    options = _without_idle_options({**options, "statistic": 1.3})
    cut = lambda item: trim(item, section=section) if isinstance(item, Image) else item  # noqa: E731
    bad = options["bad_pixels"]
    inner = {name: cut(item) for name, item in options.items()}
    inner["bad_pixels"] = None if bad is None else trim(bad, section=section)
    first, last = calibrate(cut(raw), **inner), cut(calibrate(raw, **options))
    np.testing.assert_array_equal(first.array, last.array)
    np.testing.assert_array_equal(first.mask, last.mask)
    if first.variance is not None:
        np.testing.assert_array_equal(first.variance, last.variance)
    assert first.range == last.range
    # BIASID is that of the pixels of the bias, of the window too.
    assert first.header.remove("BIASID", "BIASVAR") == last.header.remove("BIASID", "BIASVAR")


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.5, -40.0, 1e4]))
@settings(max_examples=50, deadline=None)
def test_a_constant_in_the_whole_frame_leaves_with_the_overscan(seed, constant):
    rng = np.random.default_rng(seed)
    array = rng.normal(1000, 5, (20, 16))
    fit = OverscanFit(order=int(rng.integers(1, 4))) if seed % 2 else None
    one = subtract_overscan(array, overscan="[12:16,1:20]", fit=fit)
    two = subtract_overscan(array + constant, overscan="[12:16,1:20]", fit=fit)
    np.testing.assert_allclose(one.array, two.array, atol=1e-8)
    np.testing.assert_allclose(one.variance, two.variance, rtol=1e-6)


@given(nights())
@settings(max_examples=50, deadline=None)
def test_what_a_masked_pixel_holds_reaches_no_other(night):
    raw, _ = night
    assume(raw.mask is not None and np.isfinite(raw.array[raw.mask == 0]).any())
    other = raw.array.copy()
    other[raw.mask != 0] = 12345
    one, two = replace_masked(raw), replace_masked(raw.replace(array=other))
    np.testing.assert_array_equal(one.array, two.array)


@pytest.mark.parametrize("masters_vary", [False, True])
def test_the_scatter_of_simulated_frames_is_the_variance(masters_vary):
    """Electrons arrive, are read and digitised; masters are noisy too; the errors of 400 results are as predicted."""
    rng = np.random.default_rng(11)
    shape, gain, readnoise, count = (40, 40), 1.6, 6.0, 400
    signal = rng.uniform(50, 20000, shape)
    sensitivity = rng.uniform(0.6, 1.4, shape)
    dark_level, errors, predicted = 40.0, [], []
    spread = (0.8, 1.2, 0.01) if masters_vary else (0.0, 0.0, 0.0)

    def noisy(level, sigma):
        variance = np.full(shape, sigma**2) if masters_vary else None
        return Image(level + rng.normal(0, sigma, shape), variance=variance)

    for _ in range(count):
        electrons = rng.poisson(signal * sensitivity + dark_level * gain)
        raw = 300 + (electrons + rng.normal(0, readnoise, shape)) / gain
        done = calibrate(
            raw,
            bias=noisy(300, spread[0]),
            dark=noisy(dark_level / 2, spread[1]),
            dark_scale=2.0,
            flat=noisy(sensitivity, spread[2]),
            statistic=None,
            noise=ccd_noise(gain, readnoise),
            gain=gain,
        )
        errors.append(done.array - signal)
        predicted.append(done.variance)
    ratio = np.var(errors, axis=0) / np.mean(predicted, axis=0)
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() == pytest.approx(np.sqrt(2 / count), rel=0.15)
    pull = np.mean(errors, axis=0) / np.sqrt(np.mean(predicted, axis=0) / count)
    assert pull.std() == pytest.approx(1, abs=0.1) and abs(pull.mean()) < 0.15
