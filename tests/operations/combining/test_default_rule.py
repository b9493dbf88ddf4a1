"""The default rule: which one is chosen, and the laws that hold for it."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx

DETECTOR = {"GAIN": 4.0, "RDNOISE": 8.0}


def adu(count, *, seed=0, level=800.0, gain=4.0, readnoise=8.0, header=DETECTOR, shape=(60, 70), bias=0.0):
    """Frames of a detector: electrons / gain, with read noise, upon a bias."""
    rng = np.random.default_rng([91, seed, count])
    return [
        ccdfx.Image(
            (rng.poisson(level, shape) + rng.normal(0, readnoise, shape)) / gain + bias,
            {"BUNIT": "adu", **header},
        )
        for _ in range(count)
    ]


def with_variance(frames):
    return [frame.replace(variance=np.full(frame.shape, 54.0)) for frame in frames]


def chosen(frames, **options):
    rule = ccdfx.default_rejection(frames, **options)
    return rule and (rule.name, rule.parameters.get("low"), rule.parameters["high"])


@pytest.mark.quick
def test_the_rule_goes_by_what_is_known_and_by_the_number():
    for count in (2, 3):
        assert chosen(with_variance(adu(count))) == ("variance_clip", np.inf, 4.0)
        assert chosen(adu(count)) == ("cr_reject", None, 4.0)
    for count in (4, 12):
        assert chosen(with_variance(adu(count))) == ("variance_clip", 4.0, 4.0)
        assert chosen(adu(count)) == ("ccd_clip", 4.0, 4.0)
    plain = [frame.array for frame in adu(10)]
    assert chosen(plain[:2]) is None
    assert chosen(plain[:3]) == chosen(plain[:9]) == ("mad_clip", 7.0, 7.0)
    assert chosen(plain) == ("mad_clip", 5.0, 5.0)
    assert chosen(plain[:1]) is None
    some = [*with_variance(adu(5))[:4], *adu(1, header={})]
    assert chosen(some)[0] == "mad_clip"


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("a bias pedestal counts as photons", {"level": 0.0, "bias": 1000.0}),
        ("a sky was subtracted", {"bias": -200.0, "readnoise": 1.0, "header": {"GAIN": 4.0, "RDNOISE": 1.0}}),
        ("the gain is a setting", {"header": {"GAIN": 120.0, "RDNOISE": 8.0}}),
        ("no read noise", {"header": {"GAIN": 4.0}}),
        ("a gain of 0", {"header": {"GAIN": 0.0, "RDNOISE": 8.0}}),
        ("words", {"header": {"GAIN": "high", "RDNOISE": 8.0}}),
        ("a few pixels", {"shape": (5, 5)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_noise_of_headers_is_not_believed_against_the_frames(what, options):
    for count in (3, 6):
        assert chosen(adu(count, **options))[0] == "mad_clip"
    assert chosen(adu(5), placed=True)[0] == "mad_clip"


def test_scaled_frames_have_the_noise_of_their_raw_level():
    """Flats of different levels, scaled: the noise of the headers holds for the raw values."""
    flats = [frame for level in (800, 3200, 12800, 6400) for frame in adu(1, level=float(level), seed=level)]
    flats[2] = flats[2].replace(array=np.where(np.eye(60, 70) == 1, 60_000.0, flats[2].array))
    result = ccdfx.stack(flats, scale="median")
    assert (result.rejected_high[np.eye(60, 70) == 1] == 1).all()
    assert result.rejected_high.sum() + result.rejected_low.sum() < 60 + 20


@pytest.mark.parametrize("rule", ["ccd_clip", "cr_reject"])
def test_frames_in_electrons_have_gain_1_whatever_their_header_says(rule):
    frames = adu(5, seed=1)
    electrons = [ccdfx.to_electrons(frame, gain=4.0) for frame in frames]
    assert electrons[0].header["GAIN"] == 1.0
    electrons = [
        frame.replace(header=frame.header.set("GAIN", 4.0)) for frame in electrons
    ]  # of another program
    by_header = getattr(ccdfx, rule)(gain="GAIN", readnoise="RDNOISE")
    one, two = (ccdfx.stack(some, reject=by_header) for some in (frames, electrons))
    assert one.rejected_high.sum() > 0 and np.array_equal(one.rejected_high, two.rejected_high)
    assert chosen(electrons)[0] == "ccd_clip"
    with pytest.raises(ccdfx.MismatchError, match="in ADU for a gain of 4"):
        ccdfx.combine(electrons, reject=by_header.configure(gain=4.0))
    ccdfx.combine(electrons, reject=by_header.configure(gain=1.0))


CASES = {
    "variances": lambda count: with_variance(adu(count)),
    "headers": adu,
    "unknown": lambda count: [frame.replace(header={}) for frame in adu(count)],
}


@pytest.mark.parametrize("case", CASES)
def test_laws_of_the_default(case):
    frames = CASES[case](5)
    hit = frames[2].array.copy()
    hit[10, 10] += 7400.0  # 1000 sigma
    frames[2] = frames[2].replace(array=hit)
    result = ccdfx.stack(frames)
    assert result.rejected_high[10, 10] == 1 and abs(result.value[10, 10] - 200) < 15
    turned = ccdfx.stack(frames[::-1])
    for name in ("value", "count", "rejected_low", "rejected_high"):
        np.testing.assert_allclose(getattr(turned, name), getattr(result, name), rtol=1e-14)
    if case != "headers":
        moved = ccdfx.stack([frame.replace(array=frame.array + 512.0) for frame in frames])
        assert np.array_equal(moved.count, result.count)
        np.testing.assert_allclose(moved.value, result.value + 512)


def test_the_default_says_its_error_right():
    """Without variances, for few frames, where the rule itself narrows the scatter."""
    rng = np.random.default_rng(92)
    for count in (2, 3, 5, 9, 10):
        result = ccdfx.stack(list(rng.normal(100, 10, (count, 200, 200))))
        assert np.sqrt(result.variance.mean() / result.value.var()) == pytest.approx(1, abs=0.03)
