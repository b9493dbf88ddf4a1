"""Files that are broken, odd or hostile: each is refused with one error that names it, and none hangs."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.errors import CcdfxError, FileError, FormatError
from ccdfx.io import open_source, read, read_header, write
from ccdfx.records.image import Image

PIXELS = np.arange(12, dtype=np.int16).reshape(3, 4)


def changed(**cards: object) -> Callable:
    """A file with some cards changed."""
    return lambda make: make.image(*cards.items())


def dropped(*keywords: str) -> Callable:
    return lambda make: make.image(drop=keywords)


def extended(**cards: object) -> Callable:
    """A good primary image, and behind it an extension with some cards changed."""
    return lambda make: make.image() + make.extension(*cards.items())


def flipped(make) -> bytes:
    """A file with checksums, one bit of which has changed on the way."""
    data = bytearray(_with_checksums())
    data[2880 + 5] ^= 4
    return bytes(data)


def flipped_header(make) -> bytes:
    return _with_checksums().replace(b"M 13    ", b"M 31    ")


def _with_checksums() -> bytes:
    stream = io.BytesIO()
    fits.PrimaryHDU(PIXELS, fits.Header({"OBJECT": "M 13"})).writeto(stream, checksum=True)
    return stream.getvalue()


def tiles(**cards: object) -> Callable:
    """A tile-compressed image of which some cards of the table have changed."""

    def build(make) -> bytes:
        data = _tiled()
        for keyword, value in cards.items():
            start = data.index(f"{keyword:<8}=".encode(), 2880)
            data = data[:start] + make.card(keyword, value).encode() + data[start + 80 :]
        return data

    return build


def lying_stream(method: str, place: int, data: bytes) -> Callable:
    """A tile whose stream claims more than its tile: it would make the decoder write or read astray."""

    def build(make) -> bytes:
        whole = bytearray(_tiled(method))
        table = 2 * 2880
        start = table + struct.unpack(">ii", whole[table : table + 8])[1]
        with fits.open(io.BytesIO(_tiled(method)), disable_image_compression=True) as hdus:
            start += hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
        whole[start + place : start + place + len(data)] = data
        return bytes(whole)

    return build


def _tiled(method: str = "RICE_1") -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 99, (30, 40)).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, compression_type=method)]).writeto(stream)
    return stream.getvalue()


def tile_far_away(make) -> bytes:
    """A tile that its descriptor places far beyond the heap."""
    data = bytearray(_tiled())
    table = 2 * 2880
    assert struct.unpack(">ii", data[table : table + 8])[1] == 0
    data[table : table + 8] = struct.pack(">ii", 1 << 30, 1 << 30)
    return bytes(data)


def bomb(make) -> bytes:
    """A small gzip stream whose header claims far more than it can hold."""
    return gzip.compress(make.image(("NAXIS1", 1_000_000), ("NAXIS2", 1_000_000)))


def trailing_bomb(make) -> bytes:
    """A good small image, and behind it gigabytes of zeros in a few kilobytes."""
    return gzip.compress(make.image() + bytes(64 << 20))


BAD = {
    "empty": lambda make: b"",
    "text": lambda make: b"This is not an image at all.\n" * 200,
    "zeros": lambda make: bytes(5760),
    "html": lambda make: b"<html><body>404 not found</body></html>",
    "first card cut": lambda make: b"SIMPLE  =",
    "no END": lambda make: (
        make.header(make.card("SIMPLE", "T"), make.card("BITPIX", 16), end=False) + bytes(2880)
    ),
    "header flood": lambda make: make.card("SIMPLE", "T").encode() + b"COMMENT flood".ljust(80) * 120_000,
    "SIMPLE F": changed(SIMPLE="F"),
    "SIMPLE text": changed(SIMPLE="'T'"),
    "BITPIX missing": dropped("BITPIX"),
    "BITPIX 17": changed(BITPIX=17),
    "BITPIX 0": changed(BITPIX=0),
    "BITPIX text": changed(BITPIX="'16'"),
    "BITPIX float": changed(BITPIX=16.0),
    "NAXIS missing": dropped("NAXIS"),
    "NAXIS negative": changed(NAXIS=-2),
    "NAXIS 1000": changed(NAXIS=1000),
    "NAXIS 999": changed(NAXIS=999),
    "NAXIS logical": changed(NAXIS="T"),
    "NAXIS1 missing": dropped("NAXIS1"),
    "NAXIS1 negative": changed(NAXIS1=-4),
    "NAXIS1 float": changed(NAXIS1=4.5),
    "NAXIS1 text": changed(NAXIS1="'four'"),
    "NAXIS1 undefined": changed(NAXIS1=""),
    "NAXIS1 too large": changed(NAXIS1=4000),
    "NAXIS1 2^31": changed(NAXIS1=1 << 31),
    "NAXIS1 2^62": changed(NAXIS1=1 << 62, NAXIS2=1 << 62),
    "NAXIS1 huge": changed(NAXIS1="9" * 40),
    "NAXIS1 twice": lambda make: make.image().replace(
        b"END" + b" " * 77, make.card("NAXIS1", 5).encode() + b"END" + b" " * 77, 1
    ),
    "no pixels": changed(NAXIS1=0),
    "one axis": lambda make: make.image(("NAXIS", 1), ("NAXIS1", 12), drop=("NAXIS2",)),
    "no image": lambda make: make.empty_primary(),
    "cube": lambda make: make.image(("NAXIS", 3), ("NAXIS3", 2), data=bytes(48)),
    "data missing": lambda make: make.image()[:2880],
    "data cut": lambda make: make.image()[: 2880 + 23],
    "header cut": lambda make: make.image()[:200],
    "extension cut": lambda make: (make.image() + make.extension())[: 3 * 2880 + 10],
    "extension header cut": lambda make: (make.image() + make.extension())[: 2 * 2880 + 300],
    "extension card cut": lambda make: make.image() + b"XTEN",
    "extension NAXIS1 negative": extended(NAXIS1=-1),
    "extension BITPIX": extended(BITPIX=12),
    "extension PCOUNT": extended(PCOUNT=-1),
    "extension GCOUNT": extended(GCOUNT=3),
    "BSCALE 0": changed(BSCALE=0.0),
    "BSCALE text": changed(BSCALE="'1.0'"),
    "BZERO text": changed(BZERO="'32768'"),
    "BZERO logical": changed(BZERO="T"),
    "BSCALE huge": changed(BSCALE="1.0E308"),
    "BLANK text": changed(BLANK="'-1'"),
    "BLANK float": changed(BLANK=1.5),
    "mask of another shape": extended(EXTNAME="'MASK'", NAXIS1=3),
    "uncertainty of unknown kind": extended(EXTNAME="'UNCERT'", UTYPE="'Guess'"),
    "negative variance": lambda make: make.image() + make.extension(("EXTNAME", "'VAR'"), data=b"\xff" * 24),
    "bit flip in data": flipped,
    "bit flip in header": flipped_header,
    "gzip cut": lambda make: gzip.compress(make.image())[:-30],
    "gzip without its end": lambda make: gzip.compress(make.image())[:-8],
    "gzip of wrong sum": lambda make: gzip.compress(make.image())[:-8] + bytes(8),
    "gzip of junk": lambda make: b"\x1f\x8b\x08" + bytes(range(256)),
    "gzip of text": lambda make: gzip.compress(b"not an image"),
    "gzip bomb": bomb,
    "gzip bomb behind": trailing_bomb,
    "bzip2 cut": lambda make: bz2.compress(make.image())[:-20],
    "bzip2 of junk": lambda make: b"BZh9" + bytes(range(200)),
    "tiles: unknown method": tiles(ZCMPTYPE="'MAGIC_1 '"),
    "tiles: ZBITPIX": tiles(ZBITPIX=17),
    "tiles: ZNAXIS1 lies": tiles(ZNAXIS1=41),
    "tiles: ZNAXIS2 lies": tiles(ZNAXIS2=1 << 40),
    "tiles: bomb": tiles(ZNAXIS1=1 << 40, ZTILE1=1 << 40),
    "tiles: tile of 0": tiles(ZTILE1=0),
    "tiles: rows": tiles(NAXIS2=29),
    "tiles: TFORM": tiles(TFORM1="'ZZZ'"),
    "tiles: TFIELDS": tiles(TFIELDS=-1),
    "tiles: block size": tiles(ZVAL1=0),
    "tiles: out of the heap": tile_far_away,
    "tiles: HCOMPRESS of another size": lying_stream("HCOMPRESS_1", 2, struct.pack(">i", 1 << 20)),
    "tiles: HCOMPRESS without magic": lying_stream("HCOMPRESS_1", 0, b"xx"),
    "tiles: HCOMPRESS with many planes": lying_stream("HCOMPRESS_1", 22, b"\xff"),
    "tiles: PLIO beyond its end": lying_stream("PLIO_1", 4, struct.pack(">h", 32767)),
    "tiles: PLIO before its start": lying_stream("PLIO_1", 2, struct.pack(">hhhh", -5, -100, 1, 0)),
    "tiles: cut": lambda make: _tiled()[:-2880],
    "pickle": lambda make: pickle.dumps({"an": "image"}),
    "old pickle": lambda make: pickle.dumps({"an": "image"}, protocol=0),
    "zip": lambda make: _zip({"a.txt": b"x"}),
    "hdf5": lambda make: b"\x89HDF\r\n\x1a\n" + bytes(3000),
}


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.quick
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name(make, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad frame.fits"
    path.write_bytes(BAD[name](make))
    for attempt in (read, lambda p: open_source(p).select((0, 4, 0, 2)), lambda p: read(p.read_bytes())):
        tracemalloc.start()
        try:
            with pytest.raises(FormatError) as caught:
                attempt(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 100e6, "memory was allocated for what the file only claims"
        assert caught.value.subject in (str(path), "<bytes>")
        assert str(caught.value).isprintable()
        assert caught.value.rule and caught.value.remedy


@pytest.mark.parametrize("name", sorted(BAD))
def test_the_header_of_a_bad_file_is_read_or_refused(make, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.fits"
    path.write_bytes(BAD[name](make))
    try:
        assert "NAXIS" in read_header(path)
    except FormatError as error:
        assert error.subject == str(path)


def test_a_truncated_frame_is_found_by_its_header_alone(make, tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_bytes(make.image()[:2900])
    with pytest.raises(FormatError, match="ends before the data"):
        read_header(tmp_path / "a.fits")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "folder.fits").mkdir()
    (tmp_path / "loop.fits").symlink_to(tmp_path / "loop.fits")
    (tmp_path / "dangling.fits").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.fits", "folder.fits", "loop.fits", "dangling.fits", "missing.fits", "a\0b.fits"):
        for attempt in (read, read_header, open_source):
            with pytest.raises(FileError) as caught:
                attempt(tmp_path / name)
            assert str(caught.value).isprintable()
    with pytest.raises(FileError, match="device"):
        read("/dev/zero")


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    """With checksums, no change of a file is both accepted and visible in the pixels."""
    whole = _with_checksums()
    rng = np.random.default_rng(5)
    for length in range(0, 2880 + 24, 61):
        with pytest.raises(CcdfxError):
            read(whole[:length])
    for position in rng.integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        try:
            image = read(bytes(damaged))
        except CcdfxError:
            continue
        assert np.array_equal(image.array, PIXELS)
        assert image.header.get("OBJECT") == "M 13"


def test_random_damage_never_raises_anything_else(make, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    sources = [make.image() + make.extension(("EXTNAME", "'MASK'")), gzip.compress(make.image()), _tiled()]
    for whole in sources:
        for _ in range(150):
            damaged = bytearray(whole)
            for position in rng.integers(0, len(whole), 3):
                damaged[position] = int(rng.integers(256))
            for hdu in (None, 0, "all"):
                try:
                    read(bytes(damaged), hdu=hdu)
                except CcdfxError as error:
                    assert str(error).isprintable()


def test_control_characters_of_a_header_do_not_reach_the_terminal(make, tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_bytes(make.image(("BZERO", "'\x1b[31mred'")))
    with pytest.raises(FormatError) as caught:
        read(tmp_path / "a.fits")
    assert "\x1b" not in str(caught.value)
    name = ("EXTNAME", "'\x1b[31m'")
    (tmp_path / "b.fits").write_bytes(make.empty_primary() + make.extension(name, ("NAXIS1", 0)))
    for hdu in (None, "NOPE"):
        with pytest.raises(CcdfxError) as caught:
            read(tmp_path / "b.fits", hdu=hdu)
        assert "\x1b" not in str(caught.value)


def test_a_compressed_file_is_sound_to_its_last_byte(make, tmp_path: Path) -> None:
    good = gzip.compress(make.image())
    assert np.array_equal(read(good).array, PIXELS)
    assert np.array_equal(read(good + bytes(512)).array, PIXELS), "padding behind a member is harmless"
    halves = gzip.compress(make.image()[:3000]) + gzip.compress(make.image()[3000:])
    assert np.array_equal(read(halves).array, PIXELS), "several members are one stream"


def test_an_image_larger_than_its_compressed_bytes_may_be_real(tmp_path: Path) -> None:
    zeros = np.zeros((3000, 3000), np.uint8)
    path = write(Image(zeros), tmp_path / "zeros.fits.gz")
    assert path.stat().st_size < 20_000
    assert np.array_equal(read(path).array, zeros)
