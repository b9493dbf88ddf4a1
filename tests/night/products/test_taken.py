"""Masters of other nights: two simulated nights of one camera, foreign masters, and what replaces them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.io import read
from ccdfx.night.graph.verify import verify_night
from ccdfx.night.run import reduce_night
from ccdfx.night.verify import remade_night, verify_whole_night

NO_OVERSCAN = {"BIASSEC": None}
SKY = 200.0  # ADU: 400 e- in 60 s, 2 e-/ADU


@pytest.fixture(scope="module")
def old(make_camera, tmp_path_factory):
    """The output of an earlier night with overscan."""
    return _earlier(make_camera, tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def old_without_overscan(make_camera, tmp_path_factory):
    return _earlier(make_camera, tmp_path_factory.mktemp("old"), **NO_OVERSCAN)


def _earlier(make_camera, folder, **cards):
    (folder / "raw").mkdir()
    camera = make_camera(folder / "raw")
    camera.rng = np.random.default_rng(50)
    camera.biases(9, **cards)
    camera.darks(6, **cards)
    camera.darks(3, exptime=2.0, prefix="kf", **cards)
    camera.flats(**cards)
    reduce_night(folder / "raw", folder / "out")
    return folder / "out"


def _science(camera, **cards):
    for i, (dx, dy) in enumerate([(0, 0), (2.3, -1.6), (-3.4, 2.2)]):
        camera.science(f"s{i}.fits", dx=dx, dy=dy, **cards)


def _reduce(camera, out, *files, **options):
    return reduce_night(camera.folder, out, recipe={"masters": {"files": list(map(str, files))}}, **options)


def _bytes(out):
    return {path.name: path.read_bytes() for path in out.rglob("*.fits")}


def _require_truth(night):
    """Sky and its noise are those of the simulation; the prediction holds photons, read noise and masters."""
    assert night.status == 0, night.facts["warnings"]
    for fact in night.facts["calibrated"]:
        assert fact["sky"] == pytest.approx(SKY, abs=2.0)
        assert fact["noise_measured"] == pytest.approx(fact["noise_predicted"], rel=0.08)


@pytest.mark.quick
def test_masters_of_an_earlier_night(camera, out, old):
    _science(camera)
    night = _reduce(camera, out, old)
    _require_truth(night)
    assert night.facts["warnings"] == []
    assert [item.file for item in night.plan.taken] == [
        "masters/bias.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
    ]
    for item in night.plan.taken:
        before, copy = read(old / item.file), read(out / item.file)
        assert np.array_equal(before.array, copy.array) and np.array_equal(before.variance, copy.variance)
        assert copy.header["IMCMB001"] == item.file.removeprefix("masters/") and "IMCMB002" not in copy.header
        assert len(copy.header["IMSHA001"]) == 64
        assert any("take master" in line for line in copy.header.history)
    assert {one.problem for one in verify_whole_night(out)} == {None}
    assert {one.problem for one in remade_night(out)} == {None}
    assert set(_reduce(camera, out, old).made.values()) == {None}
    (found,) = night.facts["bad_pixels"]
    assert found["inputs"]["biases"] == ["masters/bias.fits"] and found["inputs"]["darks"] == [
        "masters/dark_60s.fits"
    ]
    fact = night.facts["masters"][0]
    assert (fact["kind"], fact["inputs"], fact["taken_from"]) == (
        "bias",
        ["bias.fits"],
        str(old / "masters/bias.fits"),
    )


def test_a_dry_run_tells_what_would_be_taken(camera, out, old):
    _science(camera)
    night = _reduce(camera, out, old, dry_run=True)
    assert "masters/flat_V.fits: flat taken from flat_V.fits, filter V" in str(night.plan)
    assert night.made["masters/flat_V.fits"] == "missing" and not out.exists()


def test_without_overscan_the_bias_takes_the_level_away(camera, out, old_without_overscan):
    _science(camera, **NO_OVERSCAN)
    night = _reduce(camera, out, old_without_overscan / "masters")
    _require_truth(night)
    combined = night.facts["combined"][0]
    assert combined["sky"] == pytest.approx(SKY, abs=2.0)


def test_masters_of_another_level_are_refused_with_the_difference(camera, out, old):
    _science(camera, **NO_OVERSCAN)
    night = _reduce(camera, out, old)
    (text,) = [text for text in night.facts["warnings"] if "bias.fits" in text and "fit no frames" in text]
    assert "level (its overscan was subtracted, and the frames have none)" in text
    assert not [item for item in night.plan.taken if item.kind == "bias"]


def test_masters_beside_the_frames_are_no_frames_and_leave_with_their_option(camera, out, old):
    _science(camera)
    inside = camera.folder / "masters"
    inside.mkdir()
    for path in (old / "masters").glob("*.fits"):
        (inside / path.name).write_bytes(path.read_bytes())
    assert (
        reduce_night(camera.folder, out, dry_run=True).status == 1
    )  # they are listed as frames that are no raw frames
    night = _reduce(camera, out, inside)
    _require_truth(night)
    assert [frame.file for frame in night.frames] == ["s0.fits", "s1.fits", "s2.fits"]
    shutil.rmtree(inside)
    plain = reduce_night(camera.folder, out)  # the files are gone, so that their copies stay, and are said
    assert plain.made["calibrated/s0.fits"] is not None
    assert any("flat_V.fits is of an earlier run" in text for text in plain.facts["warnings"])
    assert (out / "masters/flat_V.fits").exists()


def test_copies_go_when_they_are_not_used_any_more(camera, out, old):
    _science(camera)
    _reduce(camera, out, old)
    plain = reduce_night(camera.folder, out)
    assert not (out / "masters/flat_V.fits").exists()
    assert not [text for text in plain.facts["warnings"] if "earlier run" in text]


def test_own_frames_go_first_and_replace_what_was_taken(camera, out, old, tmp_path):
    _science(camera)
    camera.biases()
    first = _reduce(camera, out, old)
    assert [item.kind for item in first.plan.taken] == ["dark", "flat"]
    assert first.made["masters/bias.fits"] == "missing"
    camera.darks(3, exptime=2.0, prefix="kf")
    camera.flats()
    later = _reduce(camera, out, old)
    assert [item.file for item in later.plan.taken] == ["masters/dark_60s.fits"]
    assert "flat_V.fits" in later.made["calibrated/s0.fits"]
    assert read(out / "masters/flat_V.fits").header["NCOMBINE"] == 4
    _require_truth(later)
    assert not [text for text in later.facts["warnings"] if "earlier run" in text]
    _reduce(camera, tmp_path / "batch", old)
    assert _bytes(out) == _bytes(tmp_path / "batch")


def test_a_changed_master_remakes_what_is_made_of_it(camera, out, old, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in (old / "masters").glob("*.fits"):
        (folder / path.name).write_bytes(path.read_bytes())
    _science(camera)
    camera.science("r.fits", filter="R", object="other")
    _reduce(camera, out, folder)
    assert {one.problem for one in verify_night(out, camera.folder)} == {None}
    path = folder / "flat_V.fits"
    flat = read(path)
    from ccdfx.io import write

    write(flat.replace(array=flat.array * np.float32(1.001)), path, overwrite=True)
    problems = {one.file: one.problem for one in verify_night(out, camera.folder)}
    assert problems["masters/flat_V.fits"] == "input changed: given:flat_V.fits"
    made = _reduce(camera, out, folder).made
    assert made["masters/flat_V.fits"] == "input changed: given:flat_V.fits"
    assert made["calibrated/s0.fits"] is not None and made["combined/field_V.fits"] is not None
    assert made["masters/bias.fits"] is None and made["calibrated/r.fits"] is not None  # they share a map


@pytest.mark.parametrize(
    ("cards", "text"),
    [
        ({"filter": "R"}, "no flat of filter R (there are flats of filter V)"),
        ({"exptime": 30.0}, "no dark of 30 s (there are darks of 2 s, 60 s)"),
        ({"XBINNING": 2, "YBINNING": 2}, None),
        ({"GAIN": 1.5}, "gain (2 e-/ADU, not 1.5)"),
        ({"INSTRUME": "large"}, "camera (INSTRUME = small, not large)"),
    ],
)
def test_what_does_not_fit_is_named(camera, out, old, cards, text):
    camera.science("s0.fits", **cards)
    night = _reduce(camera, out, old, dry_run=True)
    warnings = night.plan.warnings
    if text is None:  # the masters do not tell their binning: size and window are the same
        assert [one for one in warnings if "do not tell binning" in one]
    else:
        assert [one for one in warnings if text in one], warnings


def test_temperatures_are_compared(camera, out, make_camera, tmp_path):
    (tmp_path / "old").mkdir()
    earlier = make_camera(tmp_path / "old")
    earlier.biases(**{"CCD-TEMP": -10.0})
    earlier.darks(**{"CCD-TEMP": -10.0})
    reduce_night(tmp_path / "old", tmp_path / "oldout")
    camera.science("cold.fits", **{"CCD-TEMP": -20.0})
    camera.science("same.fits", object="other", **{"CCD-TEMP": -10.5})
    night = _reduce(camera, out, tmp_path / "oldout", dry_run=True)
    uses = {item.use.frame.file: item.use for item in night.plan.science}
    assert (uses["cold.fits"].bias, uses["cold.fits"].dark) == (None, None)
    assert uses["same.fits"].bias and uses["same.fits"].dark
    (text,) = [one for one in night.plan.warnings if "no dark of" in one]
    assert "no dark of CCD-TEMP = -20 fits (there are some of -10," in text and "cold.fits" in text


def _write(path, array, **cards):
    header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    fits.PrimaryHDU(array, header).writeto(path)
    return path


def _foreign(camera, folder, *, scale=1.0, raw_size=False, **cards):
    """Bias with its level, dark with the bias in it, and a flat without, as other programs write them."""
    folder.mkdir()
    shape = (96, 128 if raw_size else 120)
    rng = np.random.default_rng(9)

    def image(level, sigma, pedestal=1000.0):
        found = np.full(shape, pedestal)
        found[:, :120] = level
        return ((found + rng.normal(0, sigma, shape)) / scale).astype(np.float32)

    bias = image(1000 + camera.structure, 0.5)
    dark = image(1000 + camera.structure + 15.0, 0.5)
    flat = image(camera.flat, 1e-3, 0.0)
    _write(folder / "bias.fits", bias, IMAGETYP="Master Bias", INSTRUME="small", **cards)
    _write(folder / "dark.fits", dark, IMAGETYP="Master Dark", INSTRUME="small", EXPTIME=60.0, **cards)
    flat = flat * scale if scale != 1.0 else flat
    _write(folder / "flat.fits", flat, IMAGETYP="Master Flat", INSTRUME="small", FILTER="V", **cards)
    return folder


@pytest.mark.parametrize(
    "options", [{}, {"raw_size": True}, {"scale": 65535.0, "PROGRAM": "Siril 1.2.4"}, {"BUNIT": "adu"}]
)
def test_foreign_masters(camera, out, tmp_path, options):
    """The level of the dark is that of the bias, so it holds it; the flat has the level 1."""
    _science(camera, **NO_OVERSCAN)
    night = _reduce(camera, out, _foreign(camera, tmp_path / "foreign", **options))
    assert [item.kind for item in night.plan.taken] == ["dark", "flat"]  # the dark stands for the bias
    for fact in night.facts["calibrated"]:
        assert fact["sky"] == pytest.approx(SKY, abs=2.0)
    assert [text for text in night.facts["warnings"] if "do not tell gain" in text]
    dark = read(out / "masters/dark_60s.fits")
    assert dark.shape == (96, 120) and np.median(dark.array) == pytest.approx(1015.0, abs=1.0)
    assert {one.problem for one in verify_whole_night(out)} == {None}


def test_foreign_masters_of_raw_size_lose_their_overscan(camera, out, tmp_path):
    _science(camera)
    night = _reduce(camera, out, _foreign(camera, tmp_path / "foreign", raw_size=True))
    for fact in night.facts["calibrated"]:
        assert fact["sky"] == pytest.approx(SKY, abs=2.0)
    dark = read(out / "masters/dark_60s.fits")
    assert dark.shape == (96, 120) and np.median(dark.array) == pytest.approx(15.0, abs=1.0)
    trimmed = _reduce(camera, tmp_path / "more", _foreign(camera, tmp_path / "trimmed"), dry_run=True)
    assert [item.kind for item in trimmed.plan.taken] == ["flat"]
    assert [text for text in trimmed.plan.warnings if "level (its overscan was not subtracted" in text]


def test_masters_that_were_combined_one_by_one(camera, out, make_camera, tmp_path):
    """`ccdfx combine` keeps the size and the kind of raw frames; GAIN is that of the mean."""
    from click.testing import CliRunner

    from ccdfx.cli.group import commands

    (tmp_path / "old").mkdir()
    make_camera(tmp_path / "old").biases(8)
    arguments = [*sorted(map(str, (tmp_path / "old").iterdir())), "-o", str(tmp_path / "bias.fits")]
    assert CliRunner().invoke(commands, ["combine", *arguments]).exit_code == 0
    _science(camera)
    night = _reduce(camera, out, tmp_path / "bias.fits")
    assert [item.kind for item in night.plan.taken] == ["bias"]
    assert [fact["sky"] for fact in night.facts["calibrated"]] == pytest.approx([SKY + 15.0] * 3, abs=2.0)
    bias = read(out / "masters/bias.fits")
    assert np.std(bias.array - camera.structure) < 1.5


def test_a_bias_of_iraf_is_taken_by_its_word(camera, out, tmp_path):
    """IRAF keeps the header of the first frame: zero, NCOMBINE, OVERSCAN, GAIN."""
    rng = np.random.default_rng(3)
    array = (camera.structure + rng.normal(0, 1.0, (96, 120))).astype(np.float32)
    cards = {"IMAGETYP": "zero", "NCOMBINE": 9, "INSTRUME": "small", "GAIN": 2.0, "RDNOISE": 6.0}
    cards["OVERSCAN"] = "Nov 30 12:01 Overscan section is [121:128,1:96] with mean=1000"
    path = _write(tmp_path / "Zero.fits", array, **cards)
    _science(camera)
    night = _reduce(camera, out, path)
    (item,) = night.plan.taken
    assert (item.kind, item.file) == ("bias", "masters/bias.fits")
    plain = [fact["sky"] for fact in night.facts["calibrated"]]
    assert plain == pytest.approx([SKY + 15.0] * 3, abs=2.0)  # there is no dark
    assert not [text for text in night.facts["warnings"] if "Zero.fits" in text]


def test_frames_without_any_calibration_are_taken_when_asked(camera, out):
    _science(camera, **NO_OVERSCAN)
    assert reduce_night(camera.folder, out).status == 3
    night = reduce_night(
        camera.folder, out, recipe={"science": {"uncalibrated": True, "electrons": True}}, overwrite=True
    )
    assert night.status == 0
    (text,) = [text for text in night.facts["warnings"] if "nothing is subtracted" in text]
    assert text.endswith("s0.fits, s1.fits, s2.fits")
    image = read(out / "calibrated/s0.fits")
    raw = fits.getdata(camera.folder / "s0.fits")[:, :120]
    assert image.variance is None and image.unit == "adu" and np.array_equal(image.array, raw)
    (combined,) = night.facts["combined"]
    assert combined["shifts"][1]["dx"] == pytest.approx(-2.3, abs=0.1) or combined["shifts"][1][
        "dx"
    ] == pytest.approx(2.3, abs=0.1)
    assert combined["excess"] == pytest.approx(1.0, abs=0.25)  # three inputs tell their scatter to so much
    assert "mask cosmic rays" not in str(night.plan)
    assert combined["sky"] == pytest.approx(1000 + SKY + 15.0, abs=4.0)
    assert json.loads((out / "night.json").read_text())["combined"] == [combined]
