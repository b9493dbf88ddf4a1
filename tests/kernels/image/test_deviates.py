"""Poisson counts against scipy's distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, poisson

from ccdfx.kernels.image.deviates import FEW, photons


@pytest.mark.parametrize("rate", [FEW, 20.0, 57.3, 400.0, 2e4])
def test_above_the_limit_the_quantiles_of_a_normal_deviate_are_poisson(rate: float) -> None:
    normals = np.linspace(-5, 5, 200_001)
    out = np.empty_like(normals)
    photons(np.full(normals.size, rate), normals, np.empty(0), out)
    assert (np.diff(out) >= 0).all() and (out == np.floor(out)).all()
    first = np.flatnonzero(np.diff(out) > 0) + 1  # where each next count begins
    found, true = norm.cdf(normals[first]), poisson.cdf(out[first] - 1, rate)
    assert np.abs(found - true).max() < 1e-4
    # in the tails the error is small beside the probability, too
    tail = np.abs(normals[first]) > 3
    assert np.abs(np.log(norm.sf(np.abs(normals[first])) / np.minimum(true, 1 - true)))[tail].max() < 0.25


@pytest.mark.quick
@pytest.mark.parametrize("rate", [1e-6, 0.3, 1.0, 7.9, 15.99])
def test_below_it_the_distribution_function_is_exact(rate: float) -> None:
    uniforms = np.concatenate([np.linspace(0, 1, 20_001)[:-1], [1 - 2**-53]])
    out = np.empty_like(uniforms)
    photons(np.full(uniforms.size, rate), np.zeros(uniforms.size, np.float32), uniforms, out)
    np.testing.assert_array_equal(out[:-1], np.maximum(poisson.ppf(uniforms[:-1] + 1e-14, rate), 0))
    assert out[-1] < 80


@pytest.mark.quick
def test_rates_of_every_kind_side_by_side() -> None:
    rates = np.array([-3.0, 0.0, 5.0, 100.0, 5.0, 1e12], np.float32)
    out = np.empty_like(rates)
    photons(rates, np.zeros(6, np.float32), np.array([0.0, 0.999]), out)
    assert out.tolist() == [-3.0, 0.0, 0.0, 100.0, poisson.ppf(0.999, 5), np.float32(1e12)]


@pytest.mark.parametrize("rate", [3.0, 16.5, 40.0])
def test_a_large_sample_has_poisson_moments(rate: float) -> None:
    rng = np.random.default_rng(1)
    size = 1_000_000
    out = np.empty(size)
    photons(np.full(size, rate), rng.standard_normal(size, dtype=np.float32), rng.random(size), out)
    assert out.mean() == pytest.approx(rate, abs=5 * np.sqrt(rate / size))
    assert out.var() == pytest.approx(rate, rel=5 * np.sqrt((2 + 1 / rate) / size) + 1e-4)
    assert ((out - rate) ** 3).mean() == pytest.approx(rate, rel=0.3)
