"""Planes of a mosaic of colours, and the mosaic made of them again."""

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.colour.pattern import PLANES, ColourPattern

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0, "CRPIX1": 3.5, "CRPIX2": -2.25,
    "CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4,
}  # fmt: skip


def mosaic(shape, letters="GBRG", **cards):
    rng = np.random.default_rng(1)
    return ccdfx.Image(
        rng.normal(100, 10, shape),
        {"BAYERPAT": letters, **SKY, **cards},
        mask=(rng.random(shape) < 0.1) * np.uint8(4),
        variance=rng.uniform(1, 2, shape),
    )


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(8, 10), (9, 7)])
@pytest.mark.parametrize("letters", ColourPattern.KNOWN)
def test_merging_is_the_inverse_of_splitting_and_positions_stay(shape, letters):
    image = mosaic(shape, letters)
    planes = ccdfx.split_colours(image)
    merged = ccdfx.merge_colours(planes)
    for name in ("array", "mask", "variance"):
        assert np.array_equal(getattr(merged, name), getattr(image, name))
    assert merged.wcs.wcs.crpix.tolist() == image.wcs.wcs.crpix.tolist()
    assert ccdfx.colour_pattern(merged.header, shape=shape) == ColourPattern(letters)
    like = ccdfx.merge_colours(planes, like=image)
    assert like.header.cards == image.header.cards and like.range == image.range
    for name, plane in zip(PLANES, planes, strict=True):
        x, y = ColourPattern(letters).place(name)
        assert letters[2 * y + x] == name[0]
        assert plane.array[2, 1] == image.array[4 + y, 2 + x] and "BAYERPAT" not in plane.header
        there, here = image.wcs.all_pix2world([[2 + x, 4 + y]], 0), plane.wcs.all_pix2world([[1, 2]], 0)
        assert np.allclose(there, here, rtol=0, atol=1e-11)


def test_the_first_greens_are_in_the_rows_of_red():
    planes = ccdfx.split_colours(np.array([[1, 2], [3, 4]]), pattern="BGGR")
    assert [plane.array.item() for plane in planes] == [4, 3, 2, 1]


def test_green_is_the_mean_of_two_pixels_with_their_noise():
    image = mosaic((9, 8), "RGGB", GAIN=(1.5, "e-/ADU"), RDNOISE=4.0)
    green, planes = ccdfx.colour_plane(image, colour="G"), ccdfx.split_colours(image)
    one, two = planes.green_1, planes.green_2
    assert green.shape == (4, 4)
    assert np.allclose(green.array, (one.array[:4] + two.array) / 2)
    assert np.allclose(green.variance, (one.variance[:4] + two.variance) / 4)
    assert np.array_equal(green.mask, one.mask[:4] | two.mask)
    assert green.header["GAIN"] == 3.0 and green.header["RDNOISE"] == pytest.approx(4 * 2**0.5)
    # A setting of the camera is no gain; one that a reduction has set is one.
    setting = ccdfx.colour_plane(mosaic((8, 8), GAIN=120, RDNOISE=4.0), colour="G").header
    assert setting["GAIN"] == 120 and setting["RDNOISE"] == pytest.approx(4 / 2**0.5)
    reduced = mosaic((8, 8), GAIN=(1.0, "[e-/unit of the data] header"))
    assert ccdfx.colour_plane(reduced, colour="G").header["GAIN"] == 2.0


def test_planes_that_do_not_belong_together_are_refused():
    planes = ccdfx.split_colours(mosaic((8, 8)))
    with pytest.raises(ccdfx.MismatchError, match="plane B"):
        ccdfx.merge_colours([planes.red, planes.green_1.select((0, 3, 0, 4)), planes.green_2, planes.blue])
    with pytest.raises(ccdfx.ArgumentError, match="four"):
        ccdfx.merge_colours(planes[:3])
    with pytest.raises(ccdfx.ArgumentError, match="BAYERPAT"):
        ccdfx.split_colours(np.zeros((4, 4)))
