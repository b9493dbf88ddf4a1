"""Files of frames that are kept open while a stack is combined: what changes them, and how many may be open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import FileError
from ccdfx.operations.combining import tile_reader

LEVELS = (1, 2, 6, 7, 4)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.fits" for number in range(len(LEVELS))]
    for path, level in zip(found, LEVELS, strict=True):
        ccdfx.write(ccdfx.Image(np.full((50, 40), level, np.uint16)), path)
    return found


def combined(paths: list[Path], meanwhile: Callable[[], object] | None = None) -> ccdfx.Image:
    """The median of the frames, read in several tiles; `meanwhile` happens before the last frame gives a level."""

    def level(image: ccdfx.Image) -> float:
        if meanwhile is not None and image.array[0, 0] == LEVELS[-1]:
            meanwhile()
        return 1.0

    sources = [ccdfx.open_source(path) for path in paths]
    return ccdfx.combine(
        sources, average=ccdfx.median(), reject=None, scale=None if meanwhile is None else level
    )


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.quick
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
@pytest.mark.parametrize("spare", [0, len(LEVELS)])
def test_the_result_is_the_same_whether_files_stay_open_or_not(paths, spare, monkeypatch) -> None:
    monkeypatch.setattr(tile_reader, "_spare_handles", lambda: spare)
    before = open_files()
    assert (combined(paths).array == 4).all()
    assert open_files() == before


def cut(path: Path) -> None:
    os.truncate(path, os.path.getsize(path) - 2880)


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    ccdfx.write(ccdfx.Image(np.zeros((50, 40), np.uint16)), path, overwrite=True)


@pytest.mark.quick
@pytest.mark.parametrize("spare", [0, len(LEVELS)])
@pytest.mark.parametrize("change", [cut, touched, replaced])
def test_what_changed_before_it_was_read_is_an_error(paths, spare, change, monkeypatch) -> None:
    monkeypatch.setattr(tile_reader, "_spare_handles", lambda: spare)
    with pytest.raises(FileError, match=r"1\.fits.*was replaced, changed or cut"):
        combined(paths, lambda: change(paths[1]))


@pytest.mark.parametrize("change", [cut, touched])
def test_what_changes_while_it_is_open_is_an_error(paths, change, monkeypatch) -> None:
    read = tile_reader._read_into

    def then_change(raw, handle, part, offset):
        read(raw, handle, part, offset)
        change(paths[1])
        monkeypatch.setattr(tile_reader, "_read_into", read)

    monkeypatch.setattr(tile_reader, "_read_into", then_change)
    before = open_files()
    with pytest.raises(FileError, match=r"1\.fits.*was replaced, changed or cut"):
        combined(paths)
    assert open_files() == before


def test_a_file_that_is_replaced_while_it_is_open_gives_what_it_held(paths, monkeypatch) -> None:
    read = tile_reader._read_into

    def then_replace(raw, handle, part, offset):
        monkeypatch.setattr(tile_reader, "_read_into", read)
        replaced(paths[2])
        read(raw, handle, part, offset)

    monkeypatch.setattr(tile_reader, "_read_into", then_replace)
    assert (combined(paths).array == 4).all()
