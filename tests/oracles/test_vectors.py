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

import ccdfx

_SHARED = Path(os.environ.get("CCDFX_SHARED", Path(__file__).parents[3] / "shared"))
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


def unsupported(case) -> str | None:
    """The first feature of an imcombine case that `combine` does not have."""
    p, derived = case["params"], case["derived"]
    scaled = len(set(derived["scales"])) > 1 or len(set(derived["zeros"])) > 1
    reasons = {
        f"rule {p['reject']}": p["reject"] not in ("none", "minmax", "sigclip", "ccdclip", "crreject"),
        "lower median": p["combine"] == "lmedian",
        "grow": p["grow"] > 0 and p["reject"] != "none",
        "offsets": p["offsets"] is not None,
        "thresholds": p["lthreshold"] is not None or p["hthreshold"] is not None,
        "sigma scaling of scaled frames": p["reject"] == "sigclip" and derived["doscale1"],
        "noise that does not follow the scale": p["reject"] in ("ccdclip", "crreject")
        and scaled
        and not derived["doscale1"],
        "noise by frame": p["reject"] in ("ccdclip", "crreject")
        and any(isinstance(p[name], str) for name in ("rdnoise", "gain", "snoise")),
    }
    return next((reason for reason, present in reasons.items() if present), None)


def _rule(p):
    center = "median" if p["mclip"] else "mean"
    limits = {"low": p["lsigma"], "high": p["hsigma"], "center": center, "keep": p["nkeep"]}
    if p["reject"] == "minmax":
        return ccdfx.minmax(low=p["nlow"], high=p["nhigh"])
    if p["reject"] == "sigclip":
        return ccdfx.sigma_clip(**limits)
    if p["reject"] in ("ccdclip", "crreject"):
        if p["reject"] == "crreject":
            limits["low"] = math.inf
        return ccdfx.ccd_clip(gain=p["gain"], readnoise=p["rdnoise"], sensitivity=p["snoise"], **limits)
    return None


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
    if case["params"]["masktype"] == "none":
        return [ccdfx.Image(frame) for frame in frames]
    masks = stacks[case["stack"] + "_masks"]
    return [ccdfx.Image(f, mask=_mask(case["params"], m)) for f, m in zip(frames, masks, strict=True)]


@pytest.mark.parametrize("case", _cases("imcombine"))
def test_imcombine(case):
    reason = unsupported(case)
    if reason:
        pytest.skip(f"combine has no {reason}")
    p, derived = case["params"], case["derived"]
    frames = _frames(case)
    average = {"average": ccdfx.mean, "median": ccdfx.median, "sum": ccdfx.total}[p["combine"]]()
    weights = derived["weights"] if p["combine"] == "average" and p["weight"] != "none" else None
    result = ccdfx.stack(
        frames,
        average=average,
        reject=_rule(p),
        weights=weights,
        scale=derived["scales"],
        zero=derived["zeros"],
    )
    arrays = _arrays(case["file"])
    out, nrej, trusted, trusted_nrej = (
        arrays[case["id"] + suffix] for suffix in ("_out", "_nrej", "_trusted", "_trusted_nrej")
    )
    shape = (len(frames), 1, 1)
    values = np.stack([frame.array for frame in frames])
    largest = np.abs(
        values / np.reshape(derived["scales"], shape) - np.reshape(derived["zeros"], shape)
    ).max()
    tolerance = 2e-5 * np.maximum(1, abs(out)) + 2e-6 * largest
    mine = np.where(result.count > 0, result.value, p["blank"])
    assert (abs(mine - out) <= tolerance)[trusted].all()
    assert ((len(frames) - result.count) == nrej)[trusted_nrej].all()
    assert trusted.any()


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
]


@pytest.mark.parametrize(("values", "rule", "expected", "rejected"), TABLE)
def test_values_worked_out_by_hand(values, rule, expected, rejected):
    result = ccdfx.stack([np.full((1, 1), v, "f8") for v in values], reject=rule)
    assert result.value[0, 0] == pytest.approx(expected, rel=1e-12)
    assert (result.rejected_low[0, 0], result.rejected_high[0, 0]) == rejected
