"""FITS against astropy: the same cards, the same pixels, the same checksums."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ccdfx.errors import FormatError
from ccdfx.io import open_source, read, read_header, write
from ccdfx.io.fits.cards import parse_cards
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image

FOLDERS = ("headers", "fits", "saao", "nickel", "other", "sdss", "m13")
NO_IMAGE = {"issue49test.fits", "test_i10.fits", "j8bt06nyq_sip_flt.fits"}
STALE_SUMS = {
    "pole.fits",
    "rotation.fits",
    "tiny.fits",
    "unsolved.fits",
}  # cropped with their checksums left alone
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def astropy_image(path: Path) -> tuple[int, np.ndarray, fits.Header]:
    """Number, pixels and header of the first image that astropy finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False) as hdus:
            for i, hdu in enumerate(hdus):
                if (
                    isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
                    and hdu.data is not None
                ):
                    return i, np.array(hdu.data), hdu.header.copy()
    raise AssertionError(f"astropy finds no image in {path}")


def same_value(ours: object, theirs: object) -> bool:
    if isinstance(theirs, fits.card.Undefined):
        return ours is None
    if isinstance(theirs, float) and isinstance(ours, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-15)
    return ours == theirs


def assert_same_cards(header: Header, theirs: fits.Header) -> None:
    """Every keyword that both understand has one value; what astropy cannot parse must be text here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for card in theirs.cards:
            keyword = card.keyword
            if keyword in (
                "COMMENT",
                "HISTORY",
                "",
                "CONTINUE",
                "EXTEND",
            ):  # astropy adds EXTEND when it reads
                continue
            assert keyword in header, keyword
            try:
                value = theirs[keyword]
            except fits.VerifyError:
                assert isinstance(header[keyword], str | int | float | None), keyword
                continue
            assert same_value(header[keyword], value), (keyword, header[keyword], value)
        history = [
            str(line)[:72].rstrip() for line in theirs.get("HISTORY", [])
        ]  # it glues CONTINUE lines on
        assert [line.rstrip() for line in header.history] == history


def cases(shared: Path) -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((shared / "data" / folder).iterdir())]


def test_every_real_file_reads_as_with_astropy(shared: Path) -> None:
    found = cases(shared)
    assert len(found) > 70
    for path in found:
        if path.name in NO_IMAGE:
            with pytest.raises(FormatError, match="holds no image"):
                read(path)
            continue
        if path.name in STALE_SUMS:
            with pytest.raises(FormatError, match="DATASUM disagrees"):
                read(path)
        number, pixels, theirs = astropy_image(path)
        image = read(path, checksum=path.name not in STALE_SUMS)
        np.testing.assert_array_equal(image.array, pixels, err_msg=str(path))
        blank = np.isnan(image.array) if image.dtype.kind == "f" else np.zeros(image.shape, bool)
        assert np.array_equal(
            blank, np.zeros_like(blank) if image.mask is None else image.mask == Flag.NO_DATA
        )
        header = read_header(path)
        assert (header["NAXIS2"], header["NAXIS1"]) == pixels.shape
        if number == 0:
            assert_same_cards(header, theirs)


def test_real_headers_survive_being_written(shared: Path, tmp_path: Path) -> None:
    found = cases(shared)
    assert len(found) > 70
    for i, path in enumerate(found):
        if path.name in NO_IMAGE:
            continue
        image = read(path, checksum=False)
        written = write(image, tmp_path / f"{i}.fits")
        back = read(written)
        assert np.array_equal(back.array, image.array, equal_nan=image.dtype.kind == "f")
        for one, two in zip(image.header.cards, back.header.cards, strict=True):
            assert one == two or not f"{one.value}{one.comment}".isascii(), path
        with warnings.catch_warnings(), fits.open(written, checksum=True) as hdus:
            warnings.simplefilter("error")
            assert_same_cards(read_header(written), hdus[0].header)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_astropy_reads_what_we_write(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(7)
    info = np.iinfo(dtype) if dtype[0] != "f" else None
    pixels = (
        rng.integers(info.min, info.max, (13, 7), dtype, endpoint=True) if info else rng.normal(size=(13, 7))
    )
    image = Image(
        pixels.astype(dtype), {"BUNIT": "adu"}, rng.random((13, 7)) < 0.3, None, pixels.astype(float) ** 2
    )
    path = write(image, tmp_path / "a.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "UNCERT"]
            assert hdus[0].data.dtype.newbyteorder("=") == np.dtype(dtype)
            np.testing.assert_array_equal(hdus[0].data, image.array)
        data = CCDData.read(path)
    np.testing.assert_array_equal(data.data, image.array)
    np.testing.assert_array_equal(data.mask, image.mask != 0)
    assert type(data.uncertainty).__name__ == "VarianceUncertainty"
    np.testing.assert_array_equal(data.uncertainty.array, image.variance)


@pytest.mark.parametrize("kind", ["StdDevUncertainty", "VarianceUncertainty", "InverseVariance"])
def test_what_ccddata_writes_is_read(tmp_path: Path, kind: str) -> None:
    import astropy.nddata

    values = np.array([[1.0, 2.0], [4.0, 0.5]])
    data = CCDData(np.ones((2, 2)), unit="adu", mask=np.eye(2, dtype=bool))
    data.uncertainty = getattr(astropy.nddata, kind)(values)
    data.write(tmp_path / "a.fits")
    image = read(tmp_path / "a.fits")
    power = {"StdDevUncertainty": 2, "VarianceUncertainty": 1, "InverseVariance": -1}[kind]
    np.testing.assert_allclose(image.variance, values**power)
    np.testing.assert_array_equal(image.mask, np.eye(2) * Flag.BAD_PIXEL)
    assert image.unit == "adu"


STORED = st.sampled_from((8, 16, 32, 64, -32, -64))


@quick
@given(bitpix=STORED, data=st.data())
def test_scaled_pixels_are_those_of_astropy(tmp_path_factory, bitpix: int, data) -> None:
    kind = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}[bitpix]
    elements = hnp.from_dtype(np.dtype(kind), min_value=-1e6, max_value=1e6) if bitpix < 0 else None
    stored = data.draw(hnp.arrays(kind, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=elements))
    bscale = data.draw(st.sampled_from((1, 1.0, 2, 0.5, 1e-3, -1)))
    bzero = data.draw(st.sampled_from((0, 0.0, 32768, 32768.0, 2147483648, -128, 1.5, 1e5)))
    blank = data.draw(st.none() | st.sampled_from(stored.ravel().tolist())) if bitpix > 0 else None
    path = tmp_path_factory.mktemp("oracle") / "a.fits"
    hdu = fits.PrimaryHDU(stored)
    hdu.header.update({"BSCALE": bscale, "BZERO": bzero} | ({} if blank is None else {"BLANK": blank}))
    pixels = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(hdu.header.tostring().encode() + pixels.ljust(2880, b"\0"))
    image = read(path)
    expected = stored.astype(np.float64) * bscale + bzero
    exact = image.dtype.kind != "f"
    bad = np.zeros(stored.shape, bool) if blank is None else stored == blank
    assert np.array_equal(bad, np.zeros_like(bad) if image.mask is None else image.mask == Flag.NO_DATA)
    if exact:
        whole = stored.astype(object) + int(bzero)
        assert (image.array.astype(object) == whole).all()
    else:
        np.testing.assert_allclose(image.array[~bad], expected[~bad], rtol=1e-6, atol=abs(bscale) * 1e-3)
        assert bitpix < 0 or np.isnan(image.array[bad]).all()
    with warnings.catch_warnings(), fits.open(path) as hdus:
        warnings.simplefilter("ignore")
        try:
            theirs = hdus[0].data
        except ValueError:  # astropy writes NaN into integers where BLANK comes without a scale
            assert blank is not None
            return
        np.testing.assert_allclose(
            image.array[~bad].astype(float), theirs[~bad].astype(float), rtol=1e-6, atol=0.02
        )


METHODS = {
    "RICE_1": ("u1", "i2", "u2", "i4", "f4"),
    "GZIP_1": ("u1", "i2", "u2", "i4", "f4", "f8"),
    "GZIP_2": ("u1", "i2", "u2", "i4", "f4", "f8"),
    "HCOMPRESS_1": ("u1", "i2", "u2", "i4", "f4"),
    "PLIO_1": ("u1", "i2"),
}


@pytest.mark.parametrize(("method", "dtype"), [(m, dtype) for m, kinds in METHODS.items() for dtype in kinds])
def test_both_paths_give_identical_pixels(tmp_path: Path, method: str, dtype: str) -> None:
    """The same image plain (decoded here) and tile-compressed (decompressed by astropy), whole and in part."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 120, (40, 37)).astype(dtype)
    options = {"quantize_level": 0} if dtype[0] == "f" else {}
    if dtype == "f4" and method in ("RICE_1", "HCOMPRESS_1"):
        options = {"quantize_level": 16, "quantize_method": 1}
    tiles = fits.CompImageHDU(pixels, compression_type=method, tile_shape=(20, 37), **options)
    tiles.writeto(tmp_path / "a.fits.fz")
    restored = np.array(fits.getdata(tmp_path / "a.fits.fz"))
    write(Image(restored), tmp_path / "a.fits")
    plain, packed = read(tmp_path / "a.fits"), read(tmp_path / "a.fits.fz")
    assert plain.array.dtype == packed.array.dtype
    np.testing.assert_array_equal(plain.array, packed.array)
    with open_source(tmp_path / "a.fits.fz") as source:
        assert source.raw is None
        np.testing.assert_array_equal(source.select((3, 30, 15, 25)).array, plain.array[15:25, 3:30])


