"""The saturation of a camera, from raw frames that were simulated with a known converter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccdfx
from ccdfx import Image, saturation_level

SHAPE = (96, 90)


def field(seed=1, stars=12, peak=0.0, sky=300.0):
    """ADU without a limit: sky and stars."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, sky)
    for cy, cx in rng.uniform(6, 84, (stars, 2)):
        light += peak * rng.uniform(0.5, 1.5) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4.5)
    return np.rint(rng.poisson(light) + rng.normal(0, 3, SHAPE)).clip(0)


@pytest.mark.quick
@pytest.mark.parametrize("bits", [12, 14, 16])
@pytest.mark.parametrize("shifted", [False, True])
def test_stars_that_pile_up_at_the_limit_of_the_converter(bits, shifted):
    step = 2 ** (16 - bits) if shifted else 1
    top = 2**bits - 1
    frames = [(field(seed, peak=4.0 * top).clip(0, top) * step).astype(np.uint16) for seed in (1, 2, 3)]
    found = saturation_level(iter(frames))
    assert (found.level, found.step) == (top * step, step)
    assert found.pixels == sum(int((frame == top * step).sum()) for frame in frames) > 50
    for frame in frames:
        flagged = ccdfx.mask_saturated(frame, saturation=found.level).mask != 0
        assert np.array_equal(flagged, frame == top * step)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_a_plateau_that_is_no_limit_of_a_converter(kind):
    frames = [field(seed, peak=2e5).clip(0, 51_234).astype(kind) for seed in (1, 2)]
    assert saturation_level(frames).level == 51_234


def test_frames_without_saturation_tell_nothing_or_the_limit_of_the_converter():
    frames = [field(seed, peak=900.0).astype(np.uint16) for seed in (1, 2)]
    assert saturation_level(frames) is None
    assert saturation_level(frames, bits=12) == ccdfx.Saturation(4095.0, 0, 1)
    assert saturation_level([frame * 16 for frame in frames]) == ccdfx.Saturation(65520.0, 0, 16)
    assert saturation_level([frame * 4 for frame in frames], bits=14) == ccdfx.Saturation(65532.0, 0, 4)
    assert saturation_level(frames, bits=8) is None  # there are values above 255: they were not read out so


def test_pixels_that_are_always_at_the_top_are_defects():
    frames = [field(seed, peak=900.0) for seed in (1, 2, 3)]
    for frame in frames:
        frame[10:90, 40] = 40_000.0
    assert saturation_level(frames) is None
    assert saturation_level([frame.clip(0, 16_383) for frame in frames]).level == 16_383
    flagged = [Image(frame, mask=(frame == 40_000).astype(np.uint8)) for frame in frames]
    assert saturation_level(flagged, bits=16).pixels == 0


@given(
    level=st.integers(900, 65_000),
    noise=st.floats(0.5, 60.0),
    seed=st.integers(0, 2**31),
    count=st.integers(1, 3),
)
def test_noise_alone_never_piles_up(level, noise, seed, count):
    rng = np.random.default_rng(seed)
    frames = [
        np.rint(rng.normal(level, noise, (64, 64))).clip(0, 65_534).astype(np.uint16) for _ in range(count)
    ]
    if max(int(frame.max()) for frame in frames) < 65_534:
        assert saturation_level(frames) is None


@pytest.mark.parametrize(
    "frames", [[], [np.full((9, 9), 600, np.uint16)], [np.full((9, 9), np.nan)], [np.zeros((9, 9), int)]]
)
def test_nothing_is_found_in_frames_without_content(frames):
    assert saturation_level(frames) is None


def test_bad_input_is_refused():
    with pytest.raises(ccdfx.ArgumentError, match="bits"):
        saturation_level([np.ones((3, 3))], bits=0)
    with pytest.raises(ccdfx.ArgumentTypeError, match="bits"):
        saturation_level([np.ones((3, 3))], bits=14.5)
    with pytest.raises(ccdfx.CcdfxError, match="image"):
        saturation_level([np.ones(3)])
