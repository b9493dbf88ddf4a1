"""Finding deviant pixels, replacing them, and what became of the actions of old."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import inverse_variance_mean, pipeline, read_recipe, stack, statistics, step, to_recipe
from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.estimators import sigma_clipped
from ccdfx.operations.pixels.find import find_invalid, find_outliers, find_sigma, find_threshold
from ccdfx.operations.pixels.replace import clip_invalid, clip_outliers, clip_sigma, clip_threshold, replace
from ccdfx.records.flags import Flag, flag_counts
from ccdfx.records.image import Image

LINE = Image([[1.0, 2.0, 3.0, 6.0, 100.0]])
LAST = np.array([[False, False, False, False, True]])


def sky(seed=1, shape=(60, 70), dtype=np.float32):
    """A flat sky with ten hot and five dead pixels."""
    rng = np.random.default_rng(seed)
    array = rng.normal(1000, 10, shape)
    places = rng.choice(array.size, 15, replace=False)
    array.flat[places[:10]], array.flat[places[10:]] = 60000, 0
    return array.astype(dtype), places


@pytest.mark.quick
@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("mean", 22.4), ("median", 3.0), ("noclipmean", 3.0), ("noclipmedian", 2.5),
        ("fullmean", 20.0), ("fullmedian", 10.0), (7, 7.0), (np.float32(0.5), 0.5), (np.max, 6.0),
    ],
)  # fmt: skip
def test_what_is_put_in(by, value):
    full = Image([[10.0, 10.0, 40.0, 999.0]], mask=[[0, 0, 0, 1]]) if str(by).startswith("full") else None
    done = replace(LINE, where=LAST, by=by, full=full)
    np.testing.assert_allclose(done.array, [[1, 2, 3, 6, value]])
    assert done.mask.tolist() == [[0, 0, 0, 0, Flag.OUTLIER]]


@pytest.mark.quick
def test_mask_flags_and_replaces_nothing():
    image = Image(np.array([[1, 9]], np.uint16), mask=[[1, 1]])
    done = replace(image, where=[[0, 1]], by="mask", flag="cosmic_ray")
    assert done.mask.tolist() == [[1, 9]] and done.array is image.array and done.dtype == np.uint16
    assert replace(image, where=[[0, 1]], by="mask", flag=Flag.USER_1 | Flag.USER_2).mask[0, 1] == 193
    assert replace(image, where=[[0, 1]], by="mask", flag=np.uint8(64)).mask[0, 1] == 65


def test_the_number_replaced_is_the_sum_of_the_map():
    array, places = sky()
    found = find_sigma(array, low=8, high=8)
    assert found.sum() == 15 and found.flat[places].all()
    assert flag_counts(clip_sigma(array, low=8, high=8).mask) == {"OUTLIER": 15}


def test_flagged_and_non_finite_pixels_make_no_level_and_are_not_found():
    image = Image([[1.0, 3.0, 1e6, np.nan, 50.0]], mask=[[0, 0, 1, 0, 0]])
    found = find_threshold(image, threshold=10, comparison=">")
    assert found.tolist() == [[False, False, False, False, True]]
    assert find_threshold(image, threshold=10, comparison=">", masked=True).sum() == 2
    np.testing.assert_array_equal(replace(image, where=found).array, [[1, 3, 1e6, np.nan, 2]])


def test_invalid_pixels_are_found_even_where_a_reader_has_flagged_them():
    image = Image([[1.0, np.nan, -np.inf]], mask=[[0, 16, 0]])
    assert find_invalid(image).tolist() == [[False, True, True]]
    assert clip_invalid(image, by=0).array.tolist() == [[1, 0, 0]]
    assert clip_invalid(image).mask.tolist() == [[0, 16, 16]]
    assert not find_invalid(np.ones((2, 2), np.int32)).any()


@pytest.mark.parametrize(("comparison", "found"), [("<", 1), ("<=", 3), (">", 2), (">=", 4)])
def test_every_comparison(comparison, found):
    image = np.array([[0.05, 0.1, 0.1, 0.2, 0.3]], np.float32)
    assert find_threshold(image, threshold=0.1, comparison=comparison).sum() == found
    assert find_threshold((image * 20).astype(np.uint8), threshold=2, comparison=comparison).sum() == found


def test_percents_of_the_range_are_not_percentiles():
    image = np.arange(101.0).reshape(1, 101) ** 2  # 0 to 10000
    assert find_outliers(image, low=1, high=99).sum() == 10 + 1  # below 100 and above 9900
    assert find_outliers(image, low=0.01, high=0.99, unit="fraction of range").sum() == 10 + 1
    with pytest.raises(ArgumentError, match=r"high: must be at most 1 \(got"):
        find_outliers(image, low=1, high=99, unit="fraction of range")
    assert find_outliers(image, low=10, high=90, unit="percentile").sum() == 20
    assert find_outliers(image, low=4, high=25, unit="value").sum() == 2 + 95
    assert find_outliers(image, low=-np.inf, high=25, unit="value").sum() == 95
    assert not find_outliers(np.full((3, 3), 0.1), low=1, high=99).any()


@pytest.mark.parametrize("percent", [0, 1, 12.5, 50, 99.9, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16, np.int32])
def test_percentiles_are_those_of_numpy(percent, dtype):
    array = np.random.default_rng(2).normal(1000, 300, (300, 301)).astype(dtype)
    limit = np.percentile(array.astype(np.float64), percent)
    found = find_outliers(array, low=percent, high=100, unit="percentile")
    assert abs(int(found.sum()) - int((array < limit).sum())) <= (array == np.rint(limit)).sum()
    assert found.sum() == pytest.approx(percent / 100 * array.size, abs=0.01 * array.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
@pytest.mark.parametrize("iterations", [None, 1, 3])
def test_what_sigma_finds_is_what_sigma_clipped_drops(dtype, iterations):
    array, _ = sky(dtype=dtype)
    kept = sigma_clipped(array, low=3, high=4, iterations=iterations)
    found = find_sigma(array, low=3, high=4, iterations=iterations)
    assert array.size - kept.count == found.sum() > 0


def test_statistics_may_come_from_the_full_frame():
    array, _ = sky()
    part = Image(array).select((10, 20, 10, 20))
    odd = part.replace(array=np.where(np.arange(100).reshape(10, 10) < 60, 1400, part.array))
    assert not find_sigma(odd, low=6, high=6).any()  # most of the window is odd
    assert find_sigma(odd, low=6, high=6, full=array).sum() >= 60
    done = clip_sigma(odd, low=6, high=6, full=array, by="fullmedian")
    np.testing.assert_allclose(done.array[:6], statistics(array).median)
    assert find_outliers(odd, full=array).sum() == 0 < find_outliers(odd).sum()
    assert clip_outliers(odd, low=0, high=50, full=array, unit="percentile").mask.any()
    assert clip_outliers(odd, low=0, high=1200, unit="value", by="fullmean", full=LINE).array[0, 0] < 30


def test_a_replaced_pixel_has_no_weight_whether_its_flag_is_heeded_or_not():
    """Of frames with known noise and hits, the mean by variances has the noise that it reports."""
    rng = np.random.default_rng(6)
    frames = []
    for _ in range(4):
        hit = rng.random((50, 60)) < 0.2
        array = rng.normal(100, 3, hit.shape) + 500 * hit
        image = Image(array, mask=np.zeros(hit.shape, bool), variance=np.full(hit.shape, 9.0))
        frames.append(clip_threshold(image, threshold=300, comparison=">", by=0.0))
        assert np.array_equal(np.isinf(frames[-1].variance), hit)
    for flags in (255, 255 & ~Flag.OUTLIER):
        result = stack(frames, average=inverse_variance_mean(), reject=None, flags=flags)
        measured = np.sum([np.isfinite(frame.variance) for frame in frames], axis=0)
        known = measured > 0
        assert np.allclose(result.variance[known], 9 / measured[known])
        pulls = (result.value - 100)[known] / np.sqrt(result.variance[known])
        assert abs(pulls.mean()) < 0.06 and pulls.std() == pytest.approx(1, abs=0.04)
    image = LINE.replace(variance=np.full((1, 5), 4.0))
    assert replace(image, where=LAST, by="mask").variance.tolist() == [[4, 4, 4, 4, 4]]
    bare = replace(image, where=LAST, flag=None)
    assert bare.mask is None and bare.variance.tolist() == [[4, 4, 4, 4, np.inf]]
    assert replace(LINE, where=LAST, by=3, flag=None).good.all()


def test_integers_become_floats_when_something_is_put_in():
    image = np.array([[1, 2, 900]], np.uint16)
    done = clip_outliers(image, low=0, high=100, unit="value")
    assert done.dtype == np.float32 and done.array.tolist() == [[1, 2, 1.5]]


def test_a_map_may_be_an_image_of_whole_numbers():
    assert replace(LINE, where=Image([[0, 0, 0, 0, 2]]), by=0).array[0, 4] == 0
    with pytest.raises(ArgumentTypeError, match="where: must be a map"):
        replace(LINE, where=LINE)
    with pytest.raises(MismatchError, match="where"):
        replace(LINE, where=LAST.T)


def test_nothing_good_finds_nothing_and_asks_for_no_statistic():
    empty = Image(np.full((2, 2), np.nan))
    for find in (find_outliers, find_sigma, find_threshold):
        assert not find(empty).any()
    assert np.isnan(clip_sigma(empty).array).all()
    with pytest.raises(ArgumentError, match="good pixel to take the noclipmedian of"):
        clip_invalid(empty, by="noclipmedian")
    with pytest.raises(ArgumentError, match="good pixel to take the function of"):
        clip_invalid(empty, by=np.mean)


def test_a_recipe_can_say_it_all():
    text = """
