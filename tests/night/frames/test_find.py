"""Several files and directories as one night: how frames are named, and that none is taken twice."""

from __future__ import annotations

import pickle

import pytest

import ccdfx
from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.frames.scan import scan


def names(*paths, **options):
    return [frame.file for frame in scan(paths, **options)]


@pytest.mark.quick
def test_names_are_relative_to_the_directory_in_common(camera):
    camera.write("biases/b.fits", "zero")
    camera.write("march/9/s.fits", "object")
    camera.write("march/x.fits", "zero")
    folder = camera.folder
    assert names(folder / "biases", folder / "march/9") == ["biases/b.fits", "march/9/s.fits"]
    assert names(folder / "march/9/s.fits") == ["s.fits"]
    assert names(folder / "march/9/s.fits", folder / "march/x.fits") == ["9/s.fits", "x.fits"]
    assert names(folder / "march", folder / "march/9") == ["9/s.fits", "x.fits"]
    assert names(folder / "biases/../march/x.fits", folder / "biases") == ["biases/b.fits", "march/x.fits"]


def test_relative_paths_and_absolute_ones_can_be_mixed(camera, monkeypatch):
    camera.write("a/1.fits", "zero")
    camera.write("b/2.fits", "zero")
    monkeypatch.chdir(camera.folder / "a")
    assert names(".", camera.folder / "b") == names(".", "../b") == ["a/1.fits", "b/2.fits"]
    assert [str(frame.path) for frame in scan(["1.fits", "../b/2.fits"])] == ["1.fits", "../b/2.fits"]


def test_a_file_that_is_given_is_taken_whatever_its_name(camera):
    camera.write("s.fits", "object").rename(camera.folder / ".s.001")
    (camera.folder / "notes.txt").write_text("clouds")
    assert names(camera.folder) == []
    given = scan([camera.folder / ".s.001", camera.folder / "notes.txt"])
    assert [(frame.file, frame.kind) for frame in given] == [(".s.001", "science"), ("notes.txt", None)]
    assert given[1].problem


def test_no_frame_is_taken_twice(camera):
    camera.write("a.fits", "zero")
    camera.write("sub/s.fits", "zero")
    (camera.folder / "b.fits").symlink_to("a.fits")
    (camera.folder.parent / "again").symlink_to(camera.folder)
    folder = camera.folder
    assert names(folder, folder, folder / "a.fits", folder / "sub") == ["a.fits", "sub/s.fits"]
    assert names(folder.parent / "again", folder) == ["again/a.fits", "again/sub/s.fits"]


def test_what_is_excluded_and_what_was_reduced_is_skipped_inside(camera):
    camera.write("a.fits", "zero")
    camera.write("out/o.fits", "zero")
    camera.write("done/d.fits", "zero")
    (camera.folder / "done/night.json").write_text("{}")
    assert names(camera.folder, exclude=camera.folder / "out") == ["a.fits"]
    assert names(camera.folder / "done", camera.folder / "a.fits") == ["a.fits", "done/d.fits"]


def test_what_is_no_path_is_refused(camera, tmp_path):
    with pytest.raises(ArgumentError, match="paths: must be one or more"):
        scan([])
    for wrong in (3, [camera.folder, 3], b"raw", [b"raw"]):
        with pytest.raises(ArgumentTypeError, match="paths: must be paths"):
            scan(wrong)
    for gone in ("gone.fits", "gone"):
        with pytest.raises(FileError, match=f"{gone}: cannot be listed: No such file"):
            scan([camera.folder, tmp_path / gone])


def test_the_old_word_is_accepted(camera):
    with pytest.warns(ccdfx.CcdfxWarning, match="the option 'directory' is now 'paths'"):
        assert scan(directory=camera.folder) == ()


def test_a_frame_has_the_values_of_its_header(camera):
    camera.science("a.fits", AIRMASS=1.25, OBSERVER="Ada")
    (frame,) = scan(camera.folder)
    assert (frame.header["airmass"], frame.header["OBSERVER"], frame.header.get("SEEING")) == (
        1.25,
        "Ada",
        None,
    )
    assert "header" not in frame.as_dict() and "AIRMASS" not in repr(frame)
    assert pickle.loads(pickle.dumps(frame)) == frame
    assert dict(pickle.loads(pickle.dumps(frame.header))) == dict(frame.header)
    with pytest.raises(AttributeError, match="immutable"):
        frame.header._values = {}


def test_of_equal_keywords_the_first_counts():
    header = ccdfx.Header([("A", None), ("A", 1), ("A", 2), ("HISTORY", "x"), ("COMMENT", "y")])
    assert dict(HeaderValues(header)) == {"A": 1}
