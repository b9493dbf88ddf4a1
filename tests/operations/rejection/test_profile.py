"""Options of `profile_clip`, its terms, and where its noise comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, ArgumentTypeError, Image, profile_clip, profile_terms

SKY = 300.0


def frames(count, seed, noise=10.0, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    return [rng.normal(SKY, noise, shape) for _ in range(count)]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"gain": 2.0}, "readnoise: must be given"),
        ({"readnoise": 2.0}, "gain: must be given"),
        ({"gain": 0.0, "readnoise": 1.0}, "gain"),
        ({"amplitude": -0.1}, "amplitude"),
        ({"gradient": -1}, "gradient"),
        ({"gradient": 9.0}, "gradient: must reach at most 32"),
        ({"level": math.nan}, "level"),
        ({"low": -1}, "low"),
    ],
)
def test_wrong_options_are_refused(options, match):
    with pytest.raises(ArgumentError, match=match):
        profile_clip(**options)


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        (([],), {}, "fwhms"),
        (([3.0, 0.0],), {}, "fwhms"),
        (([3.0, 4.0],), {"shift_errors": [0.1]}, "shift_errors"),
        (([3.0],), {"transparency_errors": -0.1}, "transparency_errors"),
        (([3.0],), {"limit": 0}, "limit"),
    ],
)
def test_wrong_terms_are_refused(arguments, options, match):
    with pytest.raises(ArgumentError, match=match):
        profile_terms(*arguments, **options)
    with pytest.raises(ArgumentTypeError, match="fwhms"):
        profile_terms(3.0)


def test_terms_are_those_of_the_widths():
    """A Gaussian of the middle width, changed to the extreme ones, stays within k times the terms."""
    fwhms = [2.6, 3.0, 3.1, 3.6, 4.2]
    amplitude, gradient = profile_terms(fwhms, limit=5.0)
    r = np.linspace(0, 9, 400)

    def star(fwhm):
        sigma = fwhm / 2.3548
        return np.exp(-(r**2) / (2 * sigma**2)) / sigma**2

    middle = star(3.1)
    inner = np.interp(np.maximum(r - 5 * gradient, 0), r, middle)
    beyond = r + 5 * gradient <= 9
    for fwhm in fwhms:
        high = np.hypot(5 * amplitude * middle, inner - middle)
        assert (star(fwhm) - middle <= high + 1e-3 * middle[0])[beyond].all()
    both = profile_terms(fwhms, limit=5.0, transparency_errors=[0, 0.3, 0, 0.1, 0], shift_errors=0.4)
    assert both == pytest.approx((math.hypot(amplitude, 0.3), math.hypot(gradient, 0.5)))


@pytest.mark.parametrize("source", ["detector", "keywords", "variance", "scatter"])
def test_the_noise_comes_from_what_is_known(source):
    """Values of 6 sigma go and good ones stay, at unequal noise of the frames."""
    noises = np.array([5.0, 10.0, 10.0, 20.0, 10.0, 10.0, 15.0])
    rng = np.random.default_rng(31)
    stack, hit = [], 7.5 * noises
    for noise, more in zip(noises, hit, strict=True):
        array = rng.normal(SKY, noise, (60, 60))
        array[20, 10 + len(stack) * 5] = SKY + more
        header = {"GAIN": 2.0, "RDNOISE": float(2.0 * noise)}
        stack.append(Image(array - SKY, header))
    options = {"amplitude": 0.1, "gradient": 0.2}
    if source == "detector":
        options |= {"gain": 1.0, "readnoise": tuple(noises)}
    elif source == "keywords":
        options |= {"gain": "GAIN", "readnoise": "rdnoise"}
    elif source == "variance":
        stack = [
            f.replace(variance=np.full(f.shape, noise**2)) for f, noise in zip(stack, noises, strict=True)
        ]
    result = ccdfx.stack(stack, reject=profile_clip(**options), follow=True)
    for number in range(len(stack)):
        rejected = result.rejected_in(number)
        assert rejected[20, 10 + number * 5]
        assert np.count_nonzero(rejected) <= 1 + 4  # of 3600 values at 4 sigma


def test_the_level_is_measured_and_may_be_given():
    """With the sky left in the frames, the amplitude is a fraction of what stands above it, unless level says 0."""
    stack = frames(5, 32)
    stack[2][8:13, 8:13] += 200  # its neighbours deviate as well, so that the formula decides
    found, kept = (
        ccdfx.stack(stack, reject=profile_clip(amplitude=0.2, gain=1.0, readnoise=10.0, level=level))
        for level in (None, 0.0)
    )
    assert found.rejected_high[10, 10] == 1 and kept.rejected_high[10, 10] == 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_frames_keep_no_ray(count):
    stack = frames(count, 33 + count)
    where = [(5, 7), (20, 30), (33, 12)]
    for y, x in where:
        stack[1][y, x] += 400
    if count == 3:
        stack[0][20, 30] += 700  # two of three
    result = ccdfx.stack(stack, reject=profile_clip(gain=1.0, readnoise=10.0, level=SKY))
    for y, x in where:
        assert abs(result.value[y, x] - SKY) < 40
    assert result.rejected_low.sum() + result.rejected_high.sum() <= 4 + 3


def test_a_side_is_turned_off_and_growth_takes_neighbours():
    stack = frames(5, 40)
    stack[0][10, 10], stack[1][30, 30] = SKY - 500, SKY + 500
    rule = profile_clip(gain=1.0, readnoise=10.0, low=math.inf, grow=1.0)
    result = ccdfx.stack(stack, reject=rule, follow=True)
    assert not result.rejected_low.any()
    assert result.rejected_in(1)[30, 29:32].all() and result.rejected_in(1)[29:32, 30].all()
    assert not result.rejected_in(1)[29, 29]


def test_a_line_across_the_frame_goes():
    """A trail three pixels wide shows in all neighbours of its frame, but not in the estimate."""
    stack = frames(4, 41)
    stack[3][18:21] += 120
    result = ccdfx.stack(stack, reject=profile_clip(gain=1.0, readnoise=10.0), follow=True)
    assert result.rejected_in(3)[18:21].all()
