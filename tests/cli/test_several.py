"""Files of several images: no command takes the first for the whole in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simulated_readouts import Detector

import ccdfx
from ccdfx.cli.several import names_of_images, read_whole


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("several") / "four.fits"
    detector = Detector(2, 2)
    images = detector.read(np.full(detector.shape, 500.0), np.random.default_rng(1))
    named = zip(images, detector.readouts, strict=True)
    ccdfx.write([image.replace(header={"EXTNAME": one.name, "BUNIT": "adu"}) for image, one in named], path)
    return path


@pytest.mark.quick
def test_stats_has_a_line_for_each_image(run, four: Path) -> None:
    shown = run("stats", four)
    assert (
        shown.exit_code == 0
        and [f"four.fits[A{number}]" in shown.stdout for number in range(4)] == [True] * 4
    )
    (one,) = json.loads(run("stats", four, "--hdu", "A2", "--json").stdout)
    assert one["file"] == str(four) and one["mean"] == pytest.approx(
        ccdfx.read(four, hdu="A2").array.mean(), rel=1e-5
    )


@pytest.mark.parametrize("command", [("show", "{}", "-o", "p.png"), ("combine", "{}", "{}", "-o", "c.fits"),
                                     ("convert", "{}", "-o", "c.npz")])  # fmt: skip
def test_the_others_say_which_image_they_take(
    run, four: Path, command: tuple[str, ...], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = run(*(part.format(four) for part in command))
    assert shown.exit_code == 0, shown.stderr
    assert "the first of 4 images (A0, A1, A2, A3); --hdu" in shown.stderr
    assert (
        "the first of"
        not in run(*(part.format(four) for part in command), "--hdu", "A1", "--overwrite").stderr
    )


def test_readouts_are_read_as_one_image(four: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names_of_images(str(four)) == ["A0", "A1", "A2", "A3"]
    readouts = tuple(replace(one, hdu=one.name) for one in Detector(2, 2).readouts)
    frame = ccdfx.Frame(path=four, file=four.name, readouts=readouts)
    monkeypatch.setattr("ccdfx.night.frames.scan.scan", lambda _: (frame,))
    whole = read_whole(str(four), {"hdu": None, "plane": None, "checksum": True})
    assert whole.shape == (48, 64) and np.median(whole.array) == pytest.approx(500.0, abs=3.0)
    assert read_whole(str(four), {"hdu": "A1", "plane": None, "checksum": True}).shape == (24, 42)


def test_images_of_one_name_are_told_apart(run, tmp_path: Path) -> None:
    from astropy.io import fits

    path = tmp_path / "sci.fits"
    images = [fits.ImageHDU(np.full((4, 4), 7.0 * ver), name="SCI", ver=ver) for ver in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    shown = run("stats", path, "--json")
    assert [one["file"] for one in json.loads(shown.stdout)] == [f"{path}[SCI,1]", f"{path}[SCI,2]"]
    first = run("stats", path, "--hdu", "sci", "--json")
    assert json.loads(first.stdout)[0]["mean"] == 7.0
    assert "the first of 2 images of the name sci (SCI,1, SCI,2); --hdu takes another" in first.stderr
    assert not run("stats", path, "--hdu", "SCI,2", "--json").stderr
