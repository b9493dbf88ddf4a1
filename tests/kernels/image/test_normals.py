"""Normal deviates from bits, against the distribution and against the formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ccdfx.kernels.image.deviates import normals


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
