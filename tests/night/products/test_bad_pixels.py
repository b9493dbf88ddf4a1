"""The bad pixels that a night finds, and those of a map that is given."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ccdfx.errors import CcdfxError, FormatError, MismatchError, OutputExistsError
from ccdfx.io import read, write
from ccdfx.night.products.calibrated import calibrated
from ccdfx.night.run import reduce_night
from ccdfx.records.flags import Flag

BAD = np.uint8(Flag.BAD_PIXEL)
COLUMN = 41


@pytest.fixture
def bad_camera(camera):
    """A camera whose column 41 keeps charge below a light of some sky, and with a hot pixel."""
    plain = camera.write

    def write_frame(name, imagetyp, electrons=0.0, exptime=0.0, **more):
        light = np.array(np.broadcast_to(electrons, (96, 120)), float)
        if imagetyp == "object":
            light[:, COLUMN] = np.maximum(light[:, COLUMN] - 250, 0)
        light[20, 30] += 60000 * exptime / 60
        return plain(name, imagetyp, light, exptime, **more)

    camera.write = write_frame
    return camera


def bad_of(path):
    return (read(path).mask & BAD) != 0


@pytest.mark.quick
def test_a_night_finds_a_column_and_a_hot_pixel_and_flags_them_everywhere(bad_camera, out):
    bad_camera.night()
    night = reduce_night(bad_camera.folder, out)
    (found,) = night.facts["bad_pixels"]
    assert found["file"] == "masters/bad_pixels.fits"
    assert found["counts"]["column"] > 65 and found["counts"]["hot"] >= 1
    assert found["own"] is None and found["inputs"]["frames"] == ["s0.fits", "s1.fits", "s2.fits"]
    bad = read(out / found["file"]).array != 0
    assert bad.shape == (96, 120) and np.count_nonzero(bad) == found["bad"] < 0.02 * bad.size
    assert bad[:, COLUMN].mean() > 0.7 and bad[20, 30]
    for fact in night.facts["calibrated"]:
        assert np.array_equal(bad_of(out / fact["file"]) & bad, bad)
        assert "mask_from bad_pixels=bad_pixels.fits" in str(read(out / fact["file"]).header.history)
    assert json.loads((out / "night.json").read_text())["bad_pixels"] == night.facts["bad_pixels"]
    page = (out / "report.html").read_text()
    assert "Bad pixels of small" in page or 'id="bad_pixels"' in page
    # Dithered frames leave no trace of the column in the combined one.
    combined = read(out / "combined/field_V.fits")
    level = np.median(combined.array[combined.good])
    at_column = np.median(combined.array[:, COLUMN][combined.good[:, COLUMN]])
    assert abs(at_column - level) < 15


@pytest.mark.parametrize("electrons", [True, False])
def test_to_compute_no_variances_for_the_search_changes_nothing(
    bad_camera, out, tmp_path, monkeypatch, electrons
):
    recipe = {"science": {"electrons": electrons}}
    bad_camera.night()
    night = reduce_night(bad_camera.folder, out, recipe=recipe)
    seen = []

    def with_variance(*given, variance, **options):
        seen.append(variance)
        return calibrated(*given, **options).replace(variance=None)

    monkeypatch.setattr("ccdfx.night.products.bad_pixels.calibrated", with_variance)
    other = reduce_night(bad_camera.folder, tmp_path / "other", recipe=recipe)
    assert seen == [False] * 3  # measured and searched at once
    assert night.facts["bad_pixels"] == other.facts["bad_pixels"]
    maps = [read(folder / "masters/bad_pixels.fits").array for folder in (out, tmp_path / "other")]
    assert np.count_nonzero(maps[0]) > 60 and np.array_equal(*maps)


def test_a_frame_that_cannot_be_calibrated_is_not_searched(bad_camera, out):
    from astropy.io import fits

    bad_camera.night()
    with fits.open(bad_camera.folder / "s1.fits", mode="update", checksum=True) as file:
        file[0].data = file[0].data + 0
    data = bytearray((bad_camera.folder / "s1.fits").read_bytes())
    data[-6000] ^= 1  # a bit of a pixel: the checksum says so
    (bad_camera.folder / "s1.fits").write_bytes(data)
    night = reduce_night(bad_camera.folder, out)
    (found,) = night.facts["bad_pixels"]
    assert found["inputs"]["frames"] == ["s0.fits", "s2.fits"] and found["bad"] >= 1


def test_a_clean_camera_has_hardly_any(done):
    _, night, _ = done
    (found,) = night.facts["bad_pixels"]
    assert found["bad"] <= 3


def test_none_are_searched_for_if_the_recipe_says_so(bad_camera, out):
    bad_camera.night()
    night = reduce_night(bad_camera.folder, out, recipe={"bad_pixels": {"use": False}})
    assert night.facts["bad_pixels"] == [] and not (out / "masters/bad_pixels.fits").exists()


@pytest.mark.parametrize("width", [120, 128], ids=["trimmed", "raw"])
@pytest.mark.parametrize("use", [True, False], ids=["joined", "alone"])
def test_a_map_of_ones_own(bad_camera, out, tmp_path, width, use):
    bad_camera.night()
    own = np.zeros((96, width), np.int16)
    own[5, 6] = 3
    write(own, tmp_path / "own.fits")
    (tmp_path / "recipe.toml").write_text(f'[bad_pixels]\nfile = "own.fits"\nuse = {str(use).lower()}\n')
    night = reduce_night(bad_camera.folder, out, recipe=tmp_path / "recipe.toml")
    (found,) = night.facts["bad_pixels"]
    assert found["own"] == 1 and (found["bad"] > 65) == use
    for fact in night.facts["calibrated"]:
        bad = bad_of(out / fact["file"])
        assert bad[5, 6] and bad[20, 30] == use


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_map_that_does_not_fit_is_refused_before_anything_is_made(camera, out, tmp_path, dry_run):
    camera.night()
    write(np.zeros((96, 100), np.uint8), tmp_path / "own.fits")
    recipe = {"bad_pixels": {"file": str(tmp_path / "own.fits")}}
    with pytest.raises(MismatchError, match=r"own\.fits.*shape.*96, 120.*96, 100"):
        reduce_night(camera.folder, out, recipe=recipe, dry_run=dry_run)
    assert not out.exists()
    with pytest.raises(CcdfxError, match="missing"):
        reduce_night(camera.folder, out, recipe={"bad_pixels": {"file": str(tmp_path / "missing.fits")}})


@pytest.mark.parametrize("table", [{"low": 2}, {"sigma_limit": 0}, {"frames": 0}, {"most": "x"}, {"file": 3}])
def test_choices_are_checked(table):
    from ccdfx.night.settings.reading import load_night_recipe

    with pytest.raises(FormatError, match=f"bad_pixels.{next(iter(table))}"):
        load_night_recipe({"bad_pixels": table})


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_existing_map_of_others_is_not_replaced(camera, out, overwrite):
    camera.night()
    (out / "masters").mkdir(parents=True)
    (out / "masters/bad_pixels.fits").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"bad_pixels\.fits"):
        reduce_night(camera.folder, out, overwrite=overwrite)
    assert (out / "masters/bad_pixels.fits").read_text() == "mine"
