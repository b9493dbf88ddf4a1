"""Fringes that frames of different fields have in common, and stars and gradients that are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter

from ccdfx import Image
from ccdfx.errors import MismatchError
from ccdfx.photometry.common_structure import (
    _slope,
    common_structure,
    measure_common_structure,
    structure_map,
)

SIZE = 256
Y, X = np.mgrid[:SIZE, :SIZE]
FRINGES = np.sin((X + 0.4 * Y) / 6 + np.sin(Y / 50))


def frames(seed, amplitude, count=4):
    """Skies of 900 electrons with gradients, 60 stars each of their own, a blemish of the flat, and fringes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        scene = 900.0 * (1 + rng.uniform(-0.1, 0.1) * X / SIZE + amplitude * FRINGES)
        for a, b, power in rng.uniform((0, 0, 3), (SIZE, SIZE, 5.5), (60, 3)):
            j, i = slice(max(int(b) - 15, 0), int(b) + 16), slice(max(int(a) - 15, 0), int(a) + 16)
            r2 = (X[j, i] - a) ** 2 + (Y[j, i] - b) ** 2
            scene[j, i] += 10**power * 0.1 * np.exp(-r2 / 3.2)
        found.append(rng.poisson(scene) + rng.normal(0, 5, scene.shape))
    return found


@pytest.mark.quick
def test_fringes_are_seen_with_their_amplitude():
    found = measure_common_structure(frames(1, 0.02))
    assert found.seen and found.pairs == 6
    # Of waves of 38 pixels, blocks of 8 and the subtraction of 72 leave nine tenths.
    assert found.amplitude == pytest.approx(0.02 / 2**0.5, rel=0.15)


def test_frames_without_fringes_have_nothing_in_common():
    seen = [measure_common_structure(frames(seed, 0.0)) for seed in range(12)]
    assert not any(found.seen for found in seen)
    assert np.mean([found.significance for found in seen]) < 2.5


def test_only_pairs_that_are_apart_are_compared():
    same = frames(1, 0.0, count=1) * 3
    assert measure_common_structure(same, apart=np.zeros((3, 3), bool)) is None
    apart = np.zeros((3, 3), bool)
    apart[0, 1] = apart[1, 0] = True
    assert measure_common_structure(same, apart=apart).pairs == 1


def test_flagged_pixels_are_not_used():
    images = frames(2, 0.0)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[::3] = True
    spoilt = [Image(np.where(mask, 5000.0 * (1 + FRINGES), frame), mask=mask) for frame in images]
    assert not measure_common_structure(spoilt).seen


def test_what_cannot_be_measured_is_none():
    assert measure_common_structure([]) is None
    assert measure_common_structure([np.ones((60, 60))] * 3) is None
    assert measure_common_structure([np.zeros((128, 128))] * 3) is None


def test_frames_that_do_not_fit_are_refused():
    with pytest.raises(MismatchError, match="frames"):
        measure_common_structure([np.ones((128, 128)), np.ones((128, 130))])
    with pytest.raises(MismatchError, match="apart"):
        measure_common_structure([np.ones((128, 128))] * 2, apart=np.ones((3, 3), bool))


def test_maps_that_were_kept_give_what_frames_give():
    images = frames(3, 0.02)
    apart = ~np.eye(4, dtype=bool)
    apart[0, 1] = apart[1, 0] = False
    maps = [structure_map(image) for image in images]
    assert maps[0].shape == (SIZE // 8, SIZE // 8)
    assert common_structure(maps, apart=apart) == measure_common_structure(images, apart=apart)
    assert common_structure([*maps[:2], None]) == common_structure(maps[:2])
    assert structure_map(np.ones((60, 200))) is None
    with pytest.raises(MismatchError, match=r"maps\[1\]"):
        common_structure([maps[0], maps[1][1:]])


def test_maps_are_those_of_numpy_and_scipy():
    """Medians of blocks and around them, restated."""
    image = frames(4, 0.02, count=1)[0].astype(np.float32)
    image[100:130, 40:44] = np.nan
    blocks = image.reshape(SIZE // 8, 8, SIZE // 8, 8).swapaxes(1, 2).reshape(SIZE // 8, SIZE // 8, 64)
    medians = np.nanmedian(blocks.astype(np.float64), axis=2)
    medians = medians / np.median(medians) - 1
    known = np.ones(medians.shape, bool)
    medians -= _slope(medians, known)
    detail = medians - median_filter(medians, 9)
    detail -= np.median(detail[2:-2, 2:-2])
    limit = 5 * 1.4826 * np.median(np.abs(detail[2:-2, 2:-2]))
    expected = np.clip(detail, -limit, limit)[2:-2, 2:-2]
    np.testing.assert_array_equal(structure_map(image)[2:-2, 2:-2], expected)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_slope_is_that_of_least_squares_without_outliers(missing):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:40, :56]
    smooth = 0.02 + 1e-3 * x - 2e-3 * y + 1e-5 * x * y + 2e-5 * x**2 - 3e-5 * y**2
    values = smooth + rng.normal(0, 1e-3, x.shape)
    known = rng.random(x.shape) >= missing
    values[5, 5:9], values[~known] = 3.0, 1e3
    found = _slope(values, known)
    assert np.abs(found - smooth).max() < 5e-4
    terms = np.stack([x**0, x, y, x * y, x**2, y**2], axis=-1).astype(float)
    used, expected = known, values
    for _ in range(2):
        expected = terms @ np.linalg.lstsq(terms[used], values[used], rcond=None)[0]
        error = np.abs(values - expected)
        used = known & (error <= 3 * 1.4826 * np.median(error[known]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