value_lines = st.builds(
    lambda key, value, comment: f"{key:<8}= {value} / {comment}".ljust(80)[:80],
    st.text("ABCDEFGH0123456789-_", min_size=1, max_size=8).filter(lambda key: key not in ("END",)),
    st.one_of(
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda x: repr(x).upper()),
        st.floats(-1e30, 1e30).map(lambda x: f"{x:.10E}".replace("E", "D")),
        st.sampled_from(("T", "F", "", "(1.5, -2.0)", "(1,2)", "+5", "-.5", "5.", "1E5", "00012")),
        (st.text("abc' &x", max_size=30) | st.text("abc/ x", max_size=30)).map(
            lambda text: "'" + text.replace("'", "''") + "'"
        ),
    ),
    st.text("abc xyz", max_size=20),  # astropy takes a quote in a comment for the end of the string
)


@settings(quick, max_examples=300)
@given(line=value_lines)
def test_cards_mean_what_they_mean_to_astropy(line: str) -> None:
    theirs = fits.Card.fromstring(line)
    (card,) = parse_cards(line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value, comment = theirs.value, theirs.comment
        except fits.VerifyError:
            return
    assert card.keyword == theirs.keyword
    assert same_value(card.value, value) or (isinstance(value, float) and math.isinf(value))
    assert card.comment == comment.strip()


@quick
@given(text=st.text("abc '&xyz", min_size=60, max_size=300), comment=st.text("abc xyz", max_size=60))
def test_long_strings_mean_what_they_mean_to_astropy(text: str, comment: str) -> None:
    text, comment = text.rstrip(" &"), comment.strip()
    card = fits.Card("LONGTEXT", text, comment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = str(card)
    # astropy cuts between the two quotes that stand for one, which no other reader puts together again.
    assume(all(image[start : start + 80].count("'") % 2 == 0 for start in range(0, len(image), 80)))
    (ours,) = parse_cards(image)
    assert ours.value == fits.Card.fromstring(image).value


@quick
@given(
    text=st.text("abc '&xyz", max_size=300),  # astropy loses what follows a quote and a slash
    comment=st.text("abc xyz", max_size=100),
    key=st.sampled_from(("K", "ESO DET NAME")),
)
def test_astropy_reads_our_long_strings(text: str, comment: str, key: str) -> None:
    from ccdfx.io.fits.cards import format_card
    from ccdfx.records.card import Card

    text = text.rstrip(" &")
    theirs = fits.Header.fromstring(format_card(Card(key, text, comment.strip())))
    assert theirs[key] == text
    assert theirs.comments[key].split() == comment.split()
