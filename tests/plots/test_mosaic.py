"""ccdfx.plots.mosaic: images in a grid."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import cutouts, plots
from ccdfx.errors import CcdfxError
from ccdfx.records.image import Image


def places(figure) -> list[tuple[int, int]]:
    """(row, column) of the images, in their order."""
    specs = [axes.get_subplotspec() for axes in figure.axes if axes.images]
    return [(spec.rowspan.start, spec.colspan.start) for spec in specs]


FIVE = [np.full((4, 5), float(level)) + np.eye(4, 5) for level in range(5)]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (None, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]),
        (1, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]),
        (5, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        (9, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        ([1, 0, 1, 1, 0], [(1, 0), (0, 0), (1, 1), (1, 2), (0, 1)]),
    ],
)
def test_rows(rows, expected):
    assert places(plots.mosaic(FIVE, rows=rows)) == expected


def test_each_its_own_interval_or_one_together():
    own = [axes.images[0].get_clim() for axes in plots.mosaic(FIVE, limits="minmax").axes]
    assert own == [(level, level + 1.0) for level in range(5)]
    for figure in (plots.mosaic(FIVE, limits="minmax", together=True), plots.mosaic(FIVE, limits="minmaxg")):
        assert {axes.images[0].get_clim() for axes in figure.axes} == {(0.0, 5.0)}


def test_titles_and_labels_of_rows():
    figure = plots.mosaic(FIVE, rows=[0, 0, 1, 1, 1], titles=list("abcde"), row_labels=["g", "$r"])
    assert [axes.get_title() for axes in figure.axes] == list("abcde")
    assert [axes.get_ylabel() for axes in figure.axes] == ["g", "", "$r", "", ""]
    figure.canvas.draw()


def test_ticks_only_when_wanted():
    assert not len(plots.mosaic(FIVE).axes[0].get_xticks())
    assert len(plots.mosaic(FIVE, ticks=True).axes[0].get_xticks())


def test_one_colour_bar_for_all_or_one_each():
    colours = plots.Colours(bar="counts")
    assert len(plots.mosaic(FIVE, colours=colours).axes) == 10
    figure = plots.mosaic(FIVE, colours=colours, together=True)
    assert len(figure.axes) == 6 and figure.axes[-1].get_ylabel() == "counts"


def test_the_current_pyplot_figure_is_left_alone_and_a_notebook_shows_it():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    assert plots.mosaic(FIVE)._repr_png_()[:4] == b"\x89PNG"
    assert pyplot.get_fignums() == before


def test_objects_of_two_images_in_two_lines():
    images = [Image(np.random.default_rng(k).normal(size=(50, 60))) for k in range(2)]
    parts = [
        cutouts(im, positions=[xy], size=2 * r + 1)[0]
        for im, xy, r in zip(images, [(9, 9), (40, 2)], [5, 8], strict=True)
    ]
    figure = plots.mosaic(parts, titles=["one", "two"], scaling="log")
    assert [axes.images[0].get_array().shape for axes in figure.axes] == [(11, 11), (17, 17)]
    assert np.ma.is_masked(figure.axes[1].images[0].get_array())  # beyond the edge


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0}, {"rows": [0, 1]}, {"rows": [0, 0, 0, 0, 9]}, {"rows": "two"}, {"rows": [-1] * 5},
        {"titles": ["a"]}, {"titles": "abcde"}, {"row_labels": ["a"]}, {"limits": "best"}, {"scaling": "x"},
    ],
)  # fmt: skip
def test_options_that_are_none(wrong):
    with pytest.raises(CcdfxError, match="; "):
        plots.mosaic(FIVE, **wrong)


@pytest.mark.parametrize("images", [[], None, np.eye(3), "frame.fits"])
def test_things_that_are_no_images(images):
    with pytest.raises(CcdfxError, match="images"):
        plots.mosaic(images)
