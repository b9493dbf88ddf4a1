"""The stack kernel against a plain restatement of the rules, one pixel at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.estimators.order_statistics import median_efficiency

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")


def twin_keep(keep, n):
    return min(keep, n) if keep >= 0 else max(0, n + keep)


def twin_minmax(x, low, high, count):
    fractions = [value if value < 1 else value / count for value in (low, high)]
    order = sorted(range(len(x)), key=lambda j: x[j])
    below, above = (int(fraction * len(x) + 0.001) for fraction in fractions)
    return order[:below], order[len(x) - above :]


def twin_clip(x, low, high, keep, centers, sigmas, least, median):
    """Generic clipping: `centers` gives the center for pass 0, 1...; `sigmas` one sigma for each value.

    About a median both ends move inwards and values come back from the ends of the survivors; about a mean every value
    is looked at and those of the last pass come back.
    """
    kept = sorted(range(len(x)), key=lambda j: x[j])
    dropped, passes = {}, 0
    while len(kept) >= max(least, keep + 1):
        values = [x[j] for j in kept]
        center = centers(values, passes)
        sigma = dict(zip(kept, sigmas(values, kept, center), strict=True))
        out = {
            j: abs(x[j] - center) / s
            for j, s in sigma.items()
            if s > 0 and ((center - x[j]) > low * s or (x[j] - center) > high * s)
        }
        if median:
            below, above = ({j for j in out if sign * (x[j] - center) > 0} for sign in (-1, 1))
            ends = [
                *itertools.takewhile(below.__contains__, kept),
                *itertools.takewhile(above.__contains__, kept[::-1]),
            ]
            out = {j: out[j] for j in ends}
        passes += 1
        if not out:
            break
        kept = [j for j in kept if j not in out]
        dropped = {**dropped, **out} if median else out
    order = sorted(range(len(x)), key=lambda j: x[j])
    if median and len(kept) < keep:
        first = order.index(kept[0]) if kept else next(i for i, j in enumerate(order) if x[j] > center)
        last = first + len(kept)
    while len(kept) < keep:
        if median:
            sides = [dropped[j] for j in (order[max(first - 1, 0) : first] + order[last : last + 1])]
            if len(sides) == 1:
                first, last = first - (first > 0), last + (first == 0)
            else:
                limit, lower_first = min(sides) + 0.001, sides[0] < sides[1]
                first, last = first - (sides[0] <= limit), last + (sides[1] <= limit)
                if lower_first:
                    first -= first > 0 and dropped[order[first - 1]] <= limit
                else:
                    last += last < len(x) and dropped[order[last]] <= limit
            kept = order[first:last]
        else:
            limit = min(dropped.values()) + 0.001
            back = [j for j, residual in dropped.items() if residual <= limit]
            kept += back
            for j in back:
                del dropped[j]
    return kept


def trimmed_mean(values):
    if len(values) <= 2:
        return math.fsum(values) / len(values)
    return math.fsum(sorted(values)[1:-1]) / (len(values) - 2)


def deviation(values, center):
    return math.sqrt(math.fsum((v - center) ** 2 for v in values) / (len(values) - 1))


def twin_survivors(x, rule, p, count, frame=None, scales=None, zeros=None):
    """Indices into x of the survivors, and how many went below and above."""
    if rule is None:
        return list(range(len(x))), 0, 0
    if rule == "minmax":
        low, high = twin_minmax(x, p["low"], p["high"], count)
        return [j for j in range(len(x)) if j not in low and j not in high], len(low), len(high)
    keep = twin_keep(p.get("keep", 0), len(x))
    median = p.get("center", "median") == "median"
    if rule == "sigma_clip":
        centers = (
            (lambda v, i: np.median(v))
            if median
            else (lambda v, i: trimmed_mean(v) if i == 0 else np.mean(v))
        )

        def noise(values, kept, center):
            level = [(center + zeros[frame[j]]) / scales[frame[j]] if p.get("scaled") else 1.0 for j in kept]
            weights = [math.sqrt(max(1.0, v)) for v in level]
            sigma = deviation([(v - center) / w for v, w in zip(values, weights, strict=True)], 0.0)
            return [sigma * w for w in weights]

        kept = twin_clip(x, p["low"], p["high"], keep, centers, noise, 3, median)
    elif rule == "mad_clip":
        kept = twin_clip(
            x, p["low"], p["high"], keep, lambda v, i: np.median(v),
            lambda v, k, c: [max(1.4826 * np.median(np.abs(np.array(v) - c)), p.get("floor") or 0.0)] * len(v), 3, True,
        )  # fmt: skip
    else:

        def sigmas(values, kept, center):
            found = []
            for j in kept:
                s, z = (scales[frame[j]], zeros[frame[j]]) if p.get("scaled", True) else (1.0, 0.0)
                g, rn, sens = (
                    p[name][frame[j]] if isinstance(p[name], list) else p[name]
                    for name in ("gain", "readnoise", "sensitivity")
                )
                level = max(0.0, s * (center + z))
                found.append(math.sqrt((rn / g) ** 2 + level / g + (sens * level) ** 2) / s)
            return found

        centers = (lambda v, i: np.median(v)) if median else (lambda v, i: trimmed_mean(v))
        kept = twin_clip(x, p.get("low", math.inf), p["high"], keep, centers, sigmas, 2, median)
    middle = sorted(x[j] for j in kept)[len(kept) // 2] if kept else np.median(x) if x else 0
    gone = [j for j in range(len(x)) if j not in kept]
    return kept, sum(x[j] <= middle for j in gone), sum(x[j] > middle for j in gone)


def twin_value(values, weights, average):
    if not values:
        return 0.0
    if average == "median":
        return float(np.median(values))
    if average == "total":
        return math.fsum(values)
    if average in ("minimum", "maximum"):
        return {"minimum": min, "maximum": max}[average](values)
    if average == "lower":
        return sorted(values)[(len(values) - 1) // 2]
    if average == "lower of two":
        return min(values) if len(values) == 2 else float(np.median(values))
    if weights is None or not sum(weights) > 0:
        return math.fsum(values) / len(values)
    return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)


def average_of(name):
    return ccdfx.median(even=name) if name.startswith("lower") else getattr(ccdfx, name)()


def stacked(frames, rule, options, **more):
    reject = None if rule is None else getattr(ccdfx, rule)(**options)
    return ccdfx.stack(frames, reject=reject, **more)


def check(frames, masks, rule, options, averages=("mean",), weights=None, scale=None, zero=None):
    """Every pixel of each average equals the twin; pixels on the edge of a limit are left out.

    Return the results, one for each average, and the number of pixels that were compared.
    """
    images = [
        ccdfx.Image(f[None, :], mask=None if masks is None else m[None, :]) for f, m in _paired(frames, masks)
    ]
    pixels = list(_pixels(frames, masks, rule, options, scale, zero))
    results = [
        stacked(images, rule, options, average=average_of(average), weights=weights, scale=scale, zero=zero)
        for average in averages
    ]
    for average, result in zip(averages, results, strict=True):
        for i, which, x, (kept, below, above) in pixels:
            w = None if weights is None else [weights[which[j]] for j in kept]
            expected = twin_value([x[j] for j in kept], w, average)
            assert result.count[0, i] == len(kept), (i, x, kept)
            rejected = int(result.rejected_low[0, i]) + int(result.rejected_high[0, i])
            assert rejected == len(x) - len(kept), (i, x, kept)
            if rule == "minmax" or (kept and len(set(x)) == len(x)):  # else the sides are a matter of taste
                assert (result.rejected_low[0, i], result.rejected_high[0, i]) == (below, above), (i, x, kept)
            scale_of_x = max([abs(v) for v in x], default=0.0)
            assert abs(result.value[0, i] - expected) <= 3e-7 * max(abs(expected), 1e-3 * scale_of_x), (
                i,
                x,
                kept,
            )
            assert result.flags[0, i] & 16 == (16 if not kept else 0)
    return results, len(pixels)


def _pixels(frames, masks, rule, options, scale, zero):
    """The number, the frames, the values and the survivors by the twin of each pixel that is on no limit."""
    scales, zeros = scale or [1.0] * len(frames), zero or [0.0] * len(frames)
    kind = np.float64 if frames[0].dtype.itemsize > 4 - 2 * (frames[0].dtype.kind != "f") else np.float32
    for i in range(frames[0].size):
        which = [
            j for j in range(len(frames)) if np.isfinite(frames[j][i]) and (masks is None or not masks[j][i])
        ]
        x = [float(kind(float(frames[j][i]) / scales[j] - zeros[j])) for j in which]
        found = [
            twin_survivors(x, rule, {**options, **change}, len(frames), which, scales, zeros)
            for change in _near(options, rule, 1e-5)
        ]
        if all(sorted(f[0]) == sorted(found[0][0]) for f in found):
            yield i, which, x, found[0]


def _near(options, rule, margin):
    """The options, and the limits a little narrower and wider."""
    if rule in (None, "minmax"):
        return [{}]
    low, high = options.get("low", math.inf), options["high"]
    return [{}, *({"low": low * f, "high": high * f} for f in (1 - margin, 1 + margin))]


def _paired(frames, masks):
    return zip(frames, masks if masks is not None else itertools.repeat(None), strict=False)


RULES = [
    (None, {}),
    ("minmax", {"low": 1, "high": 2}),
    ("minmax", {"low": 0.2, "high": 0.3}),
    ("sigma_clip", {"low": 2.0, "high": 1.5}),
    ("sigma_clip", {"low": 1.5, "high": 2.0, "center": "mean"}),
    ("sigma_clip", {"low": 1.2, "high": 1.2, "keep": 4}),
    ("sigma_clip", {"low": 1.2, "high": 1.2, "keep": -2, "center": "mean"}),
    ("mad_clip", {"low": 3.0, "high": 2.5}),
    ("mad_clip", {"low": 1.0, "high": 1.0, "keep": 3}),
    ("mad_clip", {"low": 3.0, "high": 3.0, "floor": 10.0}),
    ("ccd_clip", {"low": 3.0, "high": 3.0, "gain": 2.0, "readnoise": 8.0, "sensitivity": 0.01}),
    ("ccd_clip", {"low": 2.0, "high": 2.5, "gain": 2.0, "readnoise": 8.0, "sensitivity": 0.0, "center": "mean"}),
    ("cr_reject", {"high": 2.0, "gain": 2.0, "readnoise": 8.0, "sensitivity": 0.0}),
    ("cr_reject", {"high": 2.0, "gain": 2.0, "readnoise": 8.0, "sensitivity": 0.01, "center": "mean", "keep": -1}),
    ("ccd_clip", {"low": 1.0, "high": 1.0, "gain": 2.0, "readnoise": 8.0, "sensitivity": 0.0, "keep": 3}),
]  # fmt: skip


AVERAGES = ["mean", "median", "total", "lower", "lower of two", "minimum", "maximum"]


DTYPES = ["u1", "i2", "u2", "i4", "u4", "i8", "f2", "f4", "f8", ">i2", ">f4"]


def simulated(count, pixels, dtype, seed):
    """Noise about 100, one value in ten far off, many ties for integers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(100.0, 8.0, (count, pixels))
    hit = rng.random((count, pixels)) < 0.1
    values[hit] += rng.normal(0.0, 40.0, hit.sum())
    values = np.clip(values, 0, 250)
    return list((np.round(values) if np.dtype(dtype).kind != "f" else values).astype(dtype))


