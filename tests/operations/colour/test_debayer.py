"""Interpolation of a mosaic of colours, against convolutions with the published filters."""

import numpy as np
import pytest
from scipy.ndimage import convolve

import ccdfx
from ccdfx.operations.colour.debayer import correlation_of
from ccdfx.operations.colour.pattern import ColourPattern

GREEN = (
    np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
)
BESIDE = (
    np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]])
    / 8
)
ACROSS = np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8  # fmt: skip


def malvar(array: np.ndarray, letters: str) -> list[np.ndarray]:
    """Filters of Malvar, He & Cutler (2004), figure 2, by whole convolutions."""
    y, x = np.indices(array.shape)
    colour = np.array(list(letters))[2 * (y % 2) + x % 2]
    red_row = np.array(["R" in letters[:2], "R" in letters[2:]])[y % 2]

    def filtered(kernel: np.ndarray) -> np.ndarray:
        return convolve(array, kernel, mode="mirror")

    made = {"G": np.where(colour == "G", array, filtered(GREEN))}
    for own, other, row in (("R", "B", red_row), ("B", "R", ~red_row)):
        at_green = np.where(row, filtered(BESIDE), filtered(BESIDE.T))
        made[own] = np.where(colour == own, array, np.where(colour == other, filtered(ACROSS), at_green))
    return [made[name] for name in "RGB"]


@pytest.mark.quick
@pytest.mark.parametrize("letters", ColourPattern.KNOWN)
def test_the_sharp_method_is_that_of_the_paper(letters):
    array = np.random.default_rng(1).normal(100, 10, (11, 14))
    for found, expected in zip(ccdfx.debayer(array, pattern=letters), malvar(array, letters), strict=True):
        assert np.allclose(found.array, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["bilinear", "malvar"])
def test_a_plane_is_interpolated_exactly(method):
    y, x = np.indices((12, 14))
    grey = ccdfx.debayer(3.0 * x - 2.0 * y + 50, method=method, pattern="GRBG")
    for image in grey:
        assert np.allclose(image.array[2:-2, 2:-2], (3.0 * x - 2.0 * y + 50)[2:-2, 2:-2])


@pytest.mark.parametrize("method", ["superpixel", "bilinear", "malvar"])
def test_the_variance_is_that_of_many_frames_and_of_their_sums(method):
    rng, shape, count = np.random.default_rng(2), (16, 16), 600
    sigma = rng.uniform(1, 3, shape)
    one = ccdfx.debayer(ccdfx.Image(np.zeros(shape), variance=sigma**2), method=method, pattern="BGGR")
    frames = [ccdfx.debayer(rng.normal(0, sigma), method=method, pattern="BGGR") for _ in range(count)]
    for number, image in enumerate(one):
        values = np.array([frame[number].array for frame in frames])
        ratio = values.var(axis=0) / image.variance
        assert abs(ratio.mean() - 1) < 0.02 and abs(ratio - 1).max() < 0.35
    factor = correlation_of(method, ColourPattern("BGGR"), "R")
    even = ccdfx.debayer(
        ccdfx.Image(np.zeros((64, 64)), variance=np.ones((64, 64))), method=method, pattern="BGGR"
    )
    assert even.red.header.number("CORRFACT") == (None if factor == 1 else pytest.approx(factor, rel=1e-4))
    if method == "bilinear":  # all of the 32 x 32 red pixels count four times
        assert factor * even.red.variance[2:-2, 2:-2].sum() == pytest.approx(16 * 900, rel=1e-3)


def test_bad_pixels_are_replaced_and_saturated_ones_are_told():
    array = np.full((12, 12), 10.0)
    mask = np.zeros(array.shape, np.uint8)
    array[4, 4], mask[4, 4] = np.nan, ccdfx.Flag.BAD_PIXEL  # red
    array[8, 8], mask[8, 8] = 1000.0, ccdfx.Flag.SATURATED  # red
    image = ccdfx.Image(array, mask=mask, variance=np.ones_like(array))
    for method in ("bilinear", "malvar"):
        red, green, _ = ccdfx.debayer(image, method=method, pattern="RGGB")
        # Of two neighbours one is left, of four three; the pixel itself stays bad.
        assert red.array[4, 5] == 10 and red.mask[4, 5] == 0 and red.variance[4, 5] == 1
        assert red.variance[5, 5] == pytest.approx(1 / 3) and red.mask[4, 4] == ccdfx.Flag.BAD_PIXEL
        assert green.array[4, 4] == 10 and green.mask[4, 4] == 0
        assert red.mask[8, 9] == ccdfx.Flag.SATURATED and red.array[8, 9] > 500
        assert np.isfinite(red.array[red.mask == 0]).all()
    alone = np.full((4, 4), ccdfx.Flag.COSMIC_RAY, np.uint8)
    lost = ccdfx.debayer(ccdfx.Image(array[:4, :4], mask=alone), pattern="RGGB")
    assert all((found.mask == ccdfx.Flag.COSMIC_RAY).all() for found in lost)


def test_superpixels_are_the_pixels_themselves():
    array = np.arange(35.0).reshape(5, 7)
    red, green, blue = ccdfx.debayer(array, method="superpixel", pattern="GBRG")
    assert red.shape == green.shape == blue.shape == (2, 3)
    assert red.array[1, 2] == array[3, 4] and blue.array[0, 0] == array[0, 1]
    assert green.array[0, 0] == (array[0, 0] + array[1, 1]) / 2


def test_frames_too_small_and_methods_unknown_are_refused():
    with pytest.raises(ccdfx.ArgumentError, match="superpixel"):
        ccdfx.debayer(np.zeros((2, 2)), pattern="RGGB")
    with pytest.raises(ccdfx.ArgumentError, match="bilinear"):
        ccdfx.debayer(np.zeros((8, 8)), pattern="RGGB", method="nearest")
