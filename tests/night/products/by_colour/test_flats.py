"""Flats of mosaics: what is done to each colour is what is done to a frame of that colour alone."""

import numpy as np
import pytest

import ccdfx
from ccdfx.night.products.by_colour.flats import PlaneRows, plane_of, stacked_by_colour
from ccdfx.night.products.masters import normalised
from ccdfx.night.products.stacking import Stacked
from ccdfx.operations.colour.pattern import PLANES, ColourPattern

PATTERN = ColourPattern("GRBG")


@pytest.mark.quick
def test_each_plane_is_stacked_with_the_levels_of_its_colour(tmp_path):
    rng = np.random.default_rng(1)
    images = [
        ccdfx.Image(rng.normal(100, 5, (7, 9)).astype(np.float32), range=(3, 12, 2, 9)) for _ in range(4)
    ]
    sources = [ccdfx.open_source(ccdfx.write(one, tmp_path / f"{n}.fits")) for n, one in enumerate(images)]
    levels = [{"R": 1.0 + n, "G": 2.0, "B": 3.0 * n + 1} for n in range(4)]

    def stack(frames, *, scale, weights, shared):
        made = ccdfx.stack(frames, scale=scale, weights=weights)
        return Stacked(made.image, int(made.rejected_low.sum()), "text", "none", ())

    made = stacked_by_colour(images, stack, PATTERN, levels, None)
    again = stacked_by_colour(sources, stack, PATTERN, levels, None)
    assert np.array_equal(made.image.array, again.image.array) and made.image.range == images[0].range
    for name in PLANES:
        x, y = PATTERN.place(name)
        scale = [one[name[0]] for one in levels]
        alone = ccdfx.stack([one.array[y::2, x::2] for one in images], scale=scale, weights=scale)
        assert np.array_equal(made.image.array[y::2, x::2], alone.value)
        assert np.array_equal(made.image.variance[y::2, x::2], alone.variance)


def test_rows_of_a_plane_are_those_of_the_image(tmp_path):
    image = ccdfx.Image(
        np.arange(63.0).reshape(7, 9), mask=np.eye(7, 9, dtype=np.uint8), range=(1, 10, 5, 12)
    )
    with ccdfx.open_source(ccdfx.write(image, tmp_path / "a.fits")) as source:
        rows = plane_of(source, 1, 0)
        whole = plane_of(image, 1, 0)
        assert isinstance(rows, PlaneRows) and rows.shape == whole.shape == (4, 4)
        part = rows.select((1, 3, 2, 4))
        assert np.array_equal(part.array, whole.array[2:4, 1:3]) and np.array_equal(
            part.mask, whole.mask[2:4, 1:3]
        )


def test_each_colour_of_a_flat_becomes_1_and_dead_pixels_are_those_of_the_colour():
    colour = np.array(list(PATTERN.letters)).reshape(2, 2)
    flat = np.tile(np.select([colour == name for name in "RGB"], [400.0, 2000.0, 100.0]), (8, 9))
    flat[0] *= 1.02  # the row of the first greens and of red
    flat[5, 5] = 50.0  # green, less than a tenth
    image = normalised(ccdfx.Image(flat, variance=flat), 0.1, PATTERN)
    assert image.array[2, 1] == pytest.approx(1.0) and image.array[1, 0] == pytest.approx(1.0)
    assert image.array[0, 2] / image.array[2, 2] == pytest.approx(1.02)
    assert np.argwhere(image.mask).tolist() == [[5, 5]]
    assert image.variance[1, 0] == pytest.approx(100 / 100**2)
