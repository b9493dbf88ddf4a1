"""What is wrong with a reduced night is said of the product that it is wrong with."""

from __future__ import annotations

import json
import shutil

import pytest
from astropy.io import fits

from ccdfx.errors import FileError
from ccdfx.night.graph.verify import records_of, verify_night
from ccdfx.night.run import reduce_night

BIAS, FLAT, COMBINED = "masters/bias.fits", "masters/flat_V.fits", "combined/field_V.fits"


@pytest.fixture
def night(done, tmp_path):
    """The raw frames and the output of a reduced night, of the test's own."""
    camera, _, out = done
    shutil.copytree(camera.folder, tmp_path / "raw")
    shutil.copytree(out, tmp_path / "out")
    return tmp_path / "raw", tmp_path / "out"


def problems(out, raw=None) -> dict[str, str]:
    """What is wrong, by the product."""
    return {one.file: one.problem for one in verify_night(out, raw) if one.problem is not None}


def replaced(path, place, byte=None) -> None:
    """Change a byte of a file, by another or by one bit."""
    content = bytearray(path.read_bytes())
    content[place] = content[place] ^ 1 if byte is None else byte
    path.write_bytes(content)


@pytest.mark.quick
def test_a_night_that_nobody_touched_is_all_right(night):
    raw, out = night
    found = verify_night(out, raw)
    assert [one.problem for one in found] == [None] * len(found)
    assert [one.file for one in found] == list(records_of(out))
    assert {one.kind for one in found} == {"bias", "dark", "flat", "bad_pixels", "calibrated", "combined",
                                           "camera", "effects"}  # fmt: skip
    assert problems(out) == {}


@pytest.mark.quick
def test_each_product_is_what_its_header_says_or_the_reason_is_told(night):
    raw, out = night
    files = [one.file for one in verify_night(out) if (out / one.file).is_file()]
    assert len(files) == 9
    for file in files:
        path = out / file
        whole = path.read_bytes()
        for place in (-2880 - 100, len(whole) // 2):
            replaced(path, place)
            assert list(problems(out, raw)) == [file] and "checksum" in problems(out)[file].lower()
            path.write_bytes(whole)
        path.write_bytes(whole[: len(whole) // 2])
        found = problems(out, raw)
        assert list(found) == [file]
        assert f"has {len(whole) // 2} bytes, not {len(whole)}" in found[file]
        path.unlink()
        assert problems(out, raw) == {file: "missing"}
        path.write_bytes(whole)
    assert problems(out, raw) == {}


def test_a_product_with_the_key_of_another_is_none(night):
    raw, out = night
    shutil.copyfile(out / "calibrated/s1.fits", out / "calibrated/s0.fits")
    found = problems(out, raw)
    assert list(found) == ["calibrated/s0.fits"]
    assert found["calibrated/s0.fits"].endswith("the key in its header is not that of its record")
    with fits.open(out / "calibrated/s1.fits", mode="update", checksum=True) as hdus:
        hdus[0].header["CCDFXKEY"] = "0" * 64
        for hdu in hdus:
            hdu.add_checksum()
    assert list(problems(out)) == ["calibrated/s0.fits", "calibrated/s1.fits"]


def test_raw_frames_that_changed_or_went_are_said_of_what_is_made_of_them(night):
    raw, out = night
    replaced(raw / "b1.fits", -2880 - 100)
    (raw / "s2.fits").unlink()
    found = problems(out, raw)
    assert found[BIAS] == "input changed: b1.fits"
    assert found["calibrated/s2.fits"] == "input gone: s2.fits"
    assert COMBINED not in found  # it is made of calibrated frames, and these are there
    assert {file for file in found if file.startswith(("masters/", "calibrated/"))} == {
        BIAS,
        "masters/bad_pixels.fits",
        "calibrated/s2.fits",
    }
    assert problems(out) == {}  # without the raw frames


@pytest.mark.quick
@pytest.mark.parametrize("part", ["raw", "inputs", "options", "key"])
def test_an_edited_record_is_noticed(night, part):
    _, out = night
    path = out / "facts/calibrated/s0.json"
    record = json.loads(path.read_text())
    if part == "key":
        record["key"] = "0" * 64
    else:
        values = record["parts"][part]
        values[next(iter(values))] = "0" * 64
    path.write_text(json.dumps(record))
    found = problems(out)
    assert "its record was changed" in found["calibrated/s0.fits"]
    if part == "inputs":
        assert "made of other versions of masters/" in found["calibrated/s0.fits"]
    assert (COMBINED in found) is (part == "key")


def test_a_record_or_stars_that_went_are_missed(night):
    raw, out = night
    (out / "facts/calibrated/s0.json").unlink()
    (out / "facts/masters/bias.json").write_text("{")
    (out / "facts/calibrated/s1.npy").write_bytes(b"cut")
    shutil.copyfile(raw / "b0.fits", out / "calibrated/mine.fits")  # is of no night
    found = problems(out, raw)
    lost = "its record in the folder of facts is missing or broken"
    assert (found["calibrated/s0.fits"], found[BIAS]) == (lost, lost)
    assert found["calibrated/s1.fits"].startswith("the file of its stars is missing or cut; ")
    assert found[COMBINED].startswith("made of other versions of calibrated/s0.fits")
    assert "calibrated/mine.fits" not in found


def test_what_was_made_of_another_version_of_a_master_is_said(night):
    raw, out = night
    with_median = {"flat": {"average": "median"}}
    older = {file: (out / file).read_bytes() for file in ("calibrated/s0.fits", "facts/calibrated/s0.json")}
    reduce_night(raw, out, recipe=with_median)
    assert problems(out, raw) == {}
    for file, content in older.items():
        (out / file).write_bytes(content)
    found = problems(out, raw)
    assert found["calibrated/s0.fits"].startswith("made of other versions of ")
    assert "masters/flat_V.fits" in found["calibrated/s0.fits"]
    assert found[COMBINED] == "made of other versions of calibrated/s0.fits"
    assert not [file for file in found if file.startswith("masters/")]


def test_a_folder_without_a_night_is_refused(tmp_path):
    with pytest.raises(FileError, match="no reduced night"):
        verify_night(tmp_path)
