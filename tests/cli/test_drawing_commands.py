"""`ccdfx show`, `hist`, `mosaic` and `inspect`: commands that draw."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx import plots

SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 30.0, "CRPIX2": 20.0,
    "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4, "OBJECT": "M 51",
}  # fmt: skip


@pytest.fixture
def image(tmp_path: Path) -> Path:
    y, x = np.mgrid[:60, :80]
    array = np.random.default_rng(0).normal(100, 3, (60, 80)) + 900 * np.exp(
        -((x - 30) ** 2 + (y - 25) ** 2) / 8
    )
    return ccdfx.write(ccdfx.Image(array.astype(np.float32), SKY), tmp_path / "frame.fits")


def is_png(path: Path) -> bool:
    return path.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--limits", "p99", "--scaling", "asinh", "--bar", "--invert", "--colours", "viridis"),
        ("--axes", "sky", "--grid", "--scale-bar", "auto", "--flip", "x", "--title", "a $ b"),
        ("--section", "[11:40,11:40]", "--limits", "p98g", "--scaling", "asinh:softening=5", "--dpi", "50"),
    ],
)
def test_show_writes_a_picture(run, image: Path, tmp_path: Path, options) -> None:
    result = run("show", image, "-o", tmp_path / "out.png", *options)
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'out.png'} drawn\n")
    assert is_png(tmp_path / "out.png")


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--grid",), 2, "--grid goes with --axes sky"),
        (("--section", "[1:5"), 2, "not a FITS section"),
        (("-o", "none/out.png"), 1, "make the folder first"),
    ],
)
def test_show_says_what_is_wrong(run, image: Path, tmp_path: Path, options, status: int, words: str) -> None:
    result = run("show", image, "-o", tmp_path / "out.png", *options)
    assert result.exit_code == status and words in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_format_that_needs_more_than_matplotlib(run, image: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # where no TeX is
    result = run("hist", image, "-o", tmp_path / "out.pgf")
    assert result.exit_code == 1 and "cannot be drawn" in result.stderr
    assert not (tmp_path / "out.pgf").exists()


@pytest.mark.quick
def test_show_draws_what_its_options_say(run, image: Path, tmp_path: Path, monkeypatch) -> None:
    seen = {}
    drawn = plots.image
    monkeypatch.setattr(
        plots, "image", lambda part, **options: seen.update(part=part, **options) or drawn(part, **options)
    )
    run("show", image, "--save", tmp_path / "out.png", "--section", "[11:40,6:30]", "--limits", "-5,2e3", "--flip", "y",
        "--scaling", "asinh:softening=5", "--scale-bar", "arcsec")  # fmt: skip
    assert seen["part"].range.to_fits() == "[11:40,6:30]" and seen["full"].shape == (60, 80)
    assert seen["limits"] == plots.Limits("values", (-5, 2000)) and seen["axes"] == plots.PixelAxes(
        flip="y", first=1
    )
    assert seen["scaling"].parameters["softening"] == 5 and seen["scale_bar"].unit == "arcsec"
    assert seen["title"] == "frame.fits: M 51"


def test_an_existing_picture_is_kept_unless_asked(run, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_text("mine")
    assert run("show", image, "-o", out).exit_code == 4 and out.read_text() == "mine"
    assert run("show", image, "-o", out, "--overwrite").exit_code == 0 and is_png(out)


@pytest.mark.quick
def test_hist_writes_a_picture(run, image: Path, tmp_path: Path) -> None:
    for number, options in enumerate(
        [(), ("--bins", 20, "--linear", "--step"), ("--gaussian", "--percentiles", "1,99", "--limits", "s5")]
    ):
        out = tmp_path / f"{number}.png"
        assert run("hist", image, "-o", out, *options).exit_code == 0 and is_png(out)


@pytest.mark.quick
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--at", "30,25", "--at", "1,1", "--size", 15, "--together", "--bar"),
        ("--sky", "150.0,2.0"),
        ("--stars", 1, "--scaling", "log"),
    ],
)
def test_mosaic_writes_a_picture(run, image: Path, tmp_path: Path, options) -> None:
    result = run("mosaic", image, image, "-o", tmp_path / "out.png", *options)
    assert (
        result.exit_code == 0
        and result.output == f"{tmp_path / 'out.png'} drawn\n"
        and is_png(tmp_path / "out.png")
    )


def test_other_formats_than_png(run, image: Path, tmp_path: Path) -> None:
    assert run("show", image, "-o", tmp_path / "out.svg").exit_code == 0
    assert b"<svg" in (tmp_path / "out.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("show", "-o", "out.fits"), 2, "must have the suffix of a picture"),
        (("show", "-o", "out.png", "--limits", "best"), 2, "is no text of limits"),
        (("show", "-o", "out.png", "--scaling", "asinhh"), 2, "did you mean 'asinh'"),
        (("show", "-o", "out.png", "--colours", "virdis"), 2, "did you mean 'viridis'"),
        (("show", "-o", "out.png", "--axes", "skye"), 2, "did you mean 'sky'"),
        (("show", "-o", "out.png", "--colours", "greyish"), 2, "no colour map"),
        (("show", "-o", "out.png", "--section", "[1:900,1:2]"), 1, "section: must lie inside"),
        (("hist", "-o", "out.png", "--percentiles", "a,b"), 2, "not numbers joined by commas"),
        (("hist", "-o", "out.png", "--percentiles", "50,101"), 2, "must be at most 100"),
        (("hist", "-o", "out.png", "--percentiles=-1"), 2, "at least 0"),
        (("mosaic", "-o", "out.png", "--at", "3"), 2, "not two numbers"),
        (("mosaic", "-o", "out.png", "--at", "3,4", "--stars", "3"), 2, "one of --at, --sky and --stars"),
        (("show",), 1, "MPLBACKEND"),
        (("hist",), 1, "MPLBACKEND"),
        (("inspect",), 1, "MPLBACKEND"),
    ],
)
def test_what_is_wrong_is_said(run, image: Path, tmp_path: Path, monkeypatch, words, status, said) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words, image)
    assert result.exit_code == status and said in " ".join(result.stderr.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame.fits"]


@pytest.mark.parametrize("name", ["show", "hist", "mosaic"])
def test_a_name_that_no_font_can_write_is_drawn_all_the_same(
    run, image: Path, tmp_path: Path, name: str
) -> None:
    odd = tmp_path / os.fsdecode(b"no \xff utf-8\n.fits")
    try:
        shutil.copy(image, odd)
    except OSError:
        pytest.skip("this system has no such names")
    result = run(name, odd, "-o", tmp_path / "out.png")
    assert (
        result.exit_code == 0
        and result.output == f"{tmp_path / 'out.png'} drawn\n"
        and is_png(tmp_path / "out.png")
    )


def test_a_title_that_is_no_text_is_drawn_all_the_same(run, image: Path, tmp_path: Path) -> None:
    title = os.fsdecode(b"M\xff13")
    assert run("show", image, "-o", tmp_path / "out.png", "--title", title).exit_code == 0
    assert run("hist", image, "-o", tmp_path / "out2.png", "--title", title).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("show", "{bare}", "-o", "out.png", "--axes", "sky"),
        ("show", "{bare}", "-o", "out.png", "--section", "[1:900,1:2]"),
        ("hist", "{bare}", "-o", "out.png", "--section", "[1:900,1:2]"),
        ("mosaic", "{image}", "{bare}", "-o", "out.png", "--sky", "150.0,2.0"),
        ("mosaic", "{bare}", "{image}", "-o", "out.png", "--stars", "3"),
        ("convert", "{bare}", "-o", "out.npz", "--section", "[1:900,1:2]"),
        ("stats", "{image}", "{bare}", "--section", "[1:40,1:30]"),
        ("noise", "{bare}", "{bare}", "--overscan", "[1:900,1:2]"),
    ],
)
def test_what_is_wrong_with_an_image_names_its_file(
    run, image: Path, tmp_path: Path, monkeypatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = ccdfx.write(np.ones((20, 30)), tmp_path / "bare1.fits")
    pattern = tmp_path / "bare?.fits" if words[0] == "noise" else bare
    ccdfx.write(np.ones((20, 30)), tmp_path / "bare2.fits")
    result = run(*(word.format(bare=pattern, image=image) for word in words))
    assert result.exit_code == 1 and result.stderr.count(str(bare)) == 1
    assert not list(tmp_path.glob("out*"))


def test_a_section_that_cannot_be_is_said_as_it_was_typed(run, image: Path, tmp_path: Path) -> None:
    result = run("show", image, "-o", tmp_path / "out.png", "--section", "[0:5,1:5]")
    assert (
        result.exit_code == 2
        and "'[0:5,1:5]' is not a FITS section" in result.stderr
        and "-1" not in result.stderr
    )


@pytest.mark.quick
def test_inspect_prints_what_was_clicked(run, image: Path, monkeypatch) -> None:
    from ccdfx.plots.inspect.state import Inspected, Region

    def clicks(images, **options):
        assert options["radius"] == 6.0 and options["titles"] == ["frame.fits"]
        places = (plots.look_at(images[0], x=30, y=25), plots.look_at(images[0], x=70, y=50))
        return Inspected(places, (Region(0, ccdfx.Range(1, 3, 1, 3)),), tuple(images))

    monkeypatch.setattr(plots, "inspect", clicks)
    shown = run("inspect", image, "--radius", 6)
    assert "fwhm" in shown.stdout and "150" in shown.stdout and "[2:3,2:3]" in shown.stderr
    facts = json.loads(run("inspect", image, "--radius", 6, "--json").stdout)
    assert (
        facts["places"][0]["centroid_x"] == pytest.approx(31, abs=0.05)  # counted from 1
        and facts["places"][0]["x"] == 31
        and facts["places"][0]["sigma"] is None
    )
    assert facts["regions"] == [{"file": str(image), "range": "[2:3,2:3]"}]
