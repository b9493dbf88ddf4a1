"""The scaling: it rises, has its inverse and its slope."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import registry


def test_scaling_is_monotone_and_has_its_inverse() -> None:
    values = np.linspace(-5e4, 5e4, 2001).reshape(3, -1)
    scaling = registry.lookup("scaling", "softroot").configure(knee=50.0)
    scaled = ccdfx.scale(values, scaling=scaling)
    assert (np.diff(scaled.array.ravel()) > 0).all()
    assert np.allclose(ccdfx.unscale(scaled, scaling=scaling).array, values, rtol=1e-9, atol=1e-9)


def test_scaling_derivative_is_the_slope() -> None:
    scaling = registry.lookup("scaling", "softroot")
    x, h = np.array([-3000.0, -1.0, 0.5, 800.0]), 1e-4
    slope = (scaling.transform(x + h, knee=100.0) - scaling.transform(x - h, knee=100.0)) / (2 * h)
    assert np.allclose(scaling.derivative(x, knee=100.0), slope, rtol=1e-6)
    with pytest.raises(ccdfx.ArgumentError, match="knee"):
        scaling.configure(knee=0.0)
