"""The reported error of a stack after a rejection against the scatter of its pixels, with and without outliers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.combining.variance_factors import _factors

SIGMA = 20.0
COUNTS = (3, 5, 10, 25, 100)
# Noise as the rules with a noise model know it: read noise alone.
MODEL = {"gain": 1e9, "readnoise": SIGMA * 1e9}
RULES = {
    "minmax": (ccdfx.minmax(), 4),
    "mad 5": (ccdfx.mad_clip(low=5, high=5, floor=None), 3),
    "mad 3": (ccdfx.mad_clip(), 3),
    "sigma": (ccdfx.sigma_clip(), 25),
    "sample": (ccdfx.sample_clip(), 25),
    "ccd 3": (ccdfx.ccd_clip(**MODEL), 3),
    "cosmic rays 3": (ccdfx.cr_reject(**MODEL), 3),
    "percentile": (ccdfx.percentile_clip(), 3),
    "winsorized": (ccdfx.winsorized_clip(), 4),
    "linear fit": (ccdfx.linear_fit_clip(), 25),
    "gesd": (ccdfx.gesd(), 4),
    "variance": (ccdfx.variance_clip(), 3),
}
"""Each rule with the least number of frames from which it rejects one far outlier."""


def ratio(count, rule, *, average=None, known=True, outliers=False, weights=None, seed=0, **options):
    """The reported standard deviation over the true one; with `outliers` in 1 % of the values, one a pixel at most.

    No rule can know that two hits in one of three pixels are not the good ones.
    """
    rng = np.random.default_rng([77, count, seed])
    frames = rng.normal(1000, SIGMA, (count, 40, max(8000, 60_000 // count) // 40)).astype("f4")
    if outliers:
        which = rng.integers(0, count, frames.shape[1:])
        hit = rng.random(which.shape) < 0.01 * count
        far = np.where(hit, rng.uniform(10, 100, which.shape) * SIGMA, 0)
        frames[which, *np.indices(which.shape)] += far.astype("f4")
    variance = np.full(frames[0].shape, SIGMA**2, "f4") if known else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ccdfx.CcdfxWarning)  # a rule that can do nothing with few frames
        result = ccdfx.stack(
            [ccdfx.Image(frame, variance=variance) for frame in frames],
            reject=rule, average=average, weights=weights, **options,
        )  # fmt: skip
    level = 1000 * result.count if average is not None and average.name == "total" else 1000
    known = np.isfinite(result.variance)  # not where one value without a variance is left
    return np.sqrt(result.variance[known].mean() / np.var((result.value - level)[known]))


@pytest.mark.parametrize("outliers", [False, True], ids=["clean", "outliers"])
@pytest.mark.parametrize("known", [False, True], ids=["scatter", "variances"])
@pytest.mark.parametrize("name", RULES)
def test_the_error_of_a_mean_is_true_after_every_rule(name, known, outliers):
    rule, least = RULES[name]
    for count in COUNTS:
        if not known and (name == "variance" or (name == "minmax" and count == 3)):
            continue  # of three values one is left, and its scatter is unknown
        if outliers and count < least + 2 * (known and name.startswith("mad")):
            continue  # the rule cannot reject one of so few, or not one of 10 sigma of three
        assert ratio(count, rule, known=known, outliers=outliers) == pytest.approx(1, abs=0.03), count


AVERAGES = {
    "median": ccdfx.median(),
    "lower median": ccdfx.median(even="lower"),
    "minimum": ccdfx.minimum(),
    "maximum": ccdfx.maximum(),
    "total": ccdfx.total(),
}


@pytest.mark.parametrize("known", [False, True], ids=["scatter", "variances"])
@pytest.mark.parametrize("name", AVERAGES)
def test_the_error_of_every_average_is_true(name, known):
    for count in (4, 7, 25):
        for rule in ("minmax", "mad 5", "ccd 3"):
            found = ratio(count, RULES[rule][0], average=AVERAGES[name], known=known, seed=1)
            assert found == pytest.approx(1, abs=0.035), (count, rule)


@pytest.mark.parametrize("name", ["minmax", "mad 5", "ccd 3"])
def test_the_error_of_a_weighted_mean_is_true(name):
    for count in (4, 5, 10):
        weights = [1 + 0.5 * number for number in range(count)]
        for known in (False, True):
            assert ratio(count, RULES[name][0], weights=weights, known=known, seed=2) == pytest.approx(
                1, abs=0.03
            )
    assert ratio(7, RULES[name][0], average=ccdfx.inverse_variance_mean()) == pytest.approx(1, abs=0.03)


def test_a_weighted_mean_of_frames_of_unequal_noise():
    """Frames scaled by 1 to 1.4 have noise that differs as much; weights may be right or not."""
    rng = np.random.default_rng(78)
    sigma = np.array([1.0, 1.1, 1.2, 1.3, 1.4])
    frames = list(rng.normal(0, sigma[:, None, None], (5, 200, 300)))
    for weights in (1 / sigma**2, [1.0, 2.0, 1.0, 2.0, 1.0]):
        result = ccdfx.stack(frames, reject=None, weights=list(weights))
        assert np.sqrt(result.variance.mean() / result.value.var()) == pytest.approx(1, abs=0.03)


def test_the_error_where_values_are_missing_is_that_of_those_present():
    rng = np.random.default_rng(79)
    frames = rng.normal(0, 1, (9, 150, 200)).astype("f4")
    frames[4:, :, 100:] = np.nan
    result = ccdfx.stack(list(frames), reject=ccdfx.mad_clip(low=5, high=5, floor=None))
    for half in (slice(0, 100), slice(100, 200)):
        found = np.sqrt(result.variance[:, half].mean() / result.value[:, half].var())
        assert found == pytest.approx(1, abs=0.03)


def test_values_that_grow_rejects_are_missing_values_to_the_factors():
    frames = list(np.random.default_rng(80).normal(0, 1, (5, 100, 300)))
    grown = ccdfx.stack(frames, reject=ccdfx.mad_clip(low=5, high=5, grow=1.0, floor=None))
    known = np.isfinite(grown.variance)
    assert np.sqrt(grown.variance[known].mean() / grown.value[known].var()) == pytest.approx(1, abs=0.05)


@pytest.mark.quick
def test_factors_are_computed_once_for_a_case():
    frames = [np.full((2, 3), float(level)) for level in range(6)]
    rule = ccdfx.sigma_clip(low=2.0625, high=2.0625)
    ccdfx.combine(frames, reject=rule)
    before = _factors.cache_info()
    ccdfx.combine(frames, reject=rule)
    ccdfx.combine(frames, reject=None)
    after = _factors.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


@pytest.mark.quick
def test_a_rule_that_leaves_hardly_a_value_has_no_factors():
    """Narrow limits about the mean: of most pixels nothing is left, or one value, whose scatter is unknown."""
    frames = [np.full((2, 3), float(level)) for level in (1, 2, 4)]
    for limit in (0.1, 0.5, 2.0):
        rule = ccdfx.mad_clip(low=limit, high=limit, center="mean", iterations=2)
        for average in (ccdfx.mean(), ccdfx.median(), ccdfx.minimum()):
            assert not np.isnan(ccdfx.combine(frames, reject=rule, average=average).variance).any()
