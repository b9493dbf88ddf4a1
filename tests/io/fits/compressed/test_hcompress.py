"""Ends of compressed streams: those that CFITSIO writes end with their last pixel."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io.fits.compressed.hcompress import goes_on
from ccdfx.io.fits.compressed.rice import decoder, without_padding


@pytest.mark.quick
def test_streams_as_cfitsio_writes_them_end_with_their_last_pixel() -> None:
    """300 tiles of both methods, whose bytes and pixels are of many kinds."""
    rng = np.random.default_rng(5)
    for number in range(300):
        ny, nx = rng.integers(4, 30, 2).tolist()
        kinds = [
            np.zeros((ny, nx)),
            rng.integers(-(1 << 15), 1 << 15, (ny, nx)),
            rng.normal(300, 10, (ny, nx)),
            np.where(rng.random((ny, nx)) < 0.05, 100, 0),
            np.where(np.arange(ny)[:, None] < ny // 2, rng.normal(50, 3, (ny, nx)), 0),
        ]
        array = np.round(kinds[number % 5]).astype("i4")
        rice_stream = decoder("compress_rice_1_c")(array.tobytes(), 32, 4)
        assert without_padding(rice_stream, (32, 4), array.size) == rice_stream
        assert without_padding(rice_stream + b"\0\0", (32, 4), array.size) == rice_stream
        scale = int(rng.choice([0, 1, 2, 20]))
        stream = decoder("compress_hcompress_1_c")(array.astype("i8").tobytes(), ny, nx, scale, 8)
        assert not goes_on(stream, array.size) and not goes_on(stream + b"\0", array.size)
        assert goes_on(stream + b"\1", array.size)
