"""Combined frames on the flux scale of the deepest: clouds, seeing, twilight, limits; against simulated truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import ccdfx
from ccdfx import FluxRatio, aperture_photometry
from ccdfx.io import read
from ccdfx.night.products.coadd import _check_warnings
from ccdfx.night.products.flux_scale import (
    Exposures,
    FluxScales,
    deepest_first,
    measured_scales,
    profile_allowance,
)
from ccdfx.night.settings.choices import CombineChoice
from ccdfx.operations.resampling.transform import Transform
from ccdfx.photometry.flux_check import FluxGroup

SHAPE = (200, 210)
GAIN, READNOISE, LEVEL = 1.5, 6.0, 1000.0
NIGHT = {
    "clouds": [{}, {}, {"transparency": 0.6}, {}, {"transparency": 0.6}],
    "seeing": [{}, {"fwhm": 4.8}, {}, {"fwhm": 4.8}, {}],
    "twilight": [{"sky": 6000.0}, {}, {}],
}
"""Objects, and how their exposures differ from FWHM 2.8, transparency 1 and a sky of 150 electrons."""


def stars_of(rng):
    """Rows x, y, electrons: at least 22 pixels apart."""
    rows: list[tuple[float, float, float]] = []
    while len(rows) < 30:
        x, y = rng.uniform(18, SHAPE[1] - 18), rng.uniform(18, SHAPE[0] - 18)
        if all(math.hypot(x - a, y - b) > 22 for a, b, _ in rows):
            rows.append((x, y, 4000 * 30 ** rng.random()))
    return np.array(rows)


class Sky:
    """Raw frames of three fields, with their true stars and conditions."""

    def __init__(self, folder):
        self.folder, self.rng = folder, np.random.default_rng(801)
        self.stars = {name: stars_of(self.rng) for name in NIGHT}
        self.rays: list[tuple[str, int, int]] = []  # object, x, y where they would lie without the dither
        self.at: dict[str, tuple[str, float, float, float]] = {}
        for i in range(5):
            self.write(f"b{i}.fits", "zero", 0.0, 0.0)
            self.write(f"f{i}.fits", "flat", 30_000.0, 1.0)
        for name, exposures in NIGHT.items():
            for i, given in enumerate(exposures):
                dx, dy = (0.0, 0.0) if i == 0 else self.rng.uniform(-3, 3, 2)
                light = self.light(name, dx, dy, **given)
                for x, y in self.empty(name, 4):
                    light[y + round(dy), x + round(dx)] += 1000.0
                    self.rays.append((name, x, y))
                self.write(f"{name}{i}.fits", "object", light, 60.0, object=name)
                self.at[f"{name}{i}"] = name, dx, dy, given.get("transparency", 1.0)

    def empty(self, name, count):
        """Positions at least 12 pixels from stars and edges, in the undithered frame."""
        found: list[tuple[int, int]] = []
        while len(found) < count:
            x, y = self.rng.integers(15, SHAPE[1] - 15), self.rng.integers(15, SHAPE[0] - 15)
            if np.hypot(*(self.stars[name][:, :2] - [x, y]).T).min() > 12:
                found.append((int(x), int(y)))
        return found

    def light(self, name, dx, dy, fwhm=2.8, transparency=1.0, sky=150.0):
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        sigma = fwhm / 2.3548
        out = np.full(SHAPE, sky)
        for a, b, flux in self.stars[name] + [dx, dy, 0]:
            peak = transparency * flux / (2 * np.pi * sigma**2)
            out += peak * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))
        return out

    def write(self, name, kind, light, exptime, object=""):
        counts = self.rng.poisson(np.broadcast_to(light, SHAPE)) / GAIN
        counts = counts + LEVEL + self.rng.normal(0, READNOISE / GAIN, SHAPE)
        header = {
            "IMAGETYP": kind, "OBJECT": object, "EXPTIME": exptime, "FILTER": "V", "INSTRUME": "small",
            "DATE-OBS": "2020-01-01T00:00:00", "GAIN": GAIN, "RDNOISE": READNOISE,
        }  # fmt: skip
        pixels = np.clip(np.round(counts), 0, 65535).astype(np.uint16)
        ccdfx.write(ccdfx.Image(pixels, header), self.folder / name)


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return Sky(tmp_path_factory.mktemp("fluxes"))


@pytest.fixture(scope="module")
def reduced(sky, tmp_path_factory):
    out = tmp_path_factory.mktemp("reduced")
    return ccdfx.reduce_night(sky.folder, out).facts, out


def product_of(facts, name):
    return next(fact for fact in facts["combined"] if fact["object"] == name)


def biases(sky, fact, out):
    """The mean relative error of the faint, mid and bright third of the stars, and its expected error."""
    name, dx, dy, transparency = sky.at[fact["reference"].split("/")[1].removesuffix(".fits")]
    x, y, flux = (sky.stars[name] + [dx, dy, 0]).T
    table = aperture_photometry(
        read(out / fact["file"]), np.column_stack([x, y]), radius=9.0, annulus=(11, 15)
    )
    true = flux * transparency / GAIN
    order = np.argsort(flux)[np.isin(np.argsort(flux), np.flatnonzero(table["flags"] == 0))]
    found = []
    for rows in np.array_split(order, 3):
        weights = true[rows] ** 2 / table["variance"][rows]
        error = np.sum(weights * (table["flux"][rows] / true[rows] - 1)) / weights.sum()
        found.append((error, weights.sum() ** -0.5))
    return found


@pytest.mark.quick
def test_two_of_five_frames_under_clouds(sky, reduced):
    facts, out = reduced
    fact = product_of(facts, "clouds")
    combined = read(out / fact["file"]).header
    night = {one["file"]: one for one in facts["calibrated"]}
    assert len(fact["scales"]) == 5 and "IMSCL006" not in combined
    for number, one in enumerate(fact["scales"], 1):
        true = sky.at[one["source"].split("/")[1].removesuffix(".fits")][3]
        assert abs(one["transparency"] - true) <= 3.5 * one["transparency_error"] < 0.02
        assert one["weight"] == pytest.approx(true**2, rel=0.1)
        assert combined[f"IMCMB{number:03d}"] == one["source"]
        assert combined[f"IMSCL{number:03d}"] == pytest.approx(1 / one["scale"], rel=1e-5)
        assert combined[f"IMTRP{number:03d}"] == pytest.approx(one["transparency"], rel=1e-5)
        for name in ("scale", "transparency", "transparency_error"):
            assert night[one["source"]][name] == one[name]
        assert night[one["source"]]["reference"] == combined["FLXREF"] == fact["reference"]
        header = read(out / one["source"]).header
        assert not {"FLXSCALE", "TRANSP", "TRANSERR"} & set(header), "they would depend on the other frames"
    header = read(out / fact["file"]).header
    for bias, error in biases(sky, fact, out):
        assert abs(bias) < min(max(0.005, 3 * error), 3 * np.hypot(error, header["FLXERR"]))
    assert 0.001 < header["FLXERR"] < max(one["transparency_error"] for one in fact["scales"])
    assert header["FLXERR"] == pytest.approx(fact["scale_error"])
    assert header["FLXSCALE"] == 1.0 and "TRANSP" not in header
    assert header["SKYLEVEL"] == pytest.approx(fact["sky"], rel=1e-5)
    assert not any(group["wrong"] for group in fact["check"])


@pytest.mark.quick
def test_every_calibrated_frame_has_the_facts_of_its_stars(sky, reduced):
    facts, out = reduced
    for fact in facts["calibrated"]:
        name = fact["source"].removesuffix(".fits")
        number, field = int(name[-1]), name[:-1]
        given = NIGHT[field][number]
        assert fact["fwhm"] == pytest.approx(given.get("fwhm", 2.8), rel=0.05)
        assert fact["stars"] == pytest.approx(30, abs=6 if "sky" not in given else 20)
        assert 0 <= fact["ellipticity"] < 0.1
        assert fact["reference"] == product_of(facts, field)["reference"]
        header = read(out / fact["file"]).header
        assert (header["FWHM"], header["NSTARS"]) == (pytest.approx(fact["fwhm"], abs=1e-4), fact["stars"])
        assert header["SKYLEVEL"] == pytest.approx(fact["sky"], rel=1e-5)


def test_a_twilight_frame_does_not_set_the_level(sky, reduced):
    fact = product_of(reduced[0], "twilight")
    assert fact["reference"] == "calibrated/twilight1.fits"
    assert fact["sky"] == pytest.approx(150 / GAIN, rel=0.05)
    weights = {one["source"]: one["weight"] for one in fact["scales"]}
    assert weights["calibrated/twilight0.fits"] < 0.1


@pytest.mark.quick
def test_other_seeing_is_no_bias_and_cosmic_rays_are_removed(sky, reduced):
    facts, out = reduced
    fact = product_of(facts, "seeing")
    for bias, error in biases(sky, fact, out):
        assert abs(bias) < max(0.005, 3 * error)
    assert not any(group["wrong"] for group in fact["check"])
    image = read(out / fact["file"])
    assert fact["reference"] == "calibrated/seeing0.fits"  # whose pixels are those of the positions below
    struck = [row for row in sky.rays if row[0] == "seeing"]
    for _, x, y in struck:  # 1000 electrons, 70 sigma of a frame
        assert abs(image.array[y, x] - fact["sky"]) < 6 * fact["noise_measured"] + 0.02 * 1000 / GAIN
    history = " ".join(image.header.history)
    assert "reject=profile_clip(" in history


@pytest.mark.quick
def test_what_is_allowed_to_profiles_follows_from_the_frames():
    still = Transform(error=0.0, method="stars")
    lost = Transform(error=math.nan, method="none")

    def allowance(fwhms, ratios, shifts=(still, still, still)):
        scales = FluxScales(
            ("a", "b", "c"), [1.0] * 3, [0.0] * 3, [1.0] * 3, [1.0] * 3, tuple(ratios), True, True
        )
        return profile_allowance(scales, fwhms, shifts, 0.0)

    sure = FluxRatio(1.0, 0.001, 30)
    calm = allowance([3.0, 3.0, 3.0], [sure] * 3)
    assert calm["amplitude"] == pytest.approx(0.001)
    assert 0 < calm["gradient"] < 0.1
    assert allowance([3.0, 5.0, 4.0], [sure] * 3)["gradient"] > 0.5
    assert allowance([3.0, 3.0, None], [sure, sure, None])["amplitude"] > 0.1
    assert allowance([3.0] * 3, [sure] * 3, [still, still, lost])["gradient"] > calm["gradient"]
    assert allowance([None] * 3, [sure] * 3) is None


@pytest.mark.quick
def test_without_stars_the_exposure_scales_and_is_said():
    rng = np.random.default_rng(802)
    empty = {name: ccdfx.measure_stars(rng.normal(0, 1, (64, 64))) for name in ("a", "b")}
    facts = {
        "a": {"exptime": 10.0, "sky": 50.0, "noise_measured": 2.0},
        "b": {"exptime": 20.0, "sky": 100.0, "noise_measured": 2.0},
    }
    still = Transform(error=0.0, method="reference")
    scales = measured_scales({"a": still, "b": still}, facts, empty, CombineChoice())
    assert (scales.scales, scales.zeros, scales.weights) == ([1.0, 2.0], [0.0, 0.0], [0.25, 1.0])
    assert scales.facts["b"]["transparency"] is None
    (said,) = scales.warnings
    assert said.startswith("the transparency of b is not known, with fewer than three usable stars")
    assert deepest_first(["a", "b"], Exposures(facts, empty)) == ["b", "a"]  # exposure over noise


@pytest.mark.quick
@pytest.mark.parametrize(("level", "zero"), [(160.0, 7.0), (107.3, 7.3)])
def test_rings_of_stars_belie_the_level_of_a_frame_that_a_nebula_fills(level, zero):
    """Both frames see one nebula; the level of the second says what it covers there, or that its sky is 7 brighter."""
    y, x = np.mgrid[:150, :150]
    scene = 300.0 * np.exp(-((x - 60) ** 2 + (y - 90) ** 2) / 5000)
    for a, b in (
        np.random.default_rng(803).uniform(-4, 4, (16, 2)) + 30 + 30 * np.indices((4, 4)).reshape(2, -1).T
    ):
        scene += 300 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.7**2))
    skies = {"a": 100.0, "b": 107.0}
    stars = {
        name: ccdfx.measure_stars(np.random.default_rng(804).normal(scene + sky, 2.0))
        for name, sky in skies.items()
    }
    facts = {
        name: {"exptime": 9.0, "sky": sky, "noise_measured": 2.0}
        for name, sky in (("a", 100.0), ("b", level))
    }
    still = Transform(error=0.0, method="reference")
    scales = measured_scales({"a": still, "b": still}, facts, stars, CombineChoice(scale="exposure"))
    assert scales.zeros == pytest.approx([0.0, zero], abs=0.2)


def test_the_check_warns_of_a_rule_that_is_not_safe_for_stars(sky, tmp_path):
    recipe = {"combine": {"reject": {"name": "mad_clip", "low": 4, "high": 4}}}
    facts = ccdfx.reduce_night(sky.folder, tmp_path, recipe=recipe).facts
    fact = product_of(facts, "seeing")
    assert fact["check"][-1]["wrong"]
    assert any(fact["file"] in text and "do not have the fluxes" in text for text in facts["warnings"])
    assert "do not have the fluxes" in (tmp_path / "report.html").read_text()


def test_limits_leave_frames_out_with_their_reasons(sky, tmp_path):
    recipe = {
        "select": {"fwhm": {"most": 4.0}, "transparency": {"sigma": 3}, "sky": {"most": 1000}},
        "combine": {"scale": "exposure", "weights": "equal"},
    }
    facts = ccdfx.reduce_night(sky.folder, tmp_path, recipe=recipe).facts
    left = {
        name: {one["source"][11:-5]: one["reason"] for one in product_of(facts, name)["left_out"]}
        for name in NIGHT
    }
    assert set(left["seeing"]) == {"seeing1", "seeing3"}
    assert left["seeing"]["seeing1"].startswith("its FWHM, 4.")
    assert set(left["twilight"]) == {"twilight0"}
    assert set(left["clouds"]) == {"clouds2", "clouds4"}
    assert "sigma below the median" in left["clouds"]["clouds2"]
    clouds = product_of(facts, "clouds")
    assert {(one["scale"], one["weight"]) for one in clouds["scales"]} == {(1.0, 1.0)}
    assert any("clouds2.fits is left out: its transparency" in text for text in facts["warnings"])
    (faint,) = (one for one in facts["calibrated"] if one["source"] == "clouds2.fits")
    assert faint["transparency"] == pytest.approx(0.6, abs=0.02) and "scale" not in faint
    assert 0 < faint["transparency_error"] < 0.02
    header = read(tmp_path / clouds["file"]).header
    assert header["IMCMB003"] == clouds["inputs"][2] and "IMTRP004" not in header


@pytest.mark.quick
def test_clouds_that_are_not_scaled_by_are_said():
    ratios = (
        FluxRatio(1.0, 0.0, 9),
        FluxRatio(1.2, 0.01, 9),
        FluxRatio(1.97, 0.002, 9),
        FluxRatio(1.9, 0.04, 9),
    )
    scales = FluxScales(
        ("a", "b", "c", "d"),
        [1.0, 2.0, 2.0, 2.0],
        [0.0] * 4,
        [1.0] * 4,
        [1.0, 2.0, 2.0, 2.0],
        ratios,
        True,
        False,
    )
    (said,) = scales.warnings
    assert said.startswith(
        "scaled by exposure time alone, though the transparency relative to a is b 0.600 +- 0.005:"
    )
    assert not replace(scales, by_stars=True).warnings


@pytest.mark.quick
def test_the_check_of_a_median_advises_a_mean():
    group = FluxGroup("bright", 9, 0.97, 0.002, 3.0, 0)
    assert 'choose average = "mean"' in _check_warnings((group,), "median")[0]
    assert 'choose reject = "auto"' in _check_warnings((group,), "mean")[0]


@pytest.mark.quick
def test_a_limit_that_cannot_be_read_is_refused():
    for wrong in ({"fwhm": 3}, {"fwhm": {"above": 3}}, {"seeing": {"most": 3}}):
        with pytest.raises(ccdfx.FormatError, match="select"):
            ccdfx.reduce_night(".", "out", recipe={"select": wrong})
