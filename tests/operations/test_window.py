"""select, trim and paste: windows in parent coordinates, and what follows them."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.operations.window import paste, select, trim
from ccdfx.records.image import Image
from ccdfx.records.range import Range

WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.5,
    "CD1_1": -1e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 1e-4, "BIASSEC": "[11:12,1:10]", "BUNIT": "adu",
}  # fmt: skip


@pytest.fixture
def frame() -> Image:
    rng = np.random.default_rng(0)
    shape = (10, 12)
    mask = rng.integers(0, 9, shape).astype(np.uint8)
    return Image(rng.normal(size=shape), WCS, mask, variance=rng.random(shape))


@pytest.mark.quick
@pytest.mark.parametrize("window", [(2, 9, 1, 6), "[3:9,2:6]", Range(2, 9, 1, 6)])
def test_select_cuts_everything(frame, window):
    part = select(frame, section=window)
    assert part.range == Range(2, 9, 1, 6)
    for name in ("array", "mask", "variance"):
        np.testing.assert_array_equal(getattr(part, name), getattr(frame, name)[1:6, 2:9])
    assert not np.shares_memory(part.array, frame.array)


def test_windows_are_in_parent_coordinates(frame):
    first = select(frame, section=(2, 9, 1, 6))
    again = select(first, section=(4, 6, 3, 5))
    np.testing.assert_array_equal(again.array, frame.array[3:5, 4:6])
    assert again.range == Range(4, 6, 3, 5)
    with pytest.raises(ArgumentError, match="inside"):
        select(first, section=(0, 3, 0, 3))


def test_the_sky_position_of_a_pixel_stays(frame):
    part = trim(frame, section="[3:9,2:6]")
    whole = frame.wcs.pixel_to_world_values(4, 3)
    cut = part.wcs.pixel_to_world_values(2, 2)
    np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-12)
    assert "BIASSEC" not in part.header and "BIASSEC" in frame.header


def test_select_nothing_is_everything(frame):
    np.testing.assert_array_equal(select(frame, section=None).array, frame.array)


def test_trim_wants_a_section(frame):
    with pytest.raises(ArgumentTypeError, match="section"):
        trim(frame, section=None)


@pytest.mark.quick
def test_paste_undoes_select(frame):
    part = select(frame, section=(2, 9, 1, 6))
    again = paste(frame, part=part)
    for name in ("array", "mask", "variance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(frame, name))
    assert again.header == frame.header and again.range == frame.range


def test_paste_changes_the_window_and_only_it(frame):
    part = select(frame, section=(2, 9, 1, 6)).replace(array=np.full((5, 7), 7.0), mask=None)
    again = paste(frame, part=part)
    inside = np.zeros(frame.shape, bool)
    inside[1:6, 2:9] = True
    assert (again.array[inside] == 7).all() and (again.mask[inside] == 0).all()
    np.testing.assert_array_equal(again.array[~inside], frame.array[~inside])
    np.testing.assert_array_equal(again.mask[~inside], frame.mask[~inside])


@pytest.mark.parametrize(
    ("full", "part", "expected"),
    [
        (np.uint16, np.uint16, np.uint16), (np.uint16, np.float32, np.float32), (np.uint16, np.int16, np.int32),
        (np.float32, np.uint16, np.float32), (np.float32, np.float64, np.float64), (np.int32, np.float32, np.float64),
        (np.uint8, np.int64, np.int64), (np.uint64, np.int8, np.float64),
    ],
)  # fmt: skip
def test_paste_keeps_values_whole(full, part, expected):
    result = paste(np.zeros((2, 2), full), part=Image(np.full((1, 1), 5, part), range=(1, 2, 0, 1)))
    assert result.dtype == expected and result.array[0, 1] == 5


def test_paste_refuses_what_does_not_fit(frame):
    with pytest.raises(ArgumentError, match="must lie inside"):
        paste(select(frame, section=(0, 5, 0, 5)), part=select(frame, section=(3, 7, 0, 5)))
    part = select(frame, section=(0, 5, 0, 5))
    with pytest.raises(MismatchError, match="variance"):
        paste(frame, part=part.replace(variance=None))
    with pytest.raises(MismatchError, match="unit"):
        paste(frame, part=part.replace(unit="electron"))
    with pytest.raises(MismatchError, match="binning"):
        paste(frame.replace(header={"CCDSUM": "1 1"}), part=part.replace(header={"CCDSUM": "2 2"}))
