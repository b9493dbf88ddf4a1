"""`ccdfx combine`: names with options, recipes, and options that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import ccdfx
from ccdfx.cli.options import name_and_options
from ccdfx.operations.combining.average import AVERAGES
from ccdfx.operations.registration.ways import WAYS


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--reject", "sigma_clop"), 2, "did you mean 'sigma_clip'"),
        (("--reject", "sigma_clip:lo=3"), 2, "did you mean 'low'"),
        (("--reject", "sigma_clip:low"), 2, "NAME:option=value"),
        (("--reject", "sigma_clip:low=3,low=4"), 2, "twice"),
        (("--reject", "sigma_clip:low=-3"), 2, "low"),
        (("--weights", "1,2"), 1, "must be one for each of the 5 frames"),
        (("--weights", "a"), 2, "nor numbers joined by commas"),
        (
            ("--scale", "average"),
            2,
            "not one of mean, median, mode, location, spread, exposure, stars, nor !KEY",
        ),
        (("--zero", "exposure"), 2, "not one of mean, median, mode, location, nor !KEY, nor numbers"),
        (("--scale", "!"), 2, "!KEY"),
        (("--scale", "median", "--section", "[1:2"), 2, "section"),
        (("--scale", "location", "--sampled"), 2, "sampled"),
        (("--section", "[1:2,1:2]", "--scale", "exposure"), 2, "--section goes with a statistic"),
        (("--sampled",), 2, "--sampled goes with a statistic"),
        (("--scale", "median", "--section", "[1:99,1:2]"), 1, "frame0.fits"),
        (("--weights", "!WEIGHT"), 1, "frame0.fits): needs WEIGHT in the header"),
        (("--average", "inverse_variance_mean"), 1, "frame0.fits): must have a variance"),
        (("--average", "mode"), 2, "mode"),
        (("--threads", "0"), 2, "threads"),
        (("--memory", "0"), 2, "memory"),
        (("--hdu", "SCI"), 1, "EXTNAME"),
    ],
)
def test_wrong_options_say_what_is_wrong(
    run, frames: list[Path], tmp_path: Path, options, status, words
) -> None:
    result = run("combine", *frames, "-o", tmp_path / "out.fits", *options)
    assert result.exit_code == status and words in result.stderr
    assert not (tmp_path / "out.fits").exists()


def test_all_averages_and_ways_are_named(run) -> None:
    shown = " ".join(run("combine", "--help").stdout.split())
    assert f"averaged: {', '.join(AVERAGES)}, or MODULE:FUNCTION" in shown
    assert f"[{'|'.join(WAYS)}]" in shown and "(default: union)" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mad_clip", ("mad_clip", {})),
        (
            "a:b=1,c=2.5,d=inf,e=text,f=True",
            ("a", {"b": 1, "c": 2.5, "d": float("inf"), "e": "text", "f": True}),
        ),
    ],
)
def test_names_with_options(text: str, expected) -> None:
    assert name_and_options(text) == expected


@pytest.mark.quick
def test_a_recipe_holds_the_options(run, frames: list[Path], tmp_path: Path) -> None:
    recipe = tmp_path / "how.toml"
    recipe.write_text('[combine]\naverage = "median:even=lower"\nreject = "none"\nscale = [1, 1, 1, 1, 1]\n')
    result = run("combine", *frames, "-o", tmp_path / "a.fits", "--recipe", recipe)
    assert result.exit_code == 0, result.stderr
    history = ccdfx.read(tmp_path / "a.fits").header.history
    assert {"combine average=median:even=lower", "combine reject=none"} <= set(history)
    run("combine", *frames, "-o", tmp_path / "b.fits", "--recipe", recipe, "--average", "mean")
    assert "combine average=mean" in ccdfx.read(tmp_path / "b.fits").header.history


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--average", "median:x=1"),
            "'median:x=1': got an unexpected keyword argument 'x'; median takes even",
        ),
        (("--average", "mean:even=lower"), "mean takes no options"),
        (("--offsets", "grid:columns=2"), "'grid:columns=2': missing a required argument: 'rows'"),
    ],
)
def test_options_of_a_name_are_checked(run, frames: list[Path], tmp_path: Path, options, words: str) -> None:
    result = run("combine", *frames, "-o", tmp_path / "o.fits", *options)
    assert result.exit_code == 2 and words in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--extent", "union"), "goes with --offsets"),
        (("--align", "--offsets", "stars"), "exclude one another"),
        (("--offsets", "nowhere"), "not wcs, stars, grid"),
        (("--offsets", "grid:columns=2"), "missing"),
        (("--average", "medain"), "MODULE:FUNCTION; did you mean 'median'?"),
        (("--extent", "unoin"), "did you mean 'union'?"),
        (("--weights", "exposre"), "did you mean 'exposure'?"),
        (("--average", "numpy:nothing"), "cannot be imported"),
        (("--average", "median:odd=1"), "odd"),
        (("--flags", "Saturate"), "did you mean 'saturated'?"),
        (("--planes", "--hdu", "all"), "one extension"),
        (("--recipe", "none.toml"), "cannot be opened"),
    ],
)
def test_wrong_choices(run, frames: list[Path], tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    result = run("combine", *frames, "-o", tmp_path / "o.fits", *options)
    assert result.exit_code == 2 and words in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[combine]\nrejekt = 1", "unknown rejekt"),
        ("[combine]\nthreads = 2026-01-01", "2026-01-01"),
        ("[combine]\nlimits = { low = 1 }", "not numbers"),
        ("[other]\na = 1", "one table"),
        ("combine = [", "TOML"),
    ],
)
def test_wrong_recipes(run, frames: list[Path], tmp_path: Path, text: str, words: str) -> None:
    recipe = tmp_path / "how.toml"
    recipe.write_text(text)
    result = run("combine", *frames, "-o", tmp_path / "o.fits", "--recipe", recipe)
    assert result.exit_code == 2 and words in result.stderr
