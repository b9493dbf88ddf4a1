"""ccdfx.cutouts: small images around positions in pixels or on the sky."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx import cutouts, select
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range

WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.0,
    "CD1_1": -1e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 1e-4, "BUNIT": "adu",
}  # fmt: skip


@pytest.fixture
def frame() -> Image:
    rng = np.random.default_rng(0)
    shape = (30, 40)
    mask = (rng.random(shape) < 0.1).astype(np.uint8)
    return Image(rng.normal(size=shape).astype(np.float32), WCS, mask, variance=rng.random(shape))


@pytest.mark.quick
def test_inside_it_is_what_select_cuts(frame):
    (part,) = cutouts(frame, positions=[(20, 15)], size=(7, 5))
    expected = select(frame, section=(17, 24, 13, 18))
    assert (
        "BIASSEC"
        not in cutouts(frame.replace(header={"BIASSEC": "[1:2,1:9]"}), positions=[(1, 1)], size=3)[0].header
    )
    assert part.range == expected.range and part.header["CRPIX1"] == expected.header["CRPIX1"] == 6.0 - 17
    for name in ("array", "mask", "variance"):
        np.testing.assert_array_equal(getattr(part, name), getattr(expected, name))


@given(st.floats(-60, 100), st.floats(-60, 90), st.integers(1, 25), st.integers(1, 25))
def test_every_pixel_is_the_one_of_the_frame_or_flagged(x, y, width, height):
    array = np.arange(30 * 40).reshape(30, 40)
    (part,) = cutouts(Image(array, WCS), positions=[(x, y)], size=(width, height))
    assert part.shape == (height, width)
    x0, y0 = (
        round(float(WCS["CRPIX1"]) - part.header["CRPIX1"]),
        round(float(WCS["CRPIX2"]) - part.header["CRPIX2"]),
    )
    nearest = 0.5 + 1e-9  # positions beside the middle of two pixels are rounded
    assert abs(x0 + (width - 1) / 2 - x) <= nearest and abs(y0 + (height - 1) / 2 - y) <= nearest
    rows, columns = np.indices(part.shape)
    rows, columns = rows + y0, columns + x0
    inside = (rows >= 0) & (rows < 30) & (columns >= 0) & (columns < 40)
    np.testing.assert_array_equal(part.array[inside], array[rows[inside], columns[inside]])
    assert (part.array[~inside] == 0).all()
    flags = np.zeros(part.shape, np.uint8) if part.mask is None else part.mask
    np.testing.assert_array_equal(flags, np.where(inside, 0, Flag.NO_DATA))


def test_beyond_the_edge_floats_are_nan_and_have_no_variance(frame):
    (part,) = cutouts(frame, positions=[(0, 0)], size=5)
    assert np.isnan(part.array[:2]).all() and np.isnan(part.array[:, :2]).all()
    assert (part.variance[:2] == 0).all() and part.range == Range.whole((5, 5))
    (last,) = cutouts(frame, positions=[(39, 29)], size=5)
    assert last.range == Range(37, 42, 27, 32)


def test_sky_positions_stay(frame):
    (part,) = cutouts(frame, positions=[(2.0, 27.0)], size=9)
    x0, y0 = 2 - 4, 27 - 4
    there = frame.wcs.pixel_to_world_values(3.0, 26.0)
    np.testing.assert_allclose(part.wcs.pixel_to_world_values(3.0 - x0, 26.0 - y0), there, atol=1e-10)


def test_positions_on_the_sky_are_those_in_pixels(frame):
    from astropy.coordinates import SkyCoord
    from astropy.table import Table

    ra, dec = frame.wcs.pixel_to_world_values([10.0, 31.0], [8.0, 20.0])
    expected = [part.array for part in cutouts(frame, positions=[(10, 8), (31, 20)], size=5)]
    assert len(expected) == 2
    for sky in (np.column_stack([ra, dec]), SkyCoord(ra, dec, unit="deg"), Table({"ra": ra, "dec": dec})):
        found = cutouts(frame, sky=sky, size=5)
        for part, array in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part.array, array)


def test_the_sky_of_an_image_may_be_galactic_or_have_its_axes_exchanged(frame):
    from astropy.coordinates import SkyCoord

    galactic = {**WCS, "CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}
    exchanged = {**WCS, "CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 2.0, "CRVAL2": 150.0}
    old = {**WCS, "RADESYS": "FK4", "EQUINOX": 1950.0}
    for header, named in ((galactic, "galactic"), (exchanged, "icrs"), (old, "fk4")):
        image = frame.replace(header=header)
        for sky in (SkyCoord(150, 2, unit="deg", frame=named).icrs, [(150.0, 2.0)]):
            assert cutouts(image, sky=sky, size=3)[0].range == Range(4, 7, 2, 5)  # about CRPIX
    unknown = frame.replace(header={**WCS, "RADESYS": "what"})
    assert cutouts(unknown, sky=[(150.0, 2.0)], size=3)[0].range == Range(4, 7, 2, 5)
    with pytest.raises(ArgumentError, match="RADESYS"):
        cutouts(unknown, sky=SkyCoord(150, 2, unit="deg"), size=3)


def test_several_images_come_one_after_the_other(frame):
    other = frame.replace(array=frame.array + 100)
    parts = cutouts([frame, other], positions=[(5, 5), (20, 20)], size=3)
    assert [part.array[1, 1] > 50 for part in parts] == [False, False, True, True]
    assert cutouts([frame, other], positions=[], size=3) == []


def test_tables_of_sources_are_positions():
    from ccdfx import find_sources

    y, x = np.mgrid[:64, :64]
    sky = np.random.default_rng(1).normal(100, 1, (64, 64)) + 50 * np.exp(
        -((x - 30.3) ** 2 + (y - 20.6) ** 2) / 6
    )
    (part,) = cutouts(sky, positions=find_sources(sky), size=11)
    assert part.range == Range(25, 36, 16, 27)


def test_the_frame_stays_as_it_was(frame):
    before = frame.array.copy()
    (part,) = cutouts(frame, positions=[(20, 15)], size=5)
    assert not np.shares_memory(part.array, frame.array)
    np.testing.assert_array_equal(frame.array, before)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 3}, {"size": 3, "positions": [(1, 1)], "sky": [(150, 2)]}, {"size": 0, "positions": [(1, 1)]},
        {"size": (1, 2, 3), "positions": [(1, 1)]}, {"size": 2.5, "positions": [(1, 1)]},
        {"size": 3, "positions": [(1, 2, 3)]}, {"size": 3, "positions": [(1, np.nan)]},
        {"size": 3, "positions": "here"}, {"size": 3, "positions": 5}, {"size": 3, "sky": [(330.0, -2.0)]},
        {"size": 3, "positions": [(1e300, 0)]}, {"size": 3, "sky": np.zeros(1, [("a", float)])},
    ],
)  # fmt: skip
def test_bad_positions_and_sizes(frame, options):
    with pytest.raises(CcdfxError, match="; "):
        cutouts(frame, **options)


def test_sky_positions_need_a_wcs():
    with pytest.raises(ArgumentError, match="sky: needs a WCS"):
        cutouts(np.eye(5), sky=[(1, 1)], size=3)
