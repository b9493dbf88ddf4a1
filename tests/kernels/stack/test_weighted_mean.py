"""Weighted means of values with variances: those of numpy in float64, whatever is missing and whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import combine, stack
from ccdfx.kernels.stack import weighted_mean
from ccdfx.records.image import Image


def frames(count: int, shape: tuple[int, int], seed: int = 1) -> list[Image]:
    """Frames of which some values are flagged or not finite, and some variances are not known."""
    random = np.random.default_rng(seed)
    values = random.normal(1000, 30, (count, *shape)).astype(np.float32)
    variances = random.uniform(1, 50, values.shape).astype(np.float32)
    masks = (random.random(values.shape) < 0.2).astype(np.uint8)
    values[random.random(values.shape) < 0.05] = np.nan
    variances[random.random(values.shape) < 0.01] = np.inf
    masks[:, 0, 0] = 2  # nowhere a value
    return [Image(a, mask=m, variance=v) for a, m, v in zip(values, masks, variances, strict=True)]


def expected(images, weights, scales):
    good = np.array([image.good for image in images])
    values = np.array([image.array / scale for image, scale in zip(images, scales, strict=True)], np.float64)
    variances = [image.variance / scale**2 for image, scale in zip(images, scales, strict=True)]
    given = np.broadcast_to(np.array(weights, float)[:, None, None], good.shape) * good
    used = np.where(given.sum(axis=0) > 0, given, good)
    with np.errstate(invalid="ignore"):
        total = used.sum(axis=0)
        mean = np.where(used > 0, used * values, 0).sum(axis=0) / total
        variance = np.where(used > 0, used**2 * np.array(variances, np.float64), 0).sum(axis=0) / total**2
    return np.nan_to_num(mean), np.where(total > 0, variance, np.inf), good.sum(axis=0)


@pytest.mark.quick
@pytest.mark.parametrize("weights", [[1.0, 2.0, 0.5, 3.0, 1.5], [0.0, 0.0, 0.0, 1.0, 0.0]])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 431), (9, 433)])
def test_it_is_that_of_numpy(shape, weights):
    images, scales = frames(5, shape), [1.0, 1.1, 0.9, 2.0, 1.0]
    mean, variance, count = expected(images, weights, scales)
    found = stack(images, weights=weights, scale=scales, reject=None)
    np.testing.assert_allclose(found.image.array, mean, rtol=2e-7)
    np.testing.assert_allclose(found.image.variance, variance, rtol=1e-6)
    assert np.array_equal(found.count, count) and not found.rejected_low.any()
    assert np.array_equal(found.image.mask != 0, count == 0)
    assert found.image.mask[0, 0] & 2, "the flags say why there is no value"


@pytest.mark.parametrize("count", [2, 20, 60])
def test_it_is_that_of_the_sorted_values(count, monkeypatch):
    """The sums are made in another order: the last bit of a float64 may differ, which float32 hides nearly always."""
    images, weights = frames(count, (40, 50)), np.linspace(0.5, 2, count).tolist()
    found = combine(images, weights=weights, reject=None)
    monkeypatch.setattr(weighted_mean, "is_weighted_mean", lambda *given: False)
    sorted_first = combine(images, weights=weights, reject=None)
    np.testing.assert_allclose(found.array, sorted_first.array, rtol=1.2e-7)
    np.testing.assert_allclose(found.variance, sorted_first.variance, rtol=2.4e-7)
    assert np.array_equal(found.mask, sorted_first.mask)
    assert np.mean(found.array == sorted_first.array) > 0.999
