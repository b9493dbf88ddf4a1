"""The pattern of a mosaic of colours, as headers state it."""

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.colour.pattern import ColourPattern, colour_pattern, with_pattern

HEADERS = [
    # As Siril 1.0.6 takes such files apart (extract_HaOIII and extract_Green of each).
    ({"BAYERPAT": "RGGB"}, 32, "RGGB"),
    ({"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN", "XBAYROFF": 1}, 32, "GRBG"),
    ({"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN", "YBAYROFF": 1}, 33, "GBRG"),
    ({"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}, 32, "GBRG"),
    ({"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}, 33, "RGGB"),
    ({"BAYERPAT": "GBRG", "ROWORDER": "BOTTOM-UP", "YBAYROFF": 1}, 32, "GBRG"),
    ({"COLORTYP": "bggr"}, 32, "BGGR"),
    ({"CFAIMAGE": "no"}, 32, None),
    ({}, 32, None),
]


@pytest.mark.quick
@pytest.mark.parametrize(("header", "rows", "expected"), HEADERS)
def test_a_header_states_the_pattern_from_the_first_pixel(header, rows, expected):
    found = colour_pattern(header, shape=(rows, 32))
    assert (found and str(found)) == expected


@pytest.mark.parametrize(
    ("header", "text"),
    [({"BAYERPAT": "CMYG"}, "BAYERPAT"), ({"BAYERPAT": "RGGB", "XBAYROFF": 0.5}, "XBAYROFF")],
)
def test_what_is_not_known_is_refused(header, text):
    with pytest.raises(ccdfx.ArgumentError, match=text):
        colour_pattern(header, shape=(8, 8))


@pytest.mark.parametrize("order", [None, "TOP-DOWN", "BOTTOM-UP"])
@pytest.mark.parametrize("rows", [10, 11])
def test_windows_and_cutouts_keep_the_colour_of_each_pixel(order, rows):
    header = {"BAYERPAT": "GRBG", "XBAYROFF": 1, **({"ROWORDER": order} if order else {})}
    image = ccdfx.Image(np.zeros((rows, 12)), header)
    whole = colour_pattern(image.header, shape=image.shape)
    part = ccdfx.select(ccdfx.select(image, section=(1, 12, 2, rows)), section=(2, 11, 3, rows - 2))
    assert colour_pattern(part.header, shape=part.shape) == whole.moved(2, 3)
    (cut,) = ccdfx.cutouts(image, size=5, positions=[(1, 4)])
    assert colour_pattern(cut.header, shape=cut.shape) == whole.moved(-1, 2)
    again = with_pattern(part.header, ColourPattern("BGGR"), shape=part.shape)
    assert str(colour_pattern(again, shape=part.shape)) == "BGGR"
