"""Flipped bits in files of ccdfx: each gives the same image or an error that names the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccdfx
from ccdfx.testing import assert_same_image
from ccdfx_hdf5.sums import fletcher32

h5py = pytest.importorskip("h5py")
PIXELS = np.random.default_rng(2).normal(100, 5, (12, 20)).astype(np.float32)
IMAGE = ccdfx.Image(
    PIXELS,
    {"OBJECT": "M 13", "EXPTIME": 30.0, "GAIN": 1.5, "FILTER": "V"},
    mask=(PIXELS > 108).astype(np.uint8) * 4,
    variance=PIXELS,
    range=(3, 23, 5, 17),
)


def flipped(whole: bytes, tries: int, seed: int) -> list[bytes]:
    """Return copies with one bit flipped at places that are drawn."""
    rng = np.random.default_rng(seed)
    copies = []
    for place, bit in zip(rng.integers(0, len(whole), tries), rng.integers(0, 8, tries), strict=True):
        copy = bytearray(whole)
        copy[place] ^= 1 << bit
        copies.append(bytes(copy))
    return copies


def is_same(found: ccdfx.Image, expected: ccdfx.Image) -> bool:
    try:
        assert_same_image(found, expected)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(("suffix", "tries"), [(".h5", 400), (".gz.h5", 400)])
def test_a_flipped_bit_changes_nothing_in_silence(tmp_path: Path, suffix: str, tries: int) -> None:
    path = ccdfx.write(IMAGE, tmp_path / f"a{suffix}")
    counts = {"same": 0, "refused": 0, "silent": 0}
    for copy in flipped(path.read_bytes(), tries, seed=7):
        path.write_bytes(copy)
        try:
            found = ccdfx.read(path)
        except ccdfx.CcdfxError as error:
            assert str(path) in str(error)
            counts["refused"] += 1
        else:
            counts["same" if is_same(found, IMAGE) else "silent"] += 1
    assert sum(counts.values()) == tries and counts["refused"] > tries / 4
    assert counts["silent"] == 0, counts


def test_a_wrong_sum_is_refused_in_every_way_of_reading_unless_told_otherwise(tmp_path: Path) -> None:
    path = ccdfx.write(PIXELS, tmp_path / "a.h5")
    whole = bytearray(path.read_bytes())
    whole[whole.index(PIXELS[3].tobytes()) + 2] ^= 1
    path.write_bytes(whole)
    source = ccdfx.open_source(path)
    for read in (
        lambda: source.raw,
        lambda: source.select((3, 5, 0, 2)),
        lambda: ccdfx.combine([ccdfx.open_source(path)] * 2),
    ):
        with pytest.raises(
            ccdfx.FormatError, match=r"'/image/array' disagrees with its checksum.*checksum=False"
        ):
            read()
    with pytest.raises(ccdfx.FormatError, match="disagrees with its checksum"):
        ccdfx.read(path, hdu="image/array")
    assert not ccdfx.open_source(path, hdu="image/array").header.cards
    found = ccdfx.read(path, checksum=False)
    assert (found.array != PIXELS).sum() == 1
    with pytest.raises(ccdfx.FormatError, match="disagrees with its checksum"):
        ccdfx.update(path, ccdfx.Image(PIXELS[:1, :1], range=(0, 1, 0, 1)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_path_that_became_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    path = ccdfx.write(PIXELS, tmp_path / "a.h5")
    source = ccdfx.open_source(path)
    path.unlink()
    os.mkfifo(path)
    for read in (source.select, lambda: source.raw, lambda: ccdfx.read(path)):
        with pytest.raises(ccdfx.FileError, match=r"replaced or changed|regular file"):
            read()


@pytest.mark.parametrize("moment", [1, 2])
def test_a_file_that_is_replaced_while_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """At the first moment before the library opens it, at the second after."""
    from ccdfx_hdf5 import content

    path = ccdfx.write(PIXELS, tmp_path / "a.gz.h5")
    other = ccdfx.write(PIXELS + 1, tmp_path / "b.gz.h5")
    file, stat, calls = content.FileContent(path), os.stat, []

    def replacing(name: object) -> os.stat_result:
        calls.append(name)
        if len(calls) == moment:
            os.replace(other, path)
        return stat(name)

    monkeypatch.setattr(content.os, "stat", replacing)
    with pytest.raises(ccdfx.FileError, match="replaced or changed"), file.open():
        pass


def test_a_wrong_sum_of_a_chunk_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("d", data=PIXELS, chunks=(5, 7), fletcher32=True, shuffle=True)
        place = file["d"].id.get_chunk_info(0).byte_offset
    assert (ccdfx.read(tmp_path / "a.h5").array == PIXELS).all()
    whole = bytearray((tmp_path / "a.h5").read_bytes())
    whole[place + 3] ^= 16
    (tmp_path / "a.h5").write_bytes(whole)
    with pytest.raises(ccdfx.FormatError, match="'/d' disagrees with its checksum"):
        ccdfx.read(tmp_path / "a.h5")
    assert (ccdfx.read(tmp_path / "a.h5", checksum=False).array != PIXELS).sum() == 1
    assert (ccdfx.read(tmp_path / "a.h5", section=(7, 20, 0, 12)).array == PIXELS[:, 7:]).all()


@pytest.mark.parametrize("name", ["mask", "variance", "cards"])
def test_a_plane_that_is_lost_is_missed(tmp_path: Path, name: str) -> None:
    path = ccdfx.write(IMAGE, tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["image"][name]
    with pytest.raises(ccdfx.FormatError, match="must have the members array, mask, variance, cards"):
        ccdfx.read(path)
    assert ccdfx.read(path, checksum=False).shape == PIXELS.shape


def test_files_without_sums_are_read(tmp_path: Path) -> None:
    """As they were written before there were any."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        group = file.create_group("image")
        group.attrs.update({"ccdfx": "image", "version": 1, "number": 0, "range": list(IMAGE.range)})
        for name in ("array", "mask", "variance"):
            group[name] = getattr(IMAGE, name)
    found = ccdfx.read(tmp_path / "old.h5")
    assert_same_image(found, IMAGE.replace(header=ccdfx.Header()))
    ccdfx.update(tmp_path / "old.h5", found.select((3, 5, 5, 7)).replace(array=np.zeros((2, 2), np.float32)))
    assert ccdfx.read(tmp_path / "old.h5").array[:2, :2].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("suffix", [".h5", ".gz.h5"])
def test_an_update_renews_the_sums(tmp_path: Path, suffix: str) -> None:
    plain = IMAGE.replace(mask=None)
    path = ccdfx.write(plain, tmp_path / f"a{suffix}")
    part = plain.select((4, 9, 6, 9))
    ccdfx.update(path, part.replace(array=part.array + 1, mask=np.full(part.shape, 2)))
    found = ccdfx.read(path)
    assert (found.array != PIXELS).sum() == (found.mask == 2).sum() == part.size
    with h5py.File(path, "r+") as file:
        assert bytes(file["image"].attrs["members"][1]) == b"mask"
        del file["image/mask"]
    with pytest.raises(ccdfx.FormatError, match="must have the members"):
        ccdfx.read(path)


@given(st.binary(max_size=300))
def test_the_fletcher_sum_is_that_of_its_definition(data: bytes) -> None:
    first = second = 0
    padded = data + b"\0" * (len(data) % 2)
    for high, low in zip(padded[::2], padded[1::2], strict=True):
        first = (first + 256 * high + low) % 65535
        second = (second + first) % 65535
    assert fletcher32(data) == second << 16 | first
