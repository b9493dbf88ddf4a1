"""Pixels written to a file by several threads: the bytes are those of one, and the sum that of the bytes."""

from __future__ import annotations

import errno
import io
import os

import numpy as np
import pytest

from ccdfx.engines import engine
from ccdfx.errors import FileError
from ccdfx.io import read, write
from ccdfx.io.fits import data
from ccdfx.io.fits.cards import BLOCK
from ccdfx.io.fits.checksum import ones_sum


def pixels(kind: str, shape=(101, 37)) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 120, shape).astype(kind)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(data, "_CHUNK", 500)
    monkeypatch.setattr(data, "_PIECES", 2)


@pytest.mark.quick
@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "f4", "f8"])
def test_the_bytes_are_those_of_a_stream(tmp_path, small_pieces, kind, threads):
    array, stream = pixels(kind), io.BytesIO()
    total = data.write_data(stream, array)
    with engine("threads", threads=threads), open(tmp_path / "a", "wb") as file:
        file.write(b"before")
        assert data.write_data(file, array) == total == data.sum_of(array)
        file.write(b"behind")
    assert (tmp_path / "a").read_bytes() == b"before" + stream.getvalue() + b"behind"
    assert len(stream.getvalue()) % BLOCK == 0 and ones_sum(stream.getvalue()) == total


def test_a_write_that_is_cut_short_goes_on(tmp_path, small_pieces, monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, piece, place: whole(handle, piece[:300], place))
    array = pixels("f4")
    assert np.array_equal(read(write(array, tmp_path / "a.fits")).array, array)


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path, small_pieces, monkeypatch):
    path = write(pixels("f4"), tmp_path / "a.fits")
    before = path.read_bytes()

    def full(handle, piece, place):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with (
        engine("threads", threads=2),
        pytest.raises(FileError, match=r"a\.fits: cannot be written: No space"),
    ):
        write(2 * pixels("f4"), path, overwrite=True)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
