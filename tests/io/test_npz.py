"""npz: what is not ours, what lies and what could run code is refused."""

from __future__ import annotations

import copy
import io
import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ccdfx import combine, engine
from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError, FormatError
from ccdfx.io import open_source, read, read_header, write
from ccdfx.records.card import Card
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing import assert_same_image

ARRAY = np.arange(12.0).reshape(3, 4)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rebuilt(path: Path, changes: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with some members replaced, or left out."""
    parts = members(path) | changes
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def npy(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    header = Header(
        [Card("A", 1.5, "x"), Card("A", None, ""), Card("Z", 1 + 2j, ""), Card("HISTORY", "y", "")]
    )
    image = Image(ARRAY, header, np.eye(3, 4, dtype=np.uint8) * 200, Range(5, 9, 2, 5), ARRAY)
    return write(image, tmp_path / "a.npz")


@pytest.mark.quick
def test_numpy_opens_it_without_pickle(path: Path) -> None:
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["0/array"], ARRAY)
    assert read_header(path)["NAXIS1"] == 4


def test_several_images_are_chosen_by_number(tmp_path: Path) -> None:
    path = write([Image(ARRAY + i) for i in range(3)], tmp_path / "a.npz")
    assert read(path).array[0, 0] == 0
    assert read(path, hdu=2).array[0, 0] == 2
    assert len(read(path, hdu="all")) == 3
    with pytest.raises(ArgumentError, match="0 to 2"):
        read(path, hdu=3)
    for hdu in ("SCI", True):
        with pytest.raises(ArgumentTypeError, match="hdu"):
            read(path, hdu=hdu)


def test_options_that_npz_does_not_have_are_refused(path: Path) -> None:
    for options in ({"plane": 0}, {"checksum": False}):
        with pytest.raises(ArgumentError, match="no option of the format npz"):
            read(path, **options)
        with pytest.raises(ArgumentError, match="no option of the format npz"):
            open_source(path, **options)


def header_with(**facts: object) -> Callable[[Path], dict]:
    def change(path: Path) -> dict:
        old = json.loads(members(path)["0/header.json"])
        return {"0/header.json": json.dumps(old | facts).encode()}

    return change


def member(name: str, data: bytes | None) -> Callable[[Path], dict]:
    return lambda path: {name: data}


def toc(**facts: object) -> Callable[[Path], dict]:
    plain = {"format": "ccdfx image", "version": 1, "images": 1}
    return member("ccdfx.json", json.dumps(plain | facts).encode())


def lying_header(path: Path) -> dict:
    """An array header that claims a hundred terabytes."""
    stream = io.BytesIO()
    facts = {"descr": "<f8", "fortran_order": False, "shape": (4_000_000, 4_000_000)}
    np.lib.format.write_array_header_1_0(stream, facts)
    return {"0/array.npy": stream.getvalue() + bytes(96)}


BROKEN = {
    "objects": member("0/array.npy", npy(np.array([[None, 1]]), allow_pickle=True)),
    "structured": member("0/array.npy", npy(np.zeros((2, 2), "i4,f4"))),
    "text": member("0/array.npy", npy(np.array([["a"]]))),
    "one axis": member("0/array.npy", npy(np.arange(3))),
    "no pixels": member("0/array.npy", npy(np.zeros((0, 3)))),
    "no npy": member("0/array.npy", b"junk"),
    "npy cut": lambda path: {"0/array.npy": members(path)["0/array.npy"][:-1]},
    "claims terabytes": lying_header,
    "array missing": member("0/array.npy", None),
    "header missing": member("0/header.json", None),
    "header no JSON": member("0/header.json", b"{"),
    "header a list": member("0/header.json", b"[]"),
    "header deep": member("0/header.json", b"[" * 200_000),
    "cards a number": header_with(cards=5),
    "card too short": header_with(cards=[["A", 1]]),
    "card value a list": header_with(cards=[["A", [1], ""]]),
    "card keyword a number": header_with(cards=[[1, 1, ""]]),
    "range of another shape": header_with(range=[0, 1, 0, 1]),
    "range of text": header_with(range="abcd"),
    "range negative": header_with(range=[-1, 3, 0, 3]),
    "mask of another shape": member("0/mask.npy", npy(np.zeros((2, 2), np.uint8))),
    "mask of floats": member("0/mask.npy", npy(np.zeros((3, 4)))),
    "variance negative": member("0/variance.npy", npy(-np.ones((3, 4)))),
    "another format": toc(format="x"),
    "another version": toc(version=2),
    "no images": toc(images=0),
    "too many images": toc(images=10**9),
    "images missing": toc(images=2),
    "text for a number": toc(images="1"),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_npz_is_refused(path: Path, name: str) -> None:
    rebuilt(path, BROKEN[name](path))
    with pytest.raises(FormatError) as caught:
        read(path, hdu="all")
    assert caught.value.subject == str(path)
    assert str(caught.value).isprintable()


def test_a_deflated_member_may_not_be_a_bomb(path: Path) -> None:
    rebuilt(path, {"0/array.npy": npy(np.zeros((3, 4)))}, zipfile.ZIP_DEFLATED)
    assert read(path).array.sum() == 0, "an honest deflated member is read"
    data = path.read_bytes()
    claimed = len(npy(np.zeros((3, 4)))).to_bytes(4, "little")
    path.write_bytes(data.replace(claimed, (1 << 31).to_bytes(4, "little")))
    with pytest.raises(FormatError):
        read(path)


def test_deflated_members_may_inflate_to_the_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An npz of 60 kB that inflates to 24 MB: of the array, or of the two images together."""
    image = Image(np.zeros((1000, 1500)))
    path = write([image, image], tmp_path / "a.npz")
    assert len(read(path, hdu="all", limit=1)) == 2, "nothing is deflated"
    rebuilt(path, {}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 60_000
    assert read(path, limit=12_001_000).shape == image.shape
    tracemalloc.start()
    try:
        for hdu, limit in ((0, 11_999_999), ("all", 23_999_999)):
            with pytest.raises(FormatError, match=f"inflates to more than the {limit} bytes .* CCDFX_LIMIT"):
                read(path, hdu=hdu, limit=limit)
        monkeypatch.setenv("CCDFX_LIMIT", "5000000")
        with pytest.raises(FormatError, match="more than the 5000000 bytes"):
            open_source(path)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert len(read(path, hdu="all", limit=24_001_000)) == 2


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless(path: Path) -> None:
    whole = path.read_bytes()
    good = read(path)
    rng = np.random.default_rng(4)
    for length in range(0, len(whole), 37):
        with pytest.raises(FormatError):
            read(whole[:length])
    for position in rng.integers(0, len(whole), 300):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        try:
            image = read(bytes(damaged))
        except FormatError:
            continue
        assert np.array_equal(image.array, good.array)


@pytest.mark.parametrize("name", ["mask", "variance"])
def test_a_plane_that_is_lost_or_does_not_belong_is_an_error(path: Path, name: str) -> None:
    image = read(path)
    rebuilt(path, {f"0/{name}.npy": None})
    with pytest.raises(FormatError, match="must have the planes that its header names"):
        read(path)
    write(image.replace(mask=None, variance=None), path, overwrite=True)
    rebuilt(path, {f"0/{name}.npy": npy(np.ones((3, 4), np.uint8))})
    with pytest.raises(FormatError, match="must have the planes that its header names"):
        open_source(path)


def test_files_that_do_not_say_their_planes_are_read(path: Path) -> None:
    """As they were written before they did."""
    image = read(path)
    old = {
        name: fact for name, fact in json.loads(members(path)["0/header.json"]).items() if name != "planes"
    }
    rebuilt(path, {"0/header.json": json.dumps(old).encode()})
    assert_same_image(read(path), image)


def test_no_flipped_bit_changes_an_image_in_silence(tmp_path: Path) -> None:
    """Of 900 flips: those of the directory at the end, which has the names, and others that are drawn."""
    image = Image(ARRAY, {"OBJECT": "M 13"}, np.eye(3, 4, dtype=np.uint8), variance=ARRAY)
    whole = write([image, image.replace(mask=None)], tmp_path / "a.npz").read_bytes()
    directory = whole.index(b"PK\x01\x02")
    rng = np.random.default_rng(4)
    places = [*rng.integers(directory, len(whole), 600), *rng.integers(0, directory, 300)]
    counts = {"same": 0, "refused": 0}
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            found = read(bytes(damaged))
        except FormatError:
            counts["refused"] += 1
        else:
            assert_same_image(found, image)
            counts["same"] += 1
    assert sum(counts.values()) == 900 and min(counts.values()) > 100


def test_rows_are_read_at_their_place_once_the_sums_are_right(tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(size=(2000, 500))
    image = Image(array, range=(10, 510, 20, 2020), mask=array > 2, variance=array**2)
    path = write(image, tmp_path / "a.npz")
    windows = [(10, 510, 20, 24), (100, 130, 1500, 1530), (509, 510, 2019, 2020)]
    tracemalloc.start()
    try:
        with open_source(path) as source:
            parts = [source.select(window) for window in windows]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20, "a plane has 8 MB"
    finally:
        tracemalloc.stop()
    for part, window in zip(parts, windows, strict=True):
        assert_same_image(part, image.select(window))
    assert_same_image(pickle.loads(pickle.dumps(source)).select(), image)
    rebuilt(path, {}, zipfile.ZIP_DEFLATED)
    deflated = open_source(path)
    for window in windows:
        assert_same_image(deflated.select(window), image.select(window))


def test_a_file_that_is_replaced_between_two_readings_is_refused(tmp_path: Path) -> None:
    path = write(Image(ARRAY), tmp_path / "a.npz")
    source = open_source(path)
    source.select((0, 2, 0, 1))
    write(Image(np.ones((30, 40))), path, overwrite=True)
    for window in (None, (0, 2, 1, 2)):
        with pytest.raises(FileError, match="was replaced or changed"):
            source.select(window)


def test_frames_are_combined_row_by_row(tmp_path: Path) -> None:
    frames = [
        Image(np.random.default_rng(k).normal(100, 5, (900, 300)), mask=np.eye(900, 300) > 0)
        for k in range(5)
    ]
    paths = [write(frame, tmp_path / f"{k}.npz") for k, frame in enumerate(frames)]
    with engine(memory=4 << 20):
        done = combine([open_source(path) for path in paths])
    assert_same_image(done, combine(frames))


def test_a_wrong_sum_is_refused_before_a_window_is_given(tmp_path: Path) -> None:
    path = write(Image(ARRAY), tmp_path / "a.npz")
    data = bytearray(path.read_bytes())
    data[data.index(ARRAY.tobytes()) + 8 * 11] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="Bad CRC-32"):
        open_source(path).select((0, 1, 0, 1))


def test_members_that_share_names_or_bytes_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("0/mask.npy", npy(np.ones((3, 4), np.uint8)))
    with pytest.raises(FormatError, match="two members of one name"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ccdfx.json", b"{}")
        archive.writestr("a", bytes(2000))
        for name in "bcd":
            archive.filelist.append(copy.copy(archive.getinfo("a")))
            archive.filelist[-1].filename = name
    with pytest.raises(FormatError, match="share their bytes"):
        read(path)


def test_json_that_inflates_to_far_more_is_refused_at_once(path: Path) -> None:
    cards = b'{"range": [0, 4, 0, 3], "cards": [' + b'["A", 1, ""], ' * 200_000 + b'["A", 1, ""]]}'
    rebuilt(path, {"0/header.json": cards}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    with pytest.raises(FormatError, match=r"0/header.json is longer than \d+ bytes"):
        read(path)


def test_an_npz_of_somebody_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=ARRAY)
    with pytest.raises(FormatError, match=r"no member ccdfx\.json"):
        read(tmp_path / "a.npz")
