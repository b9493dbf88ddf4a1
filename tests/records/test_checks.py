"""Numbers that users give, words where a choice is to be made, and what is none."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, ArgumentTypeError, CcdfxError, Image, placed
from ccdfx.records.checks import boolean, one_of, real, whole


@pytest.mark.quick
@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int16(2), np.array(2.0), Fraction(4, 2)])
def test_every_kind_of_number_is_a_float(value: object) -> None:
    assert type(real("gain", value, above=0)) is float and real("gain", value) == 2.0


@pytest.mark.quick
@pytest.mark.parametrize("value", [True, np.True_, "2", None, 2j, [2], np.array([2.0])])
def test_what_is_no_number_is_a_type_error(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"gain: must be a number .*; give e-/ADU"):
        real("gain", value, remedy="give e-/ADU")
    with pytest.raises(ArgumentTypeError, match="count: must be a whole number"):
        whole("count", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), 10**400])
def test_what_is_not_finite_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="gain: must be finite "):
        real("gain", value)


def test_bounds() -> None:
    assert real("x", 0, least=0) == 0.0 and whole("n", np.uint8(3), least=3) == 3
    with pytest.raises(ArgumentError, match="must be finite and above 0 "):
        real("x", 0, above=0)
    with pytest.raises(ArgumentError, match="must be finite and at least 0 "):
        real("x", -1e-9, least=0)
    with pytest.raises(ArgumentError, match="must be at least 3 "):
        whole("n", 2, least=3)


def test_a_float_is_not_whole() -> None:
    with pytest.raises(ArgumentTypeError):
        whole("n", 3.0)


IMAGE = Image(np.eye(8), variance=np.ones((8, 8)))


@pytest.mark.parametrize(
    "call",
    [
        lambda word: one_of("axis", word, ("rows", "columns")), lambda word: boolean("sampled", word),
        lambda word: ccdfx.shift(IMAGE, dx=0.5, dy=0, kernel=word), lambda word: ccdfx.align([IMAGE], by=word),
        lambda word: ccdfx.match_stars(np.eye(2), reference=np.eye(2), model=word),
        lambda word: ccdfx.find_outliers(IMAGE, unit=word), lambda word: ccdfx.find_sigma(IMAGE, masked=word),
        lambda word: ccdfx.clip_outliers(IMAGE, unit=word), lambda word: ccdfx.similarity(flip=word),
        lambda word: ccdfx.uniform_noise(0.0, 1.0).configure(fraction=word),
        lambda word: ccdfx.find_outliers(IMAGE, low=word, unit="value"), lambda word: ccdfx.median(even=word),
        lambda word: ccdfx.subtract_overscan(IMAGE, overscan=(0, 2, 0, 8), axis=word),
        lambda word: ccdfx.subtract_overscan(IMAGE, overscan=(0, 2, 0, 8), statistic=word),
        lambda word: ccdfx.OverscanFit(function=word), lambda word: placed([(0, 0)], extent=word),
        lambda word: ccdfx.mask_cosmic_rays(IMAGE, medians=word), lambda word: ccdfx.sample_clip(ddof=word),
        lambda word: ccdfx.sigma_clip(center=word), lambda word: ccdfx.sigma_clip(scaled=word),
        lambda word: ccdfx.cutouts(IMAGE, positions=[(1, 1)], size=word),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "word", ["nonsense", np.array([1, 2, 3]), np.eye(2), [[1, 2], [3]], {}, 1e300], ids=repr
)
def test_what_is_no_word_is_a_typed_error(call, word) -> None:
    with pytest.raises(CcdfxError, match="; "):
        call(word)
