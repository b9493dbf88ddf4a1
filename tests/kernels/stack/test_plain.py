"""Averages without rejection: of stored integers, of frames where they lie, of few pixels."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import ccdfx
from ccdfx.estimators.order_statistics import median_efficiency

MEDIANS = {
    "middle": np.median,
    "lower": lambda ranked: ranked[(len(ranked) - 1) // 2],
    "lower of two": lambda ranked: ranked[0] if len(ranked) == 2 else np.median(ranked),
}


def combined(frames, average, **more):
    result = ccdfx.stack(frames, reject=None, average=average, **more)
    return [
        getattr(result, name).tobytes() if getattr(result, name) is not None else None
        for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags")
    ]


@pytest.mark.parametrize("even", MEDIANS)
@pytest.mark.parametrize("count", [1, 2, pytest.param(5, marks=pytest.mark.quick), 6, 25, 129])
def test_a_median_of_integers_is_that_of_floats_to_the_last_bit(count, even):
    """Unsigned 16-bit frames have a kernel of their own; float32 frames of the same numbers go through the other."""
    rng = np.random.default_rng(count)
    frames = [rng.normal(30000, 5, (3, 1100)).astype("u2") for _ in range(count)]
    for frame in frames:
        frame[rng.random(frame.shape) < 0.05] = 65535
        frame[rng.random(frame.shape) < 0.05] = 0
    average = ccdfx.median(even=even)
    assert combined(frames, average) == combined([frame.astype("f4") for frame in frames], average)
    expected = MEDIANS[even](sorted(int(frame[1, 7]) for frame in frames))
    assert ccdfx.combine(frames, average=average, reject=None).array[1, 7] == expected


@pytest.mark.parametrize(
    "more", [{"scale": [1.0, 2.0, 1.0]}, {"zero": [0.0, 0.0, 3.0]}, {"limits": (10, 60000)}], ids=str
)
def test_integers_that_are_moved_or_limited_become_floats(more):
    rng = np.random.default_rng(2)
    frames = [rng.integers(0, 65536, (4, 300), np.uint16) for _ in range(3)]
    floats = [frame.astype("f4") for frame in frames]
    assert combined(frames, ccdfx.median(), **more) == combined(floats, ccdfx.median(), **more)
    assert combined(frames, ccdfx.median(), **more) != combined(frames, ccdfx.median())


def test_a_mask_or_another_type_among_integers():
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 65536, (4, 300), np.uint16) for _ in range(3)]
    mask = (rng.random((4, 300)) < 0.2).astype(np.uint8)
    for first in (ccdfx.Image(frames[0], mask=mask), ccdfx.Image(frames[0].astype("f4"))):
        other = ccdfx.Image(first.array.astype("f4"), mask=first.mask)
        expected = combined([other, *(frame.astype("f4") for frame in frames[1:])], ccdfx.median())
        assert combined([first, *frames[1:]], ccdfx.median()) == expected


def test_a_source_of_integers_that_brings_a_mask_late():
    """Whether a tile is of integers alone is seen in the tile: a source may give its flags only where it has any."""

    class Late:
        name, shape, dtype, header = "late", (4, 300), np.dtype("u2"), ccdfx.Header()

        def select(self, window=None):
            rows = slice(None) if window is None else slice(window.y_lower, window.y_upper)
            flags = np.zeros((4, 300), np.uint8)
            flags[3] = 1
            flags = flags[rows]
            return ccdfx.Image(array[rows], mask=flags if flags.any() else None)

        def close(self):
            pass

    rng = np.random.default_rng(4)
    array, *frames = (rng.integers(0, 65536, (4, 300), np.uint16) for _ in range(4))
    whole = ccdfx.Image(array, mask=np.repeat([[0], [0], [0], [1]], 300, axis=1))
    assert combined([Late(), *frames], ccdfx.median()) == combined([whole, *frames], ccdfx.median())


def test_a_median_of_raw_fits_integers_needs_no_other_kernel(tmp_path, monkeypatch):
    from ccdfx.kernels.stack import ranked as kernels

    rng = np.random.default_rng(6)
    frames = [rng.integers(0, 65536, (5, 64), np.uint16) for _ in range(4)]
    for j, frame in enumerate(frames):
        ccdfx.write(ccdfx.Image(frame), tmp_path / f"{j}.fits")
    expected = ccdfx.combine(frames, average=ccdfx.median(), reject=None)
    monkeypatch.setattr(kernels, "stack_kernel", None)
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(ccdfx.open_source(tmp_path / f"{j}.fits")) for j in range(4)]
        got = ccdfx.combine(sources, average=ccdfx.median(), reject=None)
    assert got.array.tobytes() == expected.array.tobytes() and got.variance is not None
    assert got.array.tobytes() == np.median(frames, axis=0).astype("f4").tobytes()


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_the_variance_of_large_values_with_little_scatter(kind):
    """Sums are about a pivot: the squares of values near 30000 would leave nothing of a scatter of 5."""
    rng = np.random.default_rng(7)
    frames = [rng.normal(30000, 5, (2, 500)).astype(kind) for _ in range(25)]
    cube = np.array(frames, np.float64)
    for average, factor in ((ccdfx.mean(), 1.0), (ccdfx.median(), median_efficiency(25))):
        got = ccdfx.combine(frames, average=average, reject=None).variance
        close = np.isclose(got, factor * cube.var(axis=0, ddof=1) / 25, rtol=1e-5)
        assert (
            close.mean() > 0.998
        )  # of a median, pixels that look as if they held outliers have another variance


@pytest.mark.parametrize("scatter", [0, 1, 300])
def test_a_median_of_many_integers_that_differ_in_few_bits(scatter):
    rng = np.random.default_rng(8)
    frames = [rng.normal(30000, scatter, (2, 90)).astype("u2") for _ in range(160)]
    got = ccdfx.combine(frames, average=ccdfx.median(), reject=None)
    np.testing.assert_array_equal(got.array, np.median(frames, axis=0))


@pytest.mark.parametrize(
    "average", [ccdfx.mean(), ccdfx.total(), ccdfx.median(), ccdfx.median(even="lower of two")], ids=str
)
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "f4", "masked u2", "masked f4", "masked one f4"])
@pytest.mark.parametrize("count", [1, 6])
def test_frames_averaged_where_they_lie_give_what_gathered_ones_do(count, kind, average, monkeypatch):
    from ccdfx.kernels.stack import plain

    rng = np.random.default_rng(count)
    *masked, stored = kind.split()
    frames = []
    for j in range(count):
        array = rng.normal(100, 20, (5, 67)).astype(stored)
        mask = (
            rng.choice([0, 1, 2], array.shape, p=[0.7, 0.2, 0.1])
            if masked == ["masked"] or (masked and not j)
            else None
        )
        if stored == "f4":
            array[rng.random(array.shape) < 0.1] = np.nan
            array[0] = 7.0
        if mask is not None:
            mask[:, 5] = 4
        frames.append(ccdfx.Image(array, mask=mask))
    expected = combined(frames, average)
    monkeypatch.setattr(plain, "MOST_IN_PLACE", 0)
    assert combined(frames, average) == expected
    monkeypatch.setattr(plain, "block_lanes", lambda count, itemsize, most: 64)
    assert combined(frames, average) == expected
    if masked == ["masked"]:
        assert ccdfx.stack(frames, reject=None, average=average).flags[0, 5] == 16 | 4


@pytest.mark.quick
@pytest.mark.parametrize("pixels", [1, 31, 63, 64, 65, 100])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_plain_averages_of_images_of_few_pixels(kind, pixels):
    rng = np.random.default_rng(pixels)
    frames = rng.integers(0, 1000, (4, 1, pixels)).astype(kind)
    for average, expected in ((ccdfx.mean(), np.mean), (ccdfx.median(), np.median)):
        got = ccdfx.stack(list(frames), reject=None, average=average)
        np.testing.assert_array_equal(got.value, expected(frames.astype("f8"), axis=0).astype("f4"))
        assert (got.count == 4).all() and not got.flags.any()


@pytest.mark.quick
def test_a_value_that_is_missing_changes_nothing_in_its_neighbours():
    rng = np.random.default_rng(9)
    frames = rng.normal(1000, 30, (9, 3, 200)).astype("f4")
    for average in (ccdfx.mean(), ccdfx.median()):
        whole = ccdfx.stack(list(frames), reject=None, average=average)
        holed = frames.copy()
        holed[:, :, ::16] = np.nan
        got = ccdfx.stack(list(holed), reject=None, average=average)
        others = np.arange(200) % 16 != 0
        for name in ("value", "variance", "count"):
            assert getattr(got, name)[:, others].tobytes() == getattr(whole, name)[:, others].tobytes()
        assert (got.flags[:, ::16] == 16).all() and (got.value[:, ::16] == 0).all()
