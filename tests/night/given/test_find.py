"""Which files are looked at."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError, FileError
from ccdfx.night.given.find import find_given


@pytest.fixture
def folder(tmp_path):
    for name in (
        "old/night.json",
        "old/masters/bias.fits",
        "old/calibrated/a.fits",
        "more/flat.fits",
        "dark.fits",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SIMPLE  =")
    return tmp_path


@pytest.mark.quick
def test_files_folders_and_outputs_in_the_order_given(folder):
    texts = [
        f"dark-with-bias={folder}/dark.fits",
        f"{folder}/old",
        f"{folder}/more",
        f"{folder}/more/flat.fits",
    ]
    found = find_given(texts, folder / "out")
    assert [(one.name, one.kind, one.level_free) for one in found] == [
        ("given:dark.fits", "dark", False),
        ("given:old/masters/bias.fits", None, None),
        ("given:more/flat.fits", None, None),
    ]
    assert find_given([], folder) == ()


def test_what_is_not_possible_is_refused(folder):
    with pytest.raises(FileError, match="is not a file"):
        find_given([str(folder / "none.fits")], folder / "out")
    with pytest.raises(ArgumentError, match="file by file"):
        find_given([f"bias={folder}/old"], folder / "out")
    with pytest.raises(ArgumentError, match="another output"):
        find_given([f"{folder}/old/masters"], folder / "old")
    for raw in (folder / "more", folder / "more/flat.fits"):
        with pytest.raises(ArgumentError, match="holds the raw frames"):
            find_given([f"{folder}/more"], folder / "out", [raw])
    assert len(find_given([f"{folder}/more/flat.fits"], folder / "out", [folder / "more"])) == 1
