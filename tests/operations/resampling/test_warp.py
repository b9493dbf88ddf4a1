"""warp: against scipy and shift, on flags, variance, flux and the sky, and on bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ccdfx import (
    ArgumentError,
    ArgumentTypeError,
    Flag,
    Image,
    Range,
    Transform,
    UnknownNameError,
    shift,
    similarity,
    warp,
)
from ccdfx.kernels.image.resample import gather_flags, resample
from ccdfx.operations.resampling.taps import KERNELS
from ccdfx.operations.resampling.warp import transformed_image as warped

SHAPE = (70, 90)
TURNS = [
    similarity(rotation=0.3, offset=(1.2, -3.4)),
    similarity(rotation=5, scale=1.1, offset=(7.0, -3.5)),
    similarity(rotation=90, offset=(80.25, 0.5)),
    similarity(rotation=177, scale=0.9, offset=(82.0, 65.0)),
    similarity(rotation=-40, flip=True, offset=(57.0, -22.0)),
    Transform(((1.02, 0.05), (-0.01, 0.97)), (-2.2, 3.1)),
]


def sky(dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(5).normal(1000, 30, SHAPE).astype(dtype)


def star(x: float, y: float, sigma: float = 2.0, shape: tuple[int, int] = (121, 131)) -> np.ndarray:
    j, i = np.indices(shape)
    return 1000 * np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2))


def by_scipy(array: np.ndarray, transform: Transform) -> np.ndarray:
    back = transform.inverse()
    matrix, offset = np.array(back.matrix)[::-1, ::-1], back.offset[::-1]
    moved = ndimage.affine_transform(array.astype(float), matrix, offset, order=3, mode="mirror")
    return moved / abs(transform.determinant)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("transform", TURNS)
def test_the_spline_is_that_of_scipy(transform: Transform, dtype: type) -> None:
    image = warp(sky(dtype), transform=transform)
    good = image.good
    assert good.sum() > 1000
    tolerance = 1e-4 if image.dtype == np.float64 else 2e-3
    assert np.abs(image.array - by_scipy(sky(dtype), transform))[good].max() < tolerance


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("step", [(0.3, -0.6), (12.4, -7.7), (3.0, 0.25), (-20.75, 11.0)])
def test_a_pure_shift_is_that_of_shift(kernel: str, step: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    mask = (rng.integers(1, 256, SHAPE) * (rng.random(SHAPE) < 0.01)).astype(np.uint8)
    image = Image(sky(), {"CRPIX1": 3.0}, mask=mask, variance=np.abs(sky()))
    expected = shift(image, dx=step[0], dy=step[1], kernel=kernel)
    by_itself = warped(image, Transform(offset=step), SHAPE, kernel)
    assert np.allclose(by_itself.array, expected.array, rtol=2e-6, atol=1e-3)
    assert np.allclose(by_itself.variance, expected.variance, rtol=2e-5)
    assert np.array_equal(by_itself.mask, expected.mask)
    handed_on = warp(image, transform=Transform(offset=step), kernel=kernel)
    assert np.array_equal(handed_on.array, expected.array) and handed_on.header == expected.header


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("kernel", KERNELS)
def test_quarter_turns_are_those_of_numpy(quarter: int, kernel: str) -> None:
    array, mask = sky(), np.zeros(SHAPE, np.uint8)
    mask[10, 20] = Flag.COSMIC_RAY
    ny, nx = SHAPE
    offset = {1: (ny - 1, 0), 2: (nx - 1, ny - 1), 3: (0, nx - 1)}[quarter]
    shape = (ny, nx) if quarter == 2 else (nx, ny)
    image = Image(array, mask=mask, variance=array)
    turned = warp(
        image, transform=similarity(rotation=90 * quarter, offset=offset), shape=shape, kernel=kernel
    )
    # x to y counts as positive, which numpy, whose rows run downwards, calls negative.
    expected = np.rot90(array, -quarter)
    good = turned.good
    assert np.array_equal(turned.mask, np.rot90(mask, -quarter)) and good.sum() == array.size - 1
    assert np.allclose(turned.array[good], expected[good], rtol=1e-6)
    assert np.allclose(turned.variance[good], expected[good], rtol=1e-5)
    assert turned.range == Range.whole(shape)


@pytest.mark.quick
def test_doing_nothing_is_the_identity() -> None:
    image = Image(sky(np.float64), {"CRPIX1": 3.0, "OBJECT": "M 13"}, range=(10, 100, 5, 75))
    same = warp(image, transform=Transform())
    assert np.array_equal(same.array, image.array) and same.mask is None and same.range == image.range
    assert same.header == image.header


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [0.9, 1.0, 1.1])
def test_a_star_keeps_its_flux_and_goes_where_the_transform_says(kernel: str, scale: float) -> None:
    transform = similarity(rotation=31, scale=scale, offset=(30.0, -25.0))
    there = warp(star(60.3, 55.8), transform=transform, kernel=kernel).array
    j, i = np.indices(there.shape)
    assert there.sum() == pytest.approx(star(60.3, 55.8).sum(), rel=2e-4)
    centre = (there * i).sum() / there.sum(), (there * j).sum() / there.sum()
    assert np.hypot(*(centre - transform.apply([(60.3, 55.8)])[0])) < 0.03


def test_there_and_back_again() -> None:
    image = Image(star(60, 50) + star(30, 80, 3.0) + 100)
    transform = similarity(rotation=12, scale=1.05, offset=(15.0, -12.0))
    back = warp(warp(image, transform=transform), transform=transform.inverse())
    seen = back.good
    assert seen.sum() > 8000
    assert np.abs(back.array - image.array)[seen].max() < 0.005 * 1000


def test_bad_pixels_flag_what_they_weigh_in_and_spoil_nothing_else() -> None:
    array, mask = np.full((41, 41), 50.0, np.float32), np.zeros((41, 41), np.uint8)
    array[20, 20], mask[20, 20] = 60000, Flag.SATURATED
    array[8, 30] = np.nan
    transform = similarity(rotation=30, offset=(12.0, -8.0))
    turned = warp(Image(array, mask=mask), transform=transform)
    assert np.isfinite(turned.array).all() and np.abs(turned.array[turned.good] - 50).max() < 1e-3
    y, x = np.nonzero(turned.mask & Flag.SATURATED)
    far = np.hypot(*(np.column_stack([x, y]) - transform.apply([(20, 20)])).T)
    assert 4 <= far.size <= 16 and far.max() < 2.6
    nearest = np.rint(transform.apply([(20, 20), (30, 8)])).astype(int)
    assert turned.mask[nearest[0, 1], nearest[0, 0]] == Flag.SATURATED
    assert turned.mask[nearest[1, 1], nearest[1, 0]] == Flag.NO_DATA


def test_outside_is_nothing_and_says_so() -> None:
    turned = warp(np.full(SHAPE, 7.0), transform=similarity(rotation=45, offset=(45.0, -20.0)))
    y, x = np.indices(SHAPE)
    place = (
        similarity(rotation=45, offset=(45.0, -20.0)).inverse().apply(np.column_stack([x.ravel(), y.ravel()]))
    )
    inside = ((place > -0.5) & (place < np.array(SHAPE[::-1]) - 0.5)).all(axis=1).reshape(SHAPE)
    deep = ((place > 2) & (place < np.array(SHAPE[::-1]) - 3)).all(axis=1).reshape(SHAPE)
    assert (turned.array[~inside] == 0).all() and (turned.mask[~inside] == Flag.NO_DATA).all()
    assert not turned.mask[deep].any() and np.allclose(turned.array[deep], 7)
    nowhere = warp(np.ones(SHAPE), transform=Transform(offset=(500.0, 0.0)))
    assert (nowhere.mask == Flag.NO_DATA).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_variance_is_the_scatter_of_simulations(kernel: str) -> None:
    rng = np.random.default_rng(2)
    variance = np.where(np.indices((40, 40))[1] < 20, 4.0, 25.0)
    transform = similarity(rotation=20, scale=1.08, offset=(6.0, -7.0))
    frames = [
        warp(Image(rng.normal(0, np.sqrt(variance)), variance=variance), transform=transform, kernel=kernel)
        for _ in range(400)
    ]
    inner = frames[0].good
    ratio = np.var([frame.array for frame in frames], axis=0)[inner] / frames[0].variance[inner]
    # 400 samples: 7 % a pixel.
    assert abs(ratio.mean() - 1) < 0.02 and ratio.min() > 0.6 and ratio.max() < 1.5


@pytest.mark.parametrize("kernel", KERNELS)
def test_variance_is_that_of_the_weights_of_every_pixel_also_at_the_edges(kernel: str) -> None:
    variance = np.random.default_rng(3).uniform(1, 9, (5, 9))
    transform = similarity(rotation=8, offset=(0.4, -0.3))
    moved = warp(Image(np.zeros((5, 9)), variance=variance), transform=transform, kernel=kernel)
    units = np.eye(45).reshape(45, 5, 9)
    weights = np.array([warp(unit, transform=transform, kernel=kernel).array for unit in units])
    expected = np.einsum("kyx,k->yx", weights**2, variance.ravel())
    assert np.allclose(moved.variance, expected, rtol=2e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_unknown_variance_reaches_as_far_as_a_flag(kernel: str) -> None:
    place, array = (slice(20, 21), slice(25, 27)), np.ones((40, 40), np.float32)
    variance, mask = np.ones((40, 40)), np.zeros((40, 40), np.uint8)
    variance[place], mask[place] = [np.inf, 1e300], Flag.SATURATED
    turned = similarity(rotation=20, offset=(6.0, -7.0))
    moved = warp(Image(array, variance=variance), transform=turned, kernel=kernel)
    flagged = warp(Image(array, mask=mask), transform=turned, kernel=kernel).mask & Flag.SATURATED != 0
    assert flagged.any() and np.array_equal(np.isinf(moved.variance), flagged)
    nothing = warp(Image(array, variance=np.full((40, 40), np.inf)), transform=turned, kernel=kernel)
    assert np.array_equal(nothing.variance == np.inf, nothing.array != 0)


SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 250.4, "CRVAL2": 36.5, "CRPIX1": 40.0, "CRPIX2": 30.0,
}  # fmt: skip
LINEAR = {
    "CD": {"CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4},
    "PC": {"CDELT1": -1e-4, "CDELT2": 2e-4, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
    "CROTA": {"CDELT1": -1e-4, "CDELT2": 2e-4, "CROTA2": 25.0},
    "CDELT": {"CDELT1": -1e-4, "CDELT2": 1e-4},
    "SIP": {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0,
        "CD2_2": 1e-4, "A_ORDER": 3, "B_ORDER": 2, "A_2_0": 3e-5, "A_1_1": -2e-5, "A_0_3": 2e-7, "B_0_2": 4e-5,
        "B_2_0": 1e-5, "AP_ORDER": 2, "BP_ORDER": 2, "AP_2_0": -3e-5, "BP_0_2": -4e-5,
    },
}  # fmt: skip


@pytest.mark.parametrize("transform", TURNS)
@pytest.mark.parametrize("form", LINEAR)
def test_sky_positions_never_move(form: str, transform: Transform) -> None:
    image = Image(sky(), SKY | LINEAR[form])
    turned = warp(image, transform=transform)
    places = np.random.default_rng(3).uniform(-20, 100, (30, 2))
    before = image.wcs.all_pix2world(places, 0)
    after = turned.wcs.all_pix2world(transform.apply(places), 0)
    assert np.allclose(before, after, atol=1e-9, rtol=0)
    if form == "SIP":  # and so does the inverse polynomial
        centres = (
            np.array([SKY["CRPIX1"], SKY["CRPIX2"]]),
            np.array([turned.header["CRPIX1"], turned.header["CRPIX2"]]),
        )
        focal = places - centres[0]
        there = image.wcs.sip_foc2pix(focal, 1) - centres[0]
        matrix = np.array(transform.matrix).T
        assert np.allclose(turned.wcs.sip_foc2pix(focal @ matrix, 1) - centres[1], there @ matrix, atol=1e-9)


def test_alternates_and_pixel_scales_follow() -> None:
    alternate = {"CTYPE1A": "LINEAR", "CRPIX1A": 5.0, "CRPIX2A": 6.0, "CDELT1A": 2.0, "CDELT2A": 2.0}
    image = Image(sky(), {"PIXSCAL1": 0.3, "PIXSCAL2": 0.6, "TRIMSEC": "[1:5,1:5]"} | alternate)
    turned = warp(image, transform=similarity(rotation=90, scale=2, offset=(140.0, 0.0)), shape=(180, 140))
    assert turned.pixel_scale == pytest.approx((0.3, 0.15)) and "TRIMSEC" not in turned.header
    assert (turned.header["CRPIX1A"], turned.header["CRPIX2A"]) == (140 - 2 * 5 + 1, 2 * 4 + 1)
    assert (turned.header["PC1_2A"], turned.header["PC2_1A"]) == (0.5, -0.5)


def test_a_shift_record_serves_as_transform() -> None:
    from ccdfx import Shift

    found = Shift(2.5, -1.25, 0.01, 9, "stars")
    assert np.array_equal(warp(sky(), transform=found).array, shift(sky(), dx=2.5, dy=-1.25).array)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"transform": (1, 2)}, ArgumentTypeError),
        ({"transform": Transform(), "kernel": "cubic"}, UnknownNameError),
        ({"transform": Transform(), "shape": (0, 5)}, ArgumentError),
        ({"transform": Transform(), "shape": 5}, ArgumentTypeError),
    ],
)
def test_bad_arguments_are_refused(options: dict, error: type) -> None:
    with pytest.raises(error):
        warp(sky(), **options)


@pytest.mark.parametrize(
    ("matrix", "offset", "error"),
    [
        (((1, 0), (0, 0)), (0, 0), ArgumentError),
        (((1, np.nan), (0, 1)), (0, 0), ArgumentError),
        (((1, 0), (0, 1)), (np.inf, 0), ArgumentError),
        ((1, 0, 0, 1), (0, 0), ArgumentTypeError),
        (((1, 0), (0, 1)), None, ArgumentTypeError),
    ],
)
def test_transforms_without_an_inverse_are_refused(matrix: object, offset: object, error: type) -> None:
    with pytest.raises(error, match="Transform"):
        Transform(matrix, offset)


@pytest.mark.quick
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0.0, 0.3, 90.0, 177.0, -90.0, -5.0])
def test_a_transform_says_what_it_was_made_of(rotation: float, flip: bool) -> None:
    made = similarity(rotation=rotation, scale=1.25, flip=flip, offset=(3.0, 4.0))
    assert (made.scale, made.rotation) == (pytest.approx(1.25), pytest.approx(rotation, abs=1e-12))
    assert made.flipped is flip and made.determinant == pytest.approx(-1.5625 if flip else 1.5625)
    round_trip = made.then(made.inverse())
    assert np.allclose(round_trip.matrix, np.eye(2), atol=1e-14) and np.allclose(
        round_trip.offset, 0, atol=1e-13
    )


@pytest.mark.quick
def test_kernels_equal_their_twins() -> None:
    rng = np.random.default_rng(9)
    source = rng.normal(0, 1, (16, 18))
    table = rng.normal(0, 1, (9, 2))
    inverse, origin = np.array([[0.9, 0.2], [-0.1, 1.1]]), np.array([0.713, 1.337])
    out, expected = np.empty((10, 12)), np.zeros((10, 12))
    corner, size = np.array((-3, -3)), np.array((10, 12))
    for y, x in ((0, 0), (6, 5)):  # the second window replaces a part of the first with the same numbers
        window = out[y:, x:].copy()
        resample(source, corner, size, inverse, origin, table, (0, 1), 2.0, np.array((y, x)), window)
        assert y == 0 or np.array_equal(out[y:, x:], window)
        out[y:, x:] = window
    flags = rng.integers(0, 2, (22, 24)).astype(np.uint8) << rng.integers(0, 8, (22, 24)).astype(np.uint8)
    four = rng.normal(0, 0.5, (9, 4))
    near = np.lib.stride_tricks.sliding_window_view(flags, (4, 4)).reshape(19, 21, 16)
    found, known = np.zeros((10, 12), np.uint8), np.zeros((10, 12), np.uint8)
    near, corner, place = np.bitwise_or.reduce(near, axis=2), np.array((-6, -6)), np.array((0, 0))
    gather_flags(flags, near, corner, size, inverse, origin, four, 0.1, place, np.uint8(7), found)
    for y, x in np.ndindex(out.shape):
        u, v = inverse @ (x, y) + origin
        i, j = int(np.floor(u)), int(np.floor(v))
        if -0.5 <= u <= 11.5 and -0.5 <= v <= 9.5:
            wx, wy = ([np.interp(f * 8, np.arange(9), table[:, k]) for k in (0, 1)] for f in (u - i, v - j))
            expected[y, x] = 2 * (np.array(wy) @ source[j + 3 : j + 5, i + 3 : i + 5] @ wx)
        if -4 <= i < 15 and -4 <= j < 13:
            weight = np.outer(four[int((v - j) * 8 + 0.5)], four[int((u - i) * 8 + 0.5)])
            window = flags[j + 5 : j + 9, i + 5 : i + 9]
            known[y, x] = np.bitwise_or.reduce(window[np.abs(weight) >= 0.1], initial=0)
        else:
            known[y, x] = 7
    assert np.allclose(out, expected, atol=1e-13)
    assert np.array_equal(found, known)
