"""The kernels that move rows by a constant step: the same as twins of a few lines."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.bad_pixels import fill_bad
from ccdfx.kernels.image.resample import mirrored
from ccdfx.kernels.image.shifted_rows import shift_rows, spread_rows


def fixed(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def planes(dtype: type, shape: tuple[int, int], bad: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A plane with values that are not finite, the values of its pixels, and their flags."""
    rng = np.random.default_rng(2)
    plane, values = rng.normal(100, 1, shape).astype(dtype), rng.normal(0, 1, shape).astype(dtype)
    if not bad:
        return fixed(plane), fixed(values), fixed(np.empty((0, 0), np.uint8))
    plane[rng.random(shape) < 0.05] = np.inf
    values[rng.random(shape) < 0.05] = np.nan
    flags = (rng.random(shape) < 0.05).astype(np.uint8) * np.uint8(3)
    flags[:12, :14] = 1
    return fixed(plane), fixed(values), fixed(flags)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (40, 700)])
@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize(("first_y", "first_x"), [(-2, -1), (0, 3), (-30, 20)])
def test_shift_rows_equals_its_twin(dtype, shape, bad, first_y, first_x) -> None:
    plane, values, flags = planes(dtype, shape, bad)
    rng = np.random.default_rng(3)
    down, across = rng.normal(0, 1, 5).astype(dtype), rng.normal(0, 1, 4).astype(dtype)
    wrong = ~np.isfinite(plane) | ~np.isfinite(values) | (flags != 0 if flags.size else False)
    filled = plane.copy()
    fill_bad(filled, wrong, 4, 7.0)
    kinds_y, kinds_x = (np.zeros(n, np.int64) for n in shape)
    kinds_y[::3] = kinds_x[:2] = kinds_x[-2:] = 1
    down, across = (np.stack([one, one[::-1]]) for one in (down, across))
    j = np.array([[mirrored(y + first_y + k, shape[0]) for k in range(5)] for y in range(shape[0])])
    i = np.array([[mirrored(x + first_x + k, shape[1]) for k in range(4)] for x in range(shape[1])])
    lines = np.einsum("yjx,yj->yx", filled.astype(float)[j], down.astype(float)[kinds_y])
    expected = np.einsum("yxi,xi->yx", lines[:, i], across.astype(float)[kinds_x])
    corner, size = np.zeros(2, np.int64), np.array(shape)
    out = np.full(shape, -1, dtype)
    lower = shape[0] // 3  # a part of the rows and columns alone
    rows, columns = np.array((lower, shape[0], 0)), np.array((shape[1] // 5, shape[1], 0))
    found, far, lost = shift_rows(
        plane, values, flags, corner, size, first_y, down, kinds_y, first_x, across, kinds_x, dtype(7.0), rows, columns,
        out,
    )  # fmt: skip
    inside = np.s_[lower:, shape[1] // 5 :]
    assert np.allclose(out[inside], expected[inside], rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-3)
    assert (out[:lower] == -1).all() and not lost
    assert bool(found or far) <= wrong.any()
    if shape[0] > 9 and bad:
        assert found


@pytest.mark.quick
def test_shift_rows_says_where_nothing_good_is_near_and_what_overflows() -> None:
    flags = np.zeros((30, 30), np.uint8)
    flags[5:20, 5:20] = 1
    plane = fixed(np.full((30, 30), np.finfo(np.float32).max, np.float32))
    one, size, kinds = np.ones((1, 1), np.float32), np.array((30, 30)), np.zeros(30, np.int64)
    out, whole = np.empty((30, 30), np.float32), np.array((0, 30, 0))
    corner = np.zeros(2, np.int64)
    for weights, says in ((one, False), (2 * one, True)):
        found, far, lost = shift_rows(
            plane,
            plane,
            fixed(flags),
            corner,
            size,
            0,
            weights,
            kinds,
            0,
            one,
            kinds,
            np.float32(5),
            whole,
            whole,
            out,
        )
        assert found and far == 49 - 4 + 4  # the middle 7 x 7, more than 4 pixels from good ones
        assert lost is says
    assert out[12, 12] == 10.0


@pytest.mark.quick
def test_spread_rows_equals_its_twin() -> None:
    plane, values, flags = planes(np.float32, (40, 70), True)
    steps = np.array([(0, 1), (-2, 0), (3, -4)])
    place = np.array((3, 5))
    found, expected = np.zeros((30, 60), np.uint8), np.zeros((30, 60), np.uint8)
    unknown, infinite = np.zeros((30, 60), np.float32), np.zeros((30, 60), bool)
    nothing = np.empty((0, 0), np.uint8), np.empty((0, 0), np.float32)
    corner, size = np.zeros(2, np.int64), np.array((40, 70))
    spread_rows(values, values, flags, corner, size, steps, place, found, nothing[1])
    spread_rows(plane, values, flags, corner, size, steps, place, nothing[0], unknown)
    own = np.where((flags == 0) & ~np.isfinite(values), 16, flags)
    lost = (own == 0) & ~np.isfinite(plane)
    for y, x in np.ndindex(found.shape):
        for dy, dx in steps:
            j, i = y + place[0] + dy, x + place[1] + dx
            if 0 <= j < 40 and 0 <= i < 70:
                expected[y, x] |= own[j, i]
                infinite[y, x] |= lost[j, i]
    assert np.array_equal(found, expected)
    assert np.array_equal(np.isinf(unknown), infinite)
