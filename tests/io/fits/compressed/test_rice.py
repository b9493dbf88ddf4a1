"""Integers compressed by RICE, decoded row by row, against `astropy.io.fits` and against broken streams."""

from __future__ import annotations

import io

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import FormatError
from ccdfx.io.content import content_of
from ccdfx.io.fits.compressed import rice, tiles
from ccdfx.io.fits.hdus import walk

fits = pytest.importorskip("astropy.io.fits")

RNG = np.random.default_rng(4)


def compressed(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(array, **options)]).writeto(file)
    return file.getvalue()


def both(data: bytes, window: tuple[slice, slice], monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The stored numbers of a window by the decoder itself, and by `astropy.io.fits`."""
    content = content_of(data)
    hdu = list(walk(content))[1]
    found = [tiles.read_tiles(content, hdu, 0, *window)]
    with monkeypatch.context() as patch:
        patch.setattr(rice, "settings_of", lambda hdu, tile: None)
        found.append(tiles.read_tiles(content, hdu, 0, *window))
    return found


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4"])
@pytest.mark.parametrize("tile", [(1, 100), (4, 50)])
def test_the_numbers_are_those_of_astropy(dtype, tile, monkeypatch):
    info = np.iinfo(dtype)
    array = (RNG.normal(100, 9, (23, 100))).astype(dtype)
    array[3] = RNG.integers(info.min, info.max, 100, dtype, endpoint=True)  # blocks that do not compress
    array[5] = 7  # and such that hold one number
    data = compressed(array, compression_type="RICE_1", tile_shape=tile)
    for window in (
        (slice(0, 23), slice(0, 100)),
        (slice(3, 6), slice(10, 90)),
        (slice(22, 23), slice(99, 100)),
    ):
        one, two = both(data, window, monkeypatch)
        assert one.dtype.newbyteorder("=") == two.dtype.newbyteorder("=")
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(ccdfx.read(data).array, array)


def test_only_rows_of_integers_are_decoded_directly():
    def settings(array, **options):
        hdu = list(walk(content_of(compressed(array, **options))))[1]
        return rice.settings_of(hdu, tiles._tile(None, hdu))

    array = np.ones((6, 8), np.int16)
    assert settings(array, compression_type="RICE_1") == (32, 2)
    assert settings(array, compression_type="RICE_1", tile_shape=(2, 8)) is None
    assert settings(array, compression_type="RICE_1", tile_shape=(1, 4)) is None
    assert settings(array, compression_type="GZIP_1") is None
    assert settings(array.astype("f4"), compression_type="RICE_1", quantize_level=16.0) is None


def test_a_broken_stream_is_a_broken_file_or_another_number_as_in_astropy(monkeypatch):
    array = RNG.normal(1000, 30, (4, 64)).astype(np.int16)
    good = compressed(array, compression_type="RICE_1")
    content = content_of(good)
    hdu = list(walk(content))[1]
    start = hdu.data_at + hdu.stored_axes[0] * hdu.stored_axes[1]
    window = slice(0, 4), slice(0, 64)
    refused = 0
    for place in range(start, hdu.data_at + hdu.size, 3):
        data = bytearray(good)
        data[place] ^= 0x81
        outcomes = []
        for direct in (True, False):
            with monkeypatch.context() as patch:
                if not direct:
                    patch.setattr(rice, "settings_of", lambda hdu, tile: None)
                try:
                    outcomes.append(tiles.read_tiles(content_of(bytes(data)), hdu, 0, *window).tolist())
                except FormatError as error:
                    assert "HDU 1" in str(error)
                    outcomes.append(None)
        assert outcomes[0] == outcomes[1]
        refused += outcomes[0] is None
    assert refused > 0
