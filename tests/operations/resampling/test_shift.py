"""shift: against scipy, on masks and variance, at the edges, and on bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ccdfx import ArgumentError, ArgumentTypeError, Flag, Image, UnknownNameError, shift
from ccdfx.kernels.image.bad_pixels import fill_bad, spread_flags
from ccdfx.kernels.image.resample import separable
from ccdfx.operations.resampling.move import NOTABLE
from ccdfx.operations.resampling.taps import KERNELS, SHIFT_KERNELS, taps

STEPS = [(0.3, -0.6), (12.4, -7.7), (-0.5, 0.5), (3.0, 0.25), (-20.75, 11.0), (1e-7, 0.999)]


def sky(shape: tuple[int, int] = (61, 83), dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(5).normal(1000, 30, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("dx", "dy"), STEPS)
def test_the_spline_is_that_of_scipy(dx: float, dy: float, dtype: type) -> None:
    array = sky(dtype=dtype)
    moved = shift(array, dx=dx, dy=dy)
    expected = ndimage.shift(array.astype(float), (dy, dx), order=3, mode="mirror")
    good = moved.good
    assert good.sum() > 0.5 * (array.shape[0] - abs(dy) - 6) * (array.shape[1] - abs(dx) - 6)
    tolerance = 1e-8 if moved.dtype == np.float64 else 2e-3
    assert np.abs(moved.array - expected)[good].max() < tolerance


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(12, 9), (61, 70)])
def test_splines_of_every_order_are_those_of_scipy(order: int, dtype: type, size: tuple[int, int]) -> None:
    kernel = "spline" if order == 3 else f"spline{order}"
    array = np.random.default_rng(order).normal(1000, 30, size).astype(dtype)
    for dx, dy in ((0.5, 0.5), (-1.7, 2.3), (0.25, -3.0)):
        moved = shift(array, dx=dx, dy=dy, kernel=kernel)
        expected = ndimage.shift(array.astype(float), (dy, dx), order=order, mode="mirror")
        assert moved.dtype == dtype and moved.good.sum() > 0.3 * array.size
        assert np.abs(moved.array - expected)[moved.good].max() < (1e-9 if dtype == np.float64 else 1e-3)


@pytest.mark.parametrize("kernel", ["spline1", "spline2", "spline4", "spline5"])
def test_the_noise_after_a_spline_is_as_stated(kernel: str) -> None:
    noise = np.random.default_rng(3).normal(0, 10, (200, 200))
    moved = shift(Image(noise, variance=np.full(noise.shape, 100.0)), dx=0.4, dy=-0.3, kernel=kernel)
    inner = np.s_[40:-40, 40:-40]
    assert moved.array[inner].var() == pytest.approx(moved.variance[inner].mean(), rel=0.04)
    blocks = moved.array[20:180, 20:180].reshape(16, 10, 16, 10).sum(axis=(1, 3))
    assert blocks.var() == pytest.approx(
        100 * moved.variance[inner].mean() * moved.header["CORRFACT"], rel=0.25
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_band_limited_image_is_moved_to_its_own_formula(kernel: str) -> None:
    y, x = np.mgrid[:80, :90]

    def wave(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 100 + 10 * np.sin(0.4 * x + 0.3 * y) + 5 * np.cos(0.5 * y - 0.1 * x)

    moved = shift(wave(x, y), dx=2.37, dy=-4.81, kernel=kernel)
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(moved.array - wave(x - 2.37, y + 4.81))[inner].max() < (0.02 if kernel == "spline" else 0.2)


def test_lanczos_weights_are_the_windowed_sinc() -> None:
    found = taps(0.25, "lanczos", np.dtype(np.float32))
    distance = -0.25 - (found.first + np.arange(6))
    weights = np.sinc(distance) * np.sinc(distance / 3)
    assert found.weights.size == 6
    assert np.allclose(found.weights, weights / weights.sum(), atol=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize("kernel", SHIFT_KERNELS)
@pytest.mark.parametrize("step", [0.1, 0.5, -3.3, 7.9])
def test_the_weights_sum_to_one(kernel: str, step: float) -> None:
    assert abs(taps(step, kernel, np.dtype(np.float64)).weights.sum() - 1) < 1e-14


@pytest.mark.quick
def test_whole_pixels_move_exactly_with_flags_variance_and_bad_values() -> None:
    array, mask = sky(), np.zeros((61, 83), np.uint8)
    array[10, 20], mask[30, 40] = np.nan, Flag.SATURATED | Flag.USER_1
    image = Image(array, mask=mask, variance=np.abs(sky()))
    moved = shift(image, dx=5, dy=-3)
    assert np.array_equal(moved.array[:-3, 5:], array[3:, :-5], equal_nan=True)
    assert np.array_equal(moved.variance[:-3, 5:], image.variance[3:, :-5])
    assert moved.mask[27, 45] == Flag.SATURATED | Flag.USER_1
    assert moved.mask[7, 25] == Flag.NO_DATA
    assert (moved.mask[-3:] == Flag.NO_DATA).all() and (moved.mask[:, :5] == Flag.NO_DATA).all()
    assert np.count_nonzero(moved.mask[:-3, 5:]) == 2
    assert (moved.array[-3:] == 0).all() and (moved.variance[:, :5] == 0).all()


def test_no_step_is_the_identity() -> None:
    image = Image(sky(), {"CRPIX1": 3.0})
    same = shift(image, dx=0, dy=0.0)
    assert np.array_equal(same.array, image.array) and same.mask is None and same.header == image.header


def test_a_bad_pixel_flags_what_it_weighs_in_and_spoils_nothing_else() -> None:
    array = np.full((41, 41), 50.0, np.float32)
    array[20, 20] = 60000
    mask = np.zeros(array.shape, np.uint8)
    mask[20, 20] = Flag.COSMIC_RAY
    moved = shift(Image(array, mask=mask), dx=0.4, dy=-0.3)
    across, down = (taps(step, "spline", np.dtype(np.float32)) for step in (0.4, -0.3))
    weight = np.zeros(array.shape)
    for j, wy in enumerate(down.weights):
        for i, wx in enumerate(across.weights):
            y, x = 20 - (down.first + j), 20 - (across.first + i)
            if 0 <= y < 41 and 0 <= x < 41:
                weight[y, x] = abs(wx * wy)
    inner = np.s_[4:-4, 4:-4]
    assert np.array_equal((moved.mask == Flag.COSMIC_RAY)[inner], (weight >= NOTABLE)[inner])
    # The neighbours' mean took the place of the hit.
    assert np.abs(moved.array[inner] - 50).max() < 1e-3


def test_nan_counts_as_no_data_and_never_spreads() -> None:
    array = sky()
    array[30, 40] = np.nan
    array[10, 10] = np.inf
    moved = shift(array, dx=0.5, dy=0.5)
    assert np.isfinite(moved.array).all()
    assert moved.mask[30, 40] & Flag.NO_DATA and moved.mask[31, 41] & Flag.NO_DATA
    assert not moved.mask[30, 50]


def test_a_frame_without_a_good_pixel_stays_one() -> None:
    moved = shift(Image(np.full((12, 12), np.nan)), dx=0.5, dy=0.25)
    assert np.isfinite(moved.array).all()
    assert (moved.mask[2:-2, 2:-2] != 0).all()


def test_variance_takes_the_squares_of_the_weights() -> None:
    variance = np.full((40, 40), 4.0, np.float32)
    moved = shift(Image(np.zeros((40, 40), np.float32), variance=variance), dx=0.5, dy=0.25)
    across, down = (taps(step, "spline", np.dtype(np.float32)) for step in (0.5, 0.25))
    expected = 4 * (across.weights**2).sum() * (down.weights**2).sum()
    assert np.allclose(moved.variance[15:25, 15:25], expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", ["spline", "spline5", "lanczos"])
def test_variance_is_that_of_all_squared_weights(kernel: str, dtype: type) -> None:
    """Squares below the precision are left out: within 1e-6 of the largest variance nearby, here of a star."""
    variance = np.random.default_rng(1).uniform(90, 110, (80, 90)).astype(dtype)
    variance[40, 45] = 1e5
    moved = shift(Image(np.zeros((80, 90), dtype), variance=variance), dx=3.4, dy=-0.3, kernel=kernel)
    across, down = (taps(step, kernel, np.dtype(np.float64)) for step in (3.4, -0.3))
    folds = []
    for one, size in ((down, 80), (across, 90)):  # near an edge a pixel counts more than once, with one error
        fold = np.zeros((size, size))
        for n in range(size):
            reflected = np.pad(np.arange(size), 60, mode="reflect")[60 + n + one.first :][: one.weights.size]
            np.add.at(fold[n], reflected, one.weights)
        folds.append(fold**2)
    expected = folds[0] @ variance.astype(float) @ folds[1].T
    inside = np.s_[:, 4:]
    limit = 1e-6 if dtype == np.float32 else 1e-12
    near = np.abs(moved.variance - expected)[inside]
    assert near.max() < limit * 1e5
    away = np.hypot(*(np.indices(variance.shape) - np.array([40, 48])[:, None, None]))[inside] > 30
    assert near[away].max() < limit * 110


def test_variance_matches_the_scatter_of_moved_noise() -> None:
    noise = np.random.default_rng(8).normal(0, 3, (400, 400)).astype(np.float32)
    moved = shift(Image(noise, variance=np.full(noise.shape, 9.0)), dx=0.3, dy=0.7)
    inner = np.s_[20:-20, 20:-20]
    assert np.var(moved.array[inner]) == pytest.approx(moved.variance[inner].mean(), rel=0.03)


def test_infinite_variance_of_a_bad_pixel_stays_where_it_is() -> None:
    variance = np.ones((20, 20))
    variance[10, 10] = np.inf
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    moved = shift(Image(np.ones((20, 20)), mask=mask, variance=variance), dx=0.5, dy=0)
    assert np.isfinite(moved.variance).all()


@pytest.mark.parametrize("unknown", [np.inf, np.nan, 1e300])
@pytest.mark.parametrize("kernel", ["spline", "lanczos"])
def test_an_unknown_variance_reaches_as_far_as_a_flag(kernel: str, unknown: float) -> None:
    variance = np.ones((20, 20))
    variance[10, 12] = unknown
    array = np.ones((20, 20), np.float32)
    moved = shift(Image(array, variance=variance), dx=0.3, dy=-0.4, kernel=kernel)
    mask = np.zeros((20, 20), np.uint8)
    mask[10, 12] = Flag.SATURATED
    flagged = shift(Image(array, mask=mask), dx=0.3, dy=-0.4, kernel=kernel).mask & Flag.SATURATED != 0
    assert 1 < flagged.sum() < 10
    assert np.array_equal(np.isinf(moved.variance), flagged)
    assert moved.variance[~flagged].max() <= 1 and not np.isnan(moved.variance).any()


def test_what_lies_outside_has_no_unknown_variance() -> None:
    moved = shift(Image(np.ones((9, 9)), variance=np.full((9, 9), np.inf)), dx=3.5, dy=0)
    assert (moved.variance[:, :3] == 0).all() and (moved.variance[:, 3:] == np.inf).all()


def test_the_reference_pixel_moves_along_and_the_range_stays() -> None:
    header = {"CRPIX1": 10.0, "CRPIX2": 20.0, "CRPIX1A": 1.0, "OBJECT": "x"}
    image = Image(sky(), header, range=(100, 183, 50, 111))
    moved = shift(image, dx=1.5, dy=-2.25)
    assert moved.header["CRPIX1"] == 11.5 and moved.header["CRPIX2"] == 17.75
    assert moved.header["CRPIX1A"] == 2.5 and moved.header["OBJECT"] == "x"
    assert moved.range == image.range


def test_the_input_does_not_change() -> None:
    array = sky()
    array[5, 5] = np.nan
    before = array.copy()
    shift(array, dx=0.5, dy=0.5)
    assert np.array_equal(array, before, equal_nan=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 40)])
def test_tiny_frames(shape: tuple[int, int]) -> None:
    array = np.arange(shape[0] * shape[1], dtype=np.float64).reshape(shape) + 1
    moved = shift(array, dx=0.25 if shape[1] > 1 else 0, dy=0.5 if shape[0] > 1 else 0)
    assert moved.shape == shape and np.isfinite(moved.array).all()
    expected = ndimage.shift(
        array, (0.5 if shape[0] > 1 else 0, 0.25 if shape[1] > 1 else 0), order=3, mode="mirror"
    )
    known = moved.array != 0
    assert np.allclose(moved.array[known], expected[known], atol=1e-8)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"dx": np.nan, "dy": 0}, ArgumentError, "dx: must be finite"),
        ({"dx": 0, "dy": np.inf}, ArgumentError, "dy: must be finite"),
        ({"dx": 83, "dy": 0}, ArgumentError, "smaller than the frame"),
        ({"dx": 0, "dy": -61.5}, ArgumentError, "smaller than the frame"),
        ({"dx": "1", "dy": 0}, ArgumentTypeError, "dx: must be a number"),
        ({"dx": True, "dy": 0}, ArgumentTypeError, "dx: must be a number"),
        ({"dx": None, "dy": 0}, ArgumentTypeError, "dx: must be a number"),
        ({"dx": 0.5, "dy": 0.5, "kernel": "cubic"}, UnknownNameError, "spline, lanczos"),
        ({"dx": 0, "dy": 0, "kernel": "cubic"}, UnknownNameError, "spline, lanczos"),
    ],
)
def test_bad_options_are_refused(options: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        shift(sky(), **options)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 6), (30, 41)])
@pytest.mark.parametrize(("first_y", "first_x"), [(-2, -1), (0, 0), (3, -9), (-50, 50)])
def test_separable_equals_its_twin(dtype: type, shape: tuple[int, int], first_y: int, first_x: int) -> None:
    rng = np.random.default_rng(3)
    array = rng.normal(0, 1, shape).astype(dtype)
    down, across = (np.pad(rng.normal(0, 1, n), (0, -n % 3)).astype(dtype) for n in (5, 4))
    out = np.zeros(shape, dtype)
    separable(array, down, first_y, across, first_x, out, 0, shape[0])
    pads = [(60, 60), (60, 60)]
    wide = array if min(shape) == 1 else np.pad(array, pads, mode="reflect")
    if min(shape) == 1:
        for axis in (0, 1):
            mode = "edge" if shape[axis] == 1 else "reflect"
            wide = np.pad(wide, [(60, 60) if a == axis else (0, 0) for a in (0, 1)], mode=mode)
    expected = np.zeros(shape)
    for j, wy in enumerate(down):
        for i, wx in enumerate(across):
            y, x = 60 + first_y + j, 60 + first_x + i
            expected += float(wy) * float(wx) * wide[y : y + shape[0], x : x + shape[1]]
    assert np.allclose(out, expected, atol=1e-4 if dtype == np.float32 else 1e-11)


@pytest.mark.quick
def test_fill_bad_equals_its_twin() -> None:
    rng = np.random.default_rng(4)
    array = rng.normal(0, 1, (25, 30))
    bad = rng.random(array.shape) < 0.6
    bad[:12, :12] = True
    filled = array.copy()
    fill_bad(filled, bad, 4, -7.0)
    for y, x in np.argwhere(bad):
        value = -7.0
        for r in range(1, 5):
            window = np.s_[max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1]
            j, i = np.nonzero(~bad[window])
            if j.size >= 3:
                j, i = j + window[0].start, i + window[1].start
                weights = 1 / ((j - y) ** 2 + (i - x) ** 2)
                value = np.average(array[j, i], weights=weights)
                break
        assert filled[y, x] == pytest.approx(value, rel=1e-12)
    assert np.array_equal(filled[~bad], array[~bad])
    assert (filled[:5, :5] == -7.0).all()


@pytest.mark.quick
def test_spread_flags_equals_its_twin() -> None:
    rng = np.random.default_rng(6)
    mask = (rng.integers(0, 256, (9, 11)) * (rng.random((9, 11)) < 0.2)).astype(np.uint8)
    steps_y, steps_x = np.array([0, 1, -4]), np.array([2, 0, -3])
    out = np.zeros_like(mask)
    spread_flags(mask, steps_y, steps_x, out)
    expected = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        for j, i in zip(y + steps_y, x + steps_x, strict=True):
            if 0 <= j < 9 and 0 <= i < 11:
                expected[j, i] |= mask[y, x]
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", ["spline", "lanczos"])
def test_values_near_the_largest_number_are_moved_or_flagged(dtype: type, kernel: str) -> None:
    array = np.full((8, 10), np.finfo(dtype).max, dtype)
    array[:, ::3] *= -1
    image = Image(array, mask=np.arange(80).reshape(8, 10) % 7 == 0, variance=np.ones_like(array))
    for one in (image, image.replace(array=np.abs(array)), image.replace(variance=np.abs(array))):
        moved = shift(one, dx=2.5, dy=-0.25, kernel=kernel)
        assert (moved.array[:, :2] == 0).all()
        assert np.isfinite(moved.array[moved.good]).all()
        assert (moved.mask[~np.isfinite(moved.array)] & Flag.NO_DATA).all()
