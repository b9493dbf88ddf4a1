"""`ccdfx kcorrect`: files in, planes and a picture out, refusals before anything is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ccdfx
from ccdfx import registry

BANDS = "sdss_u0,sdss_g0,sdss_r0,sdss_i0,sdss_z0"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """u, g, r, i, z of a smooth galaxy on noise."""
    rng, distance = np.random.default_rng(1), np.hypot(*np.mgrid[-20:20, -24:24])
    paths = []
    for name, flux in zip("ugriz", (12, 40, 79, 110, 140), strict=True):
        array = flux * np.exp(-distance / 6) + rng.normal(0, 0.3, distance.shape)
        header = {"BUNIT": "nanomaggy", "PIXSCALE": 0.396, "OBJECT": "NGC 1"}
        paths.append(str(ccdfx.write(ccdfx.Image(array, header), tmp_path / f"{name}.fits")))
    return paths


def run(*arguments: object) -> Result:
    from ccdfx.cli.group import commands

    return CliRunner().invoke(commands, ["kcorrect", *map(str, arguments)])


def test_the_plugin_is_found_and_whole() -> None:
    report = next(item for item in registry.plugins() if "kcorrect" in item.name)
    assert report.problem is None and dict(report.provides) == {"command": ("kcorrect",)}


def test_help_waits_for_nothing() -> None:
    code = (
        "import sys, ccdfx_kcorrect; ccdfx_kcorrect.ccdfx_commands()[0].load();"
        "sys.exit(bool({'numpy', 'numba', 'kcorrect', 'astropy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_planes_and_a_picture(files: list[str], tmp_path: Path) -> None:
    out, picture = tmp_path / "out.fits", tmp_path / "colour.png"
    options = ["--bands", BANDS, "--redshift", 0.05, "-o", out, "--section", "[5:44,3:38]"]
    done = run(*files, *options, "--picture", picture, "--colour", "sdss_g0,sdss_i0")
    assert done.exit_code == 0, done.output
    assert "fitted" in done.stderr and done.stdout == ""
    planes = {image.header["EXTNAME"]: image for image in ccdfx.read(out, hdu="all")}
    assert list(planes) == [
        *(f"ABSMAG {band}" for band in BANDS.split(",")),
        *(f"KCORR {band}" for band in BANDS.split(",")),
        "CHI2",
        *(f"COEFF {number}" for number in range(5)),
    ]
    red = planes["ABSMAG sdss_r0"]
    assert red.shape == (36, 40) and red.variance is not None and red.mask is not None
    assert red.header["REDSHIFT"] == 0.05 and red.header.history[-1] == "kcorrect_images band sdss_z0"
    assert red.array[18, 20] == pytest.approx(22.5 - 2.5 * np.log10(79 / 0.396**2) - 36.9, abs=0.5)
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused = run(*files, *options)
    assert refused.exit_code == 4 and "--overwrite" in refused.output
    assert run(*files, *options, "--overwrite", "--rest-bands", BANDS).exit_code == 0


def test_the_old_flag_is_accepted_with_a_warning(files: list[str], tmp_path: Path) -> None:
    common = (*files, "--bands", BANDS, "--redshift", 0.05, "-o", tmp_path / "out.fits", "--overwrite")
    part = "[5:44,3:38]"
    assert run(*common, "--section", part).exit_code == 0
    expected = (tmp_path / "out.fits").read_bytes()
    done = run(*common, "--range", part)
    assert done.exit_code == 0 and (tmp_path / "out.fits").read_bytes() == expected
    warning = "ccdfx: warning: --range is now --section; the old word goes with the next release"
    assert done.stderr.splitlines()[0] == warning and done.stderr.count("warning") == 1
    both = run(*common, "--range", part, "--section", part)
    assert both.exit_code == 2 and "exclude one another" in both.stderr
    assert "--range" not in run("--help").stdout


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--colour", "g"], 2, "two bands"),
        (["--zero-points", "a,b"], 2, "joined by commas"),
        (["--section", "[1:99,1:2]"], 1, "section: must lie inside"),
        (["--zero-points", "1,2"], 1, "one for each of 5"),
        (["--picture", "{}/p.txt"], 1, "suffix of a picture"),
        (["--picture", "{}/p.png", "--colour", "sdss_g0,sdss_q0"], 1, "not among those"),
        (["--picture", "{}/p.png", "--error", "1e-9"], 1, "raise --error"),
        (["--redshift", "nan"], 1, "finite number"),
        (["-o", "{}/u.fits", "--overwrite"], 1, "one of the inputs"),
    ],
)
def test_refusals_leave_nothing_behind(
    files: list[str], tmp_path: Path, options: list[str], status: int, words: str
) -> None:
    before = sorted(tmp_path.iterdir())
    given = [option.format(tmp_path) for option in options]
    done = run(*files, "--bands", BANDS, "--redshift", "0.05", "-o", tmp_path / "out.fits", *given)
    assert done.exit_code == status and words in done.output
    assert sorted(tmp_path.iterdir()) == before
