"""What a header says of the sky, and how it follows windows and moves."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Header, Image, Range, select, shift
from ccdfx.records.keywords import pixel_scale
from ccdfx.records.wcs import moved, range_of, windowed, with_range, without_range

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.5,
    "CDELT1": -1e-4, "CDELT2": 1e-4,
}  # fmt: skip
SECTIONS = {"BIASSEC": "[11:12,1:10]", "TRIMSEC": "[1:10,1:10]", "DATASEC": "[1:10,1:10]"}


@pytest.mark.quick
def test_reference_pixels_of_all_descriptions_move() -> None:
    header = moved(Header({"CRPIX1": 1.0, "CRPIX2A": 2.0, "CRPIX1Z": 3.0}), 0.5, -1)
    assert dict(header) == {"CRPIX1": 1.5, "CRPIX2A": 1.0, "CRPIX1Z": 3.5}


def test_a_reference_pixel_that_is_left_out_is_0_and_moves_too() -> None:
    short = {key: value for key, value in SKY.items() if not key.startswith("CRPIX")}
    image = Image(np.zeros((9, 9)), short)
    part = select(image, section=(2, 6, 3, 8))
    assert (part.header["CRPIX1"], part.header["CRPIX2"]) == (-2.0, -3.0)
    np.testing.assert_allclose(part.wcs.all_pix2world(1, 1, 0), image.wcs.all_pix2world(3, 4, 0), atol=1e-12)


def test_a_header_without_a_sky_gets_none() -> None:
    assert moved(Header({"OBJECT": "x"}), 3, 4) == Header({"OBJECT": "x"})


def test_a_reference_pixel_in_words_does_not_stop_a_window() -> None:
    assert moved(Header({"CRPIX1": "left"}), 3, 4)["CRPIX1"] == "left"


@pytest.mark.parametrize(
    "change", [lambda i: select(i, section=(0, 5, 0, 9)), lambda i: shift(i, dx=1, dy=0)]
)
def test_sections_of_the_raw_frame_leave_when_pixels_move(change) -> None:
    image = Image(np.ones((9, 12)), SECTIONS)
    assert not SECTIONS.keys() & set(change(image).header)


def test_sections_stay_when_nothing_moves() -> None:
    image = Image(np.ones((9, 12)), SECTIONS)
    assert select(image, section=None).header == shift(image, dx=0, dy=0).header == image.header
    assert windowed(image.header, image.range, image.range) == image.header


def test_the_window_survives_in_ltv() -> None:
    window = Range(3, 7, 0, 9)
    header = with_range(Header(), window)
    assert (header["LTV1"], header["LTV2"]) == (-3.0, 0.0) and range_of(header, (9, 4)) == window
    assert dict(with_range(Header(), Range(0, 4, 0, 9))) == {}


def test_a_window_beside_stated_physical_coordinates_has_a_card_of_its_own() -> None:
    binned = Header({"LTM1_1": 0.5, "LTM2_2": 0.5, "LTV1": -9.75, "LTV2": 0.25})
    window = Range(10, 14, 0, 9)
    header = with_range(binned, window)
    assert (
        header["LTV1"] == -9.75 and header["RANGESEC"] == "[11:14,1:9]" and range_of(header, (9, 4)) == window
    )
    assert without_range(header, window) == binned
    assert range_of(header, (9, 3)) == Range(0, 3, 0, 9), "of another shape, it is that of another image"


def test_sections_of_a_window_on_the_detector() -> None:
    raw = Header(
        {"DATASEC": "[5:12,1:8]", "CCDSEC": "[ 1:16, 9:16]", "DETSEC": "[32:17,1:8]", "AMPSEC": "UNKNOWN"}
    )
    whole = Range(0, 14, 0, 8)
    part = windowed(raw, whole, Range(5, 12, 2, 8))
    assert dict(part) == {"CCDSEC": "[3:16,11:16]", "DETSEC": "[30:17,3:8]"}
    assert dict(windowed(raw, whole, Range(3, 12, 2, 8))) == {}, "the window holds overscan"
    assert dict(windowed(raw.set("DATASEC", "all"), whole, Range(5, 12, 2, 8))) == {}


@pytest.mark.parametrize(
    "cards",
    [{"LTV1": 0.5, "LTV2": 0}, {"LTV1": 3, "LTV2": 0}, {"LTV1": -3}, {"LTV1": -3, "LTV2": 0, "LTM1_1": 0.5}],
)
def test_an_unusable_ltv_is_the_origin(cards: dict[str, float]) -> None:
    assert range_of(Header(cards), (2, 2)) == Range(0, 2, 0, 2)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "scale"),
    [
        ({"PIXSCAL1": 0.4, "PIXSCAL2": -0.5, "PIXSCALE": 9}, (0.4, 0.5)), ({"PIXSCALE": "0,37"}, (0.37, 0.37)),
        (SKY, (0.36, 0.36)), ({**SKY, "CUNIT1": "arcsec"}, (1e-4, 1e-4)), ({**SKY, "CDELT1": 0}, None),
        ({**SKY, "CUNIT1": "furlong"}, None), ({"CDELT1": 1.0, "CDELT2": 1.0}, None), ({"PIXSCALE": "fine"}, None),
        ({**SKY, "CDELT1": None, "CD1_1": 3e-4, "CD2_1": 4e-4, "CD2_2": 1e-4}, (1.8, 0.36)),
        ({**SKY, "PC1_1": 2.0, "PC1_2": 0.0}, (0.72, 0.36)),
    ],
)  # fmt: skip
def test_the_pixel_scale(cards: dict[str, object], scale: tuple[float, float] | None) -> None:
    assert pixel_scale(Header(cards)) == (None if scale is None else pytest.approx(scale))


@pytest.mark.parametrize("keyword", ["ZEROPOINT", "ZEROPNT", "ZEROPT"])
def test_a_zero_point_that_is_set_is_the_one_that_is_read(keyword: str) -> None:
    image = Image([[1.0]], {keyword: 20.0})
    assert image.zero_point == 20.0 and image.replace(zero_point=25.5).zero_point == 25.5
    assert image.replace(zero_point=None).zero_point is None


def test_a_pixel_scale_can_be_taken_back() -> None:
    image = Image([[1.0]], {"PIXSCALE": 0.3}).replace(pixel_scale=(0.4, 0.5))
    assert image.pixel_scale == (0.4, 0.5) and image.replace(pixel_scale=None).pixel_scale is None


@pytest.mark.parametrize("value", ["Müller", "a\nb", "\x1b[31m", float("nan"), 10**30])
def test_a_card_that_fits_cannot_hold_does_not_hide_the_sky(value: object) -> None:
    image = Image([[1.0]], {**SKY, "NOTE": value})
    assert image.wcs is not None and image.to_ccddata().header["NOTE"]


def test_no_sky_is_none() -> None:
    assert Image([[1.0]]).wcs is None and Image([[1.0]], {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}).wcs is None
