"""The stack kernel against a plain restatement of the rules, one pixel at a time."""

from __future__ import annotations

import contextlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.estimators.order_statistics import median_efficiency, order_efficiency, trimmed_efficiency

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")

# ---- the twin: lists, no ranks, no lanes ----


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


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 16, 33, 100, 160])
def test_masks_nan_and_infinities(count):
    averages = [average for average in AVERAGES if average != "total"]
    rng = np.random.default_rng(count)
    frames = simulated(count, 300, "f4", count)
    masks = [(rng.random(300) < 0.3).astype(np.uint8) * 5 for _ in frames]
    for frame, bad in zip(frames, (np.nan, np.inf, -np.inf, np.nan) * 50, strict=False):
        frame[rng.random(300) < 0.1] = bad
    masks[0][:3] = 1
    for mask in masks:
        mask[0] = 2
    for rule, options in (RULES[0], RULES[3], RULES[7]):
        results, _ = check(frames, masks, rule, options, averages)
        for result in results:
            assert (result.value[0, 0], result.variance is None or result.variance[0, 0], result.flags[0, 0]) == (
                0.0, result.variance is None or 0.0, 2 | 16 | (1 if count else 0) if count == 1 else 16 | 2,
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


def test_noise_by_header_keyword():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(100, 20, (5, 40)).astype("f4") for _ in range(4)]
    gains, readnoises = [1.0, 2.0, 4.0, 0.5], [3.0, 5.0, 7.0, 9.0]
    frames = [
        ccdfx.Image(a, {"GAIN": g, "RDNOISE": r}) for a, g, r in zip(arrays, gains, readnoises, strict=True)
    ]
    expected = ccdfx.stack(frames, reject=ccdfx.ccd_clip(gain=gains, readnoise=readnoises))
    got = ccdfx.stack(frames, reject=ccdfx.ccd_clip(gain="gain", readnoise="RDNOISE"))
    assert got.value.tobytes() == expected.value.tobytes() and expected.rejected_high.any()
    bad = [*frames[:3], frames[3].replace(header={"GAIN": 1.0})]
    with pytest.raises(ccdfx.ArgumentError, match=r"frames\[3\]: must have the header keyword RDNOISE"):
        ccdfx.combine(bad, reject=ccdfx.ccd_clip(gain="GAIN", readnoise="RDNOISE"))
    with pytest.raises(ccdfx.ArgumentError, match=r"GAIN of frames\[3\]"):
        zero = frames[3].replace(header={"GAIN": 0.0, "RDNOISE": 1.0})
        ccdfx.combine([*frames[:3], zero], reject=ccdfx.cr_reject(gain="GAIN"))


def test_noise_by_frame_of_the_wrong_length_or_kind():
    frames = [np.ones((2, 2))] * 3
    with pytest.raises(ccdfx.ArgumentError, match="gain: must be one for each of the 3 frames"):
        ccdfx.combine(frames, reject=ccdfx.ccd_clip(gain=[1.0, 2.0]))
    for gain in ([1.0, -1.0, 2.0], [], "", [1.0, "x"], math.nan):
        with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match="gain"):
            ccdfx.ccd_clip(gain=gain)
    with pytest.raises(ccdfx.ArgumentTypeError, match="scaled"):
        ccdfx.sigma_clip(scaled=1)


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
            assert got.variance[0, 0] == pytest.approx(expected / left**2 * median_efficiency(5) * left / 5)


def test_with_weights_the_first_of_equal_values_goes():
    frames = [np.array([[v]], "f4") for v in (1.0, 1.0, 4.0, 4.0)]
    got = ccdfx.combine(frames, reject=ccdfx.minmax(low=1, high=1), weights=[1.0, 3.0, 1.0, 5.0])
    assert got.array[0, 0] == pytest.approx((3 * 1 + 5 * 4) / 8)


