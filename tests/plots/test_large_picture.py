"""Large pictures: what is seen of an image that is reduced, and of its flags."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from ccdfx.plots.large_picture import FLAG_COLOURS, draw_flags, draw_large
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image


def opened(picture: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(picture))


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(40, 60), (401, 333), (90, 2000)])
def test_pictures_are_of_one_size_and_the_first_row_is_below(shape):
    array = np.zeros(shape, np.float32)
    array[: shape[0] // 2] = 100.0
    array += np.random.default_rng(1).normal(0, 1, shape)
    mask = np.zeros(shape, np.uint8)
    mask[0, 0] = int(Flag.COSMIC_RAY)
    image = Image(array, mask=mask)
    grey, flags = opened(draw_large(image, size=100)), opened(draw_flags(image, size=100))
    assert grey.size == flags.size and max(grey.size) <= 100 and grey.mode == "L"
    shown = np.asarray(grey).astype(float)
    assert shown[-1].mean() > shown[0].mean() + 50
    colours = np.asarray(flags.convert("RGBA"))
    seen = np.argwhere(colours[..., 3] > 0)
    assert seen.tolist() == [[colours.shape[0] - 1, 0]]  # one pixel, below on the left
    assert colours[-1, 0, :3].tobytes().hex() == FLAG_COLOURS[Flag.COSMIC_RAY][1:]


def test_of_several_flags_the_most_telling_is_drawn():
    mask = np.full((4, 4), int(Flag.NO_DATA | Flag.SATURATED), np.uint8)
    picture = opened(draw_flags(Image(np.ones((4, 4)), mask=mask))).convert("RGB")
    assert np.asarray(picture)[0, 0].tobytes().hex() == FLAG_COLOURS[Flag.SATURATED][1:]


def test_the_means_are_those_of_blocks():
    ramp = np.add.outer(np.arange(400.0), np.arange(400.0))
    shown = np.asarray(opened(draw_large(ramp, size=100))).astype(float)
    assert np.all(np.diff(shown.mean(axis=0)) > 0) and np.all(np.diff(shown.mean(axis=1)) < 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38, -3e38], ids=str)
def test_values_that_are_none_or_huge_are_no_failure(value):
    array = np.random.default_rng(2).normal(100, 5, (60, 60)).astype(np.float32)
    array[3, 3] = value
    assert opened(draw_large(array)).size == (60, 60)
    assert opened(draw_large(np.full((8, 8), value, np.float32))).size == (8, 8)


def test_an_image_without_flags_has_no_picture_of_them():
    assert draw_flags(Image(np.ones((8, 8)), mask=np.zeros((8, 8), np.uint8))) is None
