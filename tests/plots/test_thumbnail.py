"""ccdfx.plots.thumbnail: a small grey picture of an image."""

from __future__ import annotations

import io

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.errors import CcdfxError
from ccdfx.records.image import Image


def pixels(png: bytes) -> np.ndarray:
    """The picture as 8-bit RGB, first row at the top."""
    from matplotlib.image import imread

    return np.rint(imread(io.BytesIO(png))[:, :, :3] * 255).astype(int)


def test_thumbnail_is_upside_down_grey_and_small():
    array = np.repeat(np.arange(600.0)[:, None], 401, axis=1)
    shown = pixels(plots.thumbnail(array, size=300, limits="minmax"))
    assert shown.shape == (300, 201, 3)
    assert (shown == shown[:, :1, :1]).all()
    assert shown[0, 0, 0] == 255
    assert shown[-1, 0, 0] == 0


def test_small_images_are_not_enlarged():
    assert pixels(plots.thumbnail(np.eye(7), size=300)).shape == (7, 7, 3)


@pytest.mark.quick
def test_thumbnail_averages_the_good_pixels_of_a_block_only():
    array = np.full((4, 4), 10.0)
    array[0, 0] = 1e6
    array[3, 3] = 20.0
    mask = np.zeros((4, 4), np.uint8)
    mask[0, 0] = 1  # one of four: the block shows its other pixels
    mask[2:, 0] = 1  # half a block: masked
    shown = pixels(plots.thumbnail(Image(array, mask=mask), size=2, limits=(0, 20)))
    assert shown[1, 0].tolist() == pytest.approx([128] * 3, abs=1)
    assert shown[0, 0].tolist() == colour()
    assert shown[0, 1].tolist() == pytest.approx([159] * 3, abs=1)  # (3 x 10 + 20) / 4 of 20


def test_thumbnail_of_an_image_without_good_pixels():
    shown = pixels(plots.thumbnail(np.full((6, 5), np.nan)))
    assert (shown == colour()).all()


def test_the_same_image_gives_the_same_bytes():
    array = np.random.default_rng(3).normal(size=(70, 80))
    assert plots.thumbnail(array, size=30) == plots.thumbnail(array, size=30)


@pytest.mark.parametrize("size", [0, -3, 2.5, True, "big"])
def test_bad_sizes_are_refused(size):
    with pytest.raises(CcdfxError, match="size"):
        plots.thumbnail(np.eye(3), size=size)


def colour() -> list[int]:
    return [int(plots.MASKED_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]
