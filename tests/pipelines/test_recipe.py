"""Recipes: pipelines as text, both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx import (
    ArgumentError,
    CcdfxError,
    Image,
    OverscanFit,
    gather,
    pipeline,
    placed,
    read_recipe,
    step,
    to_recipe,
    write_recipe,
)

RAW = Image(np.arange(80.0, dtype=np.float32).reshape(8, 10) + 100, {"BUNIT": "adu"})


@pytest.fixture
def bias(tmp_path: Path) -> Path:
    return ccdfx.write(Image(np.full((8, 8), 90.0, np.float32)), tmp_path / "master bias.fits")


@pytest.mark.quick
def test_round_trip_with_a_master_a_noise_model_and_a_fit(bias: Path) -> None:
    steps = pipeline(
        step("subtract_overscan", overscan="[9:10,1:8]", fit=OverscanFit(function="chebyshev", order=2)),
        step("trim", section="[1:8,1:8]"),
        step("subtract_bias", bias=ccdfx.read_master(bias)),
        step("add_variance", noise=ccdfx.ccd_noise(gain=1.9, readnoise=5.0)),
    )
    text = to_recipe(steps)
    again = read_recipe(text)
    assert to_recipe(again) == text
    for field in ("array", "variance"):
        np.testing.assert_array_equal(getattr(again(RAW), field), getattr(steps(RAW), field))
    assert again(RAW).header.history == steps(RAW).header.history
    assert "master bias.fits sha256=" in again(RAW).header.history[2]


def test_files_are_relative_to_the_recipe(
    bias: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.toml").write_text(
        '[[step]]\nuse = "subtract_bias"\nbias = { file = "master bias.fits" }\n'
    )
    monkeypatch.chdir("/")
    assert (read_recipe(tmp_path / "recipe.toml")(np.full((8, 8), 95.0)).array == 5).all()


def test_a_written_recipe_can_be_moved_with_its_masters(bias: Path, tmp_path: Path) -> None:
    path = write_recipe(pipeline(step("subtract_bias", bias=ccdfx.read_master(bias))), tmp_path / "r.toml")
    assert 'file = "master bias.fits"' in path.read_text()
    moved = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    assert (read_recipe(moved / "r.toml")(np.full((8, 8), 95.0)).array == 5).all()


def test_a_changed_master_is_noticed(bias: Path) -> None:
    text = to_recipe(pipeline(step("subtract_bias", bias=ccdfx.read_master(bias))))
    ccdfx.write(Image(np.zeros((8, 8), np.float32)), bias, overwrite=True)
    with pytest.raises(ccdfx.MismatchError, match="SHA-256"):
        read_recipe(text)


def test_a_recipe_file_is_written_and_never_replaced_unasked(tmp_path: Path) -> None:
    path = write_recipe(pipeline(step("to_electrons", gain=2.0)), tmp_path / "r.toml")
    assert read_recipe(path)(np.ones((1, 1))).array[0, 0] == 2
    with pytest.raises(ccdfx.OutputExistsError):
        write_recipe(pipeline(), path)
    write_recipe(pipeline(), path, overwrite=True)
    assert len(read_recipe(path)) == 0


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[step]\n", "is not TOML"),
        ("[[steps]]\nuse='trim'\n", "did you mean 'step'"),
        ("[[step]]\nsection='[1:2,1:2]'\n", "step 1: must say which operation"),
        ("[[step]]\nuse='trmi'\n", "did you mean 'trim'"),
        ("[[step]]\nuse='trim'\nsektion='[1:2,1:2]'\n", "did you mean 'section'"),
        ("[[step]]\nuse='add_variance'\nnoise={noise_model='ccd', gian=1}\n", "did you mean 'gain'"),
        ("[[step]]\nuse='subtract_bias'\nbias={file='no.fits'}\n", "no.fits"),
        ("[[step]]\ngather='combine'\nreject={rejection='sigma_clop'}\n", "did you mean 'sigma_clip'"),
        ("step = 5\n", "must hold its steps"),
        ("no-such-recipe.toml", "cannot be opened"),
    ],
)
def test_bad_recipes_say_where(text: str, words: str) -> None:
    with pytest.raises(CcdfxError, match=words) as raised:
        read_recipe(text)
    if text.startswith("[[step]]"):
        assert "step 1" in "".join([str(raised.value), *getattr(raised.value, "__notes__", [])])


def test_what_has_no_text_form_is_refused() -> None:
    with pytest.raises(ArgumentError, match="write it to a file"):
        to_recipe(pipeline(step("subtract_bias", bias=RAW)))
    with pytest.raises(ArgumentError, match="must be a registered step"):
        to_recipe(pipeline(step(lambda image: image)))


@pytest.mark.parametrize("gain", [np.float64(0.1), np.float32(1.5), np.int16(2)])
def test_numbers_of_numpy_are_numbers(gain: float) -> None:
    (again,) = read_recipe(to_recipe(pipeline(step("to_electrons", gain=gain)))).steps
    assert again.options["gain"] == gain


def test_odd_text_survives() -> None:
    import tomllib

    from ccdfx.pipelines.recipe import _toml

    text = 'a "quote" \\ tab\t \x7f é 🔭 \x01'
    assert tomllib.loads(f"x = {_toml({'y': [text, 1.5, float('inf'), True, -3]})}") == {
        "x": {"y": [text, 1.5, float("inf"), True, -3]}
    }


@pytest.mark.parametrize("digits", ["", "ab12"])
def test_a_sha256_of_a_few_digits_is_refused(tmp_path: Path, digits: str) -> None:
    ccdfx.write(np.ones((2, 2)), tmp_path / "bias.fits")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'[[step]]\nuse = "subtract_bias"\nbias = {{ file = "bias.fits", sha256 = "{digits}" }}\n'
    )
    with pytest.raises(ccdfx.FormatError, match=r"at least the first 16 digits of its SHA-256"):
        ccdfx.read_recipe(recipe)


@pytest.mark.parametrize(
    "offsets", [placed("stars", kernel="spline"), placed([(0, 0), (1.5, -2)], extent="intersection")]
)
def test_a_placement_comes_back_from_a_recipe(offsets) -> None:
    pipe = pipeline(gather("combine", offsets=offsets, by="FILTER"))
    assert read_recipe(to_recipe(pipe)) == pipe
    with pytest.raises(CcdfxError, match="extend"):
        read_recipe('[[step]]\ngather = "combine"\noffsets = { placed = "stars", extend = "union" }\n')
