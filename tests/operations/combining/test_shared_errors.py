"""The error that all frames have in common does not average down."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx

SHAPE = (6, 9)


def frames(count, variance=90.0):
    return [ccdfx.Image(np.full(SHAPE, 100.0), variance=np.full(SHAPE, variance)) for _ in range(count)]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (ccdfx.mean(), 80 / 4 + 10),
        (ccdfx.total(), 4 * 80 + 16 * 10),
        (ccdfx.median(), 80 / 4 * 1.192798 + 10),
    ],
)
def test_it_is_added_whole(average, expected):
    result = ccdfx.combine(frames(4), average=average, reject=None, shared=10.0)
    assert result.variance == pytest.approx(np.full(SHAPE, expected), rel=1e-6)


def test_scales_apply_to_it():
    result = ccdfx.combine(frames(2), scale=[2.0, 2.0], reject=None, shared=np.full(SHAPE, 10.0))
    assert result.variance == pytest.approx(np.full(SHAPE, (80 / 2 + 10) / 4))


def test_what_is_left_of_a_variance_is_not_negative_and_unknown_where_it_was():
    variance = np.array([[80.0, 10.0, 4.0, np.nan, np.inf]], np.float32)
    some = [ccdfx.Image(np.zeros((1, 5), np.float32), variance=variance) for _ in range(2)]
    result = ccdfx.combine(some, reject=None, shared=10.0)
    assert result.variance.tolist() == [[70 / 2 + 10, 10, 10, np.inf, np.inf]]


def test_it_is_infinite_where_nothing_survives():
    some = [frame.replace(mask=np.arange(54).reshape(SHAPE) == 7) for frame in frames(3)]
    result = ccdfx.combine(some, shared=10.0, reject=None)
    assert result.variance[0, 7] == np.inf and result.variance[0, 6] == pytest.approx(80 / 3 + 10)


def test_it_predicts_the_scatter_of_simulated_stacks():
    rng = np.random.default_rng(5)
    scatter = []
    for _ in range(400):
        bias = rng.normal(0, 3.0, (1, 50))  # one master for all frames
        stacked = ccdfx.combine([rng.normal(0, 5.0, (1, 50)) - bias for _ in range(8)], reject=None)
        scatter.append(stacked.array)
    known = [ccdfx.Image(np.zeros((1, 50)), variance=np.full((1, 50), 34.0)) for _ in range(8)]
    predicted = ccdfx.combine(known, reject=None, shared=9.0).variance
    assert np.var(scatter) == pytest.approx(predicted.mean(), rel=0.03)
    naive = ccdfx.combine(known, reject=None).variance.mean()
    assert np.var(scatter) > 2 * naive


@pytest.mark.parametrize(
    ("shared", "words"),
    [
        (-1.0, "not negative"),
        (np.nan, "finite"),
        (np.ones((2, 2)), r"\(ny, nx\) = \(6, 9\)"),
        ("much", "shared"),
        ([[1.0], [2.0, 3.0]], "shared: must be an array of numbers"),
    ],
)
def test_nonsense(shared, words):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=words):
        ccdfx.combine(frames(3), shared=shared)


@pytest.mark.parametrize("average", [ccdfx.mean(), ccdfx.total()])
def test_what_float32_cannot_hold_is_not_known(average):
    single = [frame.replace(array=frame.array.astype("f4")) for frame in frames(3)]
    assert (ccdfx.combine(single, average=average, shared=1e300).variance == np.inf).all()
    assert (ccdfx.combine(frames(3), average=average, shared=1.7e308).variance > 1e300).all()


def test_it_needs_variances_and_frames_in_place():
    with pytest.raises(ccdfx.ArgumentError, match="variance of every frame"):
        ccdfx.combine([np.ones(SHAPE)] * 3, shared=1.0)
    with pytest.raises(ccdfx.ArgumentError, match="averages down like the others"):
        ccdfx.combine(frames(2), offsets=[(0, 0), (1, 1)], shared=1.0)
