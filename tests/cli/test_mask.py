"""`ccdfx mask`, and the map of `ccdfx reduce`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Biases, darks and flats with 8 columns of overscan: a hot pixel, a dead one, and a column that is not linear."""
    folder = tmp_path_factory.mktemp("detector")
    rng = np.random.default_rng(3)
    for kind, levels in (("bias", [0] * 3), ("dark", [0] * 3), ("flat", [30000, 31000, 8000, 8200])):
        for number, level in enumerate(levels):
            light = np.full((96, 100), float(level))
            light[40, 50] *= 0.02
            if kind == "dark":
                light[10, 20] += 900
            if kind == "flat":
                light[:, 70] -= 150
            raw = np.full((96, 108), 1000.0)
            raw[:, :100] += rng.poisson(light)
            raw += rng.normal(0, 4, raw.shape)
            ccdfx.write(ccdfx.Image(np.round(raw).astype("u2")), folder / f"{kind}{number}.fits")
    return folder


SECTIONS = ("--overscan", "[101:108,1:96]", "--trim", "[1:100,1:96]")


@pytest.mark.quick
def test_it_maps_hot_and_dead_pixels_and_columns(run, detector: Path, tmp_path: Path) -> None:
    kinds = [
        word
        for kind in ("bias", "dark", "flat")
        for word in (f"--{kind}s".replace("ss", "ses"), detector / f"{kind}*")
    ]
    result = run("mask", "-o", tmp_path / "m.fits", *kinds, *SECTIONS, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    bad = ccdfx.read(tmp_path / "m.fits").array
    assert bad.shape == (96, 100) and set(np.unique(bad)) == {0, 1}
    assert bad[10, 20] and bad[40, 50] and bad[:, 70].mean() > 0.9
    assert bad.sum() == sum(facts["counts"].values()) < 110
    assert facts["counts"]["hot"] == 1 and facts["counts"]["dead"] == 1


def test_it_prints_a_table_and_replaces_nothing(run, detector: Path, tmp_path: Path) -> None:
    words = ("mask", "-o", tmp_path / "m.fits", "--darks", detector / "dark*", *SECTIONS)
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert "hot" in result.stdout and "all" in result.stdout
    assert run(*words).exit_code == 4
    assert run(*words, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"), [((), "--biases"), (("--darks", "nothing*"), "finds 0 files, and one is needed")]
)
def test_it_needs_frames(run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = run("mask", "-o", tmp_path / "m.fits", *words)
    assert result.exit_code == 2 and said in result.stderr
