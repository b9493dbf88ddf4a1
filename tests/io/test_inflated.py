"""Compressed files are inflated once, and what is wrong with them is noticed when it is read."""

from __future__ import annotations

import gzip
import io
import pickle

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.errors import FormatError
from ccdfx.io import open_source, read
from ccdfx.io.inflated import InflatedContent
from ccdfx.records.image import Image
from ccdfx.records.range import Range

PIXELS = np.random.default_rng(8).integers(0, 60000, (64, 2000), dtype=np.uint16)


def packed(*planes: np.ndarray) -> bytes:
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(planes[0]), *map(fits.ImageHDU, planes[1:])]).writeto(file)
    return file.getvalue()


@pytest.fixture
def inflated(monkeypatch) -> list[int]:
    """The numbers of bytes that are inflated."""
    found: list[int] = []
    step = InflatedContent._step

    def counted(self, count):
        piece = step(self, count)
        found.append(len(piece))
        return piece

    monkeypatch.setattr(InflatedContent, "_step", counted)
    return found


@pytest.mark.quick
def test_a_file_of_one_image_is_inflated_once_when_its_rows_are_read_in_order(tmp_path, inflated):
    whole = packed(PIXELS)
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(whole))
    source = pickle.loads(pickle.dumps(open_source(tmp_path / "a.fits.gz")))
    for first in range(0, 64, 16):
        part: Image = source.select(Range(0, 2000, first, first + 16))
        assert np.array_equal(part.array, PIXELS[first : first + 16])
    assert sum(inflated) < 1.3 * len(whole)


@pytest.mark.parametrize("planes", [1, 2])
def test_all_images_are_found(tmp_path, planes):
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(packed(*[PIXELS] * planes)))
    assert len(read(tmp_path / "a.fits.gz", hdu="all")) == planes
    found = open_source(tmp_path / "a.fits.gz", hdu=planes - 1)
    assert np.array_equal(found.select().array, PIXELS)


@pytest.mark.quick
def test_several_streams_in_one_file_are_read_or_refused(tmp_path):
    """The last bytes tell the length of the last stream only."""
    whole, path = packed(PIXELS, PIXELS), tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]))
    assert np.array_equal(open_source(path, hdu=1).select().array, PIXELS)
    middle = len(packed(PIXELS))
    path.write_bytes(
        gzip.compress(whole[:middle]) + gzip.compress(whole[middle:][:middle].ljust(middle, b"\0"))
    )
    with pytest.raises(FormatError, match=r"does not inflate to the .* bytes"):
        open_source(path).select()


@pytest.mark.parametrize("place", [0.4, 0.9, -8])
def test_a_damaged_stream_is_noticed_when_its_last_rows_are_read(tmp_path, place):
    data = bytearray(gzip.compress(packed(PIXELS), 1))
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 64
    (tmp_path / "a.fits.gz").write_bytes(bytes(data))
    with pytest.raises(FormatError, match="broken compressed data"):
        open_source(tmp_path / "a.fits.gz").select(Range(0, 2000, 32, 64))
    with pytest.raises(FormatError, match="broken compressed data"):
        read(tmp_path / "a.fits.gz")
