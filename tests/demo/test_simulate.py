"""The simulated night: its bytes follow from the seed, its statistics from the truth it tells."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ccdfx.demo.detector import BAD_OVERSCAN, MAXIMUM, OVERSCAN, bias_structure, dark_rate, flat_field, stream
from ccdfx.demo.simulate import electrons, light, simulate_night, sky
from ccdfx.demo.truth import read_truth
from ccdfx.errors import ArgumentError, CcdfxError, FormatError, OutputExistsError

SHAPE = (160, 192)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    directory = tmp_path_factory.mktemp("night")
    return directory, simulate_night(directory, seed=3, shape=SHAPE)


def pixels(directory, frame):
    return fits.getdata(directory / frame.file).astype(np.float64)


def stack(directory, frames):
    return np.array([pixels(directory, frame) for frame in frames])


def digests(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


def test_the_seed_decides_every_byte(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        simulate_night(tmp_path / name, seed=seed, shape=(128, 128), filters=("V",), counts=(1, 1, 1, 1))
    first, same, other = (digests(tmp_path / name) for name in "abc")
    assert first == same
    assert len(first) == 6
    assert all(first[name] != other[name] for name in first)


def test_a_frame_does_not_depend_on_those_before_it():
    assert stream(1, 2).integers(1 << 60) == stream(1, 2).integers(1 << 60)
    assert stream(1, 2).integers(1 << 60) != stream(1, 3).integers(1 << 60)


@pytest.mark.quick
def test_the_truth_comes_back_from_its_file(night):
    directory, truth = night
    assert read_truth(directory / "truth.json") == truth
    with pytest.raises(FrozenInstanceError):
        truth.seed = 4


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"seed": 1}', '{"detector": 3, "stars": [], "frames": []}', "\x00"]
)
def test_a_file_that_is_no_truth_is_refused(tmp_path, text):
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(FormatError, match=r"truth\.json"):
        read_truth(tmp_path / "truth.json")
    with pytest.raises(FormatError, match=r"none\.json"):
        read_truth(tmp_path / "none.json")


def test_a_truth_that_never_ends_or_nests_without_end_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    (tmp_path / "long.json").write_text("[" + 1000 * " " + "]")
    for name, words in (("pipe", "a named pipe"), ("deep", "nests too deeply"), ("long", "is no truth")):
        with pytest.raises(FormatError, match=words):
            read_truth(tmp_path / f"{name}.json")
    monkeypatch.setattr("ccdfx.io.text.LARGEST_JSON", 1000)
    with pytest.raises(FormatError, match="must be a text of at most 1000 bytes"):
        read_truth(tmp_path / "long.json")


def test_truth_is_asked_for_frames_by_name(night):
    _, truth = night
    assert truth.frame(f"/some/where/{truth.frames[3].file}") is truth.frames[3]
    with pytest.raises(ArgumentError, match="other"):
        truth.frame("other.fits")


@pytest.mark.quick
def test_frames_are_what_the_headers_say(night):
    directory, truth = night
    assert len(truth.frames) == 9 + 2 * 5 + 2 * 5 + 2 * 5
    kinds = {"bias": "zero", "science": "object"}
    times = []
    for frame in truth.frames:
        header = fits.getheader(directory / frame.file)
        assert header["IMAGETYP"] == kinds.get(frame.kind, frame.kind)
        assert header["EXPTIME"] == frame.exptime
        assert header.get("FILTER") == frame.filter
        assert header["GAIN"] == truth.detector.gain
        assert header["RDNOISE"] == truth.detector.readnoise
        assert header["BITPIX"] == 16
        assert header["BZERO"] == 32768
        assert (header["NAXIS2"], header["NAXIS1"]) == (SHAPE[0], SHAPE[1] + OVERSCAN)
        assert header["BIASSEC"] == f"[{SHAPE[1] + 1}:{SHAPE[1] + OVERSCAN},1:{SHAPE[0]}]"
        times.append(header["DATE-OBS"])
    assert times == sorted(set(times))


def test_stars_stay_in_the_sky_whatever_the_dither(night):
    directory, truth = night
    places = []
    for frame in truth.frames:
        if frame.kind == "science":
            wcs = WCS(fits.getheader(directory / frame.file))
            assert np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600 == pytest.approx(0.4)
            places.append(wcs.wcs_pix2world(truth.places(frame)[:3], 0))
    assert np.ptp(places, axis=0) * 3600 == pytest.approx(np.zeros((3, 2)), abs=1e-6)
    assert len({(frame.dx, frame.dy) for frame in truth.frames}) > 5
    assert len({frame.rotation for frame in truth.frames}) > 5


@pytest.mark.quick
def test_pixels_and_field_convert_to_each_other(night):
    _, truth = night
    frame = replace(truth.frames[-1], rotation=90.0, dx=2.0, dy=-3.0)
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    assert frame.from_field(np.add(middle, (10, 0)), SHAPE)[0] == pytest.approx(np.add(middle, (2, 7)))
    places = truth.places(frame)
    assert frame.to_field(places, SHAPE) == pytest.approx(np.array([(s.x, s.y) for s in truth.stars]))


def test_a_steady_night_does_not_vary(tmp_path):
    truth = simulate_night(tmp_path, shape=(128, 128), filters=("R",), counts=(1, 0, 1, 3), steady=True)
    frames = [frame for frame in truth.frames if frame.kind == "science"]
    assert {(f.transparency, f.fwhm, f.rotation, f.gradient) for f in frames} == {(1.0, 3.2, 0.0, (0.0, 0.0))}


def test_the_sky_varies_within_its_limits(night):
    _, truth = night
    frames = [frame for frame in truth.frames if frame.kind == "science"]
    assert len({frame.transparency for frame in frames}) == len(frames)
    assert all(0.5 < frame.transparency < 1 and 3.2 <= frame.fwhm < 4.5 for frame in frames)
    frame = replace(frames[0], level=100.0, gradient=(0.1, -0.04))
    level = sky(truth, frame)
    assert np.mean(level) == pytest.approx(100.0)
    assert level[0, -1] - level[0, 0] == pytest.approx(10.0)
    assert level[-1, 0] - level[0, 0] == pytest.approx(-4.0)


def test_a_camera_without_overscan_has_none(tmp_path):
    truth = simulate_night(tmp_path, shape=(128, 140), counts=(1, 0, 0, 0), overscan=0)
    header = fits.getheader(tmp_path / truth.frames[0].file)
    assert (header["NAXIS1"], "BIASSEC" in header) == (140, False)
    assert np.median(pixels(tmp_path, truth.frames[0])) == pytest.approx(truth.detector.bias_level, abs=3)


def test_a_bad_overscan_column_reads_low(night):
    directory, truth = night
    (bad,) = truth.detector.bad_overscan
    overscan = stack(directory, truth.frames[:9])[:, :, SHAPE[1] :]
    excess = np.median(overscan, axis=(0, 1)) - np.median(overscan)
    assert excess[bad] == pytest.approx(BAD_OVERSCAN, abs=3)
    assert np.abs(np.delete(excess, bad)).max() < 2


def test_dithers_are_not_whole_pixels(night):
    _, truth = night
    moved = [frame for frame in truth.frames if frame.dx]
    assert len(moved) == 8
    assert all(frame.dx % 1 and frame.dy % 1 and max(abs(frame.dx), abs(frame.dy)) <= 12 for frame in moved)


@pytest.mark.quick
def test_bias_frames_have_the_level_structure_and_read_noise(night):
    directory, truth = night
    detector = truth.detector
    frames = stack(directory, [frame for frame in truth.frames if frame.kind == "bias"])
    good = np.ones(SHAPE, bool)
    good[:, list(detector.bad_columns)] = False
    data, overscan = frames[:, :, : SHAPE[1]], frames[:, :, SHAPE[1] :]
    noise = np.hypot(detector.readnoise / detector.gain, 12**-0.5)
    overscan = np.delete(overscan, detector.bad_overscan, axis=2)
    corrected = data - overscan.mean(axis=2, keepdims=True)
    assert np.median(overscan) == pytest.approx(detector.bias_level, abs=2)
    error = (corrected.mean(axis=0) - bias_structure(detector))[good]
    assert abs(np.mean(error)) < 0.1
    assert np.std(error) == pytest.approx(noise / 3, rel=0.1)
    assert np.std(overscan - overscan.mean(axis=2, keepdims=True)) == pytest.approx(noise, rel=0.03)


def test_dark_frames_have_the_dark_current_and_hot_pixels(night):
    directory, truth = night
    detector = truth.detector
    chosen = [frame for frame in truth.frames if frame.kind == "dark" and frame.exptime > 100]
    assert len(chosen) == 5
    frames = stack(directory, chosen)
    level = np.median(frames[:, :, SHAPE[1] :], axis=2, keepdims=True)
    dark = np.median(frames[:, :, : SHAPE[1]] - level, axis=0) - bias_structure(detector)
    rate = dark * detector.gain / chosen[0].exptime
    true = dark_rate(detector)
    ordinary = true < 1
    ordinary[:, list(detector.bad_columns)] = False
    assert np.median((rate - true)[ordinary]) == pytest.approx(0, abs=0.005)
    hot = (true > 50) & (true < 400)
    assert hot.sum() >= 3
    assert rate[hot] == pytest.approx(true[hot], rel=0.05)


def test_flats_have_the_response_and_photon_noise(night):
    directory, truth = night
    detector = truth.detector
    assert truth.filters == ("V", "R")
    for band in truth.filters:
        flat = flat_field(detector, band)
        assert np.median(flat) == pytest.approx(1)
        assert 0.6 < flat[flat > 0].min() < 0.9
        frame = next(f for f in truth.frames if f.kind == "flat" and f.filter == band)
        raw = pixels(directory, frame)[:, : SHAPE[1]] - detector.bias_level - bias_structure(detector)
        signal = raw * detector.gain
        steady = (dark_rate(detector) < 1) & (flat > 0)
        steady[:, list(detector.bad_columns)] = False
        for x, y, _ in frame.cosmic_rays:
            steady[y, x] = False
        light_there = (frame.level * flat)[steady]
        pull = (signal[steady] - light_there) / np.sqrt(light_there)
        assert abs(np.mean(pull)) < 0.05
        assert np.std(pull) == pytest.approx(1, abs=0.03)


def test_filters_differ_and_repeat():
    from ccdfx.demo.detector import make_detector

    detector = make_detector(1, SHAPE)
    assert np.array_equal(flat_field(detector, "V"), flat_field(detector, "V"))
    assert not np.array_equal(flat_field(detector, "V"), flat_field(detector, "R"))


def test_science_frames_have_the_sky_stars_and_noise(night):
    directory, truth = night
    detector = truth.detector
    for frame in (truth.frames[-1], truth.frames[-8]):
        raw = pixels(directory, frame)[:, : SHAPE[1]]
        signal = (raw - detector.bias_level - bias_structure(detector)) * detector.gain
        expected = electrons(truth, frame)
        noise = np.sqrt(expected + detector.readnoise**2 + detector.gain**2 / 12 + 1.3**2)
        usable = raw < MAXIMUM
        pull = ((signal - expected) / noise)[usable]
        assert abs(np.mean(pull)) < 0.15  # the level of a frame wanders by 0.8 ADU
        assert np.std(pull) == pytest.approx(1, abs=0.04)
        assert np.abs(pull).max() < 7


def test_saturation_and_the_bad_column(night):
    directory, truth = night
    column = truth.detector.bad_columns[0]
    for frame in truth.frames:
        raw = pixels(directory, frame)
        assert raw.max() == MAXIMUM
        assert (raw[:, column] == MAXIMUM).all()
    raw = pixels(directory, truth.frames[-1])
    star = truth.stars[0]
    x, y = round(star.x + truth.frames[-1].dx), round(star.y + truth.frames[-1].dy)
    assert raw[y, x] == MAXIMUM


def test_starlight_is_exact(night):
    _, truth = night
    one = replace(truth, stars=(replace(truth.stars[5], flux=(1000.0, 500.0)),))
    frame = replace(truth.frames[-1], filter="V", dx=0.3, dy=-0.4, rotation=0.0, transparency=0.7, fwhm=3.2)
    scene = light(one, frame)
    assert scene.sum() == pytest.approx(700, rel=1e-6)
    assert light(one, replace(frame, filter="R")).sum() == pytest.approx(350, rel=1e-6)
    y, x = np.indices(SHAPE)
    assert (scene * x).sum() / 700 == pytest.approx(one.stars[0].x + 0.3, abs=1e-4)
    assert (scene * y).sum() / 700 == pytest.approx(one.stars[0].y - 0.4, abs=1e-4)
    width2 = (scene * (x - one.stars[0].x - 0.3) ** 2).sum() / 700
    # A pixel widens what it integrates by a twelfth of a square pixel.
    assert np.sqrt((width2 - 1 / 12) * 8 * np.log(2)) == pytest.approx(3.2, rel=1e-3)


def test_light_of_a_star_at_and_off_the_edge_is_cut(night):
    _, truth = night
    one = replace(truth, stars=(replace(truth.stars[5], x=0.0, y=40.0, flux=(1000.0, 1.0)),))
    frame = replace(truth.frames[-1], filter="V", dx=0.0, dy=0.0, rotation=0.0, transparency=1.0, fwhm=3.2)
    half = light(one, frame).sum()
    assert 500 < half < 700  # all of pixel 0 is inside
    assert light(one, replace(frame, dx=-500.0)).sum() == 0
    assert light(one, frame, at=replace(frame, dy=500.0)).sum() == 0


def test_stars_are_apart_and_inside(night):
    _, truth = night
    places = np.array([(star.x, star.y) for star in truth.stars])
    assert len(places) >= 6
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(places))
    assert apart.min() > 30
    assert places.min() > 20
    assert (places < np.array(SHAPE[::-1]) - 20).all()


def test_cosmic_rays_are_tracks_in_proportion_to_the_exposure(night):
    _, truth = night
    by_kind = {kind: [f for f in truth.frames if f.kind == kind] for kind in ("bias", "science")}
    assert not any(frame.cosmic_rays for frame in by_kind["bias"])
    counts = [len(frame.cosmic_rays) for frame in by_kind["science"]]
    assert sum(counts) > 30
    assert len(set(counts)) > 1
    ray = next(frame for frame in by_kind["science"] if len(frame.cosmic_rays) > 3).cosmic_rays
    near = min(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a in ray for b in ray if a is not b)
    assert near == 1
    assert all(charge > 0 and 0 <= x < SHAPE[1] and 0 <= y < SHAPE[0] for x, y, charge in ray)


def test_nothing_is_overwritten(night, tmp_path):
    directory, _ = night
    before = digests(directory)
    with pytest.raises(OutputExistsError):
        simulate_night(directory, seed=4, shape=SHAPE)
    assert digests(directory) == before


def test_counts_and_filters_are_obeyed(tmp_path):
    truth = simulate_night(tmp_path, shape=(128, 140), filters=("R",), counts=(2, 0, 1, 1))
    assert [frame.kind for frame in truth.frames] == ["bias", "bias", "flat", "science"]
    assert {path.name for path in tmp_path.iterdir()} == {"truth.json", *(f.file for f in truth.frames)}
    assert json.loads((tmp_path / "truth.json").read_text())["filters"] == ["R"]


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"shape": (64, 512)},
        {"shape": (512,)},
        {"shape": (512.0, 512)},
        {"shape": 512},
        {"fwhm": 0},
        {"fwhm": "wide"},
        {"counts": 3},
        {"filters": ()},
        {"filters": ("V", "V")},
        {"filters": ("Z",)},
        {"counts": (1, 2, 3)},
        {"counts": (1, 2, 3, -4)},
    ],
)
def test_bad_arguments_make_no_night(tmp_path, options):
    with pytest.raises(CcdfxError, match=next(iter(options))):
        simulate_night(tmp_path / "night", **options)
    assert not (tmp_path / "night").exists()
