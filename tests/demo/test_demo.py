"""The demonstration: it passes, it is the same for the same seed, and it can fail."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ccdfx.demo.checks import Check
from ccdfx.demo.run import check_night, run_demo
from ccdfx.demo.simulate import simulate_night
from ccdfx.demo.truth import read_truth
from ccdfx.errors import CheckFailedError, OutputExistsError
from ccdfx.io import read, write
from ccdfx.night.run import reduce_night

SHAPE = (320, 320)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("demo"), seed=2, shape=SHAPE, check=False)


@pytest.fixture
def made(demo):
    facts = json.loads((demo.reduced / "night.json").read_text())
    return read_truth(demo.raw / "truth.json"), facts, demo.reduced


def failed(checks):
    return {check.quantity for check in checks if not check.passed}


@pytest.mark.quick
def test_the_result_agrees_with_the_truth(demo):
    assert failed(demo.checks) == set()
    assert demo.passed
    demo.require()
    assert len(demo.checks) > 25


def test_a_camera_without_overscan_is_reduced_as_truly(tmp_path):
    truth = simulate_night(tmp_path / "raw", seed=3, shape=(256, 256), filters=("R",), overscan=0)
    night = reduce_night(tmp_path / "raw", tmp_path / "reduced")
    checks = check_night(truth, night.facts, tmp_path / "reduced")
    # Without overscan the level stays in the bias, and its drift from frame to frame in the dark.
    assert failed(checks) <= {"bias level above the overscan", "dark current"}
    assert night.facts["warnings"] == []


def test_everything_is_where_it_says(demo):
    assert demo.report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in demo.pictures] == ["raw.png", "flat.png", "calibrated.png", "combined.png"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in demo.pictures)
    assert len(list(demo.raw.glob("*.fits"))) == 39


def test_the_night_has_no_trouble(made):
    _, facts, _ = made
    assert facts["warnings"] == []
    assert all(frame["used"] and not frame["problem"] for frame in facts["frames"])
    assert len(facts["frames"]) == 39  # the truth beside the frames is no frame
    assert len(facts["combined"]) == 2


@pytest.mark.quick
def test_a_directory_in_use_is_refused(tmp_path):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(OutputExistsError):
        run_demo(tmp_path)
    with pytest.raises(OutputExistsError):
        run_demo(tmp_path / "precious")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.quick
def test_a_check_fails_outside_its_tolerance_and_for_nan():
    assert Check("level", "ADU", 1.0, 1.4, 0.5).passed
    assert not Check("level", "ADU", 1.0, 1.6, 0.5).passed
    assert not Check("level", "ADU", 1.0, float("nan"), 0.5).passed


def test_failure_is_an_error_that_names_what_disagrees(demo):
    bad = Check("dark current", "e-/s", 0.08, 0.3, 0.01)
    wrong = replace(demo, checks=(*demo.checks, bad))
    assert not wrong.passed
    with pytest.raises(CheckFailedError, match=r"dark current is 0\.3 e-/s, not 0\.08 within 0\.01"):
        wrong.require()


def test_run_demo_itself_raises(tmp_path, monkeypatch):
    from ccdfx.demo import run as module

    monkeypatch.setattr(module, "check_night", lambda *args: (Check("level", "ADU", 1.0, 2.0, 0.1),))
    with pytest.raises(CheckFailedError, match="level"):
        run_demo(tmp_path, shape=(128, 128))


def detector(truth, **changes):
    return replace(truth, detector=replace(truth.detector, **changes))


def fluxes(truth, factor):
    stars = tuple(replace(star, flux=tuple(factor * f for f in star.flux)) for star in truth.stars)
    return replace(truth, stars=stars)


def dithers(truth, by):
    return replace(truth, frames=tuple(replace(f, dx=f.dx + by) if f.dx else f for f in truth.frames))


def science(truth, **changes):
    return replace(
        truth,
        frames=tuple(
            replace(f, **{name: change(f) for name, change in changes.items()}) if f.kind == "science" else f
            for f in truth.frames
        ),
    )


def levels(truth, kind, factor):
    return replace(
        truth,
        frames=tuple(replace(f, level=f.level * factor) if f.kind == kind else f for f in truth.frames),
    )


PERTURBED = {
    "dark current": lambda t: detector(t, dark_current=0.1),
    "bias structure, error rms": lambda t: detector(t, shape=t.shape, readnoise=9.0),
    "sky V": lambda t: levels(t, "science", 1.03),
    "sky noise V, measured": lambda t: levels(t, "science", 1.3),
    "flat V, error rms": lambda t: levels(t, "flat", 3.0),
    "flat R, error over 32 pixels rms": lambda t: detector(t, seed=t.seed + 1),
    "stars V, mean error": lambda t: fluxes(t, 1.01),
    "bright stars R when combined, mean error": lambda t: fluxes(t, 1.01),
    "transparency V, greatest error": lambda t: science(t, transparency=lambda f: f.transparency**1.2),
    "FWHM R, greatest error": lambda t: science(t, fwhm=lambda f: 1.04 * f.fwhm),
    "saturated stars V flagged when combined": lambda t: fluxes(t, 10.0),
    "alignment V, greatest error": lambda t: dithers(t, 0.2),
    "rotation R, greatest error": lambda t: science(t, rotation=lambda f: 1.1 * f.rotation),
    "bad column flagged": lambda t: detector(t, bad_columns=(5,)),
    "dead pixels flagged": lambda t: detector(t, dead_pixels=((30, 40),)),
    "column with a trap flagged": lambda t: detector(t, traps=((7, 0),)),
    "good pixels in the map of bad pixels": lambda t: detector(t, traps=()),
}


@pytest.mark.parametrize("quantity", PERTURBED)
def test_another_truth_is_found_out(made, quantity):
    truth, facts, reduced = made
    assert quantity in failed(check_night(PERTURBED[quantity](truth), facts, reduced))


def test_scattered_fluxes_are_found_out(made):
    truth, facts, reduced = made
    rng = np.random.default_rng(1)
    stars = tuple(
        replace(star, flux=tuple(f + 3 * np.sqrt(f + 5e4) * rng.standard_normal() for f in star.flux))
        for star in truth.stars
    )
    names = failed(check_night(replace(truth, stars=stars), facts, reduced))
    assert any("chi2" in name for name in names)


def spoilt(made, tmp_path, sort, change):
    """The reduced night with one product changed."""
    truth, facts, reduced = made
    for other in ("masters", "calibrated", "combined"):
        (tmp_path / other).mkdir()
        for number, product in enumerate(facts[other]):
            image = read(reduced / product["file"])
            if other == sort and number == 0:
                image = change(image)
            write(image, tmp_path / product["file"])
    for product in facts["bad_pixels"]:
        write(read(reduced / product["file"]), tmp_path / product["file"])
    return failed(check_night(truth, facts, tmp_path))


def test_cosmic_rays_left_in_are_found_out(made, tmp_path):
    truth, facts, _ = made
    reference = facts["combined"][0]["reference"]
    first = truth.frame(next(p["source"] for p in facts["calibrated"] if p["file"] == reference))

    def change(image):
        array = image.array.copy()
        for x, y, charge in first.cosmic_rays:
            array[y, x] += charge / truth.detector.gain / 5
        return image.replace(array=array)

    assert any("cosmic rays removed" in name for name in spoilt(made, tmp_path, "combined", change))


def test_rejection_that_did_not_happen_or_went_wild_is_found_out(made):
    truth, facts, reduced = made
    none = [{**product, "rejected": 0} for product in facts["combined"]]
    unflagged = [{**product, "flags": {}} for product in facts["calibrated"]]
    nothing = {**facts, "combined": none, "calibrated": unflagged}
    assert "cosmic ray pixels flagged or rejected V" in failed(check_night(truth, nothing, reduced))
    wild = [{**product, "rejected": 200_000} for product in facts["combined"]]
    assert "good pixels rejected V" in failed(check_night(truth, {**facts, "combined": wild}, reduced))


def test_masks_that_grow_everywhere_are_found_out(made, tmp_path):
    def change(image):
        mask = image.mask.copy()
        mask[:40, :40] |= 1
        return image.replace(mask=mask)

    assert "good pixels flagged" in spoilt(made, tmp_path, "calibrated", change)


def test_missing_products_are_errors(made):
    truth, facts, reduced = made
    for sort in ("masters", "calibrated", "combined"):
        with pytest.raises(CheckFailedError):
            check_night(truth, {**facts, sort: []}, reduced)
