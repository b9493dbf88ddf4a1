"""Bias levels that drift while the overscan does not follow them."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.night.cameras.level_drifts import half_fault, half_samples
from ccdfx.records.image import Image


@pytest.mark.quick
@pytest.mark.parametrize(("drift", "said"), [(12.0, "the left half drifts by"), (0.5, "")])
def test_an_amplifier_whose_overscan_no_card_tells_is_said(drift: float, said: str) -> None:
    """Frames of two amplifiers with a read noise of 4 ADU, of which the overscan is that of the right one."""
    rng = np.random.default_rng(1)
    frames = [rng.normal(0.0, 4.0, (40, 64)) for _ in range(5)]
    for frame, level in zip(frames, (-1.0, 0.3, 1.0, -0.6, 0.3), strict=True):
        frame[:, :32] += 180.0 + drift * level
    (text,) = half_fault([half_samples(Image(frame)) for frame in frames]) or [""]
    assert (said in text) if said else not text
