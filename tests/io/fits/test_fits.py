"""FITS files of every shape: extensions, planes, windows, flags, and how they are chosen."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hdu_files import PIXELS, named, written

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning, FileError, FormatError
from ccdfx.io import RawLayout, open_source, read, read_header, write
from ccdfx.records.card import Card
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range


@pytest.mark.quick
def test_the_first_image_is_the_default(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.fits",
        fits.PrimaryHDU(header=fits.Header({"FILTER": "V", "EXPTIME": 5.0})),
        fits.BinTableHDU.from_columns([fits.Column("x", "J", array=[1, 2])], name="LIST"),
        named(PIXELS, "SCI", EXPTIME=7.0),
        named(PIXELS + 1, "SCI"),
    )
    image = read(path)
    assert np.array_equal(image.array, PIXELS)
    assert image.header["EXPTIME"] == 7.0, "what the extension says counts"
    assert image.header["FILTER"] == "V", "what only the empty primary header says is inherited"
    assert np.array_equal(read(path, hdu=3).array, PIXELS + 1)
    assert np.array_equal(read(path, hdu="sci").array, PIXELS)
    assert [image.array[0, 0] for image in read(path, hdu="all")] == [0, 1]
    assert read_header(path, hdu="SCI")["EXPTIME"] == 7.0
    assert read_header(path)["NAXIS1"] == 4


def test_an_extension_that_says_so_inherits_nothing(tmp_path: Path) -> None:
    empty = fits.PrimaryHDU(header=fits.Header({"FILTER": "V"}))
    path = written(tmp_path / "a.fits", empty, named(PIXELS, "SCI", INHERIT=False))
    assert "FILTER" not in read(path).header


def test_extver_tells_extensions_of_one_name_apart(tmp_path: Path) -> None:
    one, two = named(PIXELS, "SCI", EXTVER=1), named(PIXELS * 2, "SCI", EXTVER=2)
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(), one, two)
    assert np.array_equal(read(path, hdu="SCI,2").array, PIXELS * 2)


@pytest.mark.parametrize("hdu", [-1, 4, "NOPE", "SCI,3"])
def test_an_hdu_that_is_not_there_is_refused(tmp_path: Path, hdu: int | str) -> None:
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(), named(PIXELS, "SCI"))
    for attempt in (read, read_header, open_source):
        with pytest.raises(ArgumentError, match=r"a\.fits"):
            attempt(path, hdu=hdu)


@pytest.mark.parametrize("hdu", [True, 1.0, b"SCI", ("SCI", 1)])
def test_an_hdu_of_another_kind_is_refused(tmp_path: Path, hdu: object) -> None:
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(PIXELS))
    with pytest.raises(ArgumentTypeError, match="hdu"):
        read(path, hdu=hdu)


def test_a_table_is_no_image(tmp_path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=[1, 2])], name="LIST")
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(PIXELS), table)
    with pytest.raises(FormatError, match=r"HDU 1: holds no image.*LIST"):
        read(path, hdu=1)
    with pytest.raises(ArgumentError, match="one image"):
        open_source(path, hdu="all")


@pytest.mark.quick
def test_planes(tmp_path: Path) -> None:
    cube = np.stack([PIXELS, PIXELS + 100])
    one = written(tmp_path / "one.fits", fits.PrimaryHDU(cube[:1]))
    two = written(tmp_path / "two.fits", fits.PrimaryHDU(cube))
    assert np.array_equal(read(one).array, PIXELS)
    with pytest.raises(FormatError, match=r"cube of 2 planes.*plane=0 to plane=1"):
        read(two)
    assert np.array_equal(read(two, plane=np.arange(2)[1]).array, PIXELS + 100)
    assert np.array_equal(read(two, plane=1, section=(1, 3, 0, 2)).array, PIXELS[:2, 1:3] + 100)
    raw = open_source(two, plane=1).raw
    assert raw.offset == 2880 + PIXELS.nbytes
    for plane in (2, -1, True, 1.0):
        with pytest.raises(ArgumentError, match="plane"):
            read(two, plane=plane)
    packed = tmp_path / "two.fits.fz"
    written(packed, fits.PrimaryHDU(), fits.CompImageHDU(cube, tile_shape=(1, 1, 4)))
    assert np.array_equal(read(packed, plane=1).array, PIXELS + 100)


@pytest.mark.quick
def test_blank_pixels_are_flagged_and_integers_stay(make, tmp_path: Path) -> None:
    plain = read(make.image(("BLANK", 5)))
    assert plain.dtype == np.int16
    assert np.array_equal(plain.mask, (PIXELS == 5) * Flag.NO_DATA)
    unsigned = read(make.image(("BLANK", 5), ("BZERO", 32768), ("BSCALE", 1)))
    assert unsigned.dtype == np.uint16
    assert np.array_equal(unsigned.array, PIXELS.astype(np.uint16) + np.uint16(32768))
    assert np.array_equal(unsigned.mask, (PIXELS == 5) * Flag.NO_DATA)
    scaled = read(make.image(("BLANK", 5), ("BSCALE", 0.5)))
    assert np.array_equal(np.isnan(scaled.array), PIXELS == 5)
    assert np.array_equal(scaled.mask, (PIXELS == 5) * Flag.NO_DATA)
    assert read(make.image(("BLANK", 70000))).mask is None, "no stored number can be that"
    assert read(make.image()).mask is None


def tiles_of_integers(path: Path, **cards: object) -> Path:
    """Write the pixels as compressed integers, with cards of the table."""
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(PIXELS)]).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue()), disable_image_compression=True) as hdus:
        hdus[1].header.update(cards)
        hdus.writeto(path)
    return path


@pytest.mark.quick
def test_zblank_of_compressed_integers_is_their_blank(tmp_path: Path) -> None:
    plain = read(tiles_of_integers(tmp_path / "a.fits", ZBLANK=5))
    assert plain.dtype == PIXELS.dtype and np.array_equal(plain.mask, (PIXELS == 5) * Flag.NO_DATA)
    scaled = read(tiles_of_integers(tmp_path / "b.fits", ZBLANK=5, BSCALE=2.0, BZERO=10.0))
    assert np.array_equal(scaled.array, np.where(PIXELS == 5, np.nan, PIXELS * 2.0 + 10), equal_nan=True)
    assert np.array_equal(scaled.mask, (PIXELS == 5) * Flag.NO_DATA)
    both = read(tiles_of_integers(tmp_path / "c.fits", ZBLANK=5, BLANK=7))
    assert np.array_equal(both.mask, (PIXELS == 7) * Flag.NO_DATA), "the standard prefers BLANK"
    with pytest.raises(FormatError, match="ZBLANK must be a whole number"):
        read(tiles_of_integers(tmp_path / "d.fits", ZBLANK="none"))
    with pytest.raises(FormatError, match="column ZBLANK"):
        read(tiles_of_integers(tmp_path / "e.fits", TTYPE1="ZBLANK"))


@pytest.mark.quick
def test_scaled_integers_keep_their_digits(make) -> None:
    assert read(make.image(("BSCALE", 0.1))).dtype == np.float32
    assert read(make.image(("BZERO", 1e9))).dtype == np.float64, "float32 could not tell neighbours apart"
    assert np.array_equal(read(make.image(("BZERO", 1e9))).array, PIXELS + 1e9)
    assert np.array_equal(read(make.image(("BSCALE", 1e60))).array, PIXELS * 1e60)


def test_padding_may_be_missing_or_anything(make) -> None:
    whole = make.image()
    with pytest.warns(CcdfxWarning, match="ends before the padding of HDU 0 does"):
        assert np.array_equal(read(whole[: 2880 + 24]).array, PIXELS)
    assert np.array_equal(read(whole[: 2880 + 24] + b"\xff" * (2880 - 24)).array, PIXELS)
    assert np.array_equal(read(whole + b"junk" * 100).array, PIXELS)


@pytest.mark.quick
def test_strings_paths_bytes_and_streams(tmp_path: Path, make) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(make.image())
    with open(path, "rb") as opened:
        for file in (
            str(path),
            path,
            path.read_bytes(),
            bytearray(path.read_bytes()),
            io.BytesIO(path.read_bytes()),
            opened,
        ):
            assert np.array_equal(read(file).array, PIXELS)
        assert opened.tell() > 0
    shifted = io.BytesIO(b"before" + path.read_bytes())
    shifted.seek(6)
    assert np.array_equal(read(shifted).array, PIXELS)
    with open(path, encoding="latin-1") as text, pytest.raises(ArgumentError, match="binary"):
        read(text)
    for nothing in (None, 3, ["a.fits"]):
        with pytest.raises(ArgumentTypeError, match="path"):
            read(nothing)


@pytest.mark.quick
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compression_is_recognised_by_content(tmp_path: Path, make, pack) -> None:
    path = tmp_path / "no suffix at all"
    path.write_bytes(pack(make.image() + make.extension(("EXTNAME", "'MASK'"))))
    image = read(path)
    assert np.array_equal(image.array, PIXELS)
    assert np.array_equal(image.mask, PIXELS != 0)
    assert read_header(path)["NAXIS1"] == 4
    with open_source(path) as source:
        assert source.raw is None
        for rows in ((2, 3), (0, 1), (1, 3)):
            assert np.array_equal(source.select((0, 4, *rows)).array, PIXELS[slice(*rows)])


@pytest.mark.quick
def test_raw_describes_uncompressed_pixels(tmp_path: Path, make) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(make.image(("BZERO", 32768), ("BLANK", 7)))
    raw = open_source(path).raw
    assert isinstance(raw, RawLayout)
    stored = np.fromfile(raw.path, raw.dtype, offset=raw.offset, count=12).reshape(raw.shape)
    assert np.array_equal(stored, PIXELS)
    assert (raw.bzero, raw.bscale, raw.blank) == (32768, 1, 7)
    assert raw.stamp[2] == path.stat().st_size
    path.write_bytes(make.image() + make.extension(("EXTNAME", "'MASK'")))
    assert open_source(path).raw is None, "flags are read through select"
    assert open_source(make.image()).raw is None


def test_raw_and_the_first_pixels_are_checked(tmp_path: Path) -> None:
    path = write(Image(PIXELS), tmp_path / "a.fits")
    data = bytearray(path.read_bytes())
    data[2880 + 3] ^= 1
    path.write_bytes(data)
    for use in (lambda s: s.raw, lambda s: s.select((0, 1, 0, 1))):
        with pytest.raises(FormatError, match="DATASUM"):
            use(open_source(path))
    assert open_source(path, checksum=False).raw is not None
    assert read(path, checksum=False).array[0, 1] == 0


@pytest.mark.quick
def test_a_source_notices_that_its_file_was_replaced(tmp_path: Path) -> None:
    path = write(Image(PIXELS), tmp_path / "a.fits")
    source = open_source(path)
    source.select()
    write(Image(PIXELS + 1), path, overwrite=True)
    with pytest.raises(FileError, match="replaced or changed"):
        source.select()
    path.unlink()
    with pytest.raises(FileError, match="cannot be opened"):
        source.select()


def test_the_window_is_kept_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    part = Image(np.arange(100.0).reshape(10, 10), {"CRPIX1": 5.0, "CRPIX2": 5.0}).select((2, 6, 3, 9))
    write(part, path)
    assert (read_header(path)["LTV1"], read_header(path)["LTV2"]) == (-2, -3)
    back = read(path)
    assert back.range == Range(2, 6, 3, 9)
    assert back.header == part.header
    smaller = read(path, section=(3, 5, 4, 6))
    assert smaller.range == Range(3, 5, 4, 6)
    assert smaller.header["CRPIX1"] == 2.0
    with pytest.raises(ArgumentError, match="section"):
        read(path, section=(0, 2, 0, 2))


def test_a_scale_in_ltm_is_kept_but_never_hides_the_window(tmp_path: Path) -> None:
    binned = Header({"LTV1": 0.25, "LTM1_1": 0.5, "LTV2": 0.25, "LTM2_2": 0.5})
    path = write(Image(PIXELS, binned), tmp_path / "a.fits")
    assert read(path).header == binned
    assert read(write(Image(PIXELS, binned, range=(1, 5, 1, 4)), tmp_path / "b.fits")).range == Range(
        1, 5, 1, 4
    )


@pytest.mark.quick
def test_layout_cards_of_the_user_are_rebuilt(tmp_path: Path) -> None:
    wrong = {
        "SIMPLE": False,
        "BITPIX": 8,
        "NAXIS": 7,
        "NAXIS1": 1,
        "BZERO": 5,
        "BLANK": 3,
        "CHECKSUM": "x",
        "END": 1,
    }
    path = write(Image(PIXELS, wrong | {"OBJECT": "M 13"}), tmp_path / "a.fits")
    with warnings.catch_warnings(), fits.open(path, checksum=True) as hdus:
        warnings.simplefilter("error")
        hdus.verify("exception")
        assert np.array_equal(hdus[0].data, PIXELS)
    assert read(path).header == Header({"OBJECT": "M 13"})


def test_text_that_fits_cannot_hold_is_made_to_fit(tmp_path: Path) -> None:
    header = Header([("OBSERVER", "Šimůnek \x1b[31m\n"), ("HISTORY", "two\nlines"), ("SEEING", float("nan"))])
    back = read(write(Image(PIXELS, header), tmp_path / "a.fits")).header
    assert back["OBSERVER"] == "Simunek ?[31m?"
    assert back.history == ("two", "lines")
    assert back["SEEING"] == "nan"
    long = Header([Card("HIERARCH " + "A" * 60, 1.0, "")])
    with pytest.raises(ArgumentError, match="shorter"):
        write(Image(PIXELS, long), tmp_path / "b.fits")
    assert not (tmp_path / "b.fits").exists()


def test_bzip2_is_written(tmp_path: Path) -> None:
    path = write(Image(PIXELS), tmp_path / "a.fits.bz2")
    assert bz2.decompress(path.read_bytes()) == write(Image(PIXELS), tmp_path / "a.fits").read_bytes()


_MANY = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from ccdfx.io import open_source
sources = [open_source(f"{sys.argv[1]}/{i}.fits") for i in range(5000)]
total = sum(int(source.select((0, 2, 0, 1)).array.sum()) for source in sources)
print(total)
"""


