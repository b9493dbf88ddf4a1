"""Old flags of commands and old keys of recipes: accepted for one release with a warning that names the new one."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

import ccdfx
from ccdfx import CcdfxWarning
from ccdfx.cli import TABLE, load
from ccdfx.cli.options import RenamedOption

PART = "[5:40,3:30]"
PLACED = ("--offsets", "offsets.txt", "--reject", "none")
RENAMED: list[tuple[str, tuple[str, ...], str, str, str]] = [
    ("stats", ("frame0.fits", "--json"), "--range", "--section", PART),
    ("convert", ("frame0.fits", "-o", "out.npz", "--overwrite"), "--range", "--section", PART),
    ("show", ("frame0.fits", "-o", "out.png", "--overwrite"), "--range", "--section", PART),
    ("hist", ("frame0.fits", "-o", "out.png", "--overwrite"), "--range", "--section", PART),
    ("combine", ("frame0.fits", "frame1.fits", "-o", "out.fits", "--overwrite", *PLACED),
     "--resample", "--kernel", "spline"),
]  # fmt: skip
"""Command, what else it needs, old flag, new flag, value."""
over_the_table = pytest.mark.parametrize(
    ("name", "rest", "old", "new", "value"), RENAMED, ids=[f"{name} {old}" for name, _, old, *_ in RENAMED]
)


@pytest.fixture(autouse=True)
def folder(frames: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = frames[0].parent
    (folder / "offsets.txt").write_text("0 0\n0.5 -1.25\n")
    monkeypatch.chdir(folder)
    return folder


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("out.*")}


def test_the_table_has_every_renamed_flag() -> None:
    found = [
        (name, option.old, option.opts[0])
        for name in TABLE
        for option in load(name).params
        if isinstance(option, RenamedOption)
    ]
    assert sorted(found) == sorted((name, old, new) for name, _, old, new, _ in RENAMED)


@over_the_table
def test_the_old_flag_gives_the_output_of_the_new_one(run, folder, name, rest, old, new, value) -> None:
    plain = run(name, *rest)
    without = outputs(folder)
    expected = run(name, *rest, new, value)
    made = outputs(folder)
    assert expected.exit_code == 0 and "warning" not in expected.stderr
    assert (expected.stdout, made) != (plain.stdout, without)
    found = run(name, *rest, old, value)
    warning = f"ccdfx: warning: {old} is now {new}; the old word goes with the next release\n"
    assert (found.exit_code, found.stdout) == (0, expected.stdout) and outputs(folder) == made
    assert found.stderr == warning + expected.stderr
    assert run(name, *rest, f"{old}={value}", "-q").stderr == ""


@over_the_table
def test_both_flags_are_a_usage_error(run, folder, name, rest, old, new, value) -> None:
    for both in ((old, value, new, value), (new, value, old, value)):
        result = run(name, *rest, *both)
        assert result.exit_code == 2 and result.stdout == "" and outputs(folder) == {}
        assert f"{new} and its old word {old} exclude one another" in " ".join(result.stderr.split())


@over_the_table
def test_the_help_shows_the_new_flag_only(run, name, rest, old, new, value) -> None:
    text = run(name, "--help").stdout
    assert new in text and old not in text


def test_a_value_of_an_old_flag_is_checked(run) -> None:
    result = run("stats", "frame0.fits", "--range", "nope")
    assert result.exit_code == 2 and "'nope' is not a FITS section" in result.stderr
    result = run("stats", "frame0.fits", "--range")
    assert result.exit_code == 2 and "requires an argument" in result.stderr


def test_completion_does_not_warn(capsys: pytest.CaptureFixture[str]) -> None:
    context = load("stats").make_context("stats", ["frame0.fits", "--range", PART], resilient_parsing=True)
    assert isinstance(context, click.Context) and context.params["section"] == PART
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["stats", "convert", "show", "hist"])
def test_a_section_outside_is_an_error_about_the_section(run, name: str) -> None:
    output = {"stats": (), "convert": ("-o", "out.npz")}.get(name, ("-o", "out.png"))
    result = run(name, "frame0.fits", *output, "--section", "[1:900,1:2]")
    assert result.exit_code == 1
    assert result.stderr.startswith("ccdfx: error: frame0.fits: section: must lie inside the frame")


def test_the_recipe_of_combine_may_have_the_old_key(run, folder: Path) -> None:
    recipe = folder / "how.toml"
    files = ("frame0.fits", "frame1.fits", "-o", "out.fits", "--overwrite", *PLACED)
    recipe.write_text('[combine]\nkernel = "lanczos"\n')
    assert run("combine", *files, "--recipe", recipe).exit_code == 0
    made = outputs(folder)
    recipe.write_text('[combine]\nresample = "lanczos"\n')
    with pytest.warns(CcdfxWarning, match="the option 'resample' is now 'kernel'; the old word goes"):
        assert run("combine", *files, "--recipe", recipe).exit_code == 0
    assert outputs(folder) == made
    recipe.write_text('[combine]\nresample = "lanczos"\nkernel = "lanczos"\n')
    result = run("combine", *files, "--recipe", recipe)
    assert result.exit_code == 2 and "not both" in " ".join(result.stderr.split())
    recipe.write_text('[combine]\nrange = "[1:2,1:2]"\n')
    result = run("combine", *files, "--recipe", recipe)
    assert result.exit_code == 2 and "unknown range" in " ".join(result.stderr.split())


def test_a_recipe_with_the_old_key_warns_in_one_line(process, folder: Path) -> None:
    Path("how.toml").write_text('[combine]\nresample = "spline"\n')
    done = process("combine", "frame0.fits", "frame1.fits", "-o", "out.fits", *PLACED, "--recipe", "how.toml")
    assert done.returncode == 0 and done.stderr.splitlines() == [
        "ccdfx: warning: how.toml: the option 'resample' is now 'kernel'; the old word goes with the next release",
        "2 frames combined into out.fits",
    ]


@pytest.mark.slow
def test_a_night_recipe_with_an_old_word_warns_once(process, night: Path, folder: Path) -> None:
    Path("mine.toml").write_text('[bias]\nreject = { name = "mad_clip", passes = 3 }\n')
    done = process("reduce", night, "-o", "out", "--recipe", "mine.toml", PYTHONWARNINGS="always")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the option 'passes' is now 'iterations'") == 1
    recipe = json.loads(Path("out/night.json").read_text())["recipe"]
    assert recipe["bias"]["reject"] == {"name": "mad_clip", "iterations": 3}
    history = ccdfx.read("out/masters/bias.fits").header.history
    assert "iterations=3" in " ".join(history)
