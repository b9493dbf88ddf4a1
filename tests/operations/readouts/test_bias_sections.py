"""Levels of readouts: from all bias sections beside the data, else from those above and below, with a fit if wanted."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import ArgumentError, OverscanFit, Range, Readout, subtract_overscan
from ccdfx.operations.readouts.bias_sections import readout_levels
from ccdfx.records.image import Image

DATA = Range(10, 40, 4, 44)
RAW = np.random.default_rng(1).normal(500.0, 4.0, (50, 50)) + np.arange(50)[:, None]
BESIDE = (Range(2, 10, 0, 50), Range(41, 50, 0, 50))


def readout(*bias: Range) -> Readout:
    return Readout(name="A", window=Range(0, 50, 0, 50), data=DATA, place=Range(0, 30, 0, 40), bias=bias)


@pytest.mark.quick
@pytest.mark.parametrize("fit", [None, OverscanFit(order=2)])
def test_the_levels_are_those_of_subtract_overscan(fit: OverscanFit | None) -> None:
    found = readout_levels(Image(RAW), readout(*BESIDE, Range(10, 40, 44, 50)), "clipped_mean", fit)
    rows = RAW[4:44]
    done = subtract_overscan(rows, overscan=[(2, 10, 0, 40), (41, 50, 0, 40)], fit=fit)
    assert found.rows
    np.testing.assert_allclose(rows[:, 0] - found.values, done.array[:, 0])
    np.testing.assert_allclose(found.variances, done.variance[:, 0])


def test_sections_above_are_used_where_there_is_none_beside() -> None:
    level = RAW - np.arange(50)[:, None]
    found = readout_levels(Image(level), readout(Range(0, 50, 0, 4), Range(10, 35, 44, 50)), "mean", None)
    assert not found.rows and found.values.shape == (30,)
    np.testing.assert_allclose(
        found.values[:25], np.concatenate([level[:4, 10:35], level[44:, 10:35]]).mean(axis=0)
    )
    np.testing.assert_allclose(found.values[25:], level[:4, 35:40].mean(axis=0))


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (
            (Range(2, 10, 0, 50), Range(5, 10, 0, 50)),
            "bias of readout A: must be sections that do not overlap",
        ),
        ((Range(2, 10, 44, 50),), "bias of readout A: must lie beside, above or below"),
        ((Range(2, 10, 9, 50),), "bias of readout A: must have a good pixel in every line, or a fit"),
    ],
)
def test_sections_that_tell_no_level_are_refused(bias: tuple[Range, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        readout_levels(Image(RAW), readout(*bias), "clipped_mean", None)
