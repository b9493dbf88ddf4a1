"""The inverse-variance mean: every rule against numpy, values without a usable variance, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.rejection.builtin import REJECTIONS

AVERAGE = ccdfx.inverse_variance_mean()
SHAPE = (6, 150)  # more than one block of lanes


def images(count, dtype="f4", seed=0, bad=False):
    """Distinct values with a few hits; variances over a wide range, `bad` ones among them."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        variance = rng.gamma(2, 30, SHAPE)
        values = rng.normal(300, 1, SHAPE) + rng.normal(0, 1, SHAPE) * np.sqrt(variance)
        values[rng.random(SHAPE) < 0.05] += 4000
        mask = (rng.random(SHAPE) < 0.1).astype(np.uint8)
        if bad:
            for value in (0.0, np.inf, np.nan):
                variance[rng.random(SHAPE) < 0.2] = value
        if number == 0 and np.dtype(dtype).itemsize == 8:
            values *= 1 + 1e-9
        found.append(ccdfx.Image(values.astype(dtype), mask=mask, variance=variance))
    return found


def by_rank(column, variances, low, high):
    """Which of the values survive where `low` and `high` of them are dropped."""
    order = np.argsort(column.filled(np.inf), kind="stable")[: column.count()]
    return order[low : len(order) - high]


def by_variance(column, variances, low, high):
    """Which of the values lie within 3 of their own sigma of the median, iterated."""
    kept = np.flatnonzero(~column.mask)
    while len(kept) >= 2:
        center = np.median(column.data[kept])
        inside = abs(column[kept].data - center) <= 3 * np.sqrt(variances[kept])
        if inside.all():
            break
        kept = kept[inside]
    return kept


def expected(frames, result, scale, survivors):
    """The mean and the variance of each pixel, from what survives."""
    values = np.ma.MaskedArray([f.array / s for f, s in zip(frames, scale, strict=True)], dtype=float)
    values.mask = [~f.good for f in frames]
    variances = np.array([f.variance / s**2 for f, s in zip(frames, scale, strict=True)], dtype=float)
    mean, error = np.zeros(SHAPE), np.zeros(SHAPE)
    for y, x in np.ndindex(SHAPE):
        column = values[:, y, x]
        kept = survivors(column, variances[:, y, x], result.rejected_low[y, x], result.rejected_high[y, x])
        if not len(kept):
            continue
        v = np.where(np.isfinite(variances[kept, y, x]), variances[kept, y, x], np.inf)
        w = np.divide(1.0, v, out=np.zeros(len(v)), where=v > 0)
        if w.sum() > 0:
            mean[y, x] = (w * column[kept].data).sum() / w.sum()
            error[y, x] = 1 / w.sum()
        else:
            mean[y, x], error[y, x] = column[kept].mean(), v.sum() / len(v) ** 2
    return mean, error


RULES = [None, *(rule for rule in REJECTIONS if rule.name != "profile_clip")]  # see test_by_profile.py


@pytest.mark.usefixtures("without_variance_factors")
@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name if r else "none")
@pytest.mark.parametrize(("dtype", "bad"), [("f4", False), ("f8", False), ("f4", True), ("f8", True)])
def test_every_rule_equals_numpy(rule, dtype, bad):
    frames, scale = images(12, dtype, bad=bad), [1.0, 2.0, 1.5] + [1.0] * 9
    result = ccdfx.stack(frames, average=AVERAGE, reject=rule, scale=scale)
    own = rule is not None and rule.name == "variance_clip"  # survivors are no run of ranks
    if own and bad:
        return
    mean, error = expected(frames, result, scale, by_variance if own else by_rank)
    tolerance = {"f4": 3e-6, "f8": 1e-12}[dtype]
    np.testing.assert_allclose(result.value, mean, rtol=tolerance)
    np.testing.assert_allclose(result.variance, error, rtol=max(tolerance, 1e-6))
    plain = ccdfx.stack(frames, reject=rule, scale=scale)
    for name in ("count", "rejected_low", "rejected_high", "flags"):
        assert getattr(result, name).tobytes() == getattr(plain, name).tobytes()


def pixels(values, variances, dtype="f8"):
    """One pixel a frame."""
    return [
        ccdfx.Image(np.full((1, 1), x, dtype), variance=np.full((1, 1), v))
        for x, v in zip(values, variances, strict=True)
    ]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("variances", "mean", "variance"),
    [
        ((1.0, 1.0, 2.0), (10 + 20 + 60 / 2) / 2.5, 1 / 2.5),
        ((1.0, math.inf, 1.0), 35.0, 0.5),  # not known: weighs nothing
        ((1.0, math.nan, 3.0), (10 + 60 / 3) / (4 / 3), 3 / 4),
        ((0.0, 1.0, 1.0), 40.0, 0.5),  # so does what claims to be exact
        ((0.0, 0.0, 0.0), 30.0, 0.0),  # the plain mean where nothing is left to weigh
        ((math.inf, 0.0, math.inf), 30.0, math.inf),
        ((1e-199, 1e300, 1e-199), 35.0, 5e-200),  # no overflow, no underflow
        ((1e-201, 1e-201, 1e-300), 30.0, 2e-201 / 9),  # below 1e-200 is 0
    ],
)
def test_what_variances_mean(variances, mean, variance):
    result = ccdfx.combine(pixels((10.0, 20.0, 60.0), variances), average=AVERAGE, reject=None)
    assert result.array[0, 0] == pytest.approx(mean, rel=1e-14)
    assert result.variance[0, 0] == pytest.approx(variance, rel=1e-9)


def test_equal_values_share_the_loss_of_a_rule_by_rank():
    """Which of two equal values is dropped is arbitrary: the order of the frames must not tell."""
    frames = pixels((5.0, 5.0, 1.0), (1.0, 3.0, 2.0))
    for order in ((0, 1, 2), (1, 0, 2)):
        some = [frames[number] for number in order]
        got = ccdfx.combine(some, average=AVERAGE, reject=ccdfx.minmax(low=0, high=1)).array[0, 0]
        assert got == pytest.approx((0.5 * 5 + 0.5 * 5 / 3 + 1 / 2) / (0.5 + 0.5 / 3 + 0.5), rel=1e-14)


def test_all_frames_must_have_a_variance_and_no_weights():
    frames = pixels((1.0, 2.0), (1.0, 1.0))
    with pytest.raises(ccdfx.ArgumentError, match=r"frames\[1\]: must have a variance.*add_variance"):
        ccdfx.combine([frames[0], frames[1].replace(variance=None)], average=AVERAGE, reject=None)
    with pytest.raises(ccdfx.ArgumentError, match="mean only"):
        ccdfx.combine(frames, average=AVERAGE, weights=[1, 2])


def test_files_with_variances_give_the_same(tmp_path):
    frames = images(4)
    sources = [
        ccdfx.open_source(ccdfx.write(frame, tmp_path / f"{number}.fits"))
        for number, frame in enumerate(frames)
    ]
    with ccdfx.engine(threads=2, memory=100_000):
        got = ccdfx.combine(sources, average=AVERAGE)
    expected = ccdfx.combine(frames, average=AVERAGE)
    assert got.array.tobytes() == expected.array.tobytes()
    assert got.variance.tobytes() == expected.variance.tobytes()
