"""`ccdfx reduce`: what is made and why, for people and for programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ccdfx.night.graph.execute import Event

FIELDS = frozenset(Event.__dataclass_fields__)


def names(output: Path) -> set[str]:
    """The products that are there, by their folder."""
    return {path.parent.name for path in output.glob("*/*.fits")}


@pytest.mark.quick
def test_only_makes_a_kind_and_what_it_needs(run, night: Path, reduced: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    kinds = ["masters", "calibrated", "combined"]
    for number, only in enumerate(kinds, 1):
        result = run("reduce", night, "-o", output, "--only", only)
        assert result.exit_code == 0, result.output
        assert names(output) == set(kinds[:number])
    assert run("reduce", night, "-o", output, "--only", "masters").exit_code == 0
    assert names(output) == set(kinds)  # others that are there stay
    facts = json.loads((output / "night.json").read_text())
    assert len(facts["combined"]) == 1 and len(facts["calibrated"]) == 2
    for path in reduced.glob("*/*.fits"):
        assert (output / path.relative_to(reduced)).read_bytes() == path.read_bytes()
    assert run("reduce", night, "-o", output, "--only", "all").exit_code == 2


@pytest.mark.quick
def test_each_line_of_the_log_is_json(run, night: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run("reduce", night, "-o", output, "--log", "json")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {frozenset(event) for event in events} == {FIELDS}
    assert {event["state"] for event in events} == {"made"} and {event["reason"] for event in events} == {
        "missing"
    }
    images = {path.relative_to(output).as_posix() for path in output.glob("*/*.fits")}
    assert {event["file"] for event in events if event["file"].endswith(".fits")} == images
    assert all(event["seconds"] >= 0 and 0 < event["done"] <= event["total"] for event in events)
    products = [event for event in events if event["kind"] != "camera"]
    assert [event["done"] for event in products] == list(range(1, len(products) + 1))
    works = [event["work_done"] for event in products]
    assert works == sorted(works) and works[-1] == products[-1]["work"]
    again = run("reduce", night, "-o", output, "--log", "json")
    states = [json.loads(line) for line in again.stdout.splitlines()]
    assert {event["state"] for event in states} == {"current"} and {one["reason"] for one in states} == {""}
    assert run("reduce", night, "-o", output, "--log", "json", "--json").exit_code == 2
    assert run("reduce", night, "-o", output, "--log", "text").exit_code == 2


def test_the_log_says_what_was_lost(run, night: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in night.glob("*.fits"):
        shutil.copy(path, raw)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[flat]\nlevel = 1e9\n")
    result = run("reduce", raw, "-o", tmp_path / "out", "--log", "json", "--recipe", recipe)
    assert result.exit_code == 1
    events = {one["file"]: one for one in map(json.loads, result.stdout.splitlines())}
    assert events["masters/flat_V.fits"]["state"] == "lost"
    assert "is usable" in events["masters/flat_V.fits"]["reason"]
    assert events["masters/bias.fits"]["state"] == "made"


@pytest.mark.quick
def test_a_dry_run_says_what_would_be_made_and_why(run, night: Path, output: Path, tmp_path: Path) -> None:
    nothing = run("reduce", night, "-o", output, "--dry-run").stdout
    count = len(list(output.glob("*/*.fits"))) + 1  # effects.json
    assert f"current: {count} products\n" in nothing and "to make" not in nothing
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[combine]\naverage = "median"\n')
    combined = next((output / "combined").glob("*.fits")).relative_to(output).as_posix()
    (output / "masters/bias.fits").unlink()
    shown = run("reduce", night, "-o", output, "--recipe", recipe, "--dry-run").stdout
    assert "to make, missing: masters/bias.fits\n" in shown
    assert f"to make, option changed: combine: {combined}" in shown
    found = json.loads(run("reduce", night, "-o", output, "--recipe", recipe, "--dry-run", "--json").stdout)
    assert set(found) == {"plan", "frames", "not_chosen", "warnings", "made"}
    assert found["made"][combined] == "option changed: combine"
    assert found["made"]["masters/bias.fits"] == "missing"
    assert found["made"]["masters/flat_V.fits"] is None and len(found["made"]) == count
    assert not (output / "masters/bias.fits").exists()
    empty = run("reduce", night, "-o", tmp_path / "new", "--dry-run")
    assert "to make, missing: masters/bias.fits" in empty.stdout and not (tmp_path / "new").exists()


def test_two_runs_do_not_write_to_one_output(night: Path, tmp_path: Path) -> None:
    """The second is refused and told the process of the first, which ends as if it had been alone."""
    first = """
import sys, ccdfx
raw, out = sys.argv[1:]
def told(event):
    if event.kind == "bias":
        print("busy", flush=True)
        sys.stdin.readline()
night = ccdfx.reduce_night(raw, out, told=told)
sys.exit(night.status)
"""
    output = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", first, str(night), str(output)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as busy:  # fmt: skip
        try:
            assert busy.stdout.readline() == "busy\n"
            command = [sys.executable, "-m", "ccdfx", "reduce", str(night), "-o", str(output)]
            second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            assert second.returncode == 1 and f"process {busy.pid} on" in second.stderr
            assert "is being written by another run" in second.stderr and "Traceback" not in second.stderr
        finally:
            busy.stdin.write("\n")
            busy.stdin.close()
        busy.wait(300)
    assert busy.returncode == 0
    assert names(output) == {"masters", "calibrated", "combined"}
    assert not list(output.glob(".*"))