[[step]]
use = "clip_sigma"
low = inf
high = 8.0
by = "noclipmean"
flag = "COSMIC_RAY"

[[step]]
use = "offset"
statistic = "minp1"

[[step]]
use = "subtract_level"
section = "[1:10,1:10]"

[[step]]
use = "clip_threshold"
by = 0
flag = 0
"""
    recipe = read_recipe(text)
    array, _ = sky()
    done = recipe(array)
    assert to_recipe(recipe).split() == text.split() and statistics(done).minimum == 0
    assert flag_counts(done.mask) == {"COSMIC_RAY": 10}
    assert [line.split()[2] for line in done.header.history] == [one.name for one in recipe.steps]
    once = to_recipe(pipeline(step(clip_sigma, flag=Flag.USER_1)))
    assert read_recipe(once)(array).mask.max() == Flag.USER_1


ADU = LINE.replace(unit="adu")


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("by: must be a number", lambda: replace(LINE, where=LAST, by="mode")),
        ("by: must be finite", lambda: replace(LINE, where=LAST, by=np.nan)),
        ("by: must be a number", lambda: replace(LINE, where=LAST, by=None)),
        ("by: must be finite", lambda: replace(LINE, where=LAST, by=lambda values: np.inf)),
        ("by: must fit in float32", lambda: replace(np.ones((1, 5), np.uint8), where=LAST, by=1e39)),
        ("full: must be given", lambda: replace(LINE, where=LAST, by="fullmean")),
        ("full: is for by", lambda: replace(LINE, where=LAST, by="mean", full=LINE)),
        ("full: is for by", lambda: clip_threshold(LINE, full=LINE)),
        ("full: has no part", lambda: find_outliers(LINE, unit="value", full=LINE)),
        ("full: is for by", lambda: clip_outliers(LINE, unit="value", full=LINE)),
        ("full: must be in the image's unit", lambda: find_sigma(ADU, full=ADU.replace(unit="electron"))),
        ("flag: must be given", lambda: replace(LINE, where=LAST, by="mask", flag=None)),
        ("flag: must be one of BAD_PIXEL", lambda: replace(LINE, where=LAST, flag="odd")),
        ("flag: must be one of BAD_PIXEL", lambda: replace(LINE, where=LAST, flag=256)),
        ("flag: must be one of BAD_PIXEL", lambda: replace(LINE, where=LAST, flag=1.5)),
        ("comparison: must be one of <, <=, >, >=", lambda: find_threshold(LINE, comparison="==")),
        ("comparison: must be one of <, <=, >, >=", lambda: find_threshold(LINE, comparison=["<"])),
        ("threshold: must be a number", lambda: find_threshold(LINE, threshold="p99")),
        ("unit: must be one of", lambda: find_outliers(LINE, unit="percent")),
        ("low: must not be above high", lambda: find_outliers(LINE, low=60, high=40)),
        ("low: must be finite and at least 0", lambda: find_outliers(LINE, low=-1)),
        ("high: must be at most 100 percent", lambda: find_outliers(LINE, high=101)),
        ("low: must be finite", lambda: find_outliers(LINE, low=np.nan, unit="value")),
        ("low: must be finite and above 0", lambda: find_sigma(LINE, low=0)),
        ("iterations: must be at least 0", lambda: find_sigma(LINE, iterations=-1)),
        ("where: must be an image", lambda: replace(LINE, where=None)),
    ],
)
def test_nonsense_is_refused(words, wrong):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        wrong()