@pytest.mark.parametrize(("rule", "options"), RULES, ids=lambda v: v if isinstance(v, str) else None)
@pytest.mark.parametrize("count", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.quick), 8, 25])
def test_rules_equal_their_twin(rule, options, count):
    if rule == "minmax" and count <= 4:
        options = {"low": 0, "high": 0.4}
    frames = simulated(count, 150, "f4", count)
    _, checked = check(frames, None, rule, options)
    assert checked > 120


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rule", "options"),
    [RULES[0], RULES[1], RULES[3], RULES[7]],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_every_type_of_pixel(rule, options, dtype):
    check(simulated(7, 140, dtype, 3), None, rule, options, AVERAGES)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 40])
def test_masks_nan_and_infinities(count):
    averages = [average for average in AVERAGES if average != "total"]
    rng = np.random.default_rng(count)
    frames = simulated(count, 150, "f4", count)
    masks = [(rng.random(150) < 0.3).astype(np.uint8) * 5 for _ in frames]
    for frame, bad in zip(frames, (np.nan, np.inf, -np.inf, np.nan) * 50, strict=False):
        frame[rng.random(150) < 0.1] = bad
    masks[0][:3] = 1
    for mask in masks:
        mask[0] = 2
    for rule, options in (RULES[0], RULES[3], RULES[7]):
        results, _ = check(frames, masks, rule, options, averages)
        for result in results:
            assert (result.value[0, 0], result.variance is None or result.variance[0, 0], result.flags[0, 0]) == (
                0.0, result.variance is None or np.inf, 2 | 16 | (1 if count else 0) if count == 1 else 16 | 2,
            ) or count == 1  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_stack_equals_the_twin(data):
    count = data.draw(st.integers(1, 9))  # other tests compile these too
    rule, options = data.draw(st.sampled_from(RULES))
    if rule == "minmax" and count <= 4:
        options = {"low": 0, "high": 0.4}
    dtype = data.draw(st.sampled_from(["u2", "i2", "i4", "f4", "f8"]))
    elements = (
        st.integers(0, 12) if data.draw(st.booleans()) or dtype[0] != "f" else st.floats(-1e3, 1e3, width=32)
    )
    pixels = data.draw(st.integers(1, 6))
    values = data.draw(
        st.lists(st.lists(elements, min_size=pixels, max_size=pixels), min_size=count, max_size=count)
    )
    bad = data.draw(
        st.lists(
            st.lists(st.integers(0, 5), min_size=pixels, max_size=pixels), min_size=count, max_size=count
        )
    )
    masks = [np.array(row) // 5 * 3 for row in bad] if data.draw(st.booleans()) else None
    average = data.draw(st.sampled_from(AVERAGES))
    check([np.array(row, dtype=dtype) for row in values], masks, rule, options, [average])


@pytest.mark.parametrize(
    ("rule", "options"), [r for r in RULES if r[0] in ("ccd_clip", "cr_reject")], ids=str
)
@pytest.mark.parametrize("weighted", [False, True])
def test_ccd_clip_of_scaled_frames_uses_the_noise_of_each(rule, options, weighted):
    rng = np.random.default_rng(5)
    scale, zero = [1.0, 0.5, 2.0, 4.0, 0.25, 1.5], [0.0, 3.0, -2.0, 0.0, 1.0, 5.0]
    level = rng.normal(300.0, 50.0, 200)
    frames = [
        (s * (level + z) + rng.normal(0, 1, 200) * np.sqrt(16 + s * (level + z) / 2)).astype("f4")
        for s, z in zip(scale, zero, strict=True)
    ]
    frames[2][::7] += 500
    weights = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0] if weighted else None
    _, checked = check(frames, None, rule, options, weights=weights, scale=scale, zero=zero)
    assert checked > 180


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("keep", [0, 4])
@pytest.mark.parametrize("rule", ["sigma_clip", "ccd_clip", "cr_reject"])
@pytest.mark.parametrize("scaled", [False, pytest.param(True, marks=pytest.mark.quick)])
def test_rules_that_know_the_frame_of_a_value(rule, center, keep, scaled):
    rng = np.random.default_rng(8)
    scale, zero = [1.0, 0.5, 2.0, 4.0, 0.25, 1.5], [0.0, 3.0, -2.0, 0.0, 1.0, 5.0]
    level = rng.normal(300.0, 50.0, 200)
    frames = [
        (s * (level + z) + rng.normal(0, 3, 200) * np.sqrt(16 + s * (level + z) / 2)).astype("f4")
        for s, z in zip(scale, zero, strict=True)
    ]
    frames[2][::7] += 500
    frames[4][::5] -= 30
    options = {"high": 1.3, "center": center, "keep": keep, "scaled": scaled}
    if rule != "cr_reject":
        options["low"] = 1.2
    if rule != "sigma_clip":
        options |= {
            "gain": [1.0, 2.0, 1.5, 0.7, 3.0, 1.0], "readnoise": [5.0, 8.0, 3.0, 20.0, 0.0, 6.0],
            "sensitivity": [0.0, 0.01, 0.02, 0.0, 0.05, 0.03],
        }  # fmt: skip
    masks = list((rng.random((6, 200)) < 0.1).astype(np.uint8))
    (result,), checked = check(frames, masks, rule, options, scale=scale, zero=zero)
    assert checked > 180 and result.rejected_high.any()