@pytest.mark.parametrize("lanes", [64, 128, 320])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_bytes_do_not_depend_on_the_length_of_a_block(lanes, kind, monkeypatch):
    from ccdfx.kernels.stack import lanes as module

    rng = np.random.default_rng(1)
    frames = [rng.normal(1000, 30, (3, 700)).astype(kind) for _ in range(12)]
    frames[3][1, :50] = np.nan
    for reject in (None, ccdfx.sigma_clip(low=1.5, high=1.5), ccdfx.mad_clip(), ccdfx.ccd_clip(readnoise=30)):
        expected = ccdfx.stack(
            frames, reject=reject, average=ccdfx.median() if reject is None else ccdfx.mean()
        )
        monkeypatch.setattr(module, "block_lanes", lambda count, itemsize: lanes)
        got = ccdfx.stack(frames, reject=reject, average=ccdfx.median() if reject is None else ccdfx.mean())
        monkeypatch.undo()
        for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
            assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), (reject, name)


@pytest.mark.parametrize("count", [3, 4, 5, 20, 21, 22, 40, 41])
def test_efficiency_of_the_median(count):
    rng = np.random.default_rng(count)
    medians = np.median(rng.standard_normal((count, 200_000)), axis=0)
    assert count * medians.var() == pytest.approx(median_efficiency(count), rel=0.015)


@pytest.mark.quick
@pytest.mark.parametrize(("rank", "count"), [(1, 1), (1, 2), (1, 5), (25, 25), (2, 4), (10, 20)])
def test_efficiency_of_a_rank(rank, count):
    rng = np.random.default_rng(count)
    values = np.sort(rng.standard_normal((count, 200_000)), axis=0)[rank - 1]
    assert count * values.var() == pytest.approx(order_efficiency(rank, count), rel=0.015)


@pytest.mark.parametrize("count", [1, 3, 9, 19])
def test_the_middle_rank_has_the_efficiency_of_the_median(count):
    assert order_efficiency((count + 1) // 2, count) == pytest.approx(median_efficiency(count), abs=2e-6)


@pytest.mark.parametrize(("count", "low", "high"), [(5, 1, 1), (10, 1, 1), (10, 0, 3), (20, 3, 3)])
def test_efficiency_of_a_trimmed_mean(count, low, high):
    rng = np.random.default_rng(count)
    values = np.sort(rng.standard_normal((count, 100_000)), axis=0)
    means = values[low : count - high].mean(axis=0)
    assert count * means.var() == pytest.approx(trimmed_efficiency(low / count, high / count), rel=0.04)


def combined(frames, average, **more):
    result = ccdfx.stack(frames, reject=None, average=average, **more)
    return [
        getattr(result, name).tobytes() if getattr(result, name) is not None else None
        for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags")
    ]


@pytest.mark.parametrize("even", ["middle", "lower", "lower of two"])
@pytest.mark.parametrize(
    "count", [1, 2, 3, 4, pytest.param(5, marks=pytest.mark.quick), 6, 9, 25, 100, 128, 129, 160]
)
def test_a_median_of_integers_is_that_of_floats_to_the_last_bit(count, even):
    """Unsigned 16-bit frames have a kernel of their own; float32 frames of the same numbers go through the other."""
    rng = np.random.default_rng(count)
    frames = [rng.normal(30000, 5, (3, 1100)).astype("u2") for _ in range(count)]
    for frame in frames:
        frame[rng.random(frame.shape) < 0.05] = 65535
        frame[rng.random(frame.shape) < 0.05] = 0
    average = ccdfx.median(even=even)
    assert combined(frames, average) == combined([frame.astype("f4") for frame in frames], average)
    expected = twin_value([int(frame[1, 7]) for frame in frames], None, {"middle": "median"}.get(even, even))
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
        np.testing.assert_allclose(got, factor * cube.var(axis=0, ddof=1) / 25, rtol=1e-5)


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
@pytest.mark.parametrize("count", [1, 2, 6, 21])
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
