"""Flags and variances of an image in other HDUs of its file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hdu_files import PIXELS, named, written

from ccdfx import select
from ccdfx.errors import CcdfxWarning
from ccdfx.io import read, update, write
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.testing.equality import assert_same_image


@pytest.mark.quick
def test_flags_and_variance_belong_to_the_image_before_them(tmp_path: Path) -> None:
    mask, variance = (PIXELS % 3 == 0).astype(np.uint8) * 5, PIXELS + 0.5
    path = written(
        tmp_path / "a.fits",
        fits.PrimaryHDU(),
        named(PIXELS, "SCI"),
        named(variance, "VAR"),
        named(mask, "MASK"),
        named(PIXELS, "SCI"),
        named(1 / variance, "IVAR"),
    )
    first, second = read(path, hdu="all")
    assert np.array_equal(first.variance, variance)
    assert np.array_equal(first.mask, (mask != 0) * Flag.BAD_PIXEL), (
        "bits that the file does not name mean BAD_PIXEL"
    )
    assert second.mask is None
    np.testing.assert_allclose(second.variance, variance)
    alone = read(path, hdu="MASK")
    assert np.array_equal(alone.array, mask)
    assert alone.mask is None


def test_an_inverse_variance_of_0_is_no_data(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.fits", fits.PrimaryHDU(PIXELS), named(np.where(PIXELS == 5, 0.0, 1.0), "IVAR")
    )
    image = read(path)
    assert np.array_equal(image.mask, (PIXELS == 5) * Flag.NO_DATA)


def test_a_deviation_without_a_square_is_an_unknown_variance(tmp_path: Path) -> None:
    deviation = named(np.full(PIXELS.shape, 1e30, np.float32), "UNCERT", UTYPE="StdDevUncertainty")
    image = read(written(tmp_path / "a.fits", fits.PrimaryHDU(PIXELS), deviation))
    assert np.isinf(image.variance).all()


def test_a_mask_without_an_image_is_an_image(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(), named(PIXELS.astype(np.uint8), "MASK"))
    assert np.array_equal(read(path).array, PIXELS)


def test_bits_are_known_by_their_names(tmp_path: Path) -> None:
    mask = np.array([[1, 2, 3, 0]], np.uint8)
    named_bits = named(mask, "MASK", MASKBIT0="COSMIC_RAY", MASKBIT1="unheard of")
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(mask.astype(np.int16)), named_bits)
    assert read(path).mask.tolist() == [[8, 1, 9, 0]]


def test_nan_is_no_data_unless_the_mask_says_more(tmp_path: Path) -> None:
    array = np.array([[1.0, np.nan, np.nan, np.inf]])
    assert read(write(array, tmp_path / "a.fits")).mask.tolist() == [[0, 16, 16, 0]]
    image = Image(array, None, np.array([[0, 4, 0, 0]], np.uint8))
    assert read(write(image, tmp_path / "b.fits")).mask.tolist() == [[0, 4, 16, 0]]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_flags_that_were_cut_off_are_missed(pack, tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(PIXELS), named((PIXELS > 5).astype(np.uint8), "MASK"))
    content = path.read_bytes()
    flags = content.index(b"XTENSION")
    for end in (flags - 1, flags - 2000, len(content) - 1):
        with pytest.warns(CcdfxWarning, match="if it was cut, .*flags.* copy the file again"):
            read(pack(content[:end]))
    assert read(pack(content)).mask is not None


def test_a_mask_in_a_list_of_images_stays_an_image(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(PIXELS), named(PIXELS.astype(np.uint8), "MASK"))
    both = [read(path, hdu=0), read(path, hdu="MASK")]
    assert len(read(write(both, tmp_path / "b.fits"), hdu="all")) == 2


@pytest.mark.quick
@pytest.mark.parametrize("name", ["a.fits", "a.fits.fz"])
def test_flags_and_variance_lie_on_the_sky_where_their_image_lies(tmp_path: Path, name: str) -> None:
    sky = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.5,
           "CD1_1": -1e-4, "CD2_2": 1e-4, "CRPIX1P": 1.0, "LTM1_1": 0.5, "LTV1": 0.25, "OBJECT": "M 13"}  # fmt: skip
    image = Image(PIXELS, sky, PIXELS % 2, variance=PIXELS * 2.0)
    image = select(image, section=(1, 4, 0, 3))
    path = write(image, tmp_path / name)
    for plane in ("MASK", "UNCERT"):
        there = read(path, hdu=plane)
        assert there.wcs.wcs == image.wcs.wcs and there.range == image.range
        assert [there.header[key] for key in ("LTV1", "CRPIX1P")] == [
            -0.75,
            0.0,
        ] and "OBJECT" not in there.header
    assert_same_image(read(path), image)


def test_flags_put_into_a_file_get_the_place_of_their_image(tmp_path: Path) -> None:
    path = write(Image(PIXELS, {"CRPIX1": 2.5, "CTYPE1": "LINEAR"}), tmp_path / "a.fits")
    update(path, Image([[7]], mask=[[1]], range=(1, 2, 1, 2)))
    assert read(path, hdu="MASK").header["CRPIX1"] == 2.5
