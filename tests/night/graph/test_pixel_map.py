"""The picture of bad pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from ccdfx.night.graph.pixel_map import draw_bad_pixels
from ccdfx.records.image import Image


@pytest.mark.quick
def test_a_single_bad_pixel_of_a_large_frame_is_seen():
    bad = np.zeros((1000, 700), np.uint8)
    bad[900, 350] = 1
    drawn = np.array(Picture.open(io.BytesIO(draw_bad_pixels(Image(bad), size=100))).convert("RGB"))
    assert drawn.shape == (100, 70, 3)
    coloured = np.argwhere((drawn != 255).any(axis=2))
    assert coloured.tolist() == [[9, 35]]  # the first row is at the bottom


def test_nothing_bad_is_white():
    drawn = np.array(Picture.open(io.BytesIO(draw_bad_pixels(Image(np.zeros((30, 40), np.uint8)), size=50))))
    assert drawn.shape == (30, 40) and np.ptp(drawn) == 0
