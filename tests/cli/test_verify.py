"""`ccdfx verify`: what is wrong with a reduced night, as a table, as JSON and as exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def spoil(path: Path) -> None:
    """Change one bit of the pixels."""
    content = bytearray(path.read_bytes())
    content[-2880 - 200] ^= 1
    path.write_bytes(content)


@pytest.mark.quick
def test_a_night_that_nobody_touched_is_status_0(run, reduced: Path) -> None:
    result = run("verify", reduced)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    count = len(list((reduced / "facts").rglob("*.json"))) - 1  # raw_keys.json
    assert f"{count} of {count} products are what they say" in result.stderr
    found = json.loads(run("verify", reduced, "--json").stdout)
    assert len(found) == count and {one["problem"] for one in found} == {None}
    assert {"file", "kind", "problem"} == set(found[0])


@pytest.mark.quick
def test_what_is_wrong_is_a_line_and_status_1(run, night: Path, output: Path, tmp_path: Path) -> None:
    spoil(output / "masters/bias.fits")
    next((output / "calibrated").glob("*.fits")).unlink()
    result = run("verify", output)
    assert result.exit_code == 1 and "Traceback" not in result.stderr
    lines = result.stdout.splitlines()
    assert any("masters/bias.fits" in line and "checksum" in line.lower() for line in lines)
    assert any("calibrated/" in line and "missing" in line for line in lines)
    shown = run("verify", output, "--json")
    assert shown.exit_code == 1
    assert sum(one["problem"] is not None for one in json.loads(shown.stdout)) == 2
    elsewhere = run("verify", output, "--raw", tmp_path / "nowhere", "--json")
    assert sum("input gone" in (one["problem"] or "") for one in json.loads(elsewhere.stdout)) > 5


@pytest.mark.quick
def test_remade_products_have_the_same_bytes_or_are_named(run, output: Path) -> None:
    assert run("verify", output, "--threads", 2).exit_code == 2
    result = run("verify", output, "--remake", "--threads", 1)
    assert result.exit_code == 0, result.output
    images = len(list(output.glob("*/*.fits")))
    assert f"{images} of {images} products are what they say" in result.stderr
    spoil(output / "masters/bias.fits")
    result = run("verify", output, "--remake", "--json")
    assert result.exit_code == 1
    wrong = {one["file"]: one["problem"] for one in json.loads(result.stdout) if one["problem"]}
    assert wrong == {"masters/bias.fits": "has other bytes when it is made again"}


def test_a_folder_without_a_night_is_an_error(run, tmp_path: Path) -> None:
    for options in ((), ("--remake",), ("--json",)):
        result = run("verify", tmp_path, *options)
        assert result.exit_code not in (0, 1) or "night.json" in result.stderr
        assert "Traceback" not in result.stderr and result.stdout == ""
