"""The variance of a combined image: propagated, from the scatter, and where it is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_frames import SHAPE, noisy

import ccdfx
from ccdfx.operations.combining.average import AVERAGES


@pytest.mark.quick
def test_variance_is_propagated_when_all_frames_have_one():
    images = [
        ccdfx.Image(f, variance=np.full(SHAPE, v)) for f, v in zip(noisy(3), (1.0, 4.0, 7.0), strict=True)
    ]
    assert np.allclose(ccdfx.combine(images, reject=None).variance, 12 / 9)
    assert np.allclose(ccdfx.combine(images, reject=None, average=ccdfx.total()).variance, 12)
    assert np.allclose(ccdfx.combine(images, reject=None, average=ccdfx.median()).variance, 1.346013 * 12 / 9)
    assert np.allclose(ccdfx.combine(images, reject=None, weights=[1, 2, 1]).variance, (1 + 16 + 7) / 16)
    assert np.allclose(ccdfx.combine(images, reject=None, scale=[1, 2, 1]).variance, (1 + 1 + 7) / 9)
    some = [images[0], images[1], images[2].replace(variance=None)]
    empirical = np.var([i.array for i in images], axis=0, ddof=1, dtype=float) / 3
    np.testing.assert_allclose(ccdfx.combine(some, reject=None).variance, empirical, rtol=1e-6)


def test_variance_of_survivors_only():
    frames = noisy(5)
    frames[2][1, 1] = 1e6
    images = [
        ccdfx.Image(f, variance=np.full(SHAPE, v))
        for f, v in zip(frames, (1.0, 1.0, 1e9, 1.0, 1.0), strict=True)
    ]
    result = ccdfx.stack(images, reject=ccdfx.ccd_clip(readnoise=25.0, gain=1.0, low=8, high=8))
    assert result.count[1, 1] == 4
    assert result.variance[1, 1] == pytest.approx(0.25, rel=0.01)


def test_variance_where_nothing_or_one_value_is_left():
    masks = np.zeros((2, 1, 3), np.uint8)
    masks[0, 0, :2] = 1
    masks[1, 0, 1] = 4
    frames = [ccdfx.Image(np.ones((1, 3)), mask=mask) for mask in masks]
    result = ccdfx.stack(frames)
    assert result.count.tolist() == [[1, 0, 2]]
    assert result.variance.tolist() == [[np.inf, np.inf, 0.0]]
    assert result.value.tolist() == [[1.0, 0.0, 1.0]]
    assert result.flags.tolist() == [[0, 1 | 4 | 16, 0]]
    assert result.image.mask.tolist() == result.flags.tolist()


@pytest.mark.parametrize("reject", [None, ccdfx.variance_clip(), ccdfx.minmax()], ids=str)
def test_an_unknown_variance_leaves_that_of_the_pixel_unknown(reject):
    """And not NaN, even where the value weighs nothing."""
    frames = [
        ccdfx.Image(np.full((1, 3), level), variance=[[1.0, np.nan, np.inf]]) for level in (1.0, 2.0, 3.0)
    ]
    for average in AVERAGES.values():
        variance = ccdfx.combine(frames, average=average(), reject=reject).variance
        assert 0 < variance[0, 0] < 10 and (variance[0, 1:] == np.inf).all()
    frames[0] = frames[0].replace(array=np.full((1, 3), 2.0))
    frames[1] = frames[1].replace(variance=np.ones((1, 3)))
    if reject is None or reject.name == "variance_clip":
        weighted = ccdfx.combine(frames, weights=[0, 1, 0], reject=reject)
        np.testing.assert_allclose(weighted.variance, 1.0, rtol=0.1)


@pytest.mark.parametrize("reject", [None, ccdfx.minmax(), ccdfx.mad_clip()], ids=str)
def test_the_scatter_of_values_whose_squares_are_no_numbers_is_unknown(reject):
    frames = [np.full((1, 2), level) for level in (1e300, 2e300, 4e300, 3e300)]
    for average in (ccdfx.mean(), ccdfx.median(), ccdfx.total(), ccdfx.minimum()):
        assert (ccdfx.combine(frames, average=average, reject=reject).variance == np.inf).all()


CLIPS = [None, ccdfx.minmax(low=1, high=1), ccdfx.sigma_clip(low=4, high=4), ccdfx.mad_clip(low=6, high=6)]


@pytest.mark.parametrize(
    ("reject", "count"),
    [(r, n) for r in CLIPS[:2] for n in (4, 5, 12)] + [(CLIPS[2], 20), (CLIPS[3], 12)],
    ids=str,
)
@pytest.mark.parametrize("average", ["mean", "median", "total"])
@pytest.mark.parametrize("propagated", [False, True])
def test_variance_matches_the_scatter_of_simulated_frames(count, reject, average, propagated):
    shape = (120, 200)
    frames = noisy(count, seed=count, level=0.0, sigma=3.0, shape=shape)
    images = [ccdfx.Image(f, variance=np.full(shape, 9.0)) for f in frames] if propagated else frames
    result = ccdfx.combine(images, average=getattr(ccdfx, average)(), reject=reject)
    assert np.mean(result.variance) == pytest.approx(np.var(result.array), rel=0.1)


def test_variance_of_a_weighted_mean_matches_the_scatter():
    frames = noisy(6, level=0.0, sigma=3.0, shape=(120, 200))
    result = ccdfx.combine(frames, reject=None, weights=[1, 2, 3, 1, 1, 0])
    assert np.mean(result.variance) == pytest.approx(np.var(result.array), rel=0.05)


def test_a_shared_error_of_scaled_and_weighted_frames_is_theirs_in_the_mean():
    """e is common to all frames; after scaling by s it is e / s, and in the mean e sum(w / s)."""
    rng = np.random.default_rng(12)
    scales, weights = [1.0, 4.0, 10.0], [1.0, 4.0, 10.0]
    common = rng.normal(0, 2.0, (150, 160))
    frames = [
        ccdfx.Image(common + rng.normal(0, 3.0, common.shape), variance=np.full(common.shape, 13.0))
        for _ in scales
    ]
    result = ccdfx.combine(frames, reject=None, scale=scales, weights=weights, shared=4.0)
    assert np.var(result.array) == pytest.approx(np.mean(result.variance), rel=0.03)


@pytest.mark.parametrize("kind", ["f4", "f8", "u2", "missing"])
def test_outliers_do_not_widen_the_error_of_a_median(kind):
    """One value of a pixel at most is an outlier: no order statistic tells two of three from the good one."""
    rng = np.random.default_rng(17)
    for count in (3, 4, 9, 25):
        frames = rng.normal(1000, 30, (count, 150, 200))
        which = rng.integers(0, count, frames.shape[1:])
        far = np.where(rng.random(which.shape) < 0.01 * count, rng.uniform(300, 3000, which.shape), 0)
        frames[which, *np.indices(which.shape)] += far
        if kind == "missing":
            frames[rng.random(frames.shape) < 0.02] = np.nan
        frames = (
            np.rint(frames).astype("u2") if kind == "u2" else frames.astype("f8" if kind == "f8" else "f4")
        )
        result = ccdfx.stack(list(frames), reject=None, average=ccdfx.median())
        known = np.isfinite(result.variance)
        found = np.sqrt(result.variance[known].mean() / result.value[known].var())
        assert found == pytest.approx(1, abs=0.03), count
