"""Keys of raw frames: the SHA-256 of their bytes, computed again only where the file system says that they changed."""

from __future__ import annotations

import hashlib
import os

import pytest

from ccdfx.night.graph import raw_keys as module
from ccdfx.night.graph.raw_keys import raw_keys


@pytest.fixture
def counted(monkeypatch):
    """The files of which the SHA-256 was computed."""
    seen = []
    plain = module.file_sha256
    monkeypatch.setattr(module, "file_sha256", lambda path: seen.append(path.name) or plain(path))
    return seen


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{name}.fits" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode() * 100)
    return paths


@pytest.mark.quick
def test_each_file_is_read_once_and_again_when_it_changed(files, tmp_path, counted):
    index = tmp_path / "index.json"
    found = raw_keys(files, index)
    assert found == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert sorted(counted) == ["a.fits", "b.fits", "c.fits"]
    counted.clear()
    assert raw_keys(files, index, threads=3) == found and counted == []
    content = files[1].read_bytes()
    files[1].write_bytes(content[::-1])  # of the same size
    changed = raw_keys(files, index)
    assert counted == ["b.fits"] and changed[files[1]] == hashlib.sha256(content[::-1]).hexdigest()
    assert {**changed, files[1]: found[files[1]]} == found


def test_a_new_time_alone_costs_a_reading_and_gives_the_same_key(files, tmp_path, counted):
    found = raw_keys(files, tmp_path / "index.json")
    counted.clear()
    os.utime(files[0], ns=(1, 1))
    assert raw_keys(files, tmp_path / "index.json") == found and counted == ["a.fits"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": [1, 2]}', "\0\xff"])
def test_a_broken_index_costs_a_reading(files, tmp_path, text):
    index = tmp_path / "index.json"
    found = raw_keys(files, index)
    index.write_text(text)
    assert raw_keys(files, index) == found


def test_what_cannot_be_read_is_left_out(files, tmp_path):
    (tmp_path / "folder.fits").mkdir()
    found = raw_keys([*files, tmp_path / "gone.fits", tmp_path / "folder.fits"], tmp_path / "index.json")
    assert sorted(found) == sorted(files)


def test_nothing_is_kept_where_nothing_is_to_be_written(files, tmp_path):
    index = tmp_path / "index.json"
    raw_keys(files, index, keep=False)
    assert not index.exists()
    assert (
        len(raw_keys(files, tmp_path / "absent/index.json")) == 3
    )  # an index that cannot be written is no failure
