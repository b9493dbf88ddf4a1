"""Files that are damaged, that lie, or that reach out: a typed error that names the file, nothing else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import ccdfx

h5py = pytest.importorskip("h5py")
PIXELS = np.arange(600, dtype=np.uint16).reshape(20, 30)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return tmp_path / "bad.h5"


def refused(path: Path, words: str, **options: object) -> None:
    """That reading raises an error of these words and of this file, and allocates little."""
    tracemalloc.start()
    try:
        with pytest.raises(ccdfx.FormatError, match=words) as caught:
            ccdfx.read(path, **options)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.subject == str(path)


def test_links_out_of_the_file_are_refused_wherever_they_are(bad: Path, tmp_path: Path) -> None:
    other = ccdfx.write(PIXELS, tmp_path / "other.h5")
    with h5py.File(bad, "w") as file:
        file["direct"] = h5py.ExternalLink(str(other), "/image/array")
        file["group"] = h5py.ExternalLink(str(other), "/")
        file["soft"] = h5py.SoftLink("/group/image/array")
        file["circle"] = h5py.SoftLink("/circle")
    for hdu in ("direct", "group/image/array", "soft", "group"):
        refused(bad, "is a link to another file", hdu=hdu)
    refused(bad, "leads in a circle", hdu="circle")
    refused(bad, "holds no image")  # they are not even listed


def test_parts_of_an_image_may_not_lie_elsewhere(bad: Path, tmp_path: Path) -> None:
    other = ccdfx.write(PIXELS, tmp_path / "other.h5")
    ccdfx.write(PIXELS, bad)
    with h5py.File(bad, "r+") as file:
        file["image/mask"] = h5py.ExternalLink(str(other), "/image/array")
    refused(bad, "is a link to another file")


def test_external_storage_is_refused(bad: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(600))
    with h5py.File(bad, "w") as file:
        file.create_dataset("d", (20, 30), "u1", external=[(str(tmp_path / "secret"), 0, 600)])
    refused(bad, "'/d' has external storage")


def test_virtual_datasets_are_refused(bad: Path, tmp_path: Path) -> None:
    other = ccdfx.write(PIXELS, tmp_path / "other.h5")
    layout = h5py.VirtualLayout((20, 30), "u2")
    layout[...] = h5py.VirtualSource(str(other), "image/array", (20, 30))
    with h5py.File(bad, "w") as file:
        file.create_virtual_dataset("d", layout)
    refused(bad, "'/d' is virtual")


class Trap:
    """What must never come to life: it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_types_that_are_no_numbers_are_refused_and_nothing_is_unpickled(bad: Path, tmp_path: Path) -> None:
    trap = np.void(pickle.dumps(Trap(tmp_path / "sprung")))
    with h5py.File(bad, "w") as file:
        file["pickle"] = np.full((2, 2), trap)
        file.create_dataset("objects", (2, 2), h5py.special_dtype(vlen=str))
        file.create_dataset("references", (2, 2), h5py.ref_dtype)
        file["complex"], file["table"] = np.ones((2, 2), complex), np.zeros((2, 2), [("a", "f8")])
        file["empty"], file["none"] = np.zeros((0, 4)), h5py.Empty("f8")
        file["type"] = np.dtype("f8")
        file["one"] = PIXELS
        file["one"].attrs["PICKLE"] = trap
    for hdu in ("pickle", "objects", "references", "complex", "table"):
        refused(bad, f"'/{hdu}' must hold real numbers", hdu=hdu)
    for hdu in ("empty", "none"):
        refused(bad, "is no image", hdu=hdu)
    with pytest.raises(ccdfx.ArgumentError, match="'/one'"):
        ccdfx.read(bad, hdu="type")
    assert "PICKLE" not in ccdfx.read(bad).header and not (tmp_path / "sprung").exists()


