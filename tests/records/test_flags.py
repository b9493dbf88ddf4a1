"""The bits of a mask."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Flag, flag_counts


@pytest.mark.quick
def test_every_bit_is_used_once() -> None:
    assert sum(int(flag) for flag in Flag) == 255 and len(Flag) == 8


def test_counts_of_combined_bits() -> None:
    mask = np.array([[0, 3], [2, 128]], np.uint8)
    assert flag_counts(mask) == {"BAD_PIXEL": 1, "NONLINEAR": 2, "USER_2": 1}
    assert flag_counts(None) == {}
