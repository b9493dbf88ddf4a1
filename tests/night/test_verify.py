"""A night checked from its output alone: as it is, or made again; and its facts."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest

from ccdfx.errors import FileError
from ccdfx.night.run import reduce_night
from ccdfx.night.verify import facts_of, remade_night, verify_whole_night

RECIPE = """
[bias]
average = "median"
[combine]
reject = { name = "sigma_clip", low = 3, high = 4 }
[overscan]
fit = { function = "legendre", order = 2 }
"""


@pytest.fixture
def small(camera, out):
    """A night of a few frames, reduced with a recipe and a choice of frames."""
    camera.biases(3)
    camera.flats(3)
    camera.flats(3, filter="R")
    for number in range(2):
        camera.science(f"s{number}.fits", dx=number)
        camera.science(f"r{number}.fits", dx=number, filter="R")
    recipe = out.parent / "recipe.toml"
    recipe.write_text(RECIPE)
    reduce_night(camera.folder, out, recipe=recipe, filter="V", where="exptime > 1 or kind == 'bias'")
    recipe.unlink()  # what was chosen is in night.json
    return camera, out


@pytest.mark.quick
def test_a_night_is_made_again_with_its_own_recipe_and_frames(small):
    _, out = small
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    found = remade_night(out)
    files = {one.file for one in found}
    assert {"masters/bias.fits", "masters/flat_V.fits", "calibrated/s0.fits", "combined/field_V.fits"} < files
    assert not [file for file in files if "_R" in file or "/r" in file]
    assert [one.problem for one in found] == [None] * len(found)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert list(out.glob(".*")) == [], "nothing is left behind"


@pytest.mark.quick
def test_what_comes_out_otherwise_is_said(small):
    camera, out = small
    path = out / "calibrated/s0.fits"
    content = bytearray(path.read_bytes())
    content[-2880 - 200] ^= 1
    path.write_bytes(content)
    (out / "combined/field_V.fits").unlink()
    (camera.folder / "s1.fits").unlink()
    found = {one.file: one.problem for one in remade_night(out) if one.problem is not None}
    assert found["calibrated/s0.fits"] == "has other bytes when it is made again"
    assert found["calibrated/s1.fits"] == "is not made any more"
    assert "masters/flat_V.fits" not in found


def test_raw_frames_that_were_moved_are_found_where_they_are(small):
    camera, out = small
    moved = shutil.move(camera.folder, out.parent / "moved")
    assert any("input gone" in (one.problem or "") for one in verify_whole_night(out))
    assert {one.problem for one in verify_whole_night(out, moved)} == {None}
    assert {one.problem for one in remade_night(out, moved)} == {None}


@pytest.mark.quick
def test_facts_of_a_night_that_did_not_end_are_refused(done, tmp_path):
    _, _, out = done
    assert facts_of(out) == json.loads((out / "night.json").read_text())
    with pytest.raises(FileError, match="cannot be read"):
        facts_of(tmp_path)
    for text in ("[1]", '{"complete": false, "directory": "raw"}'):
        (tmp_path / "night.json").write_text(text)
        with pytest.raises(FileError, match="did not end"):
            facts_of(tmp_path)
    (tmp_path / "night.json").write_text("{")
    with pytest.raises(FileError, match="cannot be read"):
        facts_of(tmp_path)


@pytest.mark.quick
def test_the_night_is_found_from_any_working_directory(camera, tmp_path, monkeypatch):
    """Paths may have been given relative to the directory of the run; frames may have arrived since."""
    instrument = (resources.files("ccdfx.night.instruments") / "descriptions" / "iraf.toml").read_text()
    (tmp_path / "mine.toml").write_text(instrument.replace('name = "iraf"', 'name = "mine"'))
    camera.biases(3)
    camera.science("s0.fits")
    camera.science("not_given.fits")
    monkeypatch.chdir(tmp_path)
    given = sorted(path.as_posix() for path in Path("raw").iterdir() if path.name != "not_given.fits")
    reduce_night(given, "out", instrument="mine.toml")
    monkeypatch.chdir("/")
    assert facts_of(tmp_path / "out")["directory"] == str(tmp_path / "raw")
    camera.biases(4, prefix="later")
    for found in (verify_whole_night(tmp_path / "out"), remade_night(tmp_path / "out")):
        assert {one.problem for one in found} == {None}
        assert "calibrated/s0.fits" in {one.file for one in found}


def test_a_night_of_two_detectors_in_each_file_is_verified_and_made_again(tmp_path):
    import numpy as np
    from astropy.io import fits

    rng = np.random.default_rng(1)
    (tmp_path / "raw").mkdir()
    for number in range(3):
        hdus = fits.HDUList([fits.PrimaryHDU(header=fits.Header({"IMAGETYP": "zero", "EXPTIME": 0.0}))])
        for name in ("A", "B"):
            cards = {"DATASEC": "[1:32,1:24]", "BIASSEC": "[33:40,1:24]", "CCDSEC": "[1:32,1:24]"}
            pixels = rng.normal(500, 3, (24, 40)).astype(np.uint16)
            hdus.append(fits.ImageHDU(pixels, fits.Header({**cards, "CCDNAME": name, "GAIN": 2.0}), name))
        hdus.writeto(tmp_path / f"raw/b{number}.fits")
    night = reduce_night(tmp_path / "raw", tmp_path / "out")
    assert {frame["file"] for frame in night.facts["frames"]} >= {"b0.fits[A]", "b0.fits[B]"}
    found = (*verify_whole_night(tmp_path / "out"), *remade_night(tmp_path / "out"))
    assert len(found) > 4 and [one.problem for one in found] == [None] * len(found)
    (tmp_path / "raw/b1.fits").unlink()
    gone = [one.problem for one in verify_whole_night(tmp_path / "out") if one.problem]
    assert any("input gone: b1.fits[A]" in problem for problem in gone)
