"""Cosmic rays among bent lines of the sky and the trace of a star."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.night.settings.choices import CosmicRayChoice
from ccdfx.night.spectra.rays import without_spectral_rays
from ccdfx.records.image import Image


@pytest.mark.quick
@pytest.mark.parametrize("dispersion", ["rows", "columns"])
def test_rays_are_found_and_neither_lines_nor_traces(dispersion):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:240, :320]
    bend = 3 * ((y - 120) / 120) ** 2 + (y - 120) / 60
    light = 80 + sum(3000 * np.exp(-(((x - place - bend) / 1.1) ** 2) / 2) for place in range(10, 320, 23))
    light += 3000 * np.exp(-(((y - 90 - x / 160) / 1.3) ** 2) / 2)
    rays = np.zeros(light.shape, bool)
    rays[rng.integers(5, 235, 60), rng.integers(5, 315, 60)] = True
    rays[1:] |= rays[:-1]
    array = rng.poisson(light) + rng.normal(0, 5, light.shape) + 2000 * rays
    planes = [
        np.ascontiguousarray(one if dispersion == "rows" else one.T)
        for one in (array, light + 25 + 2000 * rays)
    ]
    image = Image(planes[0].astype(np.float32), variance=planes[1].astype(np.float32))
    found = without_spectral_rays(image, dispersion=dispersion, options=CosmicRayChoice().options)
    flagged = found.mask != 0 if dispersion == "rows" else found.mask.T != 0
    assert flagged[rays].mean() > 0.98 and flagged[~rays].mean() < 1e-3
    assert np.array_equal(found.array, image.array)
