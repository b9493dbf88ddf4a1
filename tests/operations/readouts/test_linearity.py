"""Linearity: the true signal comes back with its errors, and is flagged where it is not known."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import ArgumentError, Image, Linearity, linearise


@pytest.mark.quick
def test_the_true_signal_comes_back() -> None:
    """A polynomial and a table of the same law agree, and the variance follows the derivative."""
    given = np.linspace(-20.0, 48000.0, 400).reshape(20, 20)
    law = given + 2e-6 * given**2 - 1e-12 * given**3
    slope = 1 + 4e-6 * given - 3e-12 * given**2
    image = Image(given, variance=np.full(given.shape, 9.0))
    done = linearise(image, polynomial=(1.0, 2e-6, -1e-12))
    np.testing.assert_allclose(done.array, law, rtol=1e-12)
    np.testing.assert_allclose(done.variance, 9.0 * slope**2, rtol=1e-12)
    points = np.linspace(0.0, 48000.0, 60)
    table = np.column_stack([points, points + 2e-6 * points**2 - 1e-12 * points**3])
    by_table = linearise(image, table=table)
    np.testing.assert_allclose(by_table.array, law, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(by_table.variance, done.variance, rtol=2e-3)


def test_beyond_the_limit_it_goes_on_straight_and_is_flagged() -> None:
    raw = np.array([[100, 40000, 60000]], np.uint16)
    done = linearise(raw, polynomial=(1.0, 1e-6), limit=40000)
    assert done.mask.tolist() == [[0, 0, 2]] and done.dtype == np.float32
    np.testing.assert_allclose(done.array, [[100.01, 41600.0, 41600.0 + 20000 * 1.08]], rtol=1e-6)
    ends = linearise(raw, table=[(0, 0), (20000, 20000), (40000, 42000)])
    assert ends.mask.tolist() == [[0, 0, 2]] and ends.array[0, 2] > 62000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "must be a polynomial or a table"),
        ({"polynomial": (1.0,), "table": ((0, 0), (1, 1))}, "must be a polynomial or a table"),
        ({"polynomial": (1.0, -1e-5), "limit": 60000.0}, "must give a true signal that rises"),
        ({"table": ((0, 0), (1, 1), (2, 1))}, "must give a true signal that rises"),
        ({"table": ((0, 0), (1, 1)), "limit": 2.0}, "must lie in the table"),
        ({"table": (1, 2)}, "must hold pairs"),
    ],
)
def test_what_is_no_linearity_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Linearity(**wrong)
