"""Strips that see no light."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.night.cameras.unlit import unlit_strips


@pytest.mark.quick
def test_strips_between_amplifiers_and_at_edges_are_told_and_defects_are_not() -> None:
    response = np.random.default_rng(1).normal(1.0, 0.02, (60, 80))
    assert unlit_strips(response, 0.1) is None
    response[:, 20:23] = 0.0  # three dead columns
    response[10:30, 50:70] = 0.0  # a spot of dust
    assert unlit_strips(response, 0.1) is None
    response[:, 36:44] = 0.0
    response[56:] = 0.01
    assert unlit_strips(response, 0.1) == "columns 37 to 44, rows 57 to 60"
    assert unlit_strips(np.zeros((8, 8)), 0.1) is None
