"""Against what IRAF's imcombine, astropy and Siril gave, wherever their result follows the definition.

The folder of vectors is that of the environment variable CCDFX_VECTORS, else ``vectors`` of the shared folder; without
it the module is skipped and the small table at its end remains.
"""

from __future__ import annotations

import json
import math
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import ccdfx

_SHARED = Path(os.environ.get("CCDFX_SHARED", Path(__file__).parents[3] / "shared"))
# IRAF ran some rules on fewer frames than they can use.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")
FOLDER = Path(os.environ.get("CCDFX_VECTORS", _SHARED / "vectors"))


@cache
def _index():
    return (
        json.loads((FOLDER / "index.json").read_text())
        if (FOLDER / "index.json").is_file()
        else {"cases": []}
    )


@cache
def _arrays(name):
    with np.load(FOLDER / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _cases(task):
    found = [case for case in _index()["cases"] if case["task"] == task]
    missing = pytest.param(None, id="none", marks=pytest.mark.skip(reason=f"no {task} vectors in {FOLDER}"))
    return [pytest.param(case, id=case["id"]) for case in found] or [missing]


def _rule(p, scaled):
    center = "median" if p["mclip"] else "mean"
    limits = {"low": p["lsigma"], "high": p["hsigma"], "center": center, "keep": p["nkeep"]}
    if p["reject"] == "minmax":
        return ccdfx.minmax(low=p["nlow"], high=p["nhigh"])
    if p["reject"] == "sigclip":
        return ccdfx.sigma_clip(**limits, scaled=scaled)
    if p["reject"] == "avsigclip":
        return ccdfx.average_sigma_clip(**limits, scaled=scaled)
    if p["reject"] == "pclip":
        del limits["center"]
        return ccdfx.percentile_clip(rank=p["pclip"], **limits)
    noise = {"gain": p["gain"], "readnoise": p["rdnoise"], "sensitivity": p["snoise"], "scaled": scaled}
    if p["reject"] == "ccdclip":
        return ccdfx.ccd_clip(**noise, **limits)
    if p["reject"] == "crreject":
        del limits["low"]
        return ccdfx.cr_reject(**noise, **limits)
    return None


def _limit(value, otherwise):
    return otherwise if value is None else value


def _mask(p, mask):
    """IRAF's four ways to read a mask, as bool (True is bad)."""
    value = int(p["maskvalue"])
    return {
        "goodvalue": lambda: mask != value,
        "badvalue": lambda: mask == value,
        "goodbits": lambda: (mask & value) == 0 if value else mask != 0,
        "badbits": lambda: (mask & value) != 0,
    }[p["masktype"]]()


def _frames(case):
    stacks = _arrays("iraf_stacks.npz")
    frames = stacks[case["stack"] + "_frames"]
    headers = _index()["stacks"][case["stack"]]["headers"]
    masks = [None] * len(frames)
    if case["params"]["masktype"] != "none":
        masks = [_mask(case["params"], mask) for mask in stacks[case["stack"] + "_masks"]]
    return [ccdfx.Image(*frame) for frame in zip(frames, headers, masks, strict=True)]


def _tied(frames, offsets, grow):
    """Where equal values of several frames lie on a pixel of the result, or within the radius."""
    steps = np.array(offsets or [(0, 0)] * len(frames), int)
    steps -= steps.min(axis=0)
    ny, nx = frames[0].shape
    stack = np.full((len(frames), ny + steps[:, 1].max(), nx + steps[:, 0].max()), np.nan)
    for j, ((x, y), frame) in enumerate(zip(steps, frames, strict=True)):
        stack[j, y : y + ny, x : x + nx] = frame.array
    tied = (np.diff(np.sort(stack, axis=0), axis=0) == 0).any(axis=0)
    reach = np.arange(-int(grow), int(grow) + 1)
    return ndimage.binary_dilation(tied, reach[:, None] ** 2 + reach**2 <= grow**2)


def _average(p):
    return {
        "average": ccdfx.mean(), "median": ccdfx.median(), "sum": ccdfx.total(),
        "lmedian": ccdfx.median(even="lower of two"),
    }[p["combine"]]  # fmt: skip


@pytest.mark.parametrize("case", _cases("imcombine"))
def test_imcombine(case):
    p, derived = case["params"], case["derived"]
    frames = _frames(case)
    average = _average(p)
    weights = derived["weights"] if p["combine"] == "average" and p["weight"] != "none" else None
    rule = _rule(p, derived["doscale1"])
    result = ccdfx.stack(
        frames,
        average=average,
        reject=rule and rule.configure(grow=p["grow"]),
        weights=weights,
        scale=derived["scales"],
        zero=derived["zeros"],
        limits=(_limit(p["lthreshold"], -math.inf), _limit(p["hthreshold"], math.inf)),
        offsets=p["offsets"],
        follow=True,
    )
    arrays = _arrays(case["file"])
    out, nrej, trusted, trusted_nrej = (
        arrays[case["id"] + suffix] for suffix in ("_out", "_nrej", "_trusted", "_trusted_nrej")
    )
    # Which of equal values goes is arbitrary, and so is then where it grows to.
    settled = ~_tied(frames, p["offsets"], p["grow"])
    if case["id"] + "_exp" in arrays and (p["combine"] == "average" or p["weight"] == "none"):
        seconds, known = arrays[case["id"] + "_exp"], arrays[case["id"] + "_trusted_exp"] & settled
        assert (abs(result.exposure - seconds) <= 1e-5 * abs(seconds))[known].all()
    shape = (len(frames), 1, 1)
    values = np.stack([frame.array for frame in frames])
    largest = np.abs(
        values / np.reshape(derived["scales"], shape) - np.reshape(derived["zeros"], shape)
    ).max()
    tolerance = 2e-5 * np.maximum(1, abs(out)) + 2e-6 * largest
    mine = np.where(result.count > 0, result.value, p["blank"])
    assert (abs(mine - out) <= tolerance)[trusted].all()
    assert ((len(frames) - result.count) == nrej)[trusted_nrej & (settled | (p["grow"] == 0))].all()
    assert trusted.any()


def _level(choice, p):
    """The argument of `combine` that a scale, zero or weight of imcombine is."""
    if choice == "none":
        return None
    if choice == "exposure":
        return ccdfx.exposure(p["expname"])
    if choice.startswith("!"):
        return ccdfx.keyword(choice[1:])
    return ccdfx.level(choice, section=p["statsec"] or None, sampled=True)


def _levels(case, frames):
    """The arguments scale, zero and weights; listed scales multiply, zeros are added, weights count NCOMBINE."""
    p, scales = case["params"], case["derived"]["scales"]
    listed = {
        "scale": lambda given: [given[0] / factor for factor in given],
        "zero": lambda given: [-added / scale for added, scale in zip(given, scales, strict=True)],
        "weight": lambda given: [w * f.header.get("NCOMBINE", 1) for w, f in zip(given, frames, strict=True)],
    }
    return tuple(_level(p[n], p) if isinstance(p[n], str) else make(p[n]) for n, make in listed.items())


def _leveled(case):
    p = case.values[0]["params"] if case.values[0] else {"scale": "mode"}
    return any(p.get(name, "none") != "none" for name in ("scale", "zero", "weight"))


@pytest.mark.parametrize("case", [case for case in _cases("imcombine") if _leveled(case)])
def test_imcombine_levels(case):
    """Scales, zeros and weights from the parameters alone, to the 1e-6 of IRAF's float32; then what comes of them."""
    from ccdfx.operations.combining.factors import factors_of
    from ccdfx.operations.combining.frames import as_frames

    p, derived, frames = case["params"], case["derived"], _frames(case)
    scale, zero, weight = _levels(case, frames)
    limits = (_limit(p["lthreshold"], -math.inf), _limit(p["hthreshold"], math.inf))
    largest = max(float(abs(frame.array).max()) for frame in frames)
    scales, zeros, weights = factors_of(as_frames(frames), scale, zero, weight, limits)
    assert scales == pytest.approx(derived["scales"], rel=1e-6)
    assert zeros == pytest.approx(derived["zeros"], abs=1e-6 * largest)
    if weights is not None:
        assert weights == pytest.approx(derived["weights"], rel=1e-6)
    rule = _rule(p, derived["doscale1"])
    result = ccdfx.stack(
        frames, average=_average(p), reject=rule and rule.configure(grow=p["grow"]), scale=scale, zero=zero,
        weights=weight if p["combine"] == "average" else None, limits=limits, offsets=p["offsets"],
    )  # fmt: skip
    arrays = _arrays(case["file"])
    out, trusted = (arrays[case["id"] + suffix] for suffix in ("_out", "_trusted"))
    mine = np.where(result.count > 0, result.value, p["blank"])
    assert (abs(mine - out) <= 2e-5 * np.maximum(1, abs(out)) + 4e-6 * largest)[trusted].all()


def _siril_rule(p):
    limits = {name: p[name] for name in ("low", "high") if name in p}
    if p["type"] == "a":  # Siril takes the median absolute deviation as it is
        limits = {name: value / 1.4826 for name, value in limits.items()}
    return {
        "w": lambda: ccdfx.winsorized_clip(**limits),
        "l": lambda: ccdfx.linear_fit_clip(**limits),
        "a": lambda: ccdfx.mad_clip(**limits),
        "g": lambda: ccdfx.gesd(fraction=p["outliers_fraction"], significance=p["significance"]),
        "s": lambda: ccdfx.sample_clip(**limits, ddof=1),
        "p": lambda: ccdfx.relative_clip(**limits),
    }[p["type"]]()


@pytest.mark.parametrize("case", _cases("siril_stack"))
def test_siril(case):
    rule = _siril_rule(case["params"])
    arrays = _arrays(case["file"])
    out, nrej, trusted = (arrays[case["id"] + suffix] for suffix in ("_out", "_nrej", "_trusted"))
    frames = arrays[case["stack"]]  # a value of 0 is missing
    result = ccdfx.stack([ccdfx.Image(frame, mask=frame == 0) for frame in frames], reject=rule)
    assert trusted.any()
    rejected = result.rejected_low + result.rejected_high
    assert (abs(result.value - out) <= 1.2e-6)[trusted].all()
    assert (rejected == nrej)[trusted].all()


def _sized(cases):
    """The cases; a sorter of thousands of values, which the whole of a large array needs, is slow to compile."""
    for case in cases:
        known = case.values[0]
        many = (
            known and known["params"]["axis"] is None and _arrays(known["file"])[known["stack"]].size > 1000
        )
        yield pytest.param(known, id=case.id, marks=pytest.mark.slow) if many else case


@pytest.mark.parametrize("case", list(_sized(_cases("sigma_clip"))))
def test_astropy(case):
    p = case["params"]
    about_mad = p["stdfunc"] == "mad_std"
    arrays = _arrays(case["file"])
    data, trusted = arrays[case["stack"]], arrays[case["id"] + "_trusted"]
    if not trusted.any():
        pytest.skip("no value of this case is to be trusted")
    limits = {"low": p["sigma_lower"], "high": p["sigma_upper"]}
    limits |= {"center": p["cenfunc"], "iterations": p["maxiters"]}
    # where the absolute deviation is 0, astropy drops all that differs
    rule = ccdfx.mad_clip(**limits, floor=1e-300) if about_mad else ccdfx.sample_clip(**limits)
    frames = data if p["axis"] == 0 else data.reshape(-1, 1, 1)
    arrays_in = np.stack(list(frames))
    # Within the last bounds there may be values that an early pass had dropped: astropy takes these back, we do not.
    lower, upper = (
        np.reshape(arrays[f"{case['id']}_{side}"], frames[0].shape) for side in ("lower", "upper")
    )
    within = ((arrays_in >= lower) & (arrays_in <= upper)).sum(axis=0)
    for name in ("mean", "median"):
        result = ccdfx.stack(list(frames), reject=rule, average=getattr(ccdfx, name)())
        expected = np.reshape(arrays[f"{case['id']}_{name}"], frames[0].shape)
        same = np.reshape(trusted, frames[0].shape) & (within == result.count) & (result.count > 0)
        assert (within >= result.count)[np.reshape(trusted, frames[0].shape)].all()
        assert about_mad or same.sum() == trusted.sum()
        assert same.sum() > 0.7 * trusted.sum()
        assert (abs(result.value - expected) <= 1e-12 * abs(expected))[same].all()


# Values of one pixel, the rule, the mean of the survivors and how many went low and high, worked out by hand.
TABLE = [
    ([1, 2, 3, 4, 100], ccdfx.minmax(low=0, high=1), 2.5, (0, 1)),
    ([1, 2, 3, 4, 100], ccdfx.minmax(low=0.2, high=0.2), 3.0, (1, 1)),
    # About the median 3: sum of squares 4 + 1 + 0 + 1 + 9409, sigma = 48.52; 100 lies 1.9994 sigma out.
    ([1, 2, 3, 4, 100], ccdfx.sigma_clip(low=3, high=1.999), 2.5, (0, 1)),
    ([1, 2, 3, 4, 100], ccdfx.sigma_clip(low=3, high=2), 22.0, (0, 0)),
    # First about the mean 3 of 2, 3, 4: the same sigma; then about 2.5 with sigma 1.29: nothing beyond.
    ([1, 2, 3, 4, 100], ccdfx.sigma_clip(low=3, high=1.999, center="mean"), 2.5, (0, 1)),
    # Deviations 2, 1, 0, 1, 97: their median is 1, sigma 1.4826; then 1.5, 0.5, 0.5, 1.5 about 2.5.
    ([1, 2, 3, 4, 100], ccdfx.mad_clip(low=3, high=3), 2.5, (0, 1)),
    ([1, 2, 3, 4, 100], ccdfx.mad_clip(low=3, high=3, keep=5), 22.0, (0, 0)),
    ([5, 5, 5, 5, 6], ccdfx.mad_clip(low=3, high=3), 5.2, (0, 0)),
    ([5, 5, 5, 5, 6], ccdfx.mad_clip(low=3, high=3, floor=0.1), 5.0, (0, 1)),
    # At the median 100: sigma = sqrt(5^2 / 2^2 + 100 / 2) = 7.5.
    ([100, 90, 110, 100, 123], ccdfx.ccd_clip(gain=2, readnoise=5), 100.0, (0, 1)),
    ([100, 90, 110, 100, 122], ccdfx.ccd_clip(gain=2, readnoise=5), 104.4, (0, 0)),
    ([100, 70, 110, 100, 90], ccdfx.ccd_clip(gain=2, readnoise=5, low=math.inf), 94.0, (0, 0)),
    ([100, 70, 110, 100, 123], ccdfx.cr_reject(gain=2, readnoise=5), 95.0, (0, 1)),
    # Half of 5 is 2: one step down from the median 3 lies 2, at a distance of 1; 97 and 2 are beyond or at 2.
    ([1, 2, 3, 4, 100], ccdfx.percentile_clip(rank=-0.5, low=3, high=3), 2.5, (0, 1)),
    ([1, 2, 3, 4, 100], ccdfx.percentile_clip(rank=-1, low=2, high=3), 3.0, (1, 1)),
    ([1, 2, 3, 4, 100], ccdfx.percentile_clip(rank=2, low=2, high=2), 22.0, (0, 0)),
    ([1, 2, 3, 4, 100], ccdfx.percentile_clip(rank=-1, low=2, high=3, keep=4), 2.5, (0, 1)),
]


@pytest.mark.parametrize(("values", "rule", "expected", "rejected"), TABLE)
def test_values_worked_out_by_hand(values, rule, expected, rejected):
    result = ccdfx.stack([np.full((1, 1), v, "f8") for v in values], reject=rule)
    assert result.value[0, 0] == pytest.approx(expected, rel=1e-12)
    assert (result.rejected_low[0, 0], result.rejected_high[0, 0]) == rejected
