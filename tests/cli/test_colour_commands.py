"""`ccdfx split-colours` and `ccdfx debayer`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.fixture
def light(tmp_path: Path) -> Path:
    """A mosaic of 6 x 8 pixels whose file begins with the second column of the pattern."""
    array = np.tile(np.array([[20, 10], [40, 30]], np.uint16), (3, 4))
    image = ccdfx.Image(array, {"BAYERPAT": "RGGB", "XBAYROFF": 1})
    return ccdfx.write(image, tmp_path / "light.fits.gz")


@pytest.mark.quick
def test_mosaics_are_split(run, light: Path, tmp_path: Path) -> None:
    result = run("split-colours", light, "-o", tmp_path)
    assert result.exit_code == 0, result.stderr
    levels = {"R": 10, "G1": 20, "G2": 30, "B": 40}
    for name, level in levels.items():
        plane = ccdfx.read(tmp_path / f"light_{name}.fits")
        assert plane.shape == (3, 4) and (plane.array == level).all() and plane.array.dtype == np.uint16
    assert run("split-colours", light, "-o", tmp_path).exit_code == 4  # they are there
    again = run("split-colours", light, "-o", tmp_path, "--overwrite", "--pattern", "RGGB")
    assert again.exit_code == 0 and ccdfx.read(tmp_path / "light_R.fits").array[0, 0] == 20


@pytest.mark.quick
def test_mosaics_become_three_images(run, light: Path, tmp_path: Path) -> None:
    for method, shape in (("malvar", (6, 8)), ("superpixel", (3, 4))):
        result = run("debayer", light, "-o", tmp_path, "--method", method, "--overwrite")
        assert result.exit_code == 0, result.stderr
        assert ccdfx.read(tmp_path / "light_R.fits").shape == shape
    assert (ccdfx.read(tmp_path / "light_G.fits").array == 25).all()


def test_other_frames_are_refused(run, tmp_path: Path) -> None:
    path = ccdfx.write(ccdfx.Image(np.zeros((6, 8), np.float32)), tmp_path / "grey.fits")
    for command in ("split-colours", "debayer"):
        result = run(command, path, "-o", tmp_path)
        assert result.exit_code == 1 and "grey.fits" in result.stderr and "BAYERPAT" in result.stderr
        wrong = run(command, path, "-o", tmp_path, "--pattern", "CMYG")
        assert wrong.exit_code == 1 and "RGGB, BGGR, GRBG, GBRG" in wrong.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["grey.fits"]
