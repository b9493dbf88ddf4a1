"""`ccdfx scan` of several paths, of chosen frames, and as tables of any columns."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import ccdfx


def listed(result) -> list[str]:
    """Return the first column of a table."""
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


@pytest.fixture
def few(night: Path) -> dict[str, list[str]]:
    """The files of the night by their kind."""
    kinds: dict[str, list[str]] = {}
    for frame in ccdfx.scan(night):
        kinds.setdefault(str(frame.kind), []).append(frame.file)
    return kinds


@pytest.mark.quick
def test_the_examples_of_the_page(run, night: Path, few) -> None:
    science = few["science"]
    shown = run(
        "scan", night, "--kind", "science", "--where", "exptime > 10", "--columns", "file,exptime,IMAGETYP"
    )
    assert shown.stdout.splitlines()[0].split() == ["file", "exptime", "IMAGETYP"]
    assert listed(shown) == science and f"{len(science)} frames: {len(science)} science" in shown.stderr
    grouped = run("scan", night, "--group", "kind,filter,exptime")
    assert grouped.stdout.splitlines()[0].split() == ["kind", "filter", "exptime", "frames", "total_exptime"]
    assert ["science", "V", "180", "2", "360"] in [line.split() for line in grouped.stdout.splitlines()]
    assert (
        "no frame has the keyword filtr; did you mean 'filter'?"
        in run("scan", night, "--group", "filtr").stderr
    )


def test_files_and_directories(run, night: Path, few, tmp_path: Path) -> None:
    one = night / few["science"][0]
    assert listed(run("scan", one)) == [one.name]
    assert listed(run("scan", one, night)) == sorted(path.name for path in night.glob("*.fits"))
    (tmp_path / "more").mkdir()
    (tmp_path / "more/odd.001").write_bytes(one.read_bytes())
    names = listed(run("scan", one, tmp_path / "more/odd.001"))
    assert [Path(name).name for name in names] == sorted(
        [one.name, "odd.001"], reverse=names[0].endswith("odd.001")
    )
    assert run("scan").exit_code == 2 and "PATHS" in run("scan").stderr


def test_choosing_says_what_is_left_out(run, night: Path, few) -> None:
    result = run("scan", night, "--object", "M 52", "--exclude", "*bias*", "-v")
    assert listed(result) == sorted([*few["dark"], *few["flat"]])
    assert "note: no frame has the object M 52; there are" in result.stderr
    assert f"{few['bias'][0]}: not chosen by exclude *bias*" in result.stderr
    assert f"; {len(few['bias']) + len(few['science'])} not chosen" in result.stderr
    both = run("scan", night, "--where", "kind = science", "--where", "exptime < 10", "--json")
    assert json.loads(both.stdout) == []
    either = run("scan", night, "--kind", "flat", "--kind", "dark", "-q")
    assert listed(either) == sorted([*few["dark"], *few["flat"]]) and either.stderr == ""


def test_csv_goes_to_a_file_or_stdout(run, night: Path, tmp_path: Path) -> None:
    file = tmp_path / "frames.csv"
    result = run("scan", night, "--csv", file)
    assert (result.exit_code, result.stdout) == (0, "") and "frames: " in result.stderr
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [row["file"] for row in rows] == [frame.file for frame in ccdfx.scan(night)]
    assert rows[0].keys() >= {"file", "kind", "exptime", "problem"} and rows[-1]["exptime"] == "180.0"
    assert run("scan", night, "--csv", "-").stdout == file.read_text()
    both = run("scan", night, "--csv", tmp_path / "groups.csv", "--json", "--group", "kind")
    assert {row["kind"]: row["frames"] for row in json.loads(both.stdout)}["science"] == 2
    assert (tmp_path / "groups.csv").read_text().startswith("kind,frames,total_exptime\nbias,4,")


def test_a_table_replaces_nothing_unasked_and_never_a_frame(run, night: Path, tmp_path: Path) -> None:
    file = tmp_path / "frames.csv"
    file.write_text("mine")
    assert run("scan", night, "--csv", file).exit_code == 4 and file.read_text() == "mine"
    assert run("scan", night, "--csv", file, "--overwrite").exit_code == 0 and file.read_text() != "mine"
    raw = tmp_path / "raw.fits"
    raw.write_bytes(next(iter(night.glob("*.fits"))).read_bytes())
    before = raw.read_bytes()
    refused = run("scan", raw, "--csv", raw, "--overwrite")
    assert refused.exit_code == 2 and raw.read_bytes() == before
    assert run("scan", night, "--csv", tmp_path / "no/frames.csv").exit_code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--columns", "file", "--group", "kind"), "give one of them"),
        (("--csv", "-", "--json"), "give one of them"),
        (("--overwrite",), "for the file of --csv"),
        (("--csv", "-", "--overwrite"), "for the file of --csv"),
        (("--csv", " "), "is no name"),
        (("--columns", "file,file"), "each once"),
        (("--columns", "file,"), "each once"),
        (("--group", "frames"), "not frames or total_exptime"),
        (("--kind", "light"), "kind: must be one of bias, dark, flat, science, arc, other"),
        (("--where", "exptime >"), "at character 10 must be a number or a date"),
        (("--where", ""), "where: must not be empty"),
        (("--filter", " "), "filter: must not be empty"),
    ],
)
def test_wrong_options_are_usage_errors(run, night: Path, options, words) -> None:
    result = run("scan", night, *options)
    assert result.exit_code == 2 and words in result.stderr and result.stdout == ""


def test_a_column_that_no_frame_has_is_said(run, night: Path) -> None:
    result = run("scan", night, "--columns", "file,SEEEING")
    assert result.exit_code == 0 and "note: no frame has the keyword SEEEING" in result.stderr


def test_reduce_takes_files_and_chooses(run, night: Path, few, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = [night / file for kind in few for file in few[kind]]
    planned = run("reduce", *paths, "-o", out, "--dry-run", "--exclude", few["science"][0])
    assert (
        planned.exit_code == 0
        and few["science"][0] not in planned.stdout
        and few["science"][1] in planned.stdout
    )
    assert f"not used: {few['science'][0]}: not chosen by exclude {few['science'][0]}" in planned.stderr
    facts = json.loads(
        run("reduce", *paths, "-o", out, "--dry-run", "--json", "--where", "kind in (bias, flat)").stdout
    )
    assert set(facts["not_chosen"]) == {*few["dark"], *few["science"]} and not out.exists()
    wrong = run("reduce", night, "-o", out, "--where", "exptime >")
    assert wrong.exit_code == 2 and "at character 10" in wrong.stderr and not out.exists()
    nothing = run("reduce", night, "-o", out, "--kind", "science", "--object", "none", "-q")
    assert nothing.exit_code == 3
    assert nothing.stderr == f"ccdfx: error: {night}: holds no frame that can be reduced among those chosen\n"


def test_a_night_of_one_frame_is_reduced_without_complaint(run, night: Path, few, tmp_path: Path) -> None:
    result = run("reduce", night, "-o", tmp_path / "out", "--exclude", few["science"][0])
    assert result.exit_code == 0, result.stderr
    facts = json.loads((tmp_path / "out/night.json").read_text())
    assert facts["chosen_by"] == [f"exclude {few['science'][0]}"] and len(facts["calibrated"]) == 1
    quiet = run("reduce", night, "-o", tmp_path / "out", "--exclude", few["science"][0], "-q", "--overwrite")
    assert quiet.stderr == ""


@pytest.mark.quick
def test_a_table_tells_what_frames_are(run, frames: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("file,kind,filter\nframe0.fits,flat,R\nframe*,science,\n")
    result = run("scan", *frames, "--table", table, "--columns", "file,kind,filter,instrument")
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["frame0.fits", "flat", "R", "table"],
        ["frame1.fits", "science", "V", "table"],
    ]
    table.write_text("file,kind\nframe0.fits,flatt\n")
    for command in (("scan", *frames), ("reduce", *frames, "-o", tmp_path / "out")):
        wrong = run(*command, "--table", table)
        assert wrong.exit_code == 2 and "line 2: kind must be one of" in wrong.stderr
