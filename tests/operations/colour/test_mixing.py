"""Mosaics of colours are not moved or combined so that colours would be mixed."""

import numpy as np
import pytest

import ccdfx


def mosaic(**cards):
    y, x = np.indices((24, 26))
    letters = np.array(list("RGGB"))[2 * (y % 2) + x % 2]
    array = np.select([letters == name for name in "RGB"], [100.0, 200.0, 300.0])
    return ccdfx.Image(array, {"BAYERPAT": "RGGB", **cards})


@pytest.mark.quick
def test_parts_of_pixels_are_refused_and_whole_ones_move_the_pattern():
    image = mosaic()
    for move in (
        lambda: ccdfx.shift(image, dx=0.5, dy=0),
        lambda: ccdfx.warp(image, transform=ccdfx.similarity(rotation=180, offset=(25, 23))),
        lambda: ccdfx.warped(image, transform=ccdfx.Transform(offset=(0.0, 1.5))),
    ):
        with pytest.raises(ccdfx.ArgumentError, match="mix the colours"):
            move()
    for order in ({}, {"ROWORDER": "BOTTOM-UP", "BAYERPAT": "GBRG"}):
        step = ccdfx.shift(mosaic(**order), dx=3, dy=-1)
        pattern = ccdfx.colour_pattern(step.header, shape=step.shape)
        red = pattern.place("R")
        assert step.array[4 + red[1], 6 + red[0]] == 100 and str(pattern) == "BGGR"
    plain = image.replace(header=image.header.set("BAYERPAT", "NONE"))
    assert ccdfx.shift(plain, dx=0.5, dy=0).shape == image.shape


def test_colours_are_combined_with_their_own():
    image = mosaic()
    moved = ccdfx.shift(image, dx=1, dy=0)
    with pytest.raises(ccdfx.MismatchError, match="mixed"):
        ccdfx.combine([image, moved])
    with pytest.raises(ccdfx.MismatchError, match="mixed"):
        ccdfx.combine([image, image], offsets=[(0, 0), (1, 0)])
    whole = ccdfx.combine([image, image], offsets=ccdfx.placed([(0, 0), (-4, 2)], extent="union"))
    same = ccdfx.combine([image, moved.select((2, 26, 0, 24))], offsets=[(0, 0), (1, 0)])
    for made in (whole, same):
        pattern = ccdfx.colour_pattern(made.header, shape=made.shape)
        for name, level in (("R", 100), ("B", 300)):
            x, y = pattern.place(name)
            plane, good = made.array[y::2, x::2], made.good[y::2, x::2]
            assert (plane[good] == level).all() and good.any()