def test_shapes_that_the_bytes_cannot_hold_are_refused(bad: Path) -> None:
    with h5py.File(bad, "w") as file:
        file.create_dataset("wide", (1 << 40, 1 << 20), "f8", chunks=(10, 10), compression="gzip")
        file.create_dataset("late", (1 << 20, 1 << 15), "f8")
        file.create_dataset("chunk", (100, 100), "f8", chunks=(100, 100), maxshape=(None, None))
        file.create_dataset("huge", (1, 1), "u1", chunks=(1 << 15, 1 << 15), maxshape=(None, None))
    refused(bad, "claims more pixels", hdu="wide")
    refused(bad, "claims more pixels", hdu="late")
    refused(bad, "claims more pixels", hdu="huge")
    assert (ccdfx.read(bad, hdu="chunk").array == 0).all()


def test_what_inflates_heeds_the_limit(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 100 kB that inflates to 24 MB: a plane, an unwritten one, all images, a table of cards."""
    zeros = np.zeros((1000, 1500))
    with h5py.File(bad, "w") as file:
        file.create_dataset("cube", data=np.stack([zeros, zeros]), chunks=(1, 100, 1500), compression="gzip")
        file.create_dataset("unwritten", zeros.shape, "f8")
        file.create_dataset("plain", data=np.ones((500, 500)))
    assert ccdfx.read(bad, hdu="plain", limit=1).shape == (500, 500), "nothing inflates"
    for hdu, plane in (("cube", 1), ("unwritten", None)):
        assert ccdfx.read(bad, hdu=hdu, plane=plane, limit=12_000_000).array.max() == 0
        refused(bad, "inflates to more than the 11999999 bytes", hdu=hdu, plane=plane, limit=11_999_999)
    monkeypatch.setenv("CCDFX_LIMIT", "5000000")
    refused(bad, "more than the 5000000 bytes .* CCDFX_LIMIT", hdu="unwritten")
    with pytest.raises(ccdfx.FormatError, match="more than the 5000000 bytes"):
        ccdfx.open_source(bad, hdu="unwritten")
    image = ccdfx.Image(zeros, {f"KEY{i}": "x" * 60 for i in range(1500)})
    ccdfx.write([image, image], bad.with_suffix(".gz.h5"), overwrite=True)
    both = bad.with_suffix(".gz.h5")
    refused(both, "more than the 24000000 bytes", hdu="all", limit=24_000_000)  # with the cards
    assert len(ccdfx.read(both, hdu="all", limit=25_000_000)) == 2


def test_a_chunk_that_claims_more_than_the_file_is_refused_unread(bad: Path) -> None:
    with h5py.File(bad, "w") as file:
        dataset = file.create_dataset("d", data=PIXELS, chunks=(20, 30), fletcher32=True)
        size = dataset.id.get_chunk_info(0).size
    whole = bytearray(bad.read_bytes())
    key = (
        size.to_bytes(4, "little") + bytes(4) + bytes(24)
    )  # stored bytes, filter mask, offsets on three axes
    place = whole.index(key)
    whole[place : place + 4] = (1 << 31).to_bytes(4, "little")
    bad.write_bytes(whole)
    refused(bad, "claims more bytes than the file has")


def test_floods_are_refused(bad: Path) -> None:
    kinds = [("keyword", "S8"), ("value", "S80"), ("comment", "S80")]
    ccdfx.write(PIXELS, bad)
    with h5py.File(bad, "r+") as file:
        file["image"].create_dataset("cards", (1 << 22,), kinds, chunks=(1 << 12,), compression="gzip")
    refused(bad, "table of cards is longer")
    with h5py.File(bad, "w", libver="latest") as file:
        file["d"] = PIXELS
        for i in range(5001):
            file["d"].attrs[f"A{i}"] = i
    refused(bad, "more than 5000 attributes")


def test_a_flood_of_objects_is_refused_but_a_path_still_works(
    bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccdfx_hdf5 import links

    monkeypatch.setattr(links, "_MOST_OBJECTS", 50)
    with h5py.File(bad, "w") as file:
        file["d"] = PIXELS
        for i in range(60):
            file.create_group(f"g{i}")
    refused(bad, "holds more than 50 objects")
    assert ccdfx.read(bad, hdu="d").shape == (20, 30)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g.attrs.update(version=2), "in version 1.*got.*2.*newer"),
        (lambda g: g.attrs.update(range=[0, 9, 0, 9]), "another shape than its range"),
        (lambda g: g.attrs.update(range=[5, 1]), "is broken"),
        (lambda g: g.__delitem__("array"), "must have an array"),
        (lambda g: g.create_dataset("mask", data=np.zeros((3, 3), "u1")), "all its parts that shape"),
        (lambda g: g.create_dataset("mask", data=np.full((20, 30), 300)), "is broken"),
        (lambda g: g.create_dataset("variance", data=np.full((20, 30), -1.0)), "is broken.*negative"),
        (lambda g: g.create_dataset("cards", data=np.zeros(3)), "must have the columns"),
        (lambda g: g.create_dataset("cards", data=table(b"not JSON")), "is broken"),
        (lambda g: g.create_dataset("cards", data=table(b"[" * 50_000)), "is broken"),
        (lambda g: g.create_dataset("cards", data=table(b'{"complex": 1}')), "is broken"),
        (lambda g: g.create_dataset("cards", data=table(b"\xff")), "is broken"),
    ],
)
def test_a_broken_image_says_what_is_broken(bad: Path, change, words: str) -> None:
    ccdfx.write(PIXELS, bad)
    with h5py.File(bad, "r+") as file:
        change(file["image"])
    refused(bad, words)


def table(value: bytes) -> np.ndarray:
    return np.array(
        [(b"KEY", value, b"")], [("keyword", "S8"), ("value", f"S{len(value)}"), ("comment", "S1")]
    )


def test_names_from_the_file_cannot_write_to_the_terminal(bad: Path) -> None:
    with h5py.File(bad, "w") as file:
        file["a\x1b[31m"], file["b"] = PIXELS, PIXELS
    with pytest.raises(ccdfx.CcdfxError) as caught:
        ccdfx.read(bad)
    assert "\x1b" not in str(caught.value) and "a\\x1b" in str(caught.value)


@pytest.mark.parametrize("suffix", [".h5", ".gz.h5"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, suffix: str) -> None:
    image = ccdfx.Image(PIXELS, {"OBJECT": "M 13"}, mask=PIXELS > 500, variance=PIXELS * 1.0)
    whole = ccdfx.write(image, tmp_path / f"a{suffix}").read_bytes()
    for size in (1, 7, 8, 40, 100, *range(200, len(whole), len(whole) // 40), len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:size])
        refused(tmp_path / "cut.h5", "cannot be read as HDF5")


def test_what_is_no_hdf5_is_refused(bad: Path, tmp_path: Path) -> None:
    bad.write_bytes(b"not HDF5 at all" * 100)
    refused(bad, "cannot be read as HDF5")
    with pytest.raises(ccdfx.FileError, match="cannot be opened"):
        ccdfx.read(tmp_path / "absent.h5")
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(ccdfx.FileError, match="regular file"):
        ccdfx.read(tmp_path / "pipe.h5")


def test_damaged_chunks_are_refused(bad: Path) -> None:
    ccdfx.write(PIXELS, bad.with_name("a.gz.h5"))
    whole = bytearray(bad.with_name("a.gz.h5").read_bytes())
    place = whole.index(b"\x78\x5e")  # where deflated data begins
    whole[place + 10 : place + 60] = bytes(50)
    bad.write_bytes(whole)
    refused(bad, "cannot be read as HDF5")


def test_no_flipped_byte_does_worse_than_an_error(tmp_path: Path) -> None:
    """In a process of its own, so that a crash of the library would be seen as one."""
    image = ccdfx.Image(PIXELS, {"OBJECT": "M 13", "EXPTIME": 5.0}, mask=PIXELS > 500)
    ccdfx.write(image, tmp_path / "a.gz.h5")
    code = """
import random, ccdfx
whole, rng = open("a.gz.h5", "rb").read(), random.Random(1)
for _ in range(300):
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    try:
        ccdfx.read(bytes(data), hdu="all")
    except ccdfx.CcdfxError:
        pass
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
