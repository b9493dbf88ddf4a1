"""Squares around places in an image that is resampled as it is read."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import Image, Transform, similarity, warp, warped
from ccdfx.operations.resampling.squares import squares

TRANSFORMS = [
    Transform(offset=(3.3, -2.6)),
    Transform(offset=(5.0, 2.0)),
    similarity(rotation=0.7, offset=(2, 1)),
]


def frame(flagged: bool = True) -> Image:
    rng = np.random.default_rng(5)
    array = rng.normal(1000, 30, (200, 220)).astype("f4")
    variance = rng.uniform(800, 1000, array.shape).astype("f4")
    if not flagged:
        return Image(array, variance=variance)
    mask = (rng.random(array.shape) < 0.02).astype(np.uint8) * np.uint8(8)
    mask[60:90, 60:90] = 1
    array[120, 100] = np.nan
    variance[130, 101] = np.inf
    return Image(array, mask=mask, variance=variance)


@pytest.mark.quick
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("flagged", [False, True])
def test_squares_hold_the_pixels_of_the_whole_result(transform, flagged) -> None:
    image = frame(flagged)
    whole = warp(image, transform=transform)
    places = np.random.default_rng(1).uniform(-0.4, (219.4, 199.4), (14, 2))
    seen = []
    for rows, part, at in squares(warped(image, transform=transform), places, 7):
        for row, (x, y) in zip(rows, at, strict=True):
            seen.append(row)
            steps = np.rint(places[row] - (x, y)).astype(int)
            assert np.allclose(places[row] - steps, (x, y), atol=1e-9)
            i, j = np.rint(places[row]).astype(int)
            lower, upper = (max(j - 7, 0), min(j + 8, 200)), (max(i - 7, 0), min(i + 8, 220))
            there = np.s_[lower[0] : lower[1], upper[0] : upper[1]]
            here = np.s_[lower[0] - steps[1] : lower[1] - steps[1], upper[0] - steps[0] : upper[1] - steps[0]]
            assert np.array_equal(part.array[here], whole.array[there])
            assert np.array_equal(part.mask[here], whole.mask[there])
            assert np.array_equal(part.variance[here], whole.variance[there])
    assert sorted(seen) == list(range(14))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_apertures_in_squares_are_those_in_the_whole_result(transform, tmp_path) -> None:
    image = frame()
    whole = warp(image, transform=transform)
    places = np.random.default_rng(2).uniform(0, (219, 199), (20, 2))
    expected = ccdfx.aperture_photometry(whole, places, radius=3, annulus=(5, 8))
    source = ccdfx.open_source(ccdfx.write(image, tmp_path / "a.fits"))
    for given in (image, source):
        for rows, part, at in squares(warped(given, transform=transform), places, 13):
            found = ccdfx.aperture_photometry(part, at, radius=3, annulus=(5, 8))
            for row, one in zip(rows, found, strict=True):
                assert one["flags"] == expected["flags"][row]
                if np.isfinite(expected["flux"][row]) and not expected["flags"][row]:
                    for name in ("flux", "variance", "background", "area", "masked_area"):
                        assert one[name] == pytest.approx(expected[name][row], rel=1e-9, abs=1e-6)


def test_many_squares_are_one_image() -> None:
    [(rows, part, at)] = squares(warped(frame(), transform=TRANSFORMS[0]), np.full((500, 2), 50.0), 10)
    assert (len(rows), part.shape, len(at)) == (500, (200, 220), 500)
