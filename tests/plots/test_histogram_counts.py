"""ccdfx.plots.histogram_counts: a histogram as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.records.image import Image


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("bins", ["auto", 100, (300.0, 310.0, 320.5, 400.0)])
def test_counts_are_those_of_numpy_and_what_is_drawn(dtype, bins):
    rng = np.random.default_rng(3)
    array = rng.normal(320, 15, (300, 300)).astype(dtype)
    mask = (rng.random(array.shape) < 0.1).astype(np.uint8)
    found = plots.histogram_counts(Image(array, mask=mask), bins=bins)
    expected = np.histogram(array[mask == 0].astype(float), bins=found.edges)[0]
    assert found.counts.tolist() == expected.tolist()
    drawn = plots.histogram(Image(array, mask=mask), bins=bins).patches[0].get_data()
    assert drawn.values.tolist() == expected.tolist()
    assert drawn.edges.tolist() == found.edges.tolist()


def test_an_image_without_good_pixels_has_counts_of_zero():
    assert not plots.histogram_counts(np.full((5, 5), np.nan)).counts.any()
