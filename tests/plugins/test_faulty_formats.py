"""Formats that are wrong in every way we know: each breaks the law that names its fault."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import assert_words, caught

import ccdfx
from ccdfx import Format, Image, Range
from ccdfx.io.source import ImageSource
from ccdfx.testing import check_format

OPEN: list[Any] = []  # what the leaking ones hold


MAGIC = b"LINE "


TICKS = itertools.count()


def recognises(first: bytes) -> bool:
    return first.startswith(MAGIC)


def content_of(file: Any) -> bytes:
    if isinstance(file, bytes):
        return file
    return file.read() if hasattr(file, "read") else Path(file).read_bytes()


def open_line(file: Any, hdu: Any = None) -> Any:
    if hdu not in (None, 0, "all"):
        raise ccdfx.ArgumentError("hdu", "a file holds one image", value=hdu, remedy="leave it out")
    _magic, ny, nx, *values, end = content_of(file).split(b" ")
    if end != b"END":
        raise ccdfx.FormatError("line", "lacks its end")
    image = Image(np.array([int(v) for v in values], np.uint16).reshape(int(ny), int(nx)))
    source = ImageSource(image)
    return [source] if hdu == "all" else source


def write_line(images: Any, path: Path) -> None:
    (image,) = images if len(images) == 1 else (None,)
    if image is None or image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise ccdfx.ArgumentError("image", "must be one of uint16", remedy="write FITS")
    values = " ".join(str(v) for v in (*image.shape, *image.array.ravel()))
    path.write_bytes(MAGIC + f"{values} END".encode())


def write_half(images: Any, path: Path) -> None:
    write_line(images, path)
    path.write_bytes(path.read_bytes()[:-6])


def write_elsewhere(images: Any, path: Path) -> None:
    write_line(images, path.with_suffix(".other"))


def write_and_change(images: Any, path: Path) -> None:
    write_line(images, path)
    images[0].array.flags.writeable = True
    images[0].array[:] = 7


def write_the_time(images: Any, path: Path, ticks: Iterator[int] = TICKS) -> None:
    write_line(images, path)
    path.write_bytes(path.read_bytes().replace(MAGIC, MAGIC + b"0" * (1 + next(ticks) % 2), 1))


def write_bytes_only(images: Any, path: Path) -> None:
    if images[0].dtype.kind == "u":
        images = [images[0].replace(array=(images[0].array & 0xFF).astype(np.uint8))]
    write_line(images, path)


def open_carelessly(file: Any, hdu: Any = None) -> Any:
    *values, _end = content_of(file).split(b" ")[1:]
    ny, nx = int(values[0]), int(values[1])
    array = np.zeros(ny * nx, np.uint16)
    array[: len(values) - 2] = [int(v) for v in values[2:]]
    return ImageSource(Image(array.reshape(ny, nx)))


def open_and_forget(file: Any, hdu: Any = None) -> Any:
    if isinstance(file, Path):
        OPEN.append(file.open("rb"))
    return open_line(file, hdu)


def open_an_image(file: Any, hdu: Any = None) -> Any:
    return _Plain(open_line(file, hdu).select())


class _Plain:
    """Too little for a source."""

    def __init__(self, image: Image) -> None:
        self.select = lambda range=None: image

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *error: object) -> None: ...


class _OneBased(ImageSource):
    """Says of every window that it lies one pixel further, as who counts from 1 would."""

    def select(self, range: Any = None) -> Image:
        image = super().select(range)
        if range is None:
            return image
        window = Range(*(bound + 1 for bound in image.range))
        return image.replace(range=window)


def open_counting_from_one(file: Any, hdu: Any = None) -> Any:
    return _OneBased(open_line(file, hdu).select())


def open_paths_only(file: Any, hdu: Any = None) -> Any:
    return open_line(Path(file).read_bytes(), hdu)


def slow_open(file: Any, hdu: Any = None) -> Any:
    time.sleep(0.05)
    return ImageSource(Image(np.zeros((512, 512), np.uint16)))


def recognises_everything(first: bytes) -> bool:
    return True


def recognises_nothing(first: bytes) -> bool:
    return False


# A good format of a line of text; what can be wrong with it is in the table.
LINE = Format("line", (".line",), recognises, open_line, write_line)


FORMATS = {
    "half a file": ({"write": write_half}, "what is written is read back", "what it wrote cannot be read"),
    "elsewhere": ({"write": write_elsewhere}, "what is written is read back", "no file at the path"),
    "values": ({"write": write_bytes_only}, "what is written is read back", "come back as"),
    "changes": ({"write": write_and_change}, "writing changes no image and equal images make equal files",
                "the image that was written has changed"),
    "time": ({"write": write_the_time}, "writing changes no image and equal images make equal files", "differ"),
    "careless": ({"open": open_carelessly}, "a file that was cut is refused", "bytes are read as"),
    "any hdu": ({"open": open_carelessly}, "an image that is not there is a typed error", "hdu=99 opens"),
    "leak": ({"open": open_and_forget}, "no file stays open", "1 files stay open|2 files stay open"),
    "source": ({"open": open_an_image}, "an open file says what it holds", "lacks a part of a source"),
    "window": ({"open": open_counting_from_one}, "a window of the file is a window of the image", "differs"),
    "paths": ({"open": open_paths_only}, "path bytes and file object give the same", "it raised"),
    "slow": ({"open": slow_open}, "it is fast", "writing and reading a frame"),
    "greedy": ({"recognises": recognises_everything}, "it recognises its own files and no others", "it claims"),
    "blind": ({"recognises": recognises_nothing}, "it recognises its own files and no others", "not recognise"),
    "suffix": ({"suffixes": ("LINE",)}, "it has suffixes in lower case", "its suffixes are"),
}  # fmt: skip


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[pytest.mark.quick] if fault == "half a file" else []) for fault in FORMATS],
)
def test_a_faulty_format_is_caught(fault: str) -> None:
    fields, law, words = FORMATS[fault]
    error = caught(check_format, replace(LINE, **fields), law, seconds=0.01 if fault == "slow" else 0.5)
    while OPEN:
        OPEN.pop().close()
    assert_words(error, words)


@pytest.mark.quick
def test_the_same_format_without_a_fault_holds() -> None:
    check_format(LINE, examples=8, seconds=5)


def test_a_format_that_only_reads_needs_files(tmp_path: Path) -> None:
    reader = replace(LINE, write=None)
    assert_words(caught(check_format, reader, "no file stays open"), "give the option files")
    LINE.write([Image(np.ones((2, 2), np.uint16))], tmp_path / "a.line")  # type: ignore[misc]
    check_format(reader, files=[tmp_path / "a.line"], examples=5)
