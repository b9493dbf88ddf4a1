"""ccdfx.kernels.sources.maxima: centroids of sources much narrower and much wider than their windows."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.sources.maxima import windowed


@pytest.mark.quick
@pytest.mark.parametrize("window", [0.8, 1.0, 3.0, 7.0])
def test_centroids_converge_whatever_the_width_of_the_window(window):
    y, x = np.mgrid[:121, :121].astype(float)
    sigma, place = 2.0, (60.37, 59.74)
    star = np.exp(-((x - place[0]) ** 2 / (2 * sigma**2)) - (y - place[1]) ** 2 / (2 * (1.3 * sigma) ** 2))
    width = window * sigma
    found = windowed(star.astype(np.float32), 60.0, 60.0, width, 3 * width, 0.0, 12)
    assert found[:2] == pytest.approx(place, abs=2e-3)
    assert found[7] < 1e-3  # the last step
    shown = [1 / (1 / v**2 + 1 / width**2) for v in (sigma, 1.3 * sigma)]
    assert found[4:6] == pytest.approx(shown, rel=0.03)
