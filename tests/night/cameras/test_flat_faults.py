"""What is wrong with a master flat."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.night.cameras.flat_faults import flat_faults, stars_of, unlit_strips
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image


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


@pytest.mark.quick
def test_stars_of_the_twilight_are_told_and_bright_pixels_and_rings_of_dust_are_not() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:120, :120]
    flat = rng.normal(1.0, 0.004, (120, 120)) * (1 + 0.1 * ((x - 60) / 60) ** 2)
    flat.reshape(-1)[rng.integers(0, flat.size, 40)] *= 1.3
    for a, b in rng.uniform(20, 100, (6, 2)):
        flat -= 0.05 * (np.abs(np.hypot(x - a, y - b) - 9) < 2)
    assert flat_faults(Image(flat), 0.1) == []
    for a, b in rng.uniform(10, 110, (9, 2)):
        flat += 0.05 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.6**2))
    assert stars_of(Image(flat)).max() == pytest.approx(0.05, abs=0.015)
    (said,) = flat_faults(Image(flat), 0.1)
    assert "stars stand in it" in said


@pytest.mark.quick
def test_the_gap_between_chips_is_no_overscan() -> None:
    flat = np.random.default_rng(3).normal(1.0, 0.01, (40, 60))
    flat[:, 28:34] = 0.0
    gap = np.where(flat == 0, np.uint8(Flag.NO_DATA), np.uint8(0))
    assert flat_faults(Image(flat, mask=gap), 0.1) == []
    assert "columns 29 to 34 see no light" in flat_faults(Image(flat), 0.1)[0]
