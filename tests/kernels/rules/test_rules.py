"""Rank, variance, winsorized, line and extreme-value rules against plain restatements, one pixel at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ccdfx

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")

# The twins: each gives what survives of the sorted (value, variance) pairs of a pixel, as a list of positions.


def least(keep, n):
    return min(keep, n) if keep >= 0 else max(0, n + keep)


def neighbours_back(kept, residual, n, keep):
    """The survivors, a run of ranks, and neighbours of it until there are `keep`: the smaller residual first."""
    first, last = kept
    while last - first < keep:
        below = residual[first - 1] if first > 0 else None
        above = residual[last] if last < n else None
        if below is None:
            last += 1
        elif above is None:
            first -= 1
        else:
            limit, lower = min(below, above) + 0.001, below < above
            first, last = first - (below <= limit), last + (above <= limit)
            if lower and first > 0 and residual[first - 1] <= limit:
                first -= 1
            if not lower and last < n and residual[last] <= limit:
                last += 1
    return list(range(first, last))


def any_back(kept, residual, n, keep, since):
    kept = set(kept)
    while len(kept) < keep:
        gone = {j: r for j, (number, r) in residual.items() if j not in kept and number >= since}
        limit = min(gone.values()) + 0.001
        kept |= {j for j, r in gone.items() if r <= limit}
    return sorted(kept)


def twin_percentile(x, count, rank, low, high, keep):
    n, half = len(x), count // 2
    keep = least(keep, n)
    if n < max(3, keep + 1):
        return list(range(n))
    steps = math.trunc(rank * half) if abs(rank) < 1 else int(rank)
    steps = max(-half, min(-1, steps)) if rank < 0 else min(half, max(1, steps))
    one_based = 1 + n // 2
    if steps < 0:
        at = max(1, (one_based - 1 if n % 2 == 0 else one_based) + steps)
    else:
        at = min(n, one_based + steps)
    middle = float(np.median(x))
    sigma = abs(x[at - 1] - middle)
    if sigma == 0:
        return list(range(n))
    residual = [abs(value - middle) / sigma for value in x]
    stay = [
        j
        for j, v in enumerate(x)
        if not (middle - v >= low * sigma if v <= middle else v - middle >= high * sigma)
    ]
    ends = (stay[0], stay[-1] + 1) if stay else (sum(v <= middle for v in x),) * 2
    return neighbours_back(ends, residual, n, keep)


def twin_winsorized(x, low, high, keep):
    n = len(x)
    keep, kept, residual = least(keep, n), list(range(n)), {}
    while len(kept) >= max(3, keep + 1):
        values = np.array([x[j] for j in kept])
        middle, sigma = np.median(values), values.std(ddof=1)
        moved, first = values - middle, sigma
        while sigma > first * 1e-30:
            moved = np.clip(moved, -1.5 * sigma, 1.5 * sigma)
            before, sigma = sigma, 1.134 * moved.std(ddof=1)
            if abs(sigma - before) <= 0.0005 * before:
                break
        else:
            break
        out = {j for j in kept if middle - x[j] > low * sigma or x[j] - middle > high * sigma}
        residual.update({j: abs(x[j] - middle) / sigma for j in out})
        kept = [j for j in kept if j not in out]
        if not out:
            break
    return neighbours_back((kept[0], kept[-1] + 1), residual, n, keep) if kept else kept


def twin_line(x, low, high, keep):
    n = len(x)
    keep, kept, residual, number = least(keep, n), list(range(n)), {}, 0
    while len(kept) >= max(3, keep + 1):
        values = np.array([x[j] for j in kept])
        rank = np.arange(len(values), dtype=float)
        slope, level = np.polyfit(rank, values - values[0], 1)
        far = values - values[0] - slope * rank - level
        sigma = np.abs(far).mean()
        if sigma <= 1e-12 * (values[-1] - values[0]):
            break
        number += 1
        out = {
            j: abs(d) / sigma for j, d in zip(kept, far, strict=True) if -d > low * sigma or d > high * sigma
        }
        residual.update({j: (number, r) for j, r in out.items()})
        kept = [j for j in kept if j not in out]
        if not out:
            break
    return any_back(kept, residual, n, keep, 1)


def twin_gesd(x, fraction, significance, keep):
    n, left, removed, outliers = len(x), list(range(len(x))), [], 0
    residual = {}
    for i in range(1, int(n * fraction + 1e-9) + 1):
        m = n - i + 1
        values = np.array([x[j] for j in left])
        if m < 3 or values.std(ddof=1) == 0:
            break
        far = np.abs(values - values.mean()) / values.std(ddof=1)
        at = len(left) - 1 if far[-1] >= far[0] else 0
        residual[left[at]] = far[at]
        t = stats.t.ppf(1 - significance / (2 * m), m - 2)
        if far[at] > (m - 1) * t / math.sqrt(m * (m - 2 + t * t)):
            outliers = i
        removed.append(left.pop(at))
    kept = sorted(set(range(n)) - set(removed[:outliers]))
    return neighbours_back((kept[0], kept[-1] + 1), residual, n, least(keep, n)) if kept else kept


def twin_variance(x, v, low, high, keep, center):
    n = len(x)
    keep, kept, residual, number = least(keep, n), list(range(n)), {}, 0
    while len(kept) >= max(2, keep + 1):
        values = [x[j] for j in kept]
        if center == "median":
            middle = float(np.median(values))
        else:
            middle = math.fsum(values[1:-1]) / (len(values) - 2) if len(values) > 2 else math.fsum(values) / 2
        number += 1
        out = {
            j: abs(x[j] - middle) / math.sqrt(v[j])
            for j in kept
            if v[j] > 0 and abs(x[j] - middle) > (low if x[j] < middle else high) * math.sqrt(v[j])
        }
        residual.update({j: (number, r) for j, r in out.items()})
        kept = [j for j in kept if j not in out]
        if not out:
            break
    return any_back(kept, residual, n, keep, 1 if center == "median" else number)


def twin_sample(x, low, high, center, keep, ddof, iterations):
    n = len(x)
    keep, kept, residual, number = least(keep, n), list(range(n)), {}, 0
    while len(kept) >= max(3, keep + 1) and (iterations is None or number < iterations):
        values = np.array([x[j] for j in kept])
        middle, sigma = (np.median(values) if center == "median" else values.mean()), values.std(ddof=ddof)
        number += 1
        out = (
            {j for j in kept if middle - x[j] > low * sigma or x[j] - middle > high * sigma}
            if sigma > 0
            else ()
        )
        residual.update({j: (number, abs(x[j] - middle) / sigma) for j in out})
        kept = [j for j in kept if j not in out]
        if not out:
            break
    if center == "mean":
        return any_back(kept, residual, n, keep, number)
    if not kept:
        return kept
    return neighbours_back((kept[0], kept[-1] + 1), {j: r for j, (_, r) in residual.items()}, n, keep)


def twin_relative(x, low, high, keep):
    n, middle = len(x), float(np.median(x)) if x else 0.0
    keep, unit = least(keep, n), abs(middle)
    if n < max(3, keep + 1) or unit == 0:
        return list(range(n))
    stay = [j for j, v in enumerate(x) if not (middle - v > low * unit or v - middle > high * unit)]
    ends = (stay[0], stay[-1] + 1) if stay else (sum(v <= middle for v in x),) * 2
    return neighbours_back(ends, [abs(v - middle) / unit for v in x], n, keep)


def twin_mad(x, low, high, center, keep, floor, iterations):
    n = len(x)
    keep, kept, residual, number = least(keep, n), list(range(n)), {}, 0
    while len(kept) >= max(3, keep + 1) and (iterations is None or number < iterations):
        values = np.array([x[j] for j in kept])
        sigma = max(1.4826 * np.median(np.abs(values - np.median(values))), floor)
        middle = np.median(values) if center == "median" else values.mean()
        number += 1
        far = {j: x[j] - middle for j in kept}
        out = {j for j, d in far.items() if sigma > 0 and (-d > low * sigma or d > high * sigma)}
        residual.update({j: (number, abs(far[j]) / sigma) for j in out})
        kept = [j for j in kept if j not in out]
        if not out:
            break
    if center == "mean":
        return any_back(kept, residual, n, keep, number)
    return (
        neighbours_back((kept[0], kept[-1] + 1), {j: r for j, (_, r) in residual.items()}, n, keep)
        if kept
        else kept
    )


def twin(name, x, v, count, p):
    p = dict(p)
    if name == "percentile_clip":
        return twin_percentile(x, count, **p)
    if name == "variance_clip":
        return twin_variance(x, v, **p)
    return {
        "sample_clip": twin_sample,
        "relative_clip": twin_relative,
        "mad_clip": twin_mad,
        "winsorized_clip": twin_winsorized,
        "linear_fit_clip": twin_line,
        "gesd": twin_gesd,
    }[name](x, **p)


RULES = [
    ("percentile_clip", {"rank": -0.5, "low": 3.0, "high": 3.0, "keep": 0}),
    ("percentile_clip", {"rank": 0.4, "low": 2.0, "high": 1.0, "keep": 3}),
    ("percentile_clip", {"rank": -1.0, "low": 1.0, "high": 2.0, "keep": -2}),
    ("percentile_clip", {"rank": 3.0, "low": 1.5, "high": math.inf, "keep": 0}),
    ("winsorized_clip", {"low": 3.0, "high": 2.5, "keep": 0}),
    ("winsorized_clip", {"low": 1.0, "high": 1.0, "keep": 4}),
    ("linear_fit_clip", {"low": 3.0, "high": 2.0, "keep": 0}),
    ("linear_fit_clip", {"low": 1.5, "high": 1.5, "keep": 4}),
    ("sample_clip", {"low": 2.0, "high": 1.5, "center": "median", "keep": 0, "ddof": 1, "iterations": None}),
    ("sample_clip", {"low": 1.2, "high": 1.5, "center": "mean", "keep": 0, "ddof": 0, "iterations": 2}),
    ("sample_clip", {"low": 1.1, "high": 1.2, "center": "median", "keep": 3, "ddof": 0, "iterations": 5}),
    ("sample_clip", {"low": 1.1, "high": 1.2, "center": "mean", "keep": -2, "ddof": 1, "iterations": None}),
    ("relative_clip", {"low": 0.2, "high": 0.1, "keep": 0}),
    ("relative_clip", {"low": 0.02, "high": 0.01, "keep": 3}),
    ("mad_clip", {"low": 2.0, "high": 1.5, "center": "mean", "keep": 0, "floor": 0.0, "iterations": None}),
    ("mad_clip", {"low": 1.0, "high": 1.2, "center": "mean", "keep": 3, "floor": 0.5, "iterations": 2}),
    ("mad_clip", {"low": 1.5, "high": 1.2, "center": "median", "keep": -2, "floor": 0.0, "iterations": 3}),
    ("gesd", {"fraction": 0.3, "significance": 0.05, "keep": 0}),
    ("gesd", {"fraction": 0.6, "significance": 0.3, "keep": 3}),
    ("variance_clip", {"low": 3.0, "high": 2.0, "center": "median", "keep": 0}),
    ("variance_clip", {"low": 1.0, "high": 1.5, "center": "mean", "keep": 0}),
    ("variance_clip", {"low": 0.5, "high": 0.7, "center": "median", "keep": 3}),
    ("variance_clip", {"low": 0.5, "high": 0.7, "center": "mean", "keep": -1}),
]
every_rule = pytest.mark.parametrize(
    ("name", "options"), RULES, ids=lambda v: v if isinstance(v, str) else None
)


def near(options, name):
    """The options, and the limits a little narrower and wider."""
    if name == "percentile_clip":  # its comparison includes the limit
        return [options]
    margins = {"significance"} if name == "gesd" else {"low", "high"}
    return [
        {key: value * factor if key in margins else value for key, value in options.items()}
        for factor in (1.0, 1 - 1e-6, 1 + 1e-6)
    ]


def check(values, masks, variances, name, options, averages=("mean",)):
    images = [
        ccdfx.Image(x[None], mask=m[None], variance=None if v is None else v[None])
        for x, m, v in zip(values, masks, variances, strict=True)
    ]
    pixels = list(survivors(values, masks, variances, name, options))
    for average in averages:
        result = ccdfx.stack(
            images, reject=getattr(ccdfx, name)(**options), average=getattr(ccdfx, average)()
        )
        for i, x, kept in pixels:
            expected = (
                0.0
                if not kept
                else float(np.median(kept))
                if average == "median"
                else math.fsum(kept) / len(kept)
            )
            assert result.count[0, i] == len(kept), (i, x, kept)
            assert result.rejected_low[0, i] + result.rejected_high[0, i] == len(x) - len(kept)
            if kept and len(set(x)) == len(x):
                below = sum(value < kept[len(kept) // 2] for value in set(x) - set(kept))
                assert result.rejected_low[0, i] == below, (i, x, kept)
            assert result.value[0, i] == pytest.approx(expected, rel=3e-7, abs=1e-4), (i, x, kept)
    return len(pixels)


def survivors(values, masks, variances, name, options):
    """The number, the values and the survivors by the twin of each pixel that is on no limit."""
    for i in range(values[0].size):
        which = [j for j in range(len(values)) if np.isfinite(values[j][i]) and not masks[j][i]]
        which.sort(key=lambda j: values[j][i])
        x = [float(values[j][i]) for j in which]
        v = [0.0 if variances[j] is None else float(variances[j][i]) for j in which]
        found = [[x[j] for j in twin(name, x, v, len(values), p)] for p in near(options, name)]
        if all(kept == found[0] for kept in found):
            yield i, x, found[0]


def simulated(count, pixels, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(100.0, 8.0, (count, pixels))
    hit = rng.random((count, pixels)) < 0.1
    values[hit] += rng.normal(0.0, 60.0, hit.sum())
    return values, rng


@every_rule
@pytest.mark.parametrize(
    ("count", "dtype"),
    [
        (1, "f4"),
        (2, "f4"),
        (3, "f8"),
        (4, "u2"),
        pytest.param(5, "f4", marks=pytest.mark.quick),
        (8, "f8"),
        (25, "f4"),
    ],
)
def test_rules_equal_their_twin(name, options, count, dtype):
    values, rng = simulated(count, 130, count)
    values = np.round(np.clip(values, 0, None)).astype(dtype) if dtype == "u2" else values.astype(dtype)
    masks = (rng.random(values.shape) < 0.15).astype(np.uint8)
    variances = rng.uniform(20, 200, values.shape).astype("f4") if name == "variance_clip" else [None] * count
    averages = ("mean", "median")
    assert check(list(values), list(masks), list(variances), name, options, averages) > 100


@every_rule
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_stack_equals_the_twin(name, options, data):
    count = data.draw(st.integers(1, 9))  # other tests compile these too
    pixels = data.draw(st.integers(1, 4))

    def draw(elements):
        row = st.lists(elements, min_size=pixels, max_size=pixels)
        return data.draw(st.lists(row, min_size=count, max_size=count))

    values = np.array(draw(st.one_of(st.integers(0, 9), st.just(math.nan))), "f4")
    masks = np.array(draw(st.sampled_from([0, 0, 0, 0, 4])), np.uint8)
    variances = [None] * count
    if name == "variance_clip":
        variances = list(np.array(draw(st.sampled_from([0.0, 1.0, 2.5, 9.0])), "f4"))
        # of equal values with different variances either may go: let them differ
        values = values + np.arange(count, dtype="f4")[:, None] / 64
    check(list(values), list(masks), variances, name, options)
