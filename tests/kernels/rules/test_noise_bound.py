"""ccd_clip of scaled frames against a plain restatement, one pixel and one value at a time; and its bound."""

from __future__ import annotations

import math
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.kernels.rules import noise_bound

COUNTS = [2, 3, 6, 11, 60]  # each has a sorter of its own, which takes a while to compile


def sigma_of(row, c):
    scale, zero, constant, linear, quadratic = row
    level = max(0.0, scale * (c + zero))
    return math.sqrt(constant + linear * level + quadratic * level * level) / scale


def twin(pixel, rows, low, high, center):
    """The ranks of what survives of a pixel's sorted (value, frame) pairs."""
    kept = list(range(len(pixel)))
    while len(kept) >= 2:
        x = [pixel[r][0] for r in kept]
        if center == "median":
            c = 0.5 * (x[(len(x) - 1) // 2] + x[len(x) // 2])
        else:
            c = math.fsum(x[1:-1]) / (len(x) - 2) if len(x) > 2 else math.fsum(x) / len(x)
        far = {r: (pixel[r][0] - c, sigma_of(rows[pixel[r][1]], c)) for r in kept}
        below = {r for r, (d, s) in far.items() if s > 0 and -d > low * s}
        above = {r for r, (d, s) in far.items() if s > 0 and d > high * s}
        if center == "median":  # both ends move inwards, up to the first value that stays
            below = set(takewhile(below.__contains__, kept))
            above = set(takewhile(above.__contains__, kept[::-1]))
        out = below | above
        kept = [r for r in kept if r not in out]
        if not out:
            break
    return kept


@st.composite
def stacks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, level = draw(st.sampled_from(COUNTS)), draw(st.sampled_from([0.0, 3.0, 1000.0, 30000.0]))
    scales = rng.uniform(0.3, 3.0, n) if draw(st.booleans()) else np.ones(n)
    zeros = rng.uniform(-level / 2, level, n) if draw(st.booleans()) else np.zeros(n)
    each = draw(st.booleans())
    detector = {
        "gain": tuple(rng.uniform(0.5, 3.0, n)) if each else 2.0,
        "readnoise": tuple(rng.uniform(0.0, 9.0, n)) if each else draw(st.sampled_from([0.0, 5.0])),
        "sensitivity": draw(st.sampled_from([0.0, 0.02])),
        "pedestal": draw(st.sampled_from([0.0, 50.0, -20.0, math.inf])),
    }
    raw = scales[:, None] * (level + zeros[:, None] + np.zeros(30))
    raw = raw + rng.normal(size=raw.shape) * np.sqrt(np.maximum(raw, 0) / 2 + 6)
    raw[rng.random(raw.shape) < 0.04] += draw(st.sampled_from([60.0, 1e6]))
    raw[rng.random(raw.shape) < 0.02] -= 60.0
    masks = rng.random(raw.shape) < draw(st.sampled_from([0.0, 0.2]))
    return raw, masks, scales, zeros, detector


@settings(max_examples=150, deadline=None)
@given(
    stacks(), st.sampled_from([0.5, 2.0, 3.0, math.inf]), st.sampled_from([0.5, 2.0, 3.0, math.inf]),
    st.sampled_from(["median", "mean"]),
)  # fmt: skip
def test_scaled_frames_lose_what_the_restatement_drops(stack, low, high, center):
    raw, masks, scales, zeros, detector = stack
    n = len(raw)
    frames = [ccdfx.Image(x[None], mask=m[None]) for x, m in zip(raw, masks, strict=True)]
    rule = ccdfx.ccd_clip(**detector, low=low, high=high, center=center)
    got = ccdfx.stack(frames, reject=rule, scale=tuple(scales), zero=tuple(zeros))
    gains, reads = (np.broadcast_to(detector[name], n) for name in ("gain", "readnoise"))
    rows = [
        (s, z - detector["pedestal"] / s, (r / g) ** 2, 1 / g, detector["sensitivity"] ** 2)
        for s, z, g, r in zip(scales, zeros, gains, reads, strict=True)
    ]
    values = raw / scales[:, None] - zeros[:, None]
    for i in range(raw.shape[1]):
        pixel = sorted((float(values[j, i]), j) for j in range(n) if not masks[j, i])
        kept = twin(pixel, rows, low, high, center)
        assert got.count[0, i] == len(kept)
        if kept:
            expected = math.fsum(pixel[r][0] for r in kept) / len(kept)
            assert got.value[0, i] == pytest.approx(expected, rel=1e-12, abs=1e-9)


@pytest.mark.quick
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-1e4, -1.0, 0.0, 1.0, 1e3, 1e6]))
def test_no_noise_lies_below_the_bound(seed, center):
    rng = np.random.default_rng(seed)
    noise = np.column_stack([
        rng.uniform(0.1, 9, 5), rng.uniform(-900, 900, 5), rng.choice([0.0, 1.0, 30.0], 5),
        rng.uniform(0, 2, 5), rng.choice([0.0, 1e-4], 5),
    ])  # fmt: skip
    terms = noise_bound.noise_terms(noise)
    bound = noise_bound.sigma_bound(terms, center)
    for j in range(5):
        sigma = noise_bound.detector_sigma(noise, j, center)
        assert bound <= sigma
        for limit in (0.5, 3.0, math.inf):
            for d in (
                -1.0,
                0.0,
                limit * sigma,
                np.nextafter(limit * sigma, 0),
                np.nextafter(limit * sigma, math.inf),
            ):
                expected = sigma > 0 and d > limit * sigma
                assert noise_bound.is_beyond(terms, noise, j, d, limit, center) == expected


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("keep", [1, 3, -1, -2])
def test_values_come_back_as_they_do_where_all_frames_are_alike(center, keep):
    """A scale that is 1 but for rounding takes the way of scaled frames; it must not change what is kept."""
    rng = np.random.default_rng(keep % 7)
    frames = [rng.normal(1000.0, 20.0, (12, 40)) for _ in range(6)]
    for frame in frames[:4]:
        frame[rng.random(frame.shape) < 0.4] += 500.0
    rule = ccdfx.ccd_clip(gain=2.5, readnoise=5.0, low=2, high=2, center=center, keep=keep)
    expected = ccdfx.stack(frames, reject=rule)
    got = ccdfx.stack(frames, reject=rule, zero=[0.0] * 5 + [1e-12])
    for name in ("count", "rejected_low", "rejected_high"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
    assert expected.rejected_high.any()
