"""Mosaics: every pixel comes to its place on the sky and on the mosaic, whatever the flips; what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, Image
from ccdfx.operations.mosaicking.grid import mosaic_frames


def chips(truth: np.ndarray, binning: int = 1) -> list[Image]:
    """Cut two chips out of a truth, the second one turned by 180 degrees, with a gap of 4 pixels between them."""
    ny, nx = truth.shape
    half = (nx - 4) // 2
    left, right = truth[:, :half], truth[::-1, ::-1][:, :half]
    cards = {"CCDSUM": f"{binning} {binning}", "EXPTIME": 30.0}
    b = binning
    return [
        Image(
            left,
            cards | {"DETSEC": f"[1:{half * b},1:{ny * b}]"},
            variance=np.full(left.shape, 4.0, left.dtype),
        ),
        Image(
            right,
            cards | {"DETSEC": f"[{nx * b}:{(nx - half) * b + 1},{ny * b}:1]"},
            variance=np.full(left.shape, 9.0, left.dtype),
        ),
    ]


@pytest.mark.quick
@pytest.mark.parametrize("binning", [1, 2])
def test_sections_place_chips_with_their_flips_exactly(binning: int) -> None:
    truth = np.random.default_rng(1).normal(100.0, 5.0, (20, 44))
    made = mosaic_frames([chips(truth, binning)])[0].select()
    gap = np.zeros(truth.shape, bool)
    gap[:, 20:24] = True
    np.testing.assert_array_equal(made.array[~gap], truth[~gap])
    assert (made.mask[gap] == ccdfx.Flag.NO_DATA).all()
    assert not made.mask[~gap].any()
    np.testing.assert_allclose(made.variance[:, :20], 4.0)
    np.testing.assert_allclose(made.variance[:, 24:], 9.0)
    assert made.header["EXPTIME"] == 30.0 and "DETSEC" not in made.header


def sky(dx: float, dy: float, angle: float = 0.0) -> dict[str, object]:
    """A WCS whose first pixel lies (dx, dy) from that of the mosaic, turned by an angle in degrees."""
    c, s = np.cos(np.radians(angle)) * 1e-4, np.sin(np.radians(angle)) * 1e-4
    return {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 1.0 - dx, "CRPIX2": 1.0 - dy,
            "CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c}  # fmt: skip


def test_a_wcs_places_chips_of_several_exposures_and_the_mosaic_has_the_first_one() -> None:
    """Steps by whole pixels are exact; the mosaic is the union, and stars have one place on the sky."""
    truth = np.random.default_rng(2).normal(100.0, 5.0, (40, 60))
    places = [(12, 5), (34, 5), (10, 9), (32, 9)]  # two exposures of two chips of 20 x 24 pixels
    images = [Image(truth[y : y + 24, x : x + 20].copy(), sky(x, y)) for x, y in places]
    made = ccdfx.combine(mosaic_frames([images[:2], images[2:]]), reject=None)
    assert made.shape == (28, 44)
    there = made.good
    np.testing.assert_allclose(made.array[there], truth[5:33, 10:54][there], rtol=1e-12)
    assert there.sum() == 44 * 28 - 4 * 4 * 2  # two corners, and twice the gap that one exposure alone has
    assert made.header["NCOMBINE"] == 2
    np.testing.assert_allclose(
        made.wcs.wcs_pix2world([(5, 6)], 0), images[0].wcs.wcs_pix2world([(3, 6)], 0), rtol=1e-10
    )


def test_a_turned_chip_is_interpolated_with_its_variance() -> None:
    y, x = np.mgrid[:60, :60]
    stars = 1000.0 * np.exp(-((x - 30.0) ** 2 + (y - 31.0) ** 2) / 18.0)
    first = Image(stars, sky(0, 0), variance=np.ones(stars.shape))
    turned = Image(stars, sky(70, 3, 1.0), variance=np.ones(stars.shape))
    _, moved = mosaic_frames([[first], [turned]])
    found = moved.select()
    place = np.array(first.wcs.wcs_world2pix(*turned.wcs.wcs_pix2world(30.0, 31.0, 0), 0))
    place += np.array(found.wcs.wcs_world2pix(*first.wcs.wcs_pix2world(0.0, 0.0, 0), 0))
    weights = np.where(found.good, np.clip(np.nan_to_num(found.array) - 1.0, 0, None), 0.0)
    rows, columns = np.mgrid[: found.shape[0], : found.shape[1]]
    centre = [(weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()]
    np.testing.assert_allclose(centre, place, atol=0.02)
    assert 0.3 < np.median(found.variance[found.good]) < 1.0


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([], {}, "must have one image or more"),
        ([Image(np.ones((4, 4)))], {}, r"images\[0\]: must have a celestial WCS or DETSEC"),
        (
            [Image(np.ones((4, 4)), {"DETSEC": "[1:4,1:4]"})],
            {"by": "wcs"},
            "must have a celestial WCS, as all",
        ),
        ([Image(np.ones((4, 4)), {"DETSEC": "[1:9,1:4]"})], {}, "must have as many pixels as its DETSEC"),
        (
            [Image(np.ones((4, 4)), {"DETSEC": f"[{n}:{n + 3},1:4]"}) for n in (1, 9000)],
            {},
            "must lie together",
        ),
        (
            [
                Image(np.ones((4, 4)), {"DETSEC": f"[1:{4 * n},1:{4 * n}]", "CCDSUM": f"{n} {n}"})
                for n in (1, 2)
            ],
            {},
            "must be binned as",
        ),
    ],
)
def test_what_does_not_fit_is_refused(images: list[Image], options: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mosaic_frames([images], **options)
