"""`ccdfx history`: the tree of what a product was made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ccdfx


@pytest.mark.quick
def test_a_combined_frame_shows_all_raw_frames(run, night: Path, reduced: Path) -> None:
    combined = next((reduced / "combined").glob("*.fits"))
    result = run("history", combined)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"combined/{combined.name}, combined, ")
    assert "└── " in result.stdout
    for path in night.glob("*.fits"):
        assert f"{path.name}, " in result.stdout
    tree = json.loads(run("history", combined, "--json").stdout)
    assert tree["label"] == result.stdout.splitlines()[0]
    assert [one["label"].partition("/")[0] for one in tree["children"]].count("calibrated") == 2


@pytest.mark.quick
def test_files_of_combine_name_their_inputs_and_others_are_errors(
    run, frames: list[Path], tmp_path: Path
) -> None:
    made = tmp_path / "made.fits"
    assert run("combine", *frames, "-o", made).exit_code == 0
    lines = run("history", made).stdout.splitlines()
    assert [line.split(" ")[-2].rstrip(",") for line in lines[1:]] == [path.name for path in frames]
    for path in (frames[0], ccdfx.write(ccdfx.read(frames[0]).array, tmp_path / "a.npz")):
        result = run("history", path)
        assert result.exit_code == 1 and "no history of inputs" in result.stderr
        assert result.stdout == "" and "Traceback" not in result.stderr
