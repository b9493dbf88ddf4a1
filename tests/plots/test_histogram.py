"""ccdfx.plots.histogram."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.records.image import Image


def counts(axes):
    return axes.patches[0].get_data().values


@pytest.mark.quick
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
    assert [text.get_text() for text in axes.texts] == ["no good pixels between the limits"]
    axes.figure.canvas.draw()


@pytest.mark.parametrize("value", [0.0, -7.0, 1e30, 65535])
def test_a_constant_image_has_one_full_bin(value):
    axes = plots.histogram(np.full((3, 4), value), bins=11)
    assert sorted(counts(axes))[-2:] == [0, 12]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32])
def test_integers_of_every_kind(dtype):
    array = np.array([[0, 1, 1], [100, 100, 100]], dtype)
    assert counts(plots.histogram(array, limits="minmax", bins=2)).tolist() == [3, 3]
    assert counts(plots.histogram(array, limits="minmax")).sum() == 6


def test_linear_and_logarithmic_numbers():
    assert plots.histogram(np.eye(3)).get_yscale() == "log"
    assert plots.histogram(np.eye(3), log=False).get_yscale() == "linear"


def test_the_unit_is_named():
    assert plots.histogram(Image(np.eye(3), header={"BUNIT": "adu"})).get_xlabel() == "value [adu]"


@pytest.mark.parametrize(
    "bins", [0, -1, 2.5, True, "many", [1.0], [1, 1], [3, 2], [1, np.nan], ["a", "b"], None]
)
def test_bad_numbers_of_bins_are_refused(bins):
    with pytest.raises(CcdfxError, match="bins"):
        plots.histogram(np.eye(3), bins=bins)


def test_limits_closer_than_numbers_go_are_refused():
    with pytest.raises(ArgumentError, match="limits"):
        plots.histogram(np.eye(3), limits=(1.0, np.nextafter(1.0, 2.0)), bins=8)


def test_edges_are_taken_as_they_are():
    axes = plots.histogram(np.array([[0.0, 1.0, 2.0, 9.0]]), bins=[0, 0.5, 3, 10])
    assert counts(axes).tolist() == [1, 2, 1] and axes.get_xlim() == (0, 10)


def test_automatic_bins_suit_the_number_of_values():
    rng = np.random.default_rng(1)
    few, many = rng.normal(size=(10, 10)), rng.normal(size=(500, 500))
    assert 10 <= len(counts(plots.histogram(few))) < len(counts(plots.histogram(many))) <= 1000


def test_automatic_bins_of_integers_hold_equally_many_levels():
    array = np.random.default_rng(1).poisson(3000, (300, 300)).astype(np.uint16)
    edges = plots.histogram(array, limits=(2700, 3300)).patches[0].get_data().edges
    assert np.unique(np.diff(edges)).size == 1 and np.diff(edges)[0] % 1 == 0 and edges[0] % 1 == 0.5
    levels = np.arange(400).reshape(20, 20)
    assert np.unique(counts(plots.histogram(levels, limits="minmax"))).size == 1


def test_outline_or_filled():
    assert plots.histogram(np.eye(3)).patches[0].get_fill()
    assert not plots.histogram(np.eye(3), step=True).patches[0].get_fill()


def test_lines_at_percentiles_of_all_good_pixels():
    array = np.arange(1001.0).reshape(7, 143)
    mask = np.zeros(array.shape, np.uint8)
    mask[-1] = 1
    image = Image(array, mask=mask)
    axes = plots.histogram(image, limits=(0, 10), marks=plots.Marks(percentiles=(1, 50)))
    lines = [line.get_xdata()[0] for line in axes.lines]
    assert lines == pytest.approx(np.percentile(array[:-1], [1, 50]))
    assert "50 %" in axes.get_legend().get_texts()[1].get_text()


def test_the_legend_says_which_percentiles_lie_beyond_the_axis():
    array = np.arange(1001.0).reshape(7, 143)
    axes = plots.histogram(array, limits=(0, 500), marks=plots.Marks(percentiles=(0, 50, 90)))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["0 %: 0", "50 %: 500", "90 %: 900 (beyond the axis)"]
    assert axes.get_xlim() == (0, 500)


def test_the_gaussian_is_that_of_the_core():
    rng = np.random.default_rng(4)
    array = rng.normal(100.0, 5.0, (400, 400))
    array[::10, ::10] += rng.exponential(500.0, (40, 40))  # stars
    axes = plots.histogram(array, bins=60, limits=(70, 130), marks=plots.Marks(gaussian=True))
    place, curve = axes.lines[0].get_data()
    assert place[curve.argmax()] == pytest.approx(100.0, abs=0.1)
    half = place[curve > curve.max() / 2]
    assert half[-1] - half[0] == pytest.approx(2.3548 * 5.0, rel=0.02)
    assert curve.max() == pytest.approx(counts(axes).max(), rel=0.03)


def test_a_gaussian_of_a_constant_image_is_left_out():
    assert not plots.histogram(np.full((4, 4), 3.0), marks=plots.Marks(gaussian=True)).lines


def test_limits_of_the_whole_frame():
    full = Image(np.arange(100.0).reshape(10, 10))
    part = full.select((2, 4, 2, 4))
    assert plots.histogram(part, limits="minmaxg", full=full).get_xlim() == (0.0, 99.0)
    assert plots.histogram(part, limits="minmax").get_xlim() == (22.0, 33.0)


@pytest.mark.parametrize("wrong", [(101,), (-1,), ("a",), 5])
def test_percentiles_that_are_none(wrong):
    with pytest.raises(CcdfxError, match="percentiles"):
        plots.Marks(percentiles=wrong)


def test_marks_are_a_record():
    with pytest.raises(CcdfxError, match="marks"):
        plots.histogram(np.eye(3), marks=True)
