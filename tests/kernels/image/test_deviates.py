"""Normal and Poisson deviates: against scipy's distributions, and normal ones against their formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import norm, poisson

from ccdfx.kernels.image.deviates import FEW, normals, photons


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


def drawn(pairs: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    bits = np.random.default_rng(seed).integers(0, 2**32, size=(2, pairs), dtype=np.uint32)
    first, second = np.empty(pairs, np.float32), np.empty(pairs, np.float32)
    normals(bits[0], bits[1], first, second)
    return first.astype(float), second.astype(float)


def test_they_are_normal_and_independent() -> None:
    first, second = drawn(1_000_000)
    for values in (first, second, (first + second) / np.sqrt(2), (first - 2 * second) / np.sqrt(5)):
        assert stats.kstest(values, "norm").pvalue > 1e-3
        assert values.mean() == pytest.approx(0, abs=5e-3) and values.var() == pytest.approx(1, abs=7e-3)
        assert stats.skew(values) == pytest.approx(0, abs=0.013)
        assert stats.kurtosis(values) == pytest.approx(0, abs=0.025)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5e-3 and abs(np.corrcoef(first**2, second**2)[0, 1]) < 5e-3
    tail = np.count_nonzero(np.abs(first) > 4)
    assert abs(tail - 63.3) < 5 * np.sqrt(63.3)


@pytest.mark.quick
def test_radius_and_angle_are_those_of_the_bits() -> None:
    bits = np.array([0, 1, 2**31, 2**32 - 1, 12345678], np.uint32)
    angles = np.linspace(0, 2**32 - 1, 5 * 9).astype(np.uint32).reshape(9, 5)
    for others in angles:
        first, second = np.empty(5, np.float32), np.empty(5, np.float32)
        normals(bits, others, first, second)
        radius = np.sqrt(-2 * np.log(np.minimum((bits + 0.5) / 2.0**32, 1)))
        assert np.hypot(first, second) == pytest.approx(radius, rel=1e-6, abs=4e-4)
    quarter = np.uint32(2**30)
    around = np.arange(4, dtype=np.uint32) * quarter + np.uint32(7)
    first, second = np.empty(4, np.float32), np.empty(4, np.float32)
    normals(np.full(4, 99, np.uint32), around, first, second)
    turns = np.sort(np.angle(first + 1j * second))
    assert np.diff(turns) == pytest.approx(np.pi / 2, abs=1e-5)  # the four quadrants are four quarter turns
