"""How far a value can lie from the centre of its stack, in units of the sigma of that stack."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.rejection.sigma import _furthest


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("count", [3, 4, 5, 8, 10])
def test_no_value_lies_beyond_what_the_caution_says(center, ddof, count):
    furthest = _furthest(count, center, ddof)
    rng = np.random.default_rng(count)
    x = np.sort(rng.random((count, 20_000)) ** 4, axis=0)
    lower = (
        count + 1
    ) // 2  # the worst case: the lower half equal, the others where the mean is closest to the last
    x[:lower, :10_000], x[lower:-1, :10_000] = 0.0, rng.random(10_000)
    x[-1] = 1.0
    x[:-1, 0] = 0.0
    c = np.median(x, axis=0) if center == "median" else x.mean(axis=0)
    found = ((x[-1] - c) / x.std(axis=0, ddof=ddof)).max()
    assert 0.9 * furthest < found <= furthest * (1 + 1e-12)