@pytest.mark.quick
@pytest.mark.parametrize(("rule", "options"), RULES, ids=lambda v: v if isinstance(v, str) else None)
def test_weights_never_enter_the_rejection(rule, options):
    frames = simulated(9, 200, "f4", 11)
    check(frames, None, rule, options, weights=[0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 1.0, 5.0, 0.1])


def test_weights_of_zero_for_all_survivors_give_the_plain_mean():
    frames = [np.full((1, 2), v) for v in (1.0, 2.0, 9.0)]
    masks = [[[0, 0]], [[0, 0]], [[0, 1]]]
    images = [ccdfx.Image(f, mask=np.array(m)) for f, m in zip(frames, masks, strict=True)]
    assert ccdfx.combine(images, reject=None, weights=[0, 0, 1]).array.tolist() == [[9.0, 1.5]]


@pytest.mark.usefixtures("without_variance_factors")
def test_equal_values_share_a_loss_by_rank():
    """minmax must drop one of two equal minima; the variance must not depend on which frame comes first."""
    frames = [
        ccdfx.Image([[x]], variance=[[v]])
        for x, v in ((1.0, 1.0), (1.0, 3.0), (4.0, 5.0), (4.0, 1.0), (2.0, 0.0))
    ]
    for order in itertools.permutations(range(5)):
        for high, expected in ((0, 0.25 + 0.75 + 6.0), (1, 0.25 + 0.75 + 0.25 * 6.0)):
            left = 4 - high
            rule = ccdfx.minmax(low=1, high=high)
            got = ccdfx.combine([frames[j] for j in order], reject=rule, average=ccdfx.median())
            assert got.variance[0, 0] == pytest.approx(expected / left**2 * median_efficiency(left))


def test_with_weights_the_first_of_equal_values_goes():
    frames = [np.array([[v]], "f4") for v in (1.0, 1.0, 4.0, 4.0)]
    got = ccdfx.combine(frames, reject=ccdfx.minmax(low=1, high=1), weights=[1.0, 3.0, 1.0, 5.0])
    assert got.array[0, 0] == pytest.approx((3 * 1 + 5 * 4) / 8)
