"""The tree of what a product was made of, from facts, or from its header where it stands alone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import FileError
from ccdfx.night.graph.ancestry import history_tree
from ccdfx.night.graph.record import read_record

RAW = [*(f"b{i}" for i in range(5)), *(f"k{i}" for i in range(4)), *(f"kf{i}" for i in range(3)),
       *(f"fV{i}" for i in range(4)), *(f"s{i}" for i in range(3))]  # fmt: skip


def leaves(tree) -> set[str]:
    """The names at the ends of the branches."""
    if not tree["children"]:
        return {tree["label"].partition(",")[0]}
    return set().union(*map(leaves, tree["children"]))


@pytest.mark.quick
def test_a_combined_frame_is_made_of_all_raw_frames(done):
    _, _, out = done
    tree = history_tree(out / "combined/field_V.fits")
    record = read_record(out, "combined/field_V.fits")
    assert tree["label"] == f"combined/field_V.fits, combined, {record.key[:12]}"
    assert leaves(tree) == {f"{name}.fits" for name in RAW}
    first = next(one for one in tree["children"] if one["label"].startswith("calibrated/s0.fits"))
    kinds = [one["label"].split(", ")[0] for one in first["children"]]
    assert kinds[0] == "s0.fits" and {"masters/bias.fits", "masters/flat_V.fits"} < set(kinds)


@pytest.mark.quick
def test_a_combined_frame_elsewhere_names_what_its_header_names(done, tmp_path):
    _, _, out = done
    copy = shutil.copy(out / "combined/field_V.fits", tmp_path / "copy.fits")
    tree = history_tree(copy)
    label = tree["label"].split(", ")
    assert (label[0], label[2]) == ("copy.fits", read_record(out, "combined/field_V.fits").key[:12])
    wanted = [
        f"{name}, {read_record(out, name).key[:12]}" for name in (f"calibrated/s{i}.fits" for i in range(3))
    ]
    assert [one["label"] for one in tree["children"]] == wanted


def test_facts_that_are_missing_are_said(done, tmp_path):
    _, _, out = done
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "out/facts/masters/bias.json").unlink()
    calibrated = history_tree(tmp_path / "out/calibrated/s0.fits")
    assert "masters/bias.fits, its facts are missing" in [one["label"] for one in calibrated["children"]]
    (tmp_path / "out/facts/calibrated/s0.json").unlink()
    alone = history_tree(tmp_path / "out/calibrated/s0.fits")
    assert [one["label"].partition(",")[0] for one in alone["children"]] == ["s0.fits"]


@pytest.mark.quick
def test_a_file_without_history_is_refused(tmp_path):
    path = ccdfx.write(np.ones((4, 5)), tmp_path / "a.fits")
    with pytest.raises(FileError, match="no history of inputs"):
        history_tree(path)
    with pytest.raises(FileError):
        history_tree(tmp_path / "nothing.fits")
