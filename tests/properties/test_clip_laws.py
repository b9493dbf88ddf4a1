"""Laws of find and replace: the map alone changes, the mask only grows, the sum of the map is the count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ccdfx.operations.pixels import find
from ccdfx.operations.pixels.replace import STATISTICS, replace
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

SHAPE = (6, 9)
FINDS = {
    "invalid": find.find_invalid,
    "threshold": lambda image: find.find_threshold(image, threshold=900, comparison="<="),
    "range": lambda image: find.find_outliers(image, low=10, high=80),
    "percentile": lambda image: find.find_outliers(image, low=10, high=80, unit="percentile"),
    "value": lambda image: find.find_outliers(image, low=850, high=1100, unit="value"),
    "sigma": lambda image: find.find_sigma(image, low=1.5, high=2),
}
quick = settings(max_examples=60, deadline=None)


@st.composite
def frames(draw):
    """A frame of any type, with or without NaN, flags and variance."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = np.dtype(draw(st.sampled_from(["u2", "i2", "i4", "f4", "f8"])))
    array = rng.normal(1000, 100, SHAPE).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        array[rng.random(SHAPE) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    mask = rng.choice(np.array([0, 0, 0, 1, 32, 255], np.uint8), SHAPE) if draw(st.booleans()) else None
    variance = rng.uniform(0, 9, SHAPE) if draw(st.booleans()) else None
    return Image(array, {"BUNIT": "adu"}, mask, (3, 12, 4, 10), variance)


def same(one, two):
    return one is two or (
        one is not None and two is not None and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    )


@pytest.mark.parametrize("find", FINDS)
@quick
@given(
    frames(), st.sampled_from([*STATISTICS, 5, "mask"]), st.sampled_from([Flag.OUTLIER, Flag.USER_1, None])
)
def test_only_the_pixels_of_the_map_change_and_the_mask_only_grows(find, image, by, flag):
    assume(by != "mask" or flag is not None)
    planes = [None if p is None else p.tobytes() for p in (image.array, image.mask, image.variance)]
    found = FINDS[find](image)
    assert found.dtype == bool and found.shape == image.shape
    full = image if by in ("fullmean", "fullmedian") else None
    try:
        done = replace(image, where=found, by=by, full=full, flag=flag)
    except ValueError:  # a statistic of no pixel at all
        assert not (image.good & ~found).any() or not image.good.any()
        return
    assert [None if p is None else p.tobytes() for p in (image.array, image.mask, image.variance)] == planes
    assert same(done.array[~found], image.array.astype(done.dtype)[~found])
    assert done.header == image.header and done.range == image.range
    before = np.zeros(SHAPE, np.uint8) if image.mask is None else image.mask
    after = before if done.mask is None else done.mask
    np.testing.assert_array_equal(after, np.where(found, before | np.uint8(flag or 0), before))
    if flag is not None:
        assert (
            np.count_nonzero(after & ~before) <= found.sum() == np.count_nonzero(found & ((after & flag) > 0))
        )
    if image.variance is not None:
        lost = found if by != "mask" else np.zeros_like(found)
        assert same(done.variance, np.where(lost, np.inf, image.variance).astype(image.variance.dtype))
    if by == "mask":
        assert done.array is image.array
    elif found.any():
        assert np.unique(done.array[found]).size == 1 and np.isfinite(done.array[found]).all()


@pytest.mark.parametrize("find", sorted(FINDS.keys() - {"invalid"}))
@quick
@given(frames(), st.sampled_from([np.nan, -1e30, 1e30, 900.0]))
def test_a_flagged_pixel_is_not_found_and_changes_nothing(find, image, value):
    hidden = np.zeros(SHAPE, np.uint8) if image.mask is None else image.mask.copy()
    hidden[2, 3] = 1
    one = image.replace(array=image.array.astype(np.float64), mask=hidden)
    other = one.array.copy()
    other[2, 3] = value
    found = FINDS[find](one)
    assert not (found & (hidden != 0)).any() and not (found & ~np.isfinite(one.array)).any()
    np.testing.assert_array_equal(found, FINDS[find](one.replace(array=other)))
    if found.any() and one.good.sum() > found.sum():
        for by in STATISTICS[:4]:
            assert same(
                replace(one, where=found, by=by).array[found],
                replace(one.replace(array=other), where=found, by=by).array[found],
            )


@quick
@given(frames(), st.integers(-3, 3).map(lambda n: 2.0**n), st.sampled_from([0.0, 512.0]))
def test_relative_limits_move_with_the_values(image, factor, shift):
    """Percents and sigmas find the same pixels when all values are stretched and moved."""
    wide = image.replace(array=np.rint(image.array.astype(np.float64)))
    moved = wide.replace(array=wide.array * factor + shift)
    for name in ("range", "percentile", "sigma"):
        np.testing.assert_array_equal(FINDS[name](wide), FINDS[name](moved))
