"""Noise of cameras whose values are multiples of 16."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.noise import fit_noise
from ccdfx.records.image import Image


@pytest.mark.parametrize(
    ("readnoise", "least", "most"), [(24.0, 24.0, 25.0), (8.0, 8.4, 10.0), (1.0, 4.6, 4.7)]
)
def test_the_read_noise_holds_the_rounding(readnoise, least, most) -> None:
    rng, gain = np.random.default_rng(2), 0.25

    def frame(light):
        values = rng.poisson(np.full((128, 128), light * gain)) / gain + rng.normal(0, readnoise, (128, 128))
        return Image(np.rint((values + 480.0) / 16) * 16)

    biases = [frame(0.0) for _ in range(3)]
    flats = [frame(level) for level in (20000.0, 21000.0)]
    fit = fit_noise([flat.replace(array=flat.array - 480.0) for flat in flats], biases)
    assert (
        least <= fit.readnoise_adu <= most
    )  # of values that were not rounded `readnoise`, and 4.62 of the rounding
    assert fit.readnoise_adu_error > 0.01 and fit.gain == pytest.approx(gain, rel=0.1)
