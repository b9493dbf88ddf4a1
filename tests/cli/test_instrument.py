"""`ccdfx instrument`: list, show, draft and check."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.mark.quick
def test_a_camera_that_nobody_knows_is_drafted_and_checked(run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number, (what, level) in enumerate([("zero", 0), ("zero", 0), ("flat", 9000), ("light", 900)]):
        image = ccdfx.Image(np.round(rng.normal(300.0, 4.0, (40, 60))).astype(np.uint16))
        image = image.replace(array=image.array + np.uint16(level) * (np.arange(60) < 52).astype(np.uint16))
        cards = {"PICTURE": what, "TEXP": float(level > 0), "CAMNAME": "Odd", "GLASS": "V"}
        ccdfx.write(image.replace(header=cards), tmp_path / f"raw{number}.fits")
    problem = run("scan", tmp_path).stdout
    assert "ccdfx instrument draft FRAMES -o mine.toml" in problem
    file = tmp_path / "mine.toml"
    drafted = run("instrument", "draft", tmp_path, "-o", file)
    assert drafted.exit_code == 0 and "4 frames: 2 bias, 1 flat, 1 science" in drafted.stderr
    assert "not known: the filter" in drafted.stderr and "# not known: the filter" in file.read_text()
    assert run("instrument", "draft", tmp_path, "-o", file).exit_code == 4
    assert run("instrument", "draft", tmp_path, "-o", file, "--overwrite", "--name", "odd2").exit_code == 0
    assert run("instrument", "draft", tmp_path).stdout.startswith("# Drafted by ccdfx from 4 frames")
    checked = run("instrument", "check", file, tmp_path)
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.splitlines()[1].split()[:2] == ["raw0.fits", "bias"]
    assert "[53:60,1:40]" in checked.stdout and "no filter is known of raw2.fits" in checked.stderr
    ccdfx.write(ccdfx.Image(np.zeros((4, 5), np.uint16)), tmp_path / "other.fits")
    failed = run("instrument", "check", file, tmp_path, "--json")
    found = json.loads(failed.stdout)
    assert failed.exit_code == 1 and found["broken_law"] is None
    assert [frame["kind"] for frame in found["frames"]] == [None, "bias", "bias", "flat", "science"]
    assert "[match] does not hold for other.fits" in failed.stderr


def test_a_file_that_breaks_a_law_fails(run, tmp_path: Path, frames: list[Path]) -> None:
    (tmp_path / "all.toml").write_text(
        'name = "all"\nmatch = { INSTRUME = "! Odd" }\nrules = [{ kind = "science", when = { OBJECT = "*" } }]\n'
    )
    result = run("instrument", "check", tmp_path / "all.toml", *frames)
    assert result.exit_code == 1 and "it matches an empty header" in result.stderr
    assert run("instrument", "check", "nosuch", *frames).exit_code == 2


@pytest.mark.quick
def test_what_is_known_is_listed_and_shown(run, tmp_path: Path) -> None:
    names = [one["name"] for one in json.loads(run("instrument", "list", "--json").stdout)]
    assert {"iraf", "nickel"} <= set(names) and "nickel" in run("instrument", "list").stdout
    text = run("instrument", "show", "nickel").stdout
    (tmp_path / "mine.toml").write_text(text)
    assert ccdfx.load_instrument(tmp_path / "mine.toml").name == "nickel"
    assert run("instrument", "show", tmp_path / "mine.toml").stdout == text
    assert run("instrument", "draft", tmp_path, "-o", tmp_path / "a.txt").exit_code == 2
