"""Numbers that users give."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from ccdfx import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import real, whole


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
