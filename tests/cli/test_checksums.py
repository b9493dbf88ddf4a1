"""Files whose checksums are wrong: every command refuses them, and reads them with `--no-checksum`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx

DRAWN = ("-o", "{folder}/out.png")
COMMANDS = {
    "show": ("show", "{frame}", *DRAWN),
    "hist": ("hist", "{frame}", *DRAWN),
    "mosaic": ("mosaic", "{frame}", *DRAWN),
    "info": ("info", "{frame}"),
    "info hdu": ("info", "{frame}", "--hdu", "0"),
    "stats": ("stats", "{frame}"),
    "convert": ("convert", "{frame}", "-o", "{folder}/out.npz"),
    "noise": ("noise", "{folder}/flat*.fits", "{folder}/bias*.fits"),
    "combine": ("combine", "{frame}", "{frame}", "-o", "{folder}/out.fits"),
    "combine all": ("combine", "{frame}", "{frame}", "-o", "{folder}/out.fits", "--hdu", "all"),
    "combine planes": ("combine", "{frame}", "{frame}", "-o", "{folder}/out.fits", "--planes"),
    "combine shared": ("combine", "{sound}", "{sound}", "-o", "{folder}/out.fits", "--shared", "{frame}"),
}


def spoilt(path: Path) -> Path:
    """The file after a program has changed a pixel and not the checksums."""
    with fits.open(path) as hdus:
        end = hdus[0].fileinfo()["datLoc"] + hdus[0].data.nbytes
    content = bytearray(path.read_bytes())
    content[end - 1] ^= 1
    path.write_bytes(content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound frame, and others that a program has changed."""
    random = np.random.default_rng(1)
    levels = {"sound": 1000, "frame": 1000, "flat1": 9000, "flat2": 9000, "bias1": 100, "bias2": 100}
    for name, level in levels.items():
        array = random.normal(level, np.sqrt(level), (64, 64)).round().astype(np.uint16)
        image = ccdfx.Image(array, variance=array.astype(np.float32) if name == "sound" else None)
        path = ccdfx.write(image, tmp_path / f"{name}.fits")
        if name != "sound":
            spoilt(path)
    return tmp_path


def arguments(command: str, folder: Path) -> list[str]:
    """The command line on the files of the folder."""
    files = {"frame": folder / "frame.fits", "sound": folder / "sound.fits", "folder": folder}
    return [part.format(**files) for part in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_checksum_is_refused_and_the_error_says_the_option(run, folder: Path, command: str) -> None:
    result = run(*arguments(command, folder))
    assert result.exit_code == 1 and "DATASUM disagrees" in result.stderr
    assert "checksum=False" in result.stderr and "--no-checksum" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_no_checksum_reads_it(run, folder: Path, command: str) -> None:
    result = run(*arguments(command, folder), "--no-checksum")
    assert result.exit_code == 0, result.stderr


def test_no_checksum_gives_the_pixels_as_they_are(run, folder: Path) -> None:
    frame, out = folder / "frame.fits", folder / "out.fits"
    assert run("combine", frame, frame, "-o", out, "--no-checksum").exit_code == 0
    made = ccdfx.read(out)
    assert np.array_equal(made.array, ccdfx.read(frame, checksum=False).array)
    assert "combine no_checksum=True" in made.header.history


def test_a_recipe_of_combine_knows_the_option(run, folder: Path) -> None:
    frame, recipe = folder / "frame.fits", folder / "mine.toml"
    recipe.write_text("[combine]\nno_checksum = true\n")
    assert run("combine", frame, frame, "-o", folder / "out.fits", "--recipe", recipe).exit_code == 0


def test_inspect_reads_it_too(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ccdfx.cli.inspect  # noqa: F401 - reads the defaults of the function that is replaced here
    from ccdfx import plots
    from ccdfx.plots.inspect.state import Inspected

    monkeypatch.setattr(plots, "inspect", lambda images, **_: Inspected((), (), tuple(images)))
    assert run("inspect", folder / "frame.fits").exit_code == 1
    assert run("inspect", folder / "frame.fits", "--no-checksum").exit_code == 0


def test_reduce_takes_raw_frames_with_wrong_checksums_when_told(run, night: Path, tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    for path in night.glob("*bias*"):
        spoilt(Path(shutil.copy(path, raw)))
    refused = run("reduce", raw, "-o", out)
    assert refused.exit_code == 3 and "--no-checksum" in refused.stderr
    result = run("reduce", raw, "-o", out, "--overwrite", "--no-checksum")
    assert result.exit_code == 0, result.stderr
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[read]\nchecksum = false\n")
    assert run("reduce", raw, "-o", out, "--overwrite", "--recipe", recipe).exit_code == 0


@pytest.mark.parametrize("name", ["pole", "rotation", "tiny", "unsolved"])
def test_real_files_that_a_program_has_cropped(run, shared: Path, tmp_path: Path, name: str) -> None:
    path = shutil.copy(shared / "data" / "other" / f"{name}.fits", tmp_path)
    assert run("stats", path).exit_code == 1
    result = run("stats", path, "--no-checksum")
    assert result.exit_code == 0, result.stderr
