"""Flats whose levels are proportional to their exposure times, and others."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import CcdfxError, MismatchError
from ccdfx.noise.proportionality import measure_proportionality


def flats(seed, *, nonlinearity=0.0, shutter=0.0, lamp=0.001, times=(2, 2, 2, 20, 20, 20)):
    """Levels up to 40,000 ADU; `nonlinearity` is the part lost at 65,000, `lamp` the scatter of the light."""
    rng = np.random.default_rng(seed)
    light = 2000 * (np.array(times) + shutter) * rng.normal(1, lamp, len(times))
    return light * (1 - nonlinearity * light / 65000), times


@pytest.mark.quick
def test_nonlinearity_is_seen_with_its_size():
    levels, times = flats(1, nonlinearity=0.04)
    found = measure_proportionality(levels, exposures=times)
    assert found.seen and found.deviation == pytest.approx(-0.04 * 36000 / 65000, abs=4 * found.error)
    assert found.exposures == (2.0, 20.0)


def test_a_shutter_that_is_late_is_seen_too():
    levels, times = flats(2, shutter=0.05)
    assert measure_proportionality(levels, exposures=times).seen


def test_a_linear_detector_under_a_steady_or_an_unsteady_lamp_is_not():
    for lamp in (0.0005, 0.002, 0.01, 0.05):
        seen = [
            measure_proportionality(*flats(seed, lamp=lamp)[:1], exposures=flats(0)[1]).seen
            for seed in range(200)
        ]
        assert np.mean(seen) <= 0.01, lamp  # 5 sigma of an error from four degrees of freedom


@pytest.mark.parametrize("times", [(), (5, 5, 5), (5, 5, 6), (2, 2, 20), (2, 20, 20)])
def test_it_cannot_be_measured_from_too_little(times):
    assert measure_proportionality([1000.0] * len(times), exposures=times) is None


def test_nonsense_is_refused():
    with pytest.raises(MismatchError, match="exposures"):
        measure_proportionality([1.0], exposures=[1.0, 2.0])
    with pytest.raises(CcdfxError, match="levels"):
        measure_proportionality([-1.0, 2.0], exposures=[1.0, 2.0])
