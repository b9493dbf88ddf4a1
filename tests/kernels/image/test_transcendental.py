"""Logarithm, inverse hyperbolic sine and power of float32 values against float64 numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccdfx.kernels.image.transcendental import inverse_sinhs, logarithms, offset_logarithms, powers

BITS = np.arange(1, 0x7F800000, 4099, dtype=np.uint32).view(np.float32)  # of all sizes, denormal ones too
NORMAL = BITS[BITS > 1.2e-38]
ODD = np.array([0.0, -0.0, -1.0, -1e-42, np.nan, np.inf, -np.inf], np.float32)


def run(kernel: Callable[..., None], x: np.ndarray, *numbers: float) -> np.ndarray:
    out = np.full_like(x, 7.0)
    kernel(x, *numbers, out)
    return out


def off_by(found: np.ndarray, true: np.ndarray) -> float:
    """The largest error, in units in the last place of the true values."""
    return float((np.abs(found - true) / np.spacing(np.abs(true).astype(np.float32))).max())


@pytest.mark.quick
@pytest.mark.parametrize("base", [np.e, 2.0, 10.0, 1000.0])
def test_logarithms(base: float) -> None:
    x = np.concatenate([NORMAL, np.linspace(0.5, 2.0, 10001, dtype=np.float32)])
    x = x[x != 1]
    assert off_by(run(logarithms, x, 0.0, 1 / np.log(base)), np.log(x.astype(float)) / np.log(base)) < 2.5
    denormal = BITS[BITS < 1.2e-38]
    assert run(logarithms, denormal, 0.0, 1.0) == pytest.approx(np.log(denormal.astype(float)), rel=1e-6)
    assert run(logarithms, np.ones(3, np.float32), 5.0, 2.0).tolist() == [5.0] * 3
    assert np.isnan(run(logarithms, ODD, 0.0, 1.0)).all()


@pytest.mark.quick
def test_offset_logarithms_are_exact_near_the_origin() -> None:
    x = np.concatenate([np.geomspace(1e-12, 1e30, 5001), -np.geomspace(1e-12, 0.99, 501)]).astype(np.float32)
    found, true = run(offset_logarithms, x, 0.0, 1.0, 0.0, 1.0), np.log1p(x.astype(float))
    assert off_by(found, true) < 4
    shifted = run(offset_logarithms, np.float32([3.0, 5.0, 13.0]), 5.0, 0.5, -1.0, 2.0)
    assert shifted == pytest.approx([np.nan, -1.0, -1 + 2 * np.log(5)], nan_ok=True)
    assert np.isnan(
        run(offset_logarithms, np.float32([-1.0, -2.0, np.nan, np.inf]), 0.0, 1.0, 0.0, 1.0)
    ).all()


@pytest.mark.quick
def test_inverse_sinhs() -> None:
    x = np.concatenate([NORMAL[NORMAL < 1e38], np.linspace(0.4, 0.6, 5001, dtype=np.float32)])
    found = run(inverse_sinhs, x, 1.0)
    assert off_by(found, np.arcsinh(x.astype(float))) < 6
    np.testing.assert_array_equal(run(inverse_sinhs, -x, 1.0), -found)
    np.testing.assert_allclose(run(inverse_sinhs, x, 0.25), np.arcsinh(x.astype(float) / 4), rtol=1e-6)
    assert np.isnan(run(inverse_sinhs, ODD[4:], 1.0)).all() and (run(inverse_sinhs, ODD[:2], 1.0) == 0).all()


@pytest.mark.quick
@pytest.mark.parametrize("exponent", [0.1, 0.7, 1.0, 1.7, 3.0, 12.0])
def test_powers(exponent: float) -> None:
    with np.errstate(over="ignore"):
        true = NORMAL.astype(float) ** exponent
    held = (true < 3.4e38) & (true > 1.2e-38)
    found = run(powers, NORMAL, exponent)
    assert off_by(found[held], true[held]) < 0.51
    assert np.isinf(found[true > 3.5e38]).all() and (found[true < 1e-46] == 0).all()
    odd = run(powers, ODD, exponent)
    assert (odd[:2] == 0).all() and np.isnan(odd[2:]).all()
