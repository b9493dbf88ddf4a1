"""Choosing a format, foreign formats, master frames, and outputs that are inputs."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ccdfx import registry
from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, CcdfxWarning, FormatError
from ccdfx.io import (
    Format,
    ImageSource,
    Source,
    formats,
    open_source,
    read,
    read_header,
    read_master,
    refuse_same_file,
    write,
)
from ccdfx.records.image import Image

PIXELS = np.arange(12.0).reshape(3, 4)


def text_format(**changes: object) -> Format:
    """A format of a plugin: numbers in text."""

    def opened(file, hdu=None):
        sources = [ImageSource(Image(np.loadtxt(file, ndmin=2), {"FROM": "text"}), str(file))]
        return sources if hdu == "all" else sources[0]

    def written(images, path):
        np.savetxt(path, images[0].array)

    fields = {
        "name": "text",
        "suffixes": (".txt",),
        "recognises": lambda first: False,
        "open": opened,
        "write": written,
    }
    return Format(**(fields | changes))


@pytest.fixture
def add(monkeypatch):
    """Register further formats for one test."""
    known = dict(registry.records("format"))

    def register(*more: Format) -> None:
        monkeypatch.setattr(registry, "records", lambda kind: known | {item.name: item for item in more})

    return register


def test_the_built_in_formats_come_first() -> None:
    assert [item.name for item in formats()][:2] == ["fits", "npz"]
    assert all(item.description for item in formats()[:2])


@pytest.mark.quick
def test_content_counts_more_than_the_suffix(tmp_path: Path) -> None:
    path = write(PIXELS, tmp_path / "a.fits")
    other = path.rename(tmp_path / "a.npz")
    assert np.array_equal(read(other).array, PIXELS)


@pytest.mark.quick
def test_a_plugin_format_is_read_and_written(tmp_path: Path, add) -> None:
    add(text_format())
    path = write(PIXELS, tmp_path / "a.txt")
    assert np.array_equal(read(path).array, PIXELS)
    assert np.array_equal(read(path, hdu="all")[0].array, PIXELS)
    assert read(path, section=(1, 2, 0, 3)).shape == (3, 1)
    assert read_header(path)["NAXIS2"] == 3
    with open_source(path) as source:
        assert isinstance(source, Source)
        assert source.header["FROM"] == "text"
    with pytest.raises(ArgumentError, match="no option of the format text"):
        read(path, plane=0)


def test_whatever_a_format_raises_names_the_file(tmp_path: Path, add) -> None:
    add(text_format())
    (tmp_path / "a.txt").write_text("no numbers \x1b[31m")
    for attempt in (read, open_source, read_header):
        with pytest.raises(FormatError, match="cannot be read as text: ValueError") as caught:
            attempt(tmp_path / "a.txt")
        assert caught.value.subject == str(tmp_path / "a.txt")
        assert "\x1b" not in str(caught.value)


def test_a_format_that_cannot_look_is_passed_over(tmp_path: Path, add) -> None:
    path = write(PIXELS, tmp_path / "a.fits").rename(tmp_path / "a.unknown")

    def looks(first: bytes) -> bool:
        raise RuntimeError("cannot")

    add(text_format(recognises=looks))
    assert np.array_equal(read(path).array, PIXELS), "an earlier format knows it"
    (tmp_path / "b.txt").write_text("1 2")
    with pytest.warns(CcdfxWarning, match="the format text cannot look"):
        assert read(tmp_path / "b.txt").shape == (1, 2)


def test_unknown_content_lists_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"unknown")
    with pytest.raises(FormatError, match=r"known are fits \(\.fits .*npz \(\.npz\)"):
        read(tmp_path / "a.xyz")


@pytest.mark.parametrize(
    ("name", "content"), [("a.h5", b"any"), ("a.hdf5", b"any"), ("a.dat", b"\x89HDF\r\n\x1a\n")]
)
def test_the_plugin_that_would_help_is_named(tmp_path: Path, monkeypatch, name: str, content: bytes) -> None:
    known = {key: form for key, form in registry.records("format").items() if key != "hdf5"}
    monkeypatch.setattr(registry, "records", lambda kind: known)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match="install ccdfx-hdf5"):
        read(tmp_path / name)


class Trap:
    """What must never come to life: it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_unopened(tmp_path: Path, protocol: int) -> None:
    sprung = tmp_path / "sprung"
    for name in ("old.arrim", "old.fits", "old.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(sprung), protocol))
        with pytest.raises(FormatError) as caught:
            read(tmp_path / name)
        assert not sprung.exists()
        if name.endswith(".arrim") or protocol >= 2:
            assert "pickle" in str(caught.value)
            assert "save FITS" in str(caught.value)
    pickle.loads((tmp_path / "old.arrim").read_bytes())
    assert sprung.exists(), "the trap works"


def test_a_suffix_that_cannot_be_written_is_refused_before_anything(tmp_path: Path) -> None:
    for name in ("a", "a.png", "a.fits.txt", ".fits/.."):
        with pytest.raises(ArgumentError, match="suffix"):
            write(PIXELS, tmp_path / name)
    with pytest.raises(ArgumentError, match="at least one"):
        write([], tmp_path / "a.fits")
    for path in (None, 3, b"a.fits"):
        with pytest.raises(ArgumentTypeError, match="path"):
            write(PIXELS, path)
    with pytest.raises(CcdfxError):
        write([PIXELS, "b.fits"], tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def test_arrays_lists_and_images_are_written(tmp_path: Path) -> None:
    assert read(write([[1, 2]], tmp_path / "a.fits")).shape == (1, 2)
    assert len(read(write([PIXELS, Image(PIXELS)], tmp_path / "b.fits"), hdu="all")) == 2
    masked = np.ma.masked_less(PIXELS, 3)
    assert (read(write(masked, tmp_path / "c.fits")).mask != 0).sum() == 3


def test_a_master_carries_the_hash_of_its_file(tmp_path: Path) -> None:
    for suffix in (".fits", ".fits.gz", ".npz"):
        path = write(PIXELS, tmp_path / f"bias{suffix}")
        master = read_master(path)
        assert master.name == str(path)
        assert master.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert np.array_equal(master.image.array, PIXELS)


def test_an_output_that_is_an_input_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = write(PIXELS, tmp_path / "a.fits")
    (tmp_path / "link.fits").symlink_to(path)
    os.link(path, tmp_path / "hard.fits")
    monkeypatch.chdir(tmp_path)
    for output in (path, "a.fits", "./a.fits", "link.fits", "hard.fits", f"../{tmp_path.name}/a.fits"):
        with pytest.raises(ArgumentError, match="must not be one of the inputs"):
            refuse_same_file(output, [tmp_path / "b.fits", path])
    refuse_same_file("b.fits", [path, PIXELS, Image(PIXELS), path.read_bytes()])
    refuse_same_file("missing.fits", ["also missing.fits"])


def test_importing_io_is_cheap() -> None:
    code = "import sys, ccdfx.io; print(sorted({'numpy', 'astropy', 'numba', 'scipy'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=60
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_the_public_names_of_the_room_exist() -> None:
    import ccdfx.io

    assert ccdfx.io.__all__ == sorted(ccdfx.io.__all__)
    assert all(callable(getattr(ccdfx.io, name)) for name in ccdfx.io.__all__)
    assert set(ccdfx.io.__all__) <= set(dir(ccdfx.io))
    with pytest.raises(AttributeError, match="nothing"):
        ccdfx.io.nothing
