"""Rejection rules as values: their options, what they refuse, and when they say that they can do nothing."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.rejection.builtin import REJECTIONS

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((rule.name, {"grow": grow}) for rule in REJECTIONS for grow in (-1, math.inf, "x", True)),
        ("relative_clip", {"low": 0}),
        ("mad_clip", {"iterations": 0}),
        ("mad_clip", {"center": "mode"}),
        ("percentile_clip", {"rank": 0}),
        ("percentile_clip", {"rank": 1.5}),
        ("percentile_clip", {"low": 0}),
        ("gesd", {"fraction": 1.0}),
        ("gesd", {"significance": 0}),
        ("gesd", {"keep": 1.5}),
        ("winsorized_clip", {"low": -1}),
        ("sample_clip", {"iterations": 0}),
        ("sample_clip", {"ddof": 2}),
        ("linear_fit_clip", {"high": math.nan}),
        ("cr_reject", {"gain": 0}),
        ("cr_reject", {"high": "x"}),
        ("variance_clip", {"center": "mode"}),
    ],
)
def test_options_that_are_nonsense(name, options):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError)):
        getattr(ccdfx, name)(**options)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("rule", "count", "told"),
    [
        (ccdfx.sigma_clip(), 2, "needs 3 frames or more"),
        (ccdfx.sigma_clip(), 10, "cannot reject anything with 10 frames"),
        (ccdfx.sigma_clip(), 11, ""),
        (ccdfx.sigma_clip(low=math.inf, high=1.9), 5, ""),
        (ccdfx.sigma_clip(low=math.inf, high=math.inf), 5, ""),
        (ccdfx.sample_clip(center="mean"), 10, "3 of its units out"),
        (ccdfx.sample_clip(ddof=1), 8, "cannot reject"),
        (ccdfx.sample_clip(ddof=1), 10, ""),
        (ccdfx.linear_fit_clip(), 10, "cannot reject"),
        (ccdfx.linear_fit_clip(), 11, ""),
        (ccdfx.mad_clip(), 2, "mad_clip rejects nothing.*ccd_clip"),
        (ccdfx.winsorized_clip(), 2, "needs 3"),
        (ccdfx.average_sigma_clip(), 2, "needs 3"),
        (ccdfx.percentile_clip(), 2, "needs 3"),
        (ccdfx.relative_clip(), 2, "needs 3"),
        (ccdfx.gesd(), 3, "needs 4.*greater fraction"),
        (ccdfx.ccd_clip(), 2, ""),
        (ccdfx.sigma_clip(), 1, ""),
        (ccdfx.default_rejection(), 2, ""),
    ],
)
def test_a_rule_that_can_do_nothing_says_so_once(rule, count, told):
    frames = [np.full((64, 5), 10.0 + i) for i in range(count)]
    if not told:
        ccdfx.combine(frames, reject=rule)
        return
    with pytest.warns(ccdfx.CcdfxWarning, match=told) as said:
        ccdfx.combine(frames, reject=rule)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (ccdfx.minmax, {"low": -1}),
        (ccdfx.minmax, {"low": 1.5}),
        (ccdfx.minmax, {"high": math.nan}),
        (ccdfx.sigma_clip, {"low": 0}),
        (ccdfx.sigma_clip, {"high": -3}),
        (ccdfx.sigma_clip, {"high": math.nan}),
        (ccdfx.sigma_clip, {"center": "mode"}),
        (ccdfx.sigma_clip, {"keep": 1.5}),
        (ccdfx.sigma_clip, {"low": "three"}),
        (ccdfx.sigma_clip, {"low": np.array([3.0, 4.0])}),
        (ccdfx.sigma_clip, {"scaled": 1}),
        (ccdfx.mad_clip, {"floor": -1.0}),
        (ccdfx.ccd_clip, {"gain": 0.0}),
        (ccdfx.ccd_clip, {"gain": -2.0}),
        (ccdfx.ccd_clip, {"gain": b"GAIN"}),
        (ccdfx.ccd_clip, {"readnoise": -1.0}),
        (ccdfx.ccd_clip, {"readnoise": math.inf}),
    ],
)
def test_rules_refuse_nonsense(make, options):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=next(iter(options))):
        make(**options)
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=next(iter(options))):
        make().configure(**options)


@pytest.mark.quick
def test_rules_are_values():
    rule = ccdfx.sigma_clip(low=2.5)
    assert pickle.loads(pickle.dumps(rule)) == rule != ccdfx.sigma_clip()
    assert rule.configure(high=9).parameters == {
        "low": 2.5, "high": 9.0, "center": "median", "keep": 0, "grow": 0.0, "scaled": False,
    }  # fmt: skip
    assert len({rule, ccdfx.sigma_clip(low=2.5)}) == 1
    with pytest.raises(TypeError):
        ccdfx.median().parameters["even"] = "lower"
    assert len({ccdfx.median(), ccdfx.median()}) == 1
    assert repr(ccdfx.minmax(low=np.int64(2), high=0.25)) == "minmax(low=2, high=0.25, grow=0.0)"
    assert ccdfx.ccd_clip(gain=np.array(2.0)) == ccdfx.ccd_clip(gain=2)
    with pytest.raises(TypeError):
        rule.parameters["low"] = 3
    with pytest.raises(ccdfx.ArgumentTypeError, match="did you mean 'low'"):
        rule.configure(lwo=3)


def test_rules_are_registered():
    from ccdfx import registry

    for name in ("minmax", "sigma_clip", "mad_clip", "ccd_clip"):
        assert registry.lookup("rejection", name).name == name
