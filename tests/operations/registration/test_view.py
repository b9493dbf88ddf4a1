"""What registration knows of an image: tables that were measured before, and files read on demand."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import ArgumentError, Flag, Image, find_sources, write
from ccdfx.io import open_source
from ccdfx.operations.registration.view import View, viewed


def field() -> Image:
    rng = np.random.default_rng(64)
    y, x = np.mgrid[:100, :120]
    places = rng.uniform(20, 80, (6, 2))
    return Image(
        rng.normal(50, 1, x.shape) + sum(200 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 5) for a, b in places)
    )


@pytest.mark.quick
def test_a_table_takes_the_place_of_a_measurement(tmp_path) -> None:
    image = field()
    table = find_sources(image)
    assert np.array_equal(View(image).stars.places, View(image, table).stars.places)
    write(image, tmp_path / "a.fits")
    with open_source(tmp_path / "a.fits") as source:
        view = View(source, table)
        assert view.shape == (100, 120) and len(view.stars.snr) == len(table)
        assert "image" not in vars(view)  # nothing was read
        assert np.array_equal(view.image.array, image.array)
        view.drop_pixels()
        assert "image" not in vars(view) and "stars" in vars(view)


def test_there_is_a_table_for_each_image() -> None:
    assert len(viewed([field()] * 2, [None, [(1, 2)]])) == 2
    with pytest.raises(ArgumentError, match="stars: must be one table for each of the 2 images"):
        viewed([field()] * 2, [None])


@pytest.mark.quick
def test_stars_are_hidden_by_saturation_and_by_large_masked_areas_only() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10, 10], mask[10, 30], mask[25:, :25] = Flag.SATURATED, Flag.BAD_PIXEL, Flag.NO_DATA
    view = View(Image(np.zeros(mask.shape), mask=mask))
    places = np.array([(10, 10), (12, 10), (14, 10), (30, 10), (10, 35), (45, 35), (70, 35)], float)
    assert view.hidden(places, 3.0).tolist() == [True, True, False, False, True, False, False]
    assert view.hidden(places[:0], 3.0).tolist() == []
