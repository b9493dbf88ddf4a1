"""ccdfx.plots.image, display_limits and thumbnail."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx import plots
from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.records.image import Image


def pixels(png: bytes) -> np.ndarray:
    """The picture as 8-bit RGB, first row at the top."""
    from matplotlib.image import imread

    return np.rint(imread(io.BytesIO(png))[:, :, :3] * 255).astype(int)


def colour() -> list[int]:
    return [int(plots.MASKED_COLOUR[i : i + 2], 16) for i in (1, 3, 5)]


def test_the_current_pyplot_figure_is_left_alone():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    axes = plots.image(np.eye(5), colorbar=True, title="eye")
    plots.histogram(np.eye(5))
    assert pyplot.get_fignums() == before
    assert axes.figure.canvas.print_png  # it can be saved all the same


def test_given_axes_are_drawn_on():
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert plots.image(np.eye(3), ax=axes) is axes
    assert plots.histogram(np.eye(3), ax=axes) is axes


def test_first_row_is_at_the_bottom_and_pixel_centres_are_whole_numbers():
    axes = plots.image(np.arange(6.0).reshape(2, 3))
    assert axes.images[0].get_extent() == [-0.5, 2.5, -0.5, 1.5]
    assert axes.get_ylim()[0] < axes.get_ylim()[1]


def test_masked_and_not_finite_pixels_have_their_own_colour():
    array = np.arange(12.0).reshape(3, 4)
    array[0, 0] = np.nan
    array[0, 1] = np.inf
    image = Image(array, mask=np.eye(3, 4, k=2, dtype=np.uint8))
    shown = plots.image(image, limits=(0, 11)).images[0]
    drawn = np.rint(np.asarray(shown.to_rgba(shown.get_array(), bytes=True))[:, :, :3]).astype(int)
    masked = (drawn == colour()).all(axis=2)
    assert masked.tolist() == (~image.good | ~np.isfinite(array)).tolist()


def test_titles_are_not_read_as_mathematics():
    axes = plots.image(np.eye(3), title="$\\frac{1$")
    axes.figure.canvas.draw()
    assert axes.get_title() == "$\\frac{1$"


def test_colour_bar_says_the_unit():
    axes = plots.image(Image(np.eye(3), header={"BUNIT": "electron"}), colorbar=True)
    assert [other.get_ylabel() for other in axes.figure.axes if other is not axes] == ["electron"]


@pytest.mark.parametrize("limits", ["zscale", "robust", "percentile", "minmax"])
def test_every_name_of_limits_holds_the_middle_of_the_values(limits):
    values = np.random.default_rng(1).normal(100.0, 5.0, (90, 110))
    low, high = plots.display_limits(values, limits=limits)
    assert low < np.percentile(values, 30) < np.percentile(values, 70) < high


def test_limits_do_not_see_masked_pixels():
    array = np.random.default_rng(1).normal(100.0, 5.0, (50, 50))
    mask = np.zeros((50, 50), np.uint8)
    mask[10], array[10] = 1, 1e9
    for limits in ("zscale", "robust", "percentile", "minmax"):
        assert plots.display_limits(Image(array, mask=mask), limits=limits)[1] < 200


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    ),
    st.sampled_from(["zscale", "robust", "percentile", "minmax"]),
)
def test_limits_are_always_an_interval(array, limits):
    low, high = plots.display_limits(array, limits=limits)
    assert np.isfinite(low)
    assert np.isfinite(high)
    assert low < high
    assert plots.thumbnail(array, size=4, limits=limits)[:4] == b"\x89PNG"
    assert plots.histogram(array, limits=limits).get_xlim() == (low, high)


@pytest.mark.parametrize("limits", ["best", (3, 1), (1, 1), (np.nan, 2), (0, np.inf)])
def test_bad_limits_are_refused(limits):
    with pytest.raises(ArgumentError, match="limits"):
        plots.image(np.eye(3), limits=limits)


@pytest.mark.parametrize("limits", [(1, 2, 3), 5, ("a", "b"), None])
def test_limits_that_are_no_pair_are_refused(limits):
    with pytest.raises(ArgumentTypeError, match="limits"):
        plots.image(np.eye(3), limits=limits)


def test_unknown_colour_map_is_refused():
    with pytest.raises(ArgumentError, match="cmap"):
        plots.image(np.eye(3), cmap="greyish")


def test_thumbnail_is_upside_down_grey_and_small():
    array = np.repeat(np.arange(600.0)[:, None], 401, axis=1)
    shown = pixels(plots.thumbnail(array, size=300, limits="minmax"))
    assert shown.shape == (300, 201, 3)
    assert (shown == shown[:, :1, :1]).all()
    assert shown[0, 0, 0] == 255
    assert shown[-1, 0, 0] == 0


def test_small_images_are_not_enlarged():
    assert pixels(plots.thumbnail(np.eye(7), size=300)).shape == (7, 7, 3)


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


def test_nothing_changes_its_input():
    array = np.arange(30.0).reshape(5, 6)
    kept = array.copy()
    plots.image(array)
    plots.histogram(array)
    plots.thumbnail(array, size=2)
    assert (array == kept).all()
