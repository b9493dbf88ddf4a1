"""Overscan levels on every side, with fits, masks and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.operations.calibration.overscan import subtract_overscan
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.window import trim
from ccdfx.records.image import Image
from ccdfx.records.range import Range

NY, NX = 40, 60
SIDES = {"left": "[1:8,1:40]", "right": "[51:60,1:40]", "top": "[1:60,33:40]", "bottom": "[1:60,1:6]"}


def frame(
    rows: bool = True, noise: float = 0.0, dtype: type = float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A frame that is nothing but its level, which varies along rows or columns, and noise."""
    lines = np.arange(NY if rows else NX)
    level = 1000 + 0.5 * lines + 3 * np.sin(lines / 9)
    shape = (-1, 1) if rows else (1, -1)
    array = np.broadcast_to(level.reshape(shape), (NY, NX)) + np.random.default_rng(seed).normal(
        0, noise, (NY, NX)
    )
    return (np.rint(array) if np.dtype(dtype).kind in "ui" else array).astype(dtype), level


@pytest.mark.quick
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("statistic", ["mean", "median", "min", "max", np.mean])
def test_every_side_is_removed_exactly(side, statistic):
    array, _ = frame(side in ("left", "right"))
    found = subtract_overscan(array, overscan=SIDES[side], statistic=statistic)
    np.testing.assert_allclose(found.array, 0, atol=1e-9)
    np.testing.assert_allclose(found.variance, 0, atol=1e-12)


def test_integers_do_not_wrap():
    array = np.full((4, 6), 10, np.uint16)
    array[:, :4] = 5
    found = subtract_overscan(array, overscan="[5:6,1:4]")
    assert found.dtype == np.float32 and (found.array[:, :4] == -5).all()


@pytest.mark.parametrize("statistic", ["mean", "median", "min", "max", np.median])
def test_levels_are_those_of_numpy(statistic):
    array, _ = frame(noise=5)
    found = subtract_overscan(array, overscan=SIDES["right"], statistic=statistic)
    level = (getattr(np, statistic) if isinstance(statistic, str) else statistic)(array[:, 50:], axis=1)
    np.testing.assert_allclose(found.array, array - level[:, None], rtol=0, atol=1e-9)


def test_several_sections_and_columns_left_out():
    array, _ = frame(noise=5)
    array[:, 50:52] += 300
    level = np.concatenate([array[:, :8], array[:, 52:]], axis=1).mean(axis=1)
    for sections in (["[1:8,1:40]", (52, 60, 0, 40)], (Range(0, 8, 0, 40), Range(52, 60, 0, 40))):
        found = subtract_overscan(array, overscan=sections, statistic="mean")
        np.testing.assert_allclose(found.array, array - level[:, None], atol=1e-9)


def test_bad_overscan_pixels_take_no_part():
    array, level = frame()
    mask = np.zeros(array.shape, np.uint8)
    array[3, 52], array[9, 55], array[20, 50:59] = np.nan, np.inf, 1e9
    mask[20, 50:59] = 4
    for statistic in ("mean", "median", "min", "max", np.mean):
        found = subtract_overscan(Image(array, mask=mask), overscan=SIDES["right"], statistic=statistic)
        np.testing.assert_allclose(found.array[:, :50], (array - level[:, None])[:, :50], atol=1e-9)
        np.testing.assert_array_equal(found.mask, mask)


def test_sections_are_in_parent_coordinates():
    array, _ = frame()
    window = Image(array, range=(100, 160, 200, 240))
    found = subtract_overscan(window, overscan="[151:160,201:240]")
    np.testing.assert_allclose(found.array, 0, atol=1e-9)
    assert found.range == window.range


def test_a_line_without_a_good_pixel_needs_a_fit():
    array, level = frame()
    mask = np.zeros(array.shape, np.uint8)
    mask[7, 50:] = 1
    image = Image(array, mask=mask)
    with pytest.raises(ArgumentError, match=r"every line.*1 lines of 40.*first 7.*OverscanFit"):
        subtract_overscan(image, overscan=SIDES["right"])
    found = subtract_overscan(image, overscan=SIDES["right"], fit=OverscanFit(function="spline", order=4))
    np.testing.assert_allclose(found.array, 0, atol=0.05)
    short = subtract_overscan(
        array, overscan="[51:60,6:35]", fit=OverscanFit(order=6, high=math.inf, low=math.inf)
    )
    np.testing.assert_allclose(short.array[5:35], 0, atol=0.05)
    np.testing.assert_allclose(short.array[:5], array[:5] - level[5], atol=0.05)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("function", "order", "degree"),
    [("legendre", 1, 0), ("legendre", 4, 3), ("chebyshev", 2, 1), ("spline", 1, 3), ("spline1", 1, 1)],
)
def test_a_fit_of_its_own_function_is_exact(function, order, degree):
    lines = np.linspace(-1, 1, NY)
    level = np.polynomial.Polynomial(np.arange(1, degree + 2))(lines) * 100
    array = np.broadcast_to(level[:, None], (NY, NX))
    fit = OverscanFit(function=function, order=order, low=math.inf, high=math.inf)
    found = subtract_overscan(array, overscan=SIDES["left"], fit=fit)
    np.testing.assert_allclose(found.array, 0, atol=1e-9)


