"""`ccdfx arith`, `ccdfx run`, `ccdfx sources` and `ccdfx noise NIGHT`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import ccdfx

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 21.0, "CRPIX2": 21.0, "CRVAL1": 150.0, "CRVAL2": 2.0,
    "CDELT1": -1e-4, "CDELT2": 1e-4,
}  # fmt: skip


@pytest.mark.quick
def test_arith_is_the_expression_of_the_images(run, tmp_path: Path) -> None:
    one = ccdfx.Image(
        np.full((2, 3), 100.0), {"BUNIT": "adu"}, mask=[[4, 0, 0], [0, 0, 0]], variance=np.ones((2, 3))
    )
    for name, image in (("a", one), ("b", one.replace(array=one.array - 60, mask=None))):
        ccdfx.write(image, tmp_path / f"{name}.fits")
    files = [f"{name}={tmp_path / name}.fits" for name in "ab"]
    out = tmp_path / "out.fits"
    made = run("arith", "(a - b) / (a + b)", *files, "-o", out)
    assert made.exit_code == 0, made.stderr
    result = ccdfx.read(out)
    assert result.array[1, 1] == 60 / 140 and result.unit is None and result.mask[0, 0] == 4
    # By a the slope is 2 b / (a + b)^2, by b -2 a / (a + b)^2: each image occurs twice.
    assert result.variance[1, 1] == pytest.approx((80**2 + 200**2) / 140**4, rel=1e-5)
    assert result.header["IMCMB002"] == "b.fits" and "(a - b) / (a + b)" in result.header["HISTORY"]
    for expression in (
        "a +",
        "a.shape",
        "a[0]",
        "'a'",
        "a if b else a",
        "f(a)",
        "a, b",
        "9**9**9 * a + b",
        "1j * a + b",
    ):
        wrong = run("arith", expression, *files, "-o", tmp_path / "no.fits")
        assert wrong.exit_code in (1, 2) and not (tmp_path / "no.fits").exists(), expression
    assert run("arith", "a - b", *files, "-o", out).exit_code == 4
    assert run("arith", "a - c", *files, "-o", tmp_path / "no.fits").exit_code == 2


def stars(tmp_path: Path) -> Path:
    y, x = np.mgrid[:41, :41]
    rng = np.random.default_rng(2)
    array = rng.normal(100, 1, (41, 41)) + 500 * np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / 5)
    array += 300 * np.exp(-((x - 10) ** 2 + (y - 30) ** 2) / 5)
    return ccdfx.write(ccdfx.Image(array, {**SKY, "OBJECT": "M 13"}), tmp_path / "stars.fits")


@pytest.mark.quick
def test_sources_are_counted_from_1_and_have_a_sky(run, tmp_path: Path) -> None:
    path = stars(tmp_path)
    found = json.loads(run("sources", path, "--json", "--threads", 2).stdout)
    assert [found[0]["x"], found[0]["y"]] == pytest.approx([21, 21], abs=0.05)
    assert [found[0]["ra"], found[0]["dec"]] == pytest.approx([150, 2], abs=2e-5) and len(found) == 2
    part = json.loads(run("sources", path, "--json", "--section", "[3:41,3:41]", "--most", 1).stdout)
    assert part[0]["x"] == pytest.approx(21, abs=0.05) and len(part) == 1
    for suffix in (".csv", ".ecsv", ".fits"):
        failing = run("sources", path, tmp_path / "none.fits", "-o", tmp_path / f"table{suffix}")
        assert failing.exit_code == 1 and "none.fits" in failing.stderr
        table = Table.read(tmp_path / f"table{suffix}")
        assert table["x"].tolist() == pytest.approx([one["x"] for one in found]) and len(table) == 2
    titles, first = (line.split() for line in run("sources", path).stdout.splitlines()[:2])
    assert [first[titles.index(name)] for name in ("x", "ra")] == [
        f"{found[0]['x']:.2f}",
        f"{found[0]['ra']:.6f}",
    ]
    assert run("sources", path, "-o", tmp_path / "table.txt").exit_code == 2


@pytest.mark.quick
def test_run_applies_a_recipe_to_each_file_and_names_what_fails(
    run, frames: list[Path], tmp_path: Path
) -> None:
    recipe = tmp_path / "steps.toml"
    recipe.write_text('[[step]]\nuse = "trim"\nsection = "[1:30,1:20]"\n')
    out = tmp_path / "trimmed"
    small = ccdfx.write(ccdfx.Image(np.ones((5, 5))), tmp_path / "small.fits")
    made = run("run", recipe, *frames[:2], small, "-o", out, "--json", "--threads", 2)
    assert made.exit_code == 1 and "small.fits: failed in step 1 of 1, trim" in made.stderr
    rows = json.loads(made.stdout)
    assert [row["file"] is None for row in rows] == [False, False, True]
    assert ccdfx.read(out / frames[1].name).array.tolist() == ccdfx.read(frames[1]).array[:20, :30].tolist()
    assert "trim" in ccdfx.read_header(out / frames[1].name)["HISTORY"]
    assert run("run", recipe, *frames[:2], "-o", out).exit_code == 4
    recipe.write_text(recipe.read_text() + '[[step]]\ngather = "combine"\nby = ["FILTER"]\n')
    assert run("run", recipe, *frames, "-o", out).exit_code == 0
    assert ccdfx.read(out / "combine_FILTER_V.fits").shape == (20, 30)


def test_noise_of_a_night_takes_kinds_and_sections_of_headers(run, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = ccdfx.ccd_noise(gain=2.0, readnoise=8.0)
    for kind, levels in (("bias", (0, 0, 0)), ("flat", (5000, 9000, 20000))):
        for number, level in enumerate(levels):
            light = np.zeros((256, 272))
            light[:, :256] = level
            raw = np.round(ccdfx.add_noise(light, model=model, rng=rng).array + 300 + 5 * number)
            header = {
                "IMAGETYP": kind,
                "FILTER": "V",
                "BIASSEC": "[257:272,1:256]",
                "TRIMSEC": "[1:256,1:256]",
                "EXPTIME": 0 if kind == "bias" else 5,
            }
            ccdfx.write(ccdfx.Image(raw.astype("u2"), header), tmp_path / f"{kind}{number}.fits")
    made = run("noise", tmp_path, "--json")
    assert made.exit_code == 0, made.stderr
    (fit,) = json.loads(made.stdout)
    assert (fit["flats"], fit["biases"], fit["filter"]) == (3, 3, "V")
    assert abs(fit["gain"] - 2.0) < 4 * fit["gain_error"] < 0.2
    assert abs(fit["readnoise"] - 8.0) < 4 * fit["readnoise_error"] < 1.0
    assert "gain [e-/ADU]" in run("noise", tmp_path).stdout
    assert run("noise", tmp_path / "nothing").exit_code in (1, 2)
