"""`ccdfx watch`: the command; what a watch does is tested in the room of the night."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccdfx.night import watch as module


@pytest.mark.quick
def test_a_night_that_is_there_is_reduced_and_the_watch_ends(
    run, night: Path, reduced: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", 0.01)
    output = tmp_path / "out"
    result = run("watch", night, "-o", output, "--idle", 0.6, "--threads", 2, "-v")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    count = len(list(night.glob("*.fits")))
    assert f"{count} frames, " in result.stderr and "masters/bias.fits: missing" in result.stderr
    products = {path.relative_to(output) for path in output.glob("*/*.fits")}
    assert products == {path.relative_to(reduced) for path in reduced.glob("*/*.fits")}
    for path in products:
        assert (output / path).read_bytes() == (reduced / path).read_bytes()
    assert json.loads((output / "night.json").read_text()) == json.loads((reduced / "night.json").read_text())
    assert (output / "report.html").read_bytes() == (reduced / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--idle", 0), "idle"),
        (("--idle", "nan"), "idle"),
        (("--instrument", "no such"), "no such"),
        (("--recipe", "nothing.toml"), "nothing.toml"),
    ],
)
def test_wrong_options_are_usage_errors(run, night: Path, tmp_path: Path, options, words) -> None:
    assert run("watch", night, "-o", night).exit_code == 2
    result = run("watch", night, "-o", tmp_path / "out", *options)
    assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_night_is_status_3(run, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    result = run("watch", tmp_path / "raw", "-o", tmp_path / "out", "--idle", 0.05)
    assert result.exit_code == 3, result.output
    assert (tmp_path / "out/report.html").is_file()


def test_a_file_of_others_ends_the_watch_with_status_4(run, night: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "SETTLED", 0.01)
    mine = tmp_path / "out/masters/bias.fits"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = run("watch", night, "-o", tmp_path / "out", "--idle", 0.5)
    assert result.exit_code == 4 and "not made by ccdfx" in result.stderr
    assert mine.read_text() == "mine"
