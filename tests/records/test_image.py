"""The image record: construction, immutability, derivation, exchange."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    CcdfxWarning,
    Flag,
    Header,
    Image,
    MismatchError,
    Range,
)
from ccdfx.records.compatibility import require_match
from ccdfx.records.history import Master
from ccdfx.records.image import adopt, as_image
from ccdfx.testing import assert_same_image

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 50.0, "CRPIX2": 40.0, "CRVAL1": 201.4, "CRVAL2": -8.8,
    "CD1_1": -1.0e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1.0e-4, "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1C": 7.0,
}  # fmt: skip
DTYPES = ["u1", "i2", "<u2", ">u2", ">i4", "<f4", ">f4", "<f8", ">f8", "i8"]


def full_image() -> Image:
    return Image(
        np.arange(12, dtype=np.uint16).reshape(3, 4), {"OBJECT": "M 13", "BUNIT": "adu", "FILTER": "V"},
        mask=np.eye(3, 4, dtype=bool), range=(10, 14, 20, 23), variance=np.full((3, 4), 2.5),
    )  # fmt: skip


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda kind: hnp.arrays(
            kind, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 100)
        )
    ),
    st.sampled_from(["C", "F", "reversed"]),
)
def test_byte_order_and_strides_do_not_matter(array: np.ndarray, layout: str) -> None:
    given_array = {"C": array, "F": np.asfortranarray(array), "reversed": array[::-1, ::-1]}[layout]
    image = Image(given_array)
    assert image.dtype.isnative and image.array.flags.c_contiguous and not image.array.flags.writeable
    np.testing.assert_array_equal(image.array, given_array)
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.array, image.array)
    assert again.dtype == image.dtype and not again.array.flags.writeable


@pytest.mark.quick
def test_what_the_user_holds_is_copied() -> None:
    array, mask, variance = np.ones((2, 2)), np.zeros((2, 2), np.uint8), np.ones((2, 2))
    image = Image(array, None, mask, None, variance)
    array[:], mask[:], variance[:] = 7, 7, 7
    assert (image.array == 1).all() and (image.mask == 0).all() and (image.variance == 1).all()
    for plane in (image.array, image.mask, image.variance):
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 3
    with pytest.raises(AttributeError):
        image.array = array  # type: ignore[misc]


def test_a_read_only_view_of_a_writable_base_is_copied_too() -> None:
    base = np.zeros((2, 2))
    view = base.view()
    view.flags.writeable = False
    image = Image(view)
    base[:] = 5
    assert (image.array == 0).all()


def test_constructions() -> None:
    assert Image((2, 3)).shape == (2, 3) and (Image.filled((2, 3), 7.0).array == 7).all()
    assert Image.of(({"OBJECT": "x"}, [[1.0]])).header["OBJECT"] == "x"
    assert Image(np.array([[True, False]])).dtype == np.uint8
    assert Image(np.ones((1, 1), np.float16)).dtype == np.float32
    assert Image(np.ones((1, 1), np.longdouble)).dtype == np.float64
    assert Image.of(np.ma.masked_greater([[1, 5]], 3)).mask.tolist() == [[0, int(Flag.BAD_PIXEL)]]


@pytest.mark.quick
@pytest.mark.parametrize(
    "fields",
    [
        {"array": np.zeros(3)}, {"array": np.zeros((2, 2, 2))}, {"array": np.zeros((0, 3))}, {"array": [[1], [1, 2]]},
        {"array": np.zeros((2, 2), complex)}, {"array": [["a"]]}, {"array": np.zeros((2, 2)), "mask": np.zeros((3, 2))},
        {"array": np.zeros((2, 2)), "mask": np.full((2, 2), 256)}, {"array": np.zeros((2, 2)), "mask": np.zeros((1, 2), bool)},
        {"array": np.zeros((2, 2)), "variance": -np.ones((2, 2))}, {"array": np.zeros((2, 2)), "variance": np.ones((2, 1))},
        {"array": np.zeros((2, 2)), "range": (0, 3, 0, 2)}, {"array": (0, 5)},
        {"array": np.zeros((2, 2)), "mask": [[1], [1, 2]]}, {"array": np.zeros((2, 2)), "variance": [[1], [1, 2]]},
    ],
)  # fmt: skip
def test_bad_input_is_a_typed_error(fields: dict[str, object]) -> None:
    with pytest.raises(CcdfxError) as caught:
        Image(**fields)
    assert isinstance(caught.value, TypeError | ValueError) and caught.value.rule


def test_header_facts_can_be_read_and_set() -> None:
    image = Image((4, 4), SKY)
    assert image.pixel_scale == pytest.approx((0.36, 0.36))
    changed = image.replace(unit="electron", band="V", zero_point=25.1, pixel_scale=0.5)
    assert (changed.unit, changed.band, changed.zero_point, changed.pixel_scale) == (
        "electron",
        "V",
        25.1,
        (0.5, 0.5),
    )
    bare = changed.replace(unit=None, band=None, zero_point=None, pixel_scale=None)
    assert len(bare.header) == len(image.header) and bare.unit is None
    assert image.unit is None and image.band is None and image.zero_point is None
    assert Image((1, 1), {"EXPOSURE": "10,5"}).exptime == 10.5


def test_replace_keeps_the_fields_together() -> None:
    image = full_image()
    assert image.replace(array=np.zeros((3, 4))).mask is image.mask
    with pytest.raises(MismatchError, match="replace mask, variance and range too"):
        image.replace(array=np.zeros((2, 2)))
    with pytest.raises(MismatchError, match="replace mask, variance and range too"):
        image.replace(array=np.zeros((2, 2)), mask=None, range=None)  # the variance would be left behind
    smaller = image.replace(array=np.zeros((2, 2)), mask=None, variance=None, range=None)
    assert smaller.range == Range(0, 2, 0, 2)
    with pytest.raises(ArgumentTypeError, match="knows the fields"):
        image.replace(data=1)


@pytest.mark.quick
def test_select_is_in_parent_coordinates_and_idempotent() -> None:
    image = full_image()
    part = image.select((11, 13, 21, 23))
    np.testing.assert_array_equal(part.array, image.array[1:3, 1:3])
    np.testing.assert_array_equal(part.mask, image.mask[1:3, 1:3])
    assert part.range == Range(11, 13, 21, 23) and part.select((11, 13, 21, 23)) is part
    assert image.select() is image
    for window in ((0, 2, 0, 2), (8, 9, 2)):
        with pytest.raises(ArgumentError, match=r"must (lie|have its centre) inside the frame") as caught:
            image.select(window)
        assert isinstance(caught.value, IndexError)


def test_sky_positions_never_move() -> None:
    image = Image(np.zeros((80, 100)), {**SKY, "BIASSEC": "[1:2,1:2]"})
    part = image.select((30, 70, 10, 60))
    before = image.wcs.pixel_to_world_values(45, 33)
    after = part.wcs.pixel_to_world_values(45 - 30, 33 - 10)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
    assert part.header["CRPIX1C"] == 7.0 - 30 and "BIASSEC" not in part.header


@pytest.mark.quick
@pytest.mark.parametrize(
    "other",
    [Image((3, 5)), Image((3, 4), range=(1, 5, 1, 4)), full_image().replace(unit="electron")],
)
def test_frames_that_do_not_match_are_refused(other: Image) -> None:
    with pytest.raises(MismatchError, match="bias: "):
        require_match(full_image(), other, "bias")


def test_frames_that_match() -> None:
    require_match(full_image(), full_image(), "bias")
    require_match(full_image(), Image((3, 4)), "bias")
    require_match(full_image(), full_image().replace(unit="ADU"), "bias")
    require_match(
        Image((1, 1), {"XBINNING": np.inf, "YBINNING": 1}), Image((1, 1), {"CCDSUM": "2 2"}), "bias"
    )
    with pytest.raises(MismatchError, match="binning"):
        require_match(Image((1, 1), {"XBINNING": 1, "YBINNING": 1}), Image((1, 1), {"CCDSUM": "2 2"}), "bias")


def test_good_knows_flags_and_nan() -> None:
    image = Image([[1.0, np.nan, 3.0, np.inf]], mask=[[0, 0, 4, 0]])
    assert image.good.tolist() == [[True, False, False, False]]


@pytest.mark.quick
def test_ccddata_both_ways() -> None:
    image = full_image()
    data = image.to_ccddata()
    assert isinstance(data, CCDData) and data.unit == units.adu
    assert_same_image(Image.from_ccddata(data), image)


def test_the_wcs_that_ccddata_has_taken_out_of_the_header_comes_back() -> None:
    image = Image((60, 100), {**SKY, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "A_2_0": 1e-4,
                              "B_ORDER": 2, "B_0_2": 2e-4})  # fmt: skip
    data = CCDData(image.array, wcs=image.wcs, unit="adu")  # as CCDData.read leaves it
    back = Image.from_ccddata(data)
    np.testing.assert_allclose(back.wcs.all_pix2world(7, 9, 0), image.wcs.all_pix2world(7, 9, 0), rtol=1e-13)


@pytest.mark.parametrize(("kind", "value"), [(StdDevUncertainty, 2.0), (InverseVariance, 0.25)])
def test_ccddata_uncertainties_become_variance(kind: type, value: float) -> None:
    data = CCDData(
        np.ones((2, 2)), unit="adu", uncertainty=kind(np.full((2, 2), value)), mask=[[True, False]] * 2
    )
    image = Image.from_ccddata(data)
    np.testing.assert_allclose(image.variance, 4.0)
    assert image.unit == "adu" and image.mask.tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("K", "K"), ("nJy", "nJy"), ("MJy/sr", "MJy/sr"), ("erg/s/cm2", "erg/s/cm2"), ("ADU", "adu"),
        ("Electrons", "electrons"), ("e-/s", "e-/s"), ("COUNTS/SEC", "counts/sec"), ("DN", "dn"), (" ", None),
    ],
)  # fmt: skip
def test_a_unit_keeps_its_case_except_counts_and_electrons(text: str, unit: str | None) -> None:
    image = Image([[1.0]], {"BUNIT": text})
    assert image.unit == unit


@pytest.mark.parametrize("unit", ["adu", "ADU", "MJy/sr", "Jy", "nJy", "K", "electron", "furlong of doom"])
def test_every_unit_survives_ccddata(unit: str) -> None:
    image = Image([[1.0]], {"BUNIT": unit})
    again = Image.from_ccddata(image.to_ccddata())
    assert again.unit.replace(" ", "") == image.unit.replace(" ", "")


@pytest.mark.parametrize(
    "data",
    [
        [[1.0, 2.0]], ([1.0, 2.0],), np.array([[1.0, 2.0]], ">f8"), np.ma.MaskedArray([[1.0, 2.0]]),
        CCDData([[1.0, 2.0]], unit=""), [[1.0, 2.0]] * units.dimensionless_unscaled, Image([[1.0, 2.0]]),
        Master(Image([[1.0, 2.0]]), "a.fits", "0" * 64),
    ],
)  # fmt: skip
def test_a_public_function_takes_every_kind_of_image(data: object) -> None:
    assert_same_image(as_image(data), Image([[1.0, 2.0]]))


def test_a_quantity_keeps_its_unit() -> None:
    assert as_image([[1.0]] * units.electron).unit == "electron"


def test_masked_array_both_ways() -> None:
    array = np.ma.MaskedArray([[1, 2]], mask=[[False, True]])
    again = Image.from_masked_array(array).to_masked_array()
    assert again.mask.tolist() == [[False, True]] and again.data.tolist() == [[1, 2]]


def test_it_is_an_array_where_numpy_wants_one() -> None:
    image = full_image().replace(mask=None)
    assert np.asarray(image) is not None and np.asarray(image, dtype=float).dtype == float
    assert np.shares_memory(np.asarray(image), image.array) and image.data is image.array and image.ndim == 2
    assert np.array(image).flags.writeable


def test_an_array_of_it_has_nan_for_flagged_pixels_and_it_is_said() -> None:
    image = Image(np.array([[7, 9]], np.uint16), mask=[[0, 4]])
    with pytest.warns(CcdfxWarning, match="flagged pixels are NaN"):
        array = np.asarray(image)
    assert array[0, 0] == 7 and np.isnan(array[0, 1]) and array.dtype == np.float32
    with pytest.warns(CcdfxWarning):
        assert np.isnan(np.mean(image))
    with pytest.raises(TypeError, match="has flagged pixels"):
        np.asarray(image, dtype=int)


def other_objects() -> list[Any]:
    from astropy import units
    from astropy.io import fits
    from astropy.nddata import CCDData, NDData, StdDevUncertainty

    pixels, bad = np.array([[1, 2], [3, 4]], np.int16), np.array([[True, False], [False, False]])
    errors = StdDevUncertainty(np.full((2, 2), 2.0))
    hdu = fits.ImageHDU(pixels, fits.Header([("OBJECT", "M 13"), ("BLANK", 1)]))
    planes = CCDData(pixels, unit="adu", mask=bad, uncertainty=errors, meta={"OBJECT": "M 13"})
    return [
        np.ma.MaskedArray(pixels, mask=bad),
        planes,
        NDData(pixels, mask=bad, uncertainty=errors, unit="adu"),
        pixels * units.electron,
        units.Quantity(pixels, "adu"),
        hdu,
        fits.HDUList([fits.PrimaryHDU(), hdu]),
        planes.to_hdu(),
        Image(pixels, {"OBJECT": "M 13"}, mask=bad, variance=errors.array),
    ]


def test_a_constructor_keeps_what_objects_hold() -> None:
    """`Image(x)` is `Image.of(x)`: mask, variance, unit and header of the objects of numpy and astropy."""
    for number, thing in enumerate(other_objects()):
        one, two = Image(thing), Image.of(thing)
        assert_same_image(one, two)
        assert one.mask is None or (one.mask != 0).tolist() == [[True, False], [False, False]], number
        assert (one.mask is None) == (number in (3, 4)), number
        assert one.variance is None or one.variance.tolist() == [[4.0, 4.0], [4.0, 4.0]] or number == 8
        assert (one.variance is None) == (number in (0, 3, 4, 5, 6)), number
        assert one.unit == {1: "adu", 2: "adu", 3: "electron", 4: "adu", 7: "adu"}.get(number), number
        assert "BITPIX" not in one.header and (one.header.get("OBJECT") == "M 13") == (
            number in (1, 5, 6, 7, 8)
        )
    masked = Image(other_objects()[0], {"OBJECT": "x"}, mask=[[0, 4], [0, 0]])
    assert masked.mask is not None and masked.mask.tolist() == [[1, 4], [0, 0]]
    from astropy.io import fits

    for wrong in (fits.HDUList([fits.ImageHDU(np.ones((2, 2)))] * 2), fits.PrimaryHDU()):
        with pytest.raises(CcdfxError):
            Image(wrong)


def test_it_shows_the_largest_floats() -> None:
    assert "base64" in Image([[-1.7e308, 1.7e308]])._repr_html_()


@pytest.mark.quick
def test_it_shows_itself() -> None:
    image = full_image().replace(header={"OBJECT": "<script>\x1b[31m"})
    assert len(repr(image).splitlines()) == 6 and "\x1b" not in repr(image)
    html = image._repr_html_()
    assert "data:image/png;base64," in html and "<script>" not in html


def test_the_thumbnail_is_a_png_that_matplotlib_reads() -> None:
    import io

    from matplotlib import image as pictures

    from ccdfx.records.views.image import thumbnail_png

    array = np.zeros((400, 200))
    array[:200] = 1.0
    picture = pictures.imread(io.BytesIO(thumbnail_png(array, np.ones(array.shape, bool))), format="png")
    assert max(picture.shape[:2]) <= 160 and picture[-1, 0] == 1.0 and picture[0, 0] == 0.0


def test_adopt_freezes_without_copying() -> None:
    array = np.zeros((2, 2), np.float32)
    assert adopt(array, Header()).array is array and not array.flags.writeable


@pytest.mark.parametrize("window", [(3, 6, 5, 7), (4, 5, 1), "[4:6,6:7]", Range(3, 6, 5, 7)])
def test_the_window_may_be_given_in_every_form(window: object) -> None:
    shape = (3, 3) if window == (4, 5, 1) else (2, 3)
    image = Image(shape, range=window)
    assert image.range == (Range(3, 6, 4, 7) if shape == (3, 3) else Range(3, 6, 5, 7))
