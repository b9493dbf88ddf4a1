"""`--masters` and `--uncalibrated` of `ccdfx reduce` and `ccdfx watch`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from astropy.io import fits


def _part(night: Path, folder: Path, *, science: bool) -> Path:
    """Copy the science frames of a night, or all others."""
    folder.mkdir()
    for path in sorted(night.glob("*.fits")):
        is_science = str(fits.getheader(path).get("IMAGETYP")).lower() in ("object", "light")
        if is_science == science:
            shutil.copy(path, folder)
    return folder


@pytest.fixture
def parts(night, tmp_path):
    return _part(night, tmp_path / "first", science=False), _part(night, tmp_path / "second", science=True)


@pytest.mark.quick
def test_masters_of_one_night_calibrate_another(run, parts, tmp_path):
    first, second = parts
    assert run("reduce", first, "-o", tmp_path / "old").exit_code == 0
    result = run("reduce", second, "-o", tmp_path / "out", "--masters", tmp_path / "old", "--json")
    assert result.exit_code == 0, result.stderr
    masters = {one["file"]: one.get("taken_from") for one in json.loads(result.stdout)["masters"]}
    assert masters and all(path == str(tmp_path / "old" / file) for file, path in masters.items())
    planned = run(
        "reduce",
        second,
        "-o",
        tmp_path / "new",
        "--dry-run",
        "--masters",
        f"bias={tmp_path}/old/masters/bias.fits",
    )
    assert "bias taken from bias.fits" in planned.stdout
    watched = run("watch", second, "-o", tmp_path / "out", "--masters", tmp_path / "old", "--idle", "1")
    assert watched.exit_code == 0, watched.stderr


def test_what_cannot_be_given_is_a_wrong_command(run, parts, tmp_path):
    result = run("reduce", parts[1], "-o", tmp_path / "out", "--masters", f"bias={parts[0]}")
    assert result.exit_code == 2 and "file by file" in result.stderr
    result = run("reduce", parts[1], "-o", tmp_path / "out", "--masters", tmp_path / "none")
    assert result.exit_code == 2 and "is not a file" in result.stderr
    result = run("reduce", parts[1], "-o", tmp_path / "out", "--masters", f"flt={parts[0]}")
    assert result.exit_code == 2 and "did you mean 'flat'?" in result.stderr