def test_five_thousand_sources_need_few_handles(tmp_path: Path) -> None:
    write(Image(PIXELS), tmp_path / "0.fits")
    for i in range(1, 5000):
        os.link(tmp_path / "0.fits", tmp_path / f"{i}.fits")
    result = subprocess.run(
        [sys.executable, "-c", _MANY, str(tmp_path)], capture_output=True, check=False, text=True, timeout=120
    )
    assert result.stdout.strip() == "5000", result.stderr


def test_reading_and_writing_fits_needs_no_astropy(tmp_path: Path) -> None:
    path = write(Image(PIXELS), tmp_path / "a.fits")
    code = (
        "import sys; from ccdfx.io import read, write; image = read(sys.argv[1]);"
        "write(image, sys.argv[2]); print('astropy' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "b.fits")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.strip() == "False", result.stderr


def test_a_source_stays_what_it_is_when_the_folder_changes(tmp_path: Path, monkeypatch) -> None:
    write(Image(PIXELS), tmp_path / "a.fits")
    monkeypatch.chdir(tmp_path)
    source = open_source("a.fits")
    monkeypatch.chdir("/")
    assert np.array_equal(source.select().array, PIXELS)
    assert source.name == "a.fits"


def test_a_large_bzip2_file_needs_no_suffix(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, (100, 100)).astype(np.uint16)
    path = write(Image(noise), tmp_path / "a.fits")
    (tmp_path / "b").write_bytes(bz2.compress(path.read_bytes()))
    assert np.array_equal(read(tmp_path / "b").array, noise)


def test_threads_may_share_a_source(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    noise = np.random.default_rng(0).integers(0, 60000, (200, 100)).astype(np.uint16)
    for suffix in (".fits", ".fits.gz", ".fits.fz"):
        source = open_source(write(Image(noise), tmp_path / f"a{suffix}"))
        windows = [(0, 100, y, y + 10) for y in range(0, 200, 10)] * 3
        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(source.select, windows))
        assert all(np.array_equal(p.array, noise[w[2] : w[3]]) for p, w in zip(parts, windows, strict=True))