def test_a_fit_rejects_deviant_lines():
    array, level = frame(noise=1)
    array[[5, 17, 30], 50:] += 500
    spoilt = subtract_overscan(array, overscan=SIDES["right"], fit=OverscanFit(order=4, iterations=0))
    sound = subtract_overscan(array, overscan=SIDES["right"], fit=OverscanFit(order=4, iterations=5))
    residual = lambda image: (array - image.array)[:, 0] - level  # noqa: E731
    assert np.abs(residual(spoilt)).max() > 20
    assert np.abs(residual(sound)).max() < 1.5
    only_low = subtract_overscan(array, overscan=SIDES["right"], fit=OverscanFit(order=4, high=math.inf))
    assert np.abs(residual(only_low)).max() > 20


@pytest.mark.parametrize(
    ("statistic", "fit"),
    [("mean", None), ("median", None), (np.mean, None), ("mean", OverscanFit(order=3, low=9, high=9))],
    ids=["mean", "median", "function", "fit"],
)
def test_the_error_of_the_level_is_the_variance(statistic, fit):
    """Over many frames the level scatters as its variance says."""
    sigma, width = 8.0, 25
    levels, variances = [], []
    for seed in range(400):
        array = np.random.default_rng(seed).normal(0, sigma, (20, width + 1))
        found = subtract_overscan(array, overscan=(1, width + 1, 0, 20), statistic=statistic, fit=fit)
        levels.append((array - found.array)[:, 0])
        variances.append(found.variance[:, 0])
    measured = np.var(levels, axis=0).mean()
    assert measured == pytest.approx(np.mean(variances), rel=0.08)


def test_an_extreme_has_roughly_its_error():
    rng = np.random.default_rng(1)
    array = rng.normal(0, 5, (4000, 31))
    found = subtract_overscan(array, overscan=(1, 31, 0, 4000), statistic="max")
    measured = (array - found.array)[:, 0].var()
    assert measured == pytest.approx(found.variance.mean(), rel=0.4)


def test_the_variance_of_the_image_stays_in_the_sum():
    array, _ = frame(noise=4)
    alone = subtract_overscan(array, overscan=SIDES["left"])
    both = subtract_overscan(Image(array, variance=np.full(array.shape, 3.0)), overscan=SIDES["left"])
    np.testing.assert_allclose(both.variance, alone.variance + 3)
    assert (alone.variance > 0).all()


def test_one_column_of_overscan_has_an_error_too():
    array, _ = frame(noise=4)
    found = subtract_overscan(array - frame()[0], overscan="[60:60,1:40]")
    assert found.variance.mean() == pytest.approx(16, rel=0.6)


def test_the_axis_can_be_said():
    array, _ = frame(rows=False)
    found = subtract_overscan(array, overscan="[1:60,1:40]", axis="columns")
    np.testing.assert_allclose(found.array, 0, atol=1e-9)
    with pytest.raises(ArgumentError, match="axis='rows'"):
        subtract_overscan(array, overscan="[1:60,1:40]")
    with pytest.raises(ArgumentError, match="axis='rows'"):
        subtract_overscan(array, overscan=[SIDES["left"], SIDES["top"]])
    with pytest.raises(ArgumentError, match="axis"):
        subtract_overscan(array, overscan=SIDES["left"], axis="x")


def test_a_section_nearly_as_tall_as_the_frame_gives_rows():
    array, _ = frame()
    fit = OverscanFit(function="spline", order=5)
    np.testing.assert_allclose(subtract_overscan(array, overscan="[51:60,2:39]", fit=fit).array, 0, atol=1)


@pytest.mark.parametrize(
    "overscan",
    ["[61:70,1:40]", "[55:65,1:40]", (50, 70, 0, 40), "[51:60,1:41]", "nonsense", (1, 2), (50, 50, 0, 40)],
)
def test_sections_that_are_not_in_the_frame(overscan):
    with pytest.raises(ArgumentError, match=r"^overscan: .*; .+"):
        subtract_overscan(frame()[0], overscan=overscan)


