"""Bad pixels of mosaics of colours."""

import numpy as np
import pytest

import ccdfx
from ccdfx.night.products.by_colour.defects import bad_pixels_by_colour
from ccdfx.operations.colour.pattern import ColourPattern


@pytest.mark.quick
def test_bad_pixels_are_found_in_the_plane_of_their_colour():
    rng, pattern, shape = np.random.default_rng(1), ColourPattern("RGGB"), (64, 96)
    level = np.tile([[300.0, 900.0], [900.0, 400.0]], (32, 48))
    flat = ccdfx.Image(np.tile([[0.97, 1.03], [1.03, 1.0]], (32, 48)) * rng.normal(1, 0.003, shape))
    array = flat.array.copy()
    array[20, 31] = 0.3
    frames = []
    for _ in range(5):
        sky = rng.normal(level, 5.0)
        sky[41, 50] += 200.0  # hot, but fainter than the green pixels beside
        frames.append(ccdfx.Image(sky))
    found = bad_pixels_by_colour(
        pattern, shape, masters={"flats": [flat.replace(array=array)]}, frames=lambda: iter(frames), fwhm=5.0
    )
    bad = {(int(y), int(x)) for y, x in np.argwhere(found.mask)}
    assert {(20, 31), (41, 50)} <= bad and len(bad) <= 4
    # As of one colour the mosaic itself is structure, and nothing can be told.
    assert (41, 50) not in map(tuple, np.argwhere(ccdfx.find_bad_pixels(frames=frames).mask))
