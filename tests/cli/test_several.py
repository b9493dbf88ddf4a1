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


def test_a_picture_says_which_image_it_shows(run, four: Path, tmp_path) -> None:
    shown = run("show", four, "-o", tmp_path / "p.png")
    assert shown.exit_code == 0, shown.stderr
    assert "the first of 4 images (A0, A1, A2, A3); --hdu takes another" in shown.stderr
    assert "the first of" not in run("show", four, "-o", tmp_path / "q.png", "--hdu", "A1").stderr


@pytest.mark.parametrize(
    ("command", "remedy"),
    [(("combine", "{}", "{}", "-o", "c.fits"), "--mosaic makes one image of all, --hdu all combines each"),
     (("convert", "{}", "-o", "c.npz"), "--hdu all converts each"),
     (("arith", "a + 1", "a={}", "-o", "c.fits"), "--hdu NAME takes one"),
     (("sources", "{}"), "--hdu NAME takes one")],
)  # fmt: skip
def test_nothing_is_made_of_the_first_image_alone(
    run, four: Path, command: tuple[str, ...], remedy: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run(*(part.format(four) for part in command))
    assert refused.exit_code == 1
    assert "must hold one image (got '4: A0, A1, A2, A3')" in refused.stderr and remedy in refused.stderr
    done = run(*(part.format(four) for part in command), "--hdu", "A1")
    assert done.exit_code == 0, done.stderr


@pytest.fixture
def chips(tmp_path: Path) -> list[Path]:
    """Three files of two detectors each, the second one turned round."""
    rng, paths = np.random.default_rng(2), []
    for number in range(3):
        truth = rng.normal(100.0 + np.arange(44), 2.0, (20, 44))
        places = ("[1:20,1:20]", "[44:25,20:1]")
        arrays = (truth[:, :20], truth[::-1, ::-1][:, :20])
        images = [
            ccdfx.Image(array.copy(), {"EXTNAME": name, "DETSEC": place, "EXPTIME": 30.0, "GAIN": 2.0})
            for array, name, place in zip(arrays, ("N", "S"), places, strict=True)
        ]
        paths.append(tmp_path / f"c{number}.fits")
        ccdfx.write(images, paths[-1])
    return paths


@pytest.mark.parametrize("option", [["--mosaic"], ["--mosaic-by", "detsec"]])
def test_combine_makes_one_image_of_all_detectors(run, chips: list[Path], tmp_path, option) -> None:
    done = run("combine", *chips, "-o", tmp_path / "m.fits", *option, "--reject", "none")
    assert done.exit_code == 0, done.stderr
    made = ccdfx.read(tmp_path / "m.fits")
    assert made.shape == (20, 44) and (made.mask[:, 20:24] == ccdfx.Flag.NO_DATA).all()
    parts = [ccdfx.read(path, hdu="all") for path in chips]
    np.testing.assert_allclose(made.array[:, :20], np.mean([one.array for one, _ in parts], axis=0))
    south = np.mean([one.array for _, one in parts], axis=0)
    np.testing.assert_allclose(made.array[:, 24:], south[::-1, ::-1])
    # Three exposures, whatever the number of their detectors.
    assert (made.header["NCOMBINE"], made.header["EXPTIME"], made.header["GAIN"]) == (3, 30.0, 6.0)
    assert not {"EXTNAME", "DETSEC"} & set(made.header)


def test_a_mosaic_excludes_other_placements(run, chips: list[Path], tmp_path) -> None:
    for option in (["--align"], ["--hdu", "N"], ["--offsets", "wcs"], ["--planes"]):
        refused = run("combine", *chips, "-o", tmp_path / "m.fits", "--mosaic", *option)
        assert refused.exit_code == 2 and f"--mosaic and {option[0]} exclude one another" in refused.stderr


def test_a_picture_shows_all_detectors_and_not_planes_of_one_field(
    chips: list[Path], tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    which = {"hdu": None, "plane": None, "checksum": True}
    assert read_whole(str(chips[0]), which).shape == (20, 44)
    assert "2 detectors, placed by DETSEC" in capsys.readouterr().err
    same = tmp_path / "same.fits"
    ccdfx.write([ccdfx.Image(np.ones((4, 4)), {"EXTNAME": n, "DETSEC": "[1:4,1:4]"}) for n in "AB"], same)
    assert read_whole(str(same), which).shape == (4, 4)
    assert "the first of 2 images" in capsys.readouterr().err


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
