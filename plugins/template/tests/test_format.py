"""The format of pictures: it reads what it wrote, and refuses what it cannot hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_format_reads_what_it_wrote(tmp_path: Path, dtype: type) -> None:
    image = ccdfx.Image(np.arange(12, dtype=dtype).reshape(3, 4) * 20)
    path = ccdfx.write(image, tmp_path / "guide.pgm")
    back = ccdfx.read(path)
    assert np.array_equal(back.array, image.array)
    assert back.header["DATAMAX"] == 65535
    assert np.array_equal(ccdfx.read(path, section=(1, 3, 0, 2)).array, image.array[0:2, 1:3])
    assert len(ccdfx.read(path, hdu="all")) == 1


def test_format_reads_eight_bits_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "guide.dat"  # recognised by content, not by name
    path.write_bytes(b"P5\n# made by hand\n2 1\n255\n\x07\xff")
    assert ccdfx.read(path).array.tolist() == [[7, 255]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"P5\n2000 2000\n255\n\x00", "too short"),
        (b"P5\n0 4\n255\n", "impossible size"),
        (b"P5\n2 2\n70000\n" + bytes(16), "impossible size"),
        (b"P6\n2 2\n255\n" + bytes(16), "does not begin"),
    ],
)
def test_format_refuses_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.pgm"
    path.write_bytes(content)
    with pytest.raises(ccdfx.FormatError, match=words):
        ccdfx.read(path)


@pytest.mark.parametrize("array", [np.array([[1.5]]), np.array([[-1]]), np.array([[70000]])])
def test_format_refuses_what_it_cannot_hold(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="0 to 65535"):
        ccdfx.write(array, tmp_path / "a.pgm")
    assert not list(tmp_path.iterdir())
