"""What is measured of raw frames: with the truth that was put into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.raw.levels import calibration_facts, overscan_facts
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range


@pytest.mark.quick
def test_level_noise_outliers_and_saturation_are_those_of_the_truth():
    rng = np.random.default_rng(3)
    raw = np.rint(rng.normal(1000.4, 4.0, (600, 640))).astype(np.float32)
    raw[:, :600] += 20.0 + 30.0 * np.sin(np.arange(600) / 150.0)  # a structure that is no noise
    mask = np.zeros(raw.shape, np.uint8)
    mask[5, 5:9] = int(Flag.SATURATED)
    raw[300, :60] = 9000.0  # cosmic rays
    frame = Frame(
        path=Path("b.fits"), file="b.fits", overscan=Range(600, 640, 0, 600), data=Range(0, 600, 0, 600)
    )
    image = Image(raw[:, :600] - 1000.0)
    found = calibration_facts(
        frame, Image(raw, mask=mask), image, image, level=20.0, middle=21.0, scatter=22.0
    )
    assert found["file"] == "b.fits" and found["level"] == 20.0
    assert found["overscan"] == pytest.approx(1000.4, abs=0.1)  # not the 1000 of a median
    assert found["noise"] == pytest.approx(4.0, rel=0.05)
    assert found["outliers"] == pytest.approx(60 / 600**2)
    assert found["saturated"] == 4


def test_a_frame_without_overscan_tells_none_and_a_constant_no_outliers():
    frame = Frame(path=Path("b.fits"), file="b.fits")
    image = Image(np.full((64, 64), 7.0, np.float32))
    assert overscan_facts(image, frame) == {"overscan": None}
    assert (
        calibration_facts(frame, image, image, image, level=7.0, middle=7.0, scatter=0.0)["outliers"] is None
    )
