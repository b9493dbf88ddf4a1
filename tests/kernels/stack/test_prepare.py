"""Values and variances as they are combined, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.stack import gather
from ccdfx.kernels.stack.decode import KINDS
from ccdfx.kernels.stack.prepare import prepare


@pytest.mark.quick
def test_values_are_scaled_and_a_shared_variance_is_left_out() -> None:
    rng = np.random.default_rng(5)
    n = 5000  # more than stays in the cache at a time
    stored, variance = rng.normal(50, 9, n).astype(">f4"), rng.uniform(1, 9, n).astype("f4")
    stored[7], variance[8], mask = np.nan, np.nan, np.zeros(n, np.uint8)
    mask[9] = 4
    shared = rng.uniform(0, 3, n)
    frame, factors = np.zeros((1, gather.FRAME_COLUMNS), np.int64), np.zeros((1, gather.FACTOR_COLUMNS))
    frame[0] = [stored.ctypes.data, KINDS[">f4"], mask.ctypes.data, variance.ctypes.data, KINDS["<f4"]]
    factors[0] = [1.3, 2.5, 1.0, 0.0, np.nan, 1.0, -np.inf, np.inf]
    values, variances = np.empty((2, n), "f4")
    prepare(frame, factors, shared, values, variances)
    expected = (stored.astype(float) / 1.3 - 2.5).astype("f4")
    expected[[7, 9]] = np.inf
    assert np.array_equal(values, expected)
    less = np.maximum(variance.astype(float) - shared, 0).astype("f4") * np.float32(1 / 1.3**2)
    less[8] = np.inf
    assert np.array_equal(variances, less)
    prepare(frame, factors, shared[:0], values, variances[:0])
    assert np.array_equal(values, expected)
