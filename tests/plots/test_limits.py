"""ccdfx.plots.Limits and display_limits: the codes of the value range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx import plots
from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.plots import Limits, display_limits
from ccdfx.records.image import Image

numbers = st.floats(-1e6, 1e6, allow_nan=False)
positive = st.floats(1e-3, 1e6)
rules = st.one_of(
    st.tuples(numbers, positive).map(lambda pair: ("values", (pair[0], pair[0] + pair[1]))),
    st.tuples(st.just("sigma"), st.lists(positive, min_size=1, max_size=2)),
    st.tuples(st.just("number"), st.lists(st.integers(0, 10**6), min_size=1, max_size=2)),
    st.tuples(st.just("percent"), st.tuples(st.floats(0.001, 100.0))),
    st.tuples(st.just("percent"), st.tuples(st.floats(0.0, 50.0), st.floats(50.5, 100.0))),
    st.tuples(st.sampled_from(["zscale", "robust", "minmax"]), st.just(())),
)


@st.composite
def some_limits(draw):
    rule, values = draw(rules)
    if rule == "values":
        return Limits(rule, values)
    return Limits(rule, tuple(values), draw(st.booleans()), tuple(draw(st.lists(numbers, max_size=3))))


@given(some_limits())
def test_text_and_back(limits):
    assert Limits.parse(str(limits)) == limits
    assert Limits.of(str(limits)) == Limits.of(limits)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("s3", Limits("sigma", (3,))),
        ("sig3", Limits("sigma", (3,))),
        ("sigma 2.5", Limits("sigma", (2.5,))),
        ("sig3g", Limits("sigma", (3,), True)),
        ("gsigma3", Limits("sigma", (3,), True)),
        ("n5", Limits("number", (5,))),
        ("n5,20", Limits("number", (5, 20))),
        ("p99.5", Limits("percent", (99.5,))),
        ("P1,99", Limits("percent", (1, 99))),
        ("gp99", Limits("percent", (99,), True)),
        ("i0,65535", Limits("minmax", (), False, (0, 65535))),
        ("p99gi-1", Limits("percent", (99,), True, (-1,))),
        ("-1e3,2.5", Limits("values", (-1000, 2.5))),
        ("zscaleg", Limits("zscale", (), True)),
        ("percentile", Limits("percent", (0.1, 99.9))),
        ("minmax", Limits("minmax")),
    ],
)
def test_every_code(text, limits):
    assert Limits.parse(text) == limits


@pytest.mark.parametrize(
    "text",
    ["", "g", "s", "s0", "s-1", "s1,2,3", "n1.5", "n-1", "p0", "p101", "p99,1", "p-1,50", "5", "5,1", "zscale3",
     "g1,2", "1,2i3", "i", "x3", "p99i", "pnan", "s1e999", "p1;99", "best", "ig3", "3s"],
)  # fmt: skip
def test_texts_that_are_none(text):
    with pytest.raises(ArgumentError, match="limits"):
        Limits.parse(text)


@pytest.mark.parametrize("thing", [None, 5, (1, 2, 3), ("a", "b"), {"low": 1}])
def test_things_that_are_none(thing):
    with pytest.raises(ArgumentTypeError, match="limits"):
        Limits.of(thing)


FRAME = np.random.default_rng(2).gamma(2.0, 50.0, (60, 70))


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s2", np.median(FRAME) + FRAME.std() * np.array([-2, 2])),
        ("s1,4", np.median(FRAME) + FRAME.std() * np.array([-1, 4])),
        ("n7", np.sort(FRAME.ravel())[[7, -8]]),
        ("n0,30", np.sort(FRAME.ravel())[[0, -31]]),
        ("p98", np.percentile(FRAME, [1, 99])),
        ("p5,60", np.percentile(FRAME, [5, 60])),
        ("minmax", (FRAME.min(), FRAME.max())),
        ("12,13", (12, 13)),
    ],
)
def test_each_rule_is_what_it_says(text, expected):
    assert display_limits(FRAME, limits=text) == pytest.approx(tuple(expected), rel=1e-12)


def test_zscale_is_that_of_iraf():
    from astropy.visualization import ZScaleInterval

    rng = np.random.default_rng(1)
    frames = [rng.normal(500, 20, (ny, 60)) for ny in (1, 30, 90)]
    outliers = [np.where(rng.random(one.shape) < part, 9e4, one) for part in (0.1, 0.6) for one in frames]
    for frame in (FRAME, FRAME[:1, :4], *frames, *outliers, np.round(frames[1] / 30)):
        expected = ZScaleInterval(n_samples=2000).get_limits(frame)
        assert display_limits(frame) == pytest.approx(expected, rel=1e-12)


def test_ignored_values_and_masked_pixels_do_not_count():
    array = np.array([[0, 5, 9], [65535, 7, 6]], np.uint16)
    assert display_limits(array, limits="i0,65535") == (5, 9)
    masked = Image(array, mask=array == 9)
    assert display_limits(masked, limits="i0,65535") == (5, 7)
    assert display_limits(array, limits="n1i0,65535") == (6, 7)


def test_global_limits_are_those_of_the_full_frame():
    full = Image(FRAME)
    part = full.select((10, 20, 10, 20))
    assert display_limits(part, limits="p90g", full=full) == display_limits(full, limits="p90")
    assert display_limits(part, limits="p90", full=full) == display_limits(part, limits="p90")
    assert display_limits(full, limits="gs3") == display_limits(full, limits="s3")


def test_a_rule_that_leaves_nothing_shows_everything():
    assert display_limits(np.array([[1.0, 2.0, 3.0]]), limits="n2") == (1.0, 3.0)
    assert display_limits(np.array([[1.0, 2.0]]), limits="i1,2") == (0.0, 1.0)


@given(
    st.sampled_from(["s3", "n1", "p90", "p1,99", "zscale", "robust", "minmax"]),
    st.sampled_from([1e308, 1e-300, 0.0]),
)
def test_extreme_values_give_an_interval(text, size):
    low, high = display_limits(np.array([[-1.0, 0.5, 1.0, 0.25]]) * size, limits=text)
    assert np.isfinite([low, high]).all() and low < high


@pytest.mark.parametrize("limits", ["zscale", "robust", "percentile", "minmax"])
def test_every_name_of_limits_holds_the_middle_of_the_values(limits):
    values = np.random.default_rng(1).normal(100.0, 5.0, (90, 110))
    low, high = plots.display_limits(values, limits=limits)
    assert low < np.percentile(values, 30) < np.percentile(values, 70) < high


def test_limits_do_not_see_masked_pixels():
    array = np.random.default_rng(1).normal(100.0, 5.0, (50, 50))
    mask = np.zeros((50, 50), np.uint8)
    mask[10], array[10] = 1, 1e9
    for limits in ("zscale", "robust", "percentile", "minmax"):
        assert plots.display_limits(Image(array, mask=mask), limits=limits)[1] < 200


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    ),
    st.sampled_from(["zscale", "robust", "percentile", "minmax"]),
)
def test_limits_are_always_an_interval(array, limits):
    low, high = plots.display_limits(array, limits=limits)
    assert np.isfinite(low)
    assert np.isfinite(high)
    assert low < high
    assert plots.thumbnail(array, size=4, limits=limits)[:4] == b"\x89PNG"
    assert plots.histogram(array, limits=limits).get_xlim() == (low, high)


@pytest.mark.parametrize("limits", ["best", (3, 1), (1, 1), (np.nan, 2), (0, np.inf)])
def test_bad_limits_are_refused(limits):
    with pytest.raises(ArgumentError, match="limits"):
        plots.image(np.eye(3), limits=limits)


@pytest.mark.parametrize("limits", [(1, 2, 3), 5, ("a", "b"), None])
def test_limits_that_are_no_pair_are_refused(limits):
    with pytest.raises(ArgumentTypeError, match="limits"):
        plots.image(np.eye(3), limits=limits)
