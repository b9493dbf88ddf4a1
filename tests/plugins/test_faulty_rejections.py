"""Rejection rules that are wrong in every way we know: each breaks the law that names its fault."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from faults import assert_words, caught

import ccdfx
from ccdfx import Arrangement, Rejection
from ccdfx.testing import check_rejection


@numba.njit(nogil=True)
def keep_all_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]


@numba.njit(nogil=True)
def above_a_level_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]
        while high[i] > 0 and lanes[high[i] - 1, i] > parameters[0]:
            high[i] -= 1


@numba.njit(nogil=True)
def first_frame_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i], high[i] = 0, counts[i]
        if counts[i] > 1 and frames[counts[i] - 1, i] == 0:
            high[i] -= 1


def rule_of(arrange: Callable[..., Arrangement], **parameters: Any) -> Rejection:
    def factory(**options: Any) -> Rejection:
        return Rejection("bad", factory, arrange, options)

    return factory(**parameters)


def _coin(parameters: Any, facts: Any) -> Arrangement:
    return Arrangement(above_a_level_rule, (random.choice((-1.0, 1e9)),))


def _slow(parameters: Any, facts: Any) -> Arrangement:
    time.sleep(0.05)
    return Arrangement(keep_all_rule)


REJECTIONS = {
    "level": (lambda p, f: Arrangement(above_a_level_rule, (500.0,)),
              "a constant shifts the result and leaves the rejected set", "a constant on all frames makes the count"),
    "order": (lambda p, f: Arrangement(first_frame_rule, ordered=True),
              "the order of the frames does not matter", "another order makes the"),
    "raises": (lambda p, f: Arrangement(keep_all_rule, (1 / 0,)), "equal frames are reproduced", "ZeroDivisionError"),
    "counts": (lambda p, f: Arrangement(above_a_level_rule, (1e9 if f.count % 2 else -1.0,)),
               "a frame masked everywhere equals a frame left out", "a frame that is masked everywhere makes the"),
    "integers": (lambda p, f: Arrangement(above_a_level_rule, (-1.0 if f.integers else 1e9,)),
                 "whole numbers are numbers", "uint16 in the place of float64 makes the count"),
    "dice": (_coin, "the same frames give the same result", "two runs makes the|does not do the same twice"),
    "slow": (_slow, "it is fast", "for 5 frames of 256 x 256 pixels"),
    "pickle": (_slow, "it can be pickled", "no lambda"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REJECTIONS)
def test_a_faulty_rejection_is_caught(fault: str) -> None:
    arrange, law, words = REJECTIONS[fault]
    rule = rule_of(arrange)
    for kind in ("f4", "f8"):  # compiles, which may take longer than the search for an example
        with contextlib.suppress(ccdfx.PluginError):
            ccdfx.stack([np.ones((2, 3), kind)] * 3, reject=rule)
    error = caught(check_rejection, rule, law, seconds=0.02 if fault == "slow" else 0.5)
    assert_words(error, words)


@pytest.mark.quick
def test_limits_that_still_reject_at_infinity_are_caught() -> None:
    rule = rule_of(lambda p, f: Arrangement(above_a_level_rule, (0.0,)), low=3.0, high=3.0)
    assert_words(caught(check_rejection, rule, "infinite limits reject nothing"), "rejects")
    unchecked = rule_of(lambda p, f: Arrangement(above_a_level_rule, (p["high"],)), high=3.0)
    words = "high=.*(was accepted silently|is no CcdfxError)"
    assert_words(caught(check_rejection, unchecked, "nonsense in an option is a typed error"), words)
