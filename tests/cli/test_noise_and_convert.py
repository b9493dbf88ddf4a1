"""`ccdfx noise` and `ccdfx convert`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flats and biases of a camera of 2 e-/ADU and 8 e-, with 16 columns of overscan."""
    folder = tmp_path_factory.mktemp("camera")
    rng = np.random.default_rng(3)
    model = ccdfx.ccd_noise(gain=2.0, readnoise=8.0)
    response = rng.normal(1, 0.004, (256, 256))
    for kind, levels in (("bias", (0, 0, 0)), ("flat", (5000, 9000, 9100, 20000))):
        for number, level in enumerate(levels):
            light = np.zeros((256, 272))
            light[:, :256] = level * response
            raw = ccdfx.add_noise(light, model=model, rng=rng).array + 300 + 5 * number
            ccdfx.write(ccdfx.Image(np.round(raw).astype("u2")), folder / f"{kind}{number}.fits")
    return folder


SECTIONS = ("--overscan", "[257:272,1:256]", "--trim", "[1:256,1:256]")


@pytest.mark.quick
def test_it_measures_the_camera(run, camera: Path) -> None:
    result = run("noise", camera / "flat*.fits", camera / "bias*.fits", *SECTIONS, "--json")
    assert result.exit_code == 0, result.stderr
    fit = json.loads(result.stdout)
    assert abs(fit["gain"] - 2.0) < 4 * fit["gain_error"] < 0.2
    assert abs(fit["readnoise"] - 8.0) < 4 * fit["readnoise_error"] < 1.0
    assert abs(fit["sensitivity"] - 0.004) < 4 * fit["sensitivity_error"] + 2e-4


def test_it_prints_a_table(run, camera: Path) -> None:
    result = run("noise", camera / "flat*.fits", camera / "bias*.fits", *SECTIONS, "--saturation", "60000")
    assert result.exit_code == 0, result.stderr
    assert all(word in result.stdout for word in ("gain", "e-/ADU", "sensitivity noise", "photon"))


def test_threads_and_memory_change_no_digit(run, camera: Path) -> None:
    words = ("noise", camera / "flat*.fits", camera / "bias*.fits", *SECTIONS, "--json")
    one = run(*words, "--threads", "1").stdout
    assert json.loads(one)["gain"] > 0 and run(*words, "--threads", "2", "--memory", "1").stdout == one


def test_a_directory_may_have_brackets(run, camera: Path, tmp_path: Path) -> None:
    folders = [tmp_path / f"night [{kind}]" for kind in ("flat", "bias")]
    for folder, kind in zip(folders, ("flat", "bias"), strict=True):
        folder.mkdir()
        for path in camera.glob(f"{kind}*"):
            (folder / path.name).symlink_to(path)
        (folder / "notes.txt").write_text("clear")
    assert run("noise", *folders, *SECTIONS).exit_code == 0


def test_a_frame_of_another_shape_is_named(run, camera: Path, tmp_path: Path) -> None:
    for kind in ("flat", "bias"):
        (tmp_path / kind).mkdir()
        odd = ccdfx.write(np.zeros((3, 4), np.uint16), tmp_path / kind / "odd.fits")
        (tmp_path / kind / "a.fits").symlink_to(camera / f"{kind}0.fits")
        other = "bias" if kind == "flat" else "flat"
        patterns = {kind: tmp_path / kind, other: camera / f"{other}*.fits"}
        result = run("noise", patterns["flat"], patterns["bias"])
        assert result.exit_code == 1 and str(odd) in result.stderr


def test_noise_of_no_name_is_not_that_of_the_current_directory(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        ccdfx.write(np.ones((20, 30)), tmp_path / f"{number}.fits")
    result = run("noise", "", "")
    assert result.exit_code == 2 and "'' finds 0 files" in result.stderr


def test_it_needs_frames(run, camera: Path) -> None:
    result = run("noise", camera / "flat0.fits", camera / "bias*.fits")
    assert result.exit_code == 2 and "finds 1 file," in result.stderr
    result = run("noise", camera / "flat*.fits", camera / "bias*.fits", "--trim", "all")
    assert result.exit_code == 2 and "trim" in result.stderr


@pytest.mark.quick
def test_a_file_becomes_another(run, frames: list[Path], tmp_path: Path) -> None:
    assert run("convert", frames[2], "-o", tmp_path / "new.npz").exit_code == 0
    one, other = ccdfx.read(frames[2]), ccdfx.read(tmp_path / "new.npz")
    assert one.dtype == other.dtype and np.array_equal(one.array, other.array)
    assert other.header["OBJECT"] == "M 51"
    result = run("convert", frames[2], "-o", tmp_path / "part.fits", "--section", "[5:10,1:4]")
    assert result.exit_code == 0 and ccdfx.read(tmp_path / "part.fits").shape == (4, 6)


def test_many_files_go_into_a_directory(run, frames: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    result = run("convert", *frames, "-o", tmp_path / "out", "--to", "npz")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"frame{i}.npz" for i in range(5)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "."), "--to says the format"),
        (("-o", "a.xyz"), "a.xyz: must have the suffix"),
        (("-o", "a.png"), "'ccdfx show' and 'hist' draw pictures"),
        (("-o", "a.npz", "--section", "5"), "'--section'"),
    ],
)
def test_wrong_options(
    run, frames: list[Path], tmp_path, monkeypatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("convert", frames[0], *options)
    assert result.exit_code == 2 and words in result.stderr, result.stderr


def test_nothing_is_replaced_unasked(run, frames: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "new.npz"
    target.write_bytes(b"mine")
    assert run("convert", frames[0], "-o", target).exit_code == 4 and target.read_bytes() == b"mine"
    assert run("convert", frames[0], "-o", target, "--overwrite").exit_code == 0
