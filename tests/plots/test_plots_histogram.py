"""ccdfx.plots.histogram."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.records.image import Image


def counts(axes):
    return axes.patches[0].get_data().values


def test_every_good_pixel_within_the_limits_is_counted_once():
    array = np.random.default_rng(5).normal(size=(40, 50)).astype(np.float32)
    assert counts(plots.histogram(array, limits="minmax")).sum() == array.size
    inside = ((array >= -1) & (array <= 1)).sum()
    assert counts(plots.histogram(array, limits=(-1, 1), bins=7)).sum() == inside


def test_masked_and_not_finite_pixels_are_not_counted():
    array = np.array([[1.0, 2.0, np.nan], [np.inf, 3.0, 4.0]])
    image = Image(array, mask=np.array([[1, 0, 0], [0, 0, 0]], np.uint8))
    assert counts(plots.histogram(image, limits=(0, 5), bins=5)).tolist() == [0, 0, 1, 1, 1]


def test_an_image_without_good_pixels_says_so():
    axes = plots.histogram(np.full((3, 3), np.nan))
    assert [text.get_text() for text in axes.texts] == ["no good pixels"]
    axes.figure.canvas.draw()


@pytest.mark.parametrize("value", [0.0, -7.0, 1e30, 65535])
def test_a_constant_image_has_one_full_bin(value):
    axes = plots.histogram(np.full((3, 4), value), bins=11)
    assert sorted(counts(axes))[-2:] == [0, 12]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32])
def test_integers_of_every_kind(dtype):
    array = np.array([[0, 1, 1], [100, 100, 100]], dtype)
    assert counts(plots.histogram(array, limits="minmax", bins=2)).tolist() == [3, 3]


def test_linear_and_logarithmic_numbers():
    assert plots.histogram(np.eye(3)).get_yscale() == "log"
    assert plots.histogram(np.eye(3), log=False).get_yscale() == "linear"


def test_the_unit_is_named():
    assert plots.histogram(Image(np.eye(3), header={"BUNIT": "adu"})).get_xlabel() == "value [adu]"


@pytest.mark.parametrize("bins", [0, -1, 2.5, True, "auto"])
def test_bad_numbers_of_bins_are_refused(bins):
    with pytest.raises(CcdfxError, match="bins"):
        plots.histogram(np.eye(3), bins=bins)


def test_limits_closer_than_numbers_go_are_refused():
    with pytest.raises(ArgumentError, match="limits"):
        plots.histogram(np.eye(3), limits=(1.0, np.nextafter(1.0, 2.0)))