@pytest.mark.parametrize("overscan", [None, [], 5, [None]])
def test_sections_that_are_none(overscan):
    with pytest.raises((ArgumentTypeError, ArgumentError), match="overscan"):
        subtract_overscan(frame()[0], overscan=overscan)


def test_sections_must_not_overlap():
    with pytest.raises(ArgumentError, match="overlap"):
        subtract_overscan(frame()[0], overscan=["[51:60,1:40]", "[55:58,1:40]"])


def test_an_overscan_that_is_all_bad():
    with pytest.raises(ArgumentError, match="good pixel"):
        subtract_overscan(np.full((5, 5), np.nan), overscan="[5:5,1:5]", fit=OverscanFit(order=1))


@pytest.mark.parametrize("statistic", ["mode", None, 3])
def test_unknown_statistics(statistic):
    with pytest.raises(ArgumentError, match="statistic"):
        subtract_overscan(frame()[0], overscan=SIDES["left"], statistic=statistic)


def test_a_method_that_gives_no_number():
    with pytest.raises(ArgumentError, match="statistic"):
        subtract_overscan(frame()[0], overscan=SIDES["left"], statistic=lambda values: math.nan)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"function": "cubic"}, ArgumentError), ({"order": 0}, ArgumentError), ({"order": 2.0}, ArgumentTypeError),
        ({"order": True}, ArgumentTypeError), ({"iterations": -1}, ArgumentError), ({"low": 0}, ArgumentError),
        ({"high": math.nan}, ArgumentError), ({"high": "3"}, ArgumentTypeError),
    ],
)  # fmt: skip
def test_fits_are_checked_when_they_are_made(options, error):
    with pytest.raises(error, match=next(iter(options))):
        OverscanFit(**options)


def test_a_fit_needs_lines():
    with pytest.raises(ArgumentError, match="lower the order"):
        subtract_overscan(np.ones((3, 5)), overscan="[5:5,1:3]", fit=OverscanFit(order=4))
    with pytest.raises(ArgumentError, match="lower the order"):
        subtract_overscan(
            Image(frame()[0], mask=np.arange(NY)[:, None] % 35 * np.ones(NX) > 5),
            overscan=SIDES["left"],
            fit=OverscanFit(function="spline", order=8),
        )


def test_trimmed_after_overscan_is_what_observers_do():
    array, _ = frame(noise=3, dtype=np.uint16)
    image = trim(
        subtract_overscan(Image(array, {"BIASSEC": "x"}), overscan=SIDES["right"]), section="[1:50,1:40]"
    )
    assert image.shape == (40, 50) and "BIASSEC" not in image.header
    assert abs(image.array.mean()) < 0.5


def test_a_fit_as_a_recipe_holds_it():
    array, _ = frame(noise=2)
    options = {"function": "spline", "order": 4, "low": 2.5}
    one = subtract_overscan(array, overscan=SIDES["left"], fit=OverscanFit(**options))
    two = subtract_overscan(array, overscan=SIDES["left"], fit=options)
    np.testing.assert_array_equal(one.array, two.array)
    with pytest.raises(ArgumentTypeError, match="fit: knows the options function, order"):
        subtract_overscan(array, overscan=SIDES["left"], fit={"degree": 3})
    with pytest.raises(ArgumentTypeError, match="fit"):
        subtract_overscan(array, overscan=SIDES["left"], fit="legendre")


def test_a_pipeline_with_a_fit_survives_its_recipe():
    from ccdfx.pipelines.pipeline import pipeline, step
    from ccdfx.pipelines.recipe import read_recipe, to_recipe

    array, _ = frame(noise=2)
    first = pipeline(
        step(subtract_overscan, overscan=[SIDES["left"], SIDES["right"]], fit=OverscanFit(order=2)),
        step(trim, section="[9:50,1:40]"),
    )
    again = read_recipe(to_recipe(first))
    np.testing.assert_array_equal(first(array).array, again(array).array)


def test_a_fit_through_levels_whose_squares_overflow():
    image = np.random.default_rng(1).normal(size=(40, 8)) * 1e200
    assert np.isfinite(subtract_overscan(image, overscan=(0, 2, 0, 40), fit={"order": 1}).array).all()


def test_pixels_too_large_to_be_added_up():
    apart = np.where(np.arange(18).reshape(2, 9) % 2, 1.7e308, -1.7e308)
    with pytest.raises(ArgumentError, match="too large"):
        subtract_overscan(apart, overscan="[5:9,1:2]", statistic="mean")
    for statistic in ("min", "mean"):
        done = subtract_overscan(np.full((2, 9), 1e308), overscan="[5:9,1:2]", statistic=statistic)
        assert done.array.max() == 0
