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


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7, 9), (64, 64)])
@pytest.mark.parametrize("share", [0.0, 0.02, 1.0])
def test_counts_are_those_of_each_bit(shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(5)
    mask = rng.integers(0, 256, shape).astype(np.uint8) * (rng.random(shape) < share).astype(np.uint8)
    for view in (mask, mask.T, mask[::-1, ::2]):
        expected = {flag.name: int(np.count_nonzero(view & flag)) for flag in Flag}
        assert flag_counts(view) == {name: count for name, count in expected.items() if count}
