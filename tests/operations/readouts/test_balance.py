"""Balance of readouts: what steps at their borders is found, also beside stars, and the level of the whole stays."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_readouts import Detector

from ccdfx import ArgumentError, balance, subtract_crosstalk


@pytest.mark.quick
def test_the_steps_are_taken_out() -> None:
    detector = Detector(4, 2, ny=60, nx=50)
    rng = np.random.default_rng(2)
    sky = rng.normal(400.0, 20.0, detector.shape)
    levels = rng.normal(0.0, 6.0, 8)
    for one, level in zip(detector.readouts, levels, strict=True):
        sky[one.place.slices] += level
    sky[rng.integers(0, 120, 60), rng.integers(0, 200, 60)] += 5e4
    done = balance(sky, readouts=detector.readouts)
    found = np.array([done.header[f"RDOFF{number}"] for number in range(1, 9)])
    assert np.abs(found - (levels - levels.mean())).max() < 4 * 20 * 1.25 / np.sqrt(50 * 50)
    assert done.array.mean() == pytest.approx(sky.mean(), abs=1e-9)
    with pytest.raises(ArgumentError, match="balanced before"):
        balance(done, readouts=detector.readouts)
    with pytest.raises(ArgumentError, match="place of readout A1: must lie inside the image"):
        balance(sky[:, :90], readouts=detector.readouts)


def test_what_no_other_touches_keeps_its_level() -> None:
    one, _, three, _ = Detector(4, 1, ny=40, nx=30).readouts
    sky = np.zeros((40, 120))
    sky[:, 60:90] = 7.0
    assert np.array_equal(balance(sky, readouts=[one, three]).array, sky)


@pytest.mark.quick
def test_crosstalk_of_what_is_saturated_is_flagged() -> None:
    from ccdfx import mask_saturated

    bright = mask_saturated([[65000.0, 10.0]], saturation=60000)
    _, faint = subtract_crosstalk([bright, [[70.0, 5.0]]], matrix=[[0, 0], [1e-3, 0]])
    assert faint.mask.tolist() == [[2, 0]] and faint.array[0].tolist() == pytest.approx([5.0, 4.99])
