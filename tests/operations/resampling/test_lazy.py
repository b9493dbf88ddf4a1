"""Sources that are resampled as they are read: the same numbers as those of images moved in memory."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

import ccdfx
from ccdfx import Image, Transform, similarity, warp, warped
from ccdfx.errors import ArgumentError, ArgumentTypeError, UnknownNameError

MOVES = {
    "fraction": (Transform(offset=(2.3, -0.6)), None),
    "one axis": (Transform(offset=(0.0, 5.5)), None),
    "whole": (Transform(offset=(-7.0, 3.0)), None),
    "nothing": (Transform(), None),
    "nearly out": (Transform(offset=(90.2, -60.5)), None),
    "out": (Transform(offset=(500.0, 0.0)), None),
    "turned": (similarity(rotation=0.4, offset=(3.2, -1.1)), None),
    "upside down": (similarity(rotation=180, offset=(96.3, 69.8)), None),
    "slanted": (similarity(rotation=41, scale=1.2, offset=(40.0, -20.0)), (90, 120)),
    "mirrored": (similarity(flip=True, scale=0.8, offset=(90.0, 4.0)), (66, 80)),
    "another shape": (Transform(offset=(4.25, 2.0)), (100, 130)),
}


def frame(dtype: str = "f4", flagged: bool = True) -> Image:
    rng = np.random.default_rng(4)
    array = rng.normal(1000, 30, (70, 97)).astype(dtype)
    mask = (rng.random(array.shape) < 0.03).astype(np.uint8) * np.uint8(ccdfx.Flag.COSMIC_RAY)
    mask[20:45, 30:60] = np.uint8(ccdfx.Flag.BAD_PIXEL)  # in its middle no good pixel is near
    variance = rng.uniform(800, 1000, array.shape).astype("f4")
    variance[rng.random(array.shape) < 0.01] = np.inf
    if array.dtype.kind == "f":
        array[rng.random(array.shape) < 0.01] = np.nan
    header = {"CRPIX1": 30.0, "CRPIX2": 20.0, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -1e-4,
              "CDELT2": 1e-4, "SATURATE": 5e4}  # fmt: skip
    return Image(array, header, mask=mask if flagged else None, variance=variance if flagged else None)


def require_same(one: Image, other: Image) -> None:
    assert np.array_equal(one.array, other.array, equal_nan=True) and one.dtype == other.dtype
    assert np.array_equal(
        np.zeros(one.shape) if one.mask is None else one.mask,
        np.zeros(one.shape) if other.mask is None else other.mask,
    )
    assert (one.variance is None) is (other.variance is None)
    if one.variance is not None:
        assert np.array_equal(one.variance, other.variance)


@pytest.mark.quick
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(
    ("dtype", "flagged", "kernel"),
    [("f4", True, "spline"), ("f8", True, "lanczos"), ("u2", False, "spline"), ("f8", False, "spline")],
)
def test_any_window_is_that_of_the_image_moved_in_memory(move, dtype, flagged, kernel, tmp_path) -> None:
    transform, shape = MOVES[move]
    image = frame(dtype, flagged)
    whole = warp(image, transform=transform, shape=shape, kernel=kernel)
    path = ccdfx.write(image, tmp_path / "a.fits")
    with warped(ccdfx.open_source(path), transform=transform, shape=shape, kernel=kernel) as lazy:
        assert (lazy.shape, lazy.dtype, lazy.range) == (whole.shape, whole.dtype, whole.range)
        assert lazy.header == whole.header
        require_same(lazy.select(), whole)
        ny, nx = whole.shape
        rng = np.random.default_rng(1)
        for _ in range(12):
            x, y = np.sort(rng.integers(0, nx + 1, 2)), np.sort(rng.integers(0, ny + 1, 2))
            if x[0] == x[1] or y[0] == y[1]:
                continue
            part = lazy.select((x[0], x[1], y[0], y[1]))
            require_same(part, whole.select((x[0], x[1], y[0], y[1])))


@pytest.mark.quick
@pytest.mark.parametrize("kernel", ["spline1", "spline2", "spline5"])
def test_other_splines_move_by_steps_alone(kernel) -> None:
    image = frame()
    lazy = warped(image, transform=Transform(offset=(1.5, 0.25)), kernel=kernel)
    require_same(lazy.select(), ccdfx.shift(image, dx=1.5, dy=0.25, kernel=kernel))
    with pytest.raises(UnknownNameError):
        warped(image, transform=similarity(rotation=3), kernel=kernel)


@pytest.mark.parametrize("move", ["fraction", "turned", "slanted", "upside down"])
def test_a_wide_frame_is_read_in_blocks_of_columns(move, monkeypatch) -> None:
    from ccdfx.operations.resampling import lazy as module

    transform, shape = MOVES[move]
    whole = warp(frame(), transform=transform, shape=shape)
    monkeypatch.setattr(module, "_BLOCK", 10)
    monkeypatch.setattr(module, "_SLANTED", 0)
    require_same(warped(frame(), transform=transform, shape=shape).select(), whole)


def test_it_can_be_sent_to_another_process(tmp_path) -> None:
    path = ccdfx.write(frame(), tmp_path / "a.fits")
    lazy = warped(ccdfx.open_source(path), transform=MOVES["turned"][0])
    require_same(pickle.loads(pickle.dumps(lazy)).select(), lazy.select())


def test_the_window_of_a_frame_keeps_its_coordinates() -> None:
    image = frame().select((10, 60, 5, 55))
    lazy = warped(image, transform=Transform(offset=(0.5, 0.5)))
    assert lazy.range == image.range
    require_same(
        lazy.select((20, 50, 7, 20)),
        warp(image, transform=Transform(offset=(0.5, 0.5))).select((20, 50, 7, 20)),
    )


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentTypeError):
        warped(frame(), transform=(1, 2))
    with pytest.raises((ArgumentError, ArgumentTypeError)):
        warped(frame(), transform=Transform(), shape=(0, 3))
    with pytest.raises(ArgumentTypeError):
        warped("no image", transform=Transform())
    with pytest.raises(UnknownNameError):
        warped(frame(), transform=Transform(), kernel="cubic")
    with pytest.raises(dataclasses.FrozenInstanceError):
        warped(frame(), transform=Transform()).name = "x"
