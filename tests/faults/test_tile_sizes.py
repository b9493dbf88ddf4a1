"""Tiles whose streams hold another number of bytes or pixels than the tile, and tiles of a file that is replaced."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.errors import FormatError
from ccdfx.io.content import opened
from ccdfx.io.fits.compressed.streams import TileTable, checked_streams, touched_rows
from ccdfx.io.fits.groups import chosen
from ccdfx.io.fits.hdus import walk
from ccdfx.io.fits.source import FitsSource
from ccdfx.records.image import Image

SHAPE, TILE = (12, 14), (4, 5)
METHODS = ["GZIP_1", "GZIP_2", "NOCOMPRESS", "RICE_1", "PLIO_1", "HCOMPRESS_1"]


def tiled(
    method: str, dtype: str = "i2", tile_shape: tuple[int, int] = TILE, **options: object
) -> tuple[bytes, np.ndarray]:
    """A file of tiles, and its pixels."""
    rng = np.random.default_rng(3)
    array = rng.integers(0, 4, SHAPE) if method == "PLIO_1" else rng.normal(300, 40, SHAPE)
    array = array.astype(dtype)
    array[2:, 6:] = 0
    stream = io.BytesIO()
    hdu = fits.CompImageHDU(array, compression_type=method, tile_shape=tile_shape, **options)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
    return stream.getvalue(), array


def with_streams(file: bytes, change) -> bytes:  # type: ignore[no-untyped-def]
    """The file with every stream of its first column replaced by `change(stream)`, behind the heap."""
    with opened(file) as content:
        hdu = list(walk(content))[1]
        table = TileTable(content, hdu)
        (place, item, streams) = table.streams["COMPRESSED_DATA"]
        rows = table.bytes.copy()
        heap = file[hdu.data_at + rows.size : hdu.data_at + hdu.size]  # of the other columns
        for row, (length, offset) in enumerate(streams.tolist()):
            stream = change(bytes(content.read_at(offset, length))) if length else b""
            rows[row, place] = np.array([len(stream) // item, len(heap)], ">u4").view(np.uint8)
            heap += stream
        head = file[hdu.header_at : hdu.data_at]
    at = head.index(b"PCOUNT  =")
    head = head[:at] + f"PCOUNT  = {len(heap):>20}".encode().ljust(80) + head[at + 80 :]
    data = rows.tobytes() + heap
    return file[: hdu.header_at] + head + data + b"\0" * (-len(data) % 2880)


@pytest.mark.parametrize("method", METHODS)
def test_a_window_reads_the_tiles_that_it_touches(method: str) -> None:
    file, array = tiled(method)
    for x0, x1, y0, y1 in ((0, 14, 0, 12), (4, 6, 3, 5), (13, 14, 11, 12), (0, 5, 4, 8)):
        found = ccdfx.read(file, section=(x0, x1, y0, y1)).array
        assert np.array_equal(found, array[y0:y1, x0:x1])


@pytest.mark.parametrize(
    ("method", "quantize"),
    [("GZIP_1", 0), ("GZIP_1", 16), ("GZIP_2", 0), ("GZIP_2", 16), ("RICE_1", 16), ("HCOMPRESS_1", 16)],
)
def test_floats_are_read_as_astropy_reads_them(method: str, quantize: int) -> None:
    file, _ = tiled(method, "f4", quantize_level=quantize, quantize_method=1, dither_seed=7)
    assert np.array_equal(ccdfx.read(file).array, fits.getdata(io.BytesIO(file)), equal_nan=True)


def regzipped(factor: float):  # type: ignore[no-untyped-def]
    def change(stream: bytes) -> bytes:
        data = gzip.decompress(stream)
        return gzip.compress((data * 4)[: int(len(data) * factor)])

    return change


@pytest.mark.parametrize("factor", [0.5, 2, 4, 1.5, 1 / 8])
@pytest.mark.parametrize(
    ("method", "dtype"), [("GZIP_1", "i2"), ("GZIP_2", "i4"), ("GZIP_2", "f4"), ("NOCOMPRESS", "i2")]
)
def test_streams_of_another_size_are_refused(method: str, dtype: str, factor: float) -> None:
    file, _ = tiled(method, dtype, **({"quantize_level": 0} if dtype == "f4" else {}))
    plain = method == "NOCOMPRESS"
    change = (lambda s: (s * 4)[: int(len(s) * factor)]) if plain else regzipped(factor)
    with pytest.raises(FormatError, match=r"HDU 1: the tile of row 0 (inflates to|holds)"):
        ccdfx.read(with_streams(file, change))


@pytest.mark.parametrize("change", [
    pytest.param(lambda s: s + gzip.compress(b"more"), id="a second member"),
    pytest.param(lambda s: s[:-3], id="cut in the trailer"),
    pytest.param(lambda s: s[:-8] + bytes(8), id="another sum"),
    pytest.param(lambda s: gzip.compress(bytes(300 << 20), 1), id="a bomb"),
])  # fmt: skip
def test_gzip_streams_that_do_not_end_with_their_tile_are_refused(change) -> None:  # type: ignore[no-untyped-def]
    file, _ = tiled("GZIP_1")
    with opened(file) as content:  # one tile is enough
        hdu = list(walk(content))[1]
        _, _, streams = TileTable(content, hdu).streams["COMPRESSED_DATA"]
        stream = bytes(content.read_at(int(streams[0, 1]), int(streams[0, 0])))
    broken = change(stream)
    with pytest.raises(FormatError, match="the tile of row 0"):
        ccdfx.read(with_streams(file, lambda s: broken if s == stream else s))


@pytest.mark.parametrize("less", [1, 2, 7])
@pytest.mark.parametrize("method", ["RICE_1", "PLIO_1", "HCOMPRESS_1"])
def test_streams_that_end_too_early_are_refused(method: str, less: int) -> None:
    file, _ = tiled(method)
    step = less * 2 if method == "PLIO_1" else less
    with pytest.raises(FormatError, match="HDU 1: "):
        ccdfx.read(with_streams(file, lambda s: s[:-step]))


TAILS = [
    *(("RICE_1", {"dtype": dtype, "tile_shape": tile}) for dtype in ("u1", "i2", "i4") for tile in ((1, 14), (4, 5))),
    ("RICE_1", {"dtype": "f4", "quantize_level": 16}),
    *(("HCOMPRESS_1", {"hcomp_scale": scale, "hcomp_smooth": scale > 0}) for scale in (0, 3)),
    ("HCOMPRESS_1", {"dtype": "f4", "quantize_level": 16}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "options"), TAILS)
def test_other_bytes_than_zeros_behind_the_last_pixel_are_refused(method: str, options: dict) -> None:  # type: ignore[type-arg]
    file, _ = tiled(method, **options)
    pixels = ccdfx.read(file).array
    for zeros in (1, 5):
        padded = with_streams(file, lambda s, zeros=zeros: s + bytes(zeros))
        assert np.array_equal(ccdfx.read(padded).array, pixels)
        for junk in (b"\1", b"\x80\x55"):
            with pytest.raises(FormatError, match=r"HDU 1: .*(goes on behind|unused bytes)"):
                ccdfx.read(with_streams(padded, lambda s, junk=junk: s + junk + b"\0"))


def test_steps_of_plio_that_hold_more_pixels_are_refused() -> None:
    file, _ = tiled("PLIO_1")

    def longer(stream: bytes) -> bytes:  # the last step is that of the zeros at the end, or a run
        words = np.frombuffer(stream, ">i2").copy()
        words[-1] += 1 if words[-1] >> 12 & 15 in (0, 4, 5) else 0
        return words.tobytes()

    with pytest.raises(FormatError, match=r"the tile of row \d+ holds \d+ pixels instead of \d+"):
        ccdfx.read(with_streams(file, longer))


@pytest.mark.quick
def test_one_handle_reads_one_version(tmp_path: Path) -> None:
    first = Image(np.full((40, 30), 1, np.float32), mask=np.full((40, 30), 1, np.uint8))
    path = ccdfx.write(first, tmp_path / "a.fits.fz")
    other = ccdfx.write(first.replace(array=first.array * 2), tmp_path / "b.fits.fz")
    with opened(path) as content:
        hdus = list(walk(content))
        source = FitsSource(content, hdus, chosen(content, hdus, None))
        os.replace(other, path)
        assert (source.select().array == 1).all()
    assert (ccdfx.read(path).array == 2).all()


@pytest.mark.parametrize("method", ["GZIP_1", "GZIP_2"])
def test_small_integers_of_4_bytes_are_read(method: str) -> None:
    """As old versions of CFITSIO wrote them."""
    file, array = tiled(method)

    def widened(stream: bytes) -> bytes:
        data = np.frombuffer(gzip.decompress(stream), np.uint8)
        short = (data.reshape(2, -1).T if method == "GZIP_2" else data.reshape(-1, 2)).copy().view(">i2")
        wide = short.astype(">i4").view(np.uint8).reshape(-1, 4)
        return gzip.compress((wide.T if method == "GZIP_2" else wide).tobytes())

    assert np.array_equal(ccdfx.read(with_streams(file, widened)).array, array)


def test_only_the_tiles_of_the_window_are_compared(tmp_path: Path) -> None:
    file, _ = tiled("GZIP_1")
    with opened(file) as content:
        hdu = list(walk(content))[1]
        table = TileTable(content, hdu)
        rows = touched_rows(SHAPE, TILE, (slice(0, 4), slice(5, 10)))
        assert rows == [1]
        streams = table.read(content, rows)
        checked_streams(content, hdu, "GZIP_1", rows, [20], streams)
        with pytest.raises(FormatError, match="row 1 inflates to 40 bytes instead of 38"):
            checked_streams(content, hdu, "GZIP_1", rows, [19], streams)
