"""Cameras of several detectors: one reference and one selection for all, and one image of all where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ccdfx
from ccdfx.night.grouping.combined import CombinePlan
from ccdfx.night.products.by_detector.mosaic import MosaicPlan, make_detector_mosaic, plan_detector_mosaics
from ccdfx.night.products.flux_scale import Exposures, deepest_first, limited_together
from ccdfx.night.settings.choices import CombineChoice, NightRecipe


@pytest.mark.slow  # a night of two cameras
def test_a_night_of_two_detectors_has_one_reference_and_one_mosaic(two, tmp_path) -> None:
    night = ccdfx.reduce_night(
        two.folder, tmp_path, recipe={"combine": {"mosaic": True}, "bad_pixels": {"use": False}}
    )
    by_detector = night.facts["combined"]
    assert [one["file"] for one in by_detector] == [
        "combined/field_V_ccd1.fits",
        "combined/field_V_ccd2.fits",
    ]
    references = {one["reference"].removesuffix(f"_ccd{n}.fits") for n, one in enumerate(by_detector, 1)}
    assert len(references) == 1
    # The level of each readout, 500 + 40 n with 4 e- of noise and 1.2 + 0.3 n e-/ADU, is known of each frame.
    levels = [one["overscans"] for name in ("calibrated", "masters") for part in night.facts[name]
              for one in part.get("measured", [part])]  # fmt: skip
    assert len(levels) == 2 * (3 + 4 + 3) and {len(one) for one in levels} == {2}
    for name, level in (pair for one in levels for pair in one.items()):
        number = int(name[-1]) - 1
        assert abs(level - (500.0 + 40.0 * number)) < 5 * 4.0 / (1.2 + 0.3 * number) / (96 * 8) ** 0.5
    assert "Overscan of readouts" in (tmp_path / "report.html").read_text()
    (mosaic,) = night.facts["products"]["mosaic"]
    assert (mosaic["by"], mosaic["detectors"]) == ("detsec", ["ccd1", "ccd2"])
    image = ccdfx.read(tmp_path / mosaic["file"])
    ccd2 = ccdfx.read(tmp_path / "combined/field_V_ccd2.fits")
    assert "RDLEV1" in ccdfx.read_header(tmp_path / "calibrated/s0_ccd1.fits") and "RDLEV1" not in ccd2.header
    assert image.shape == two.flat.shape and image.unit == "electron" and image.header["NCOMBINE"] == 3
    np.testing.assert_array_equal(image.array[:, -ccd2.shape[1] :], ccd2.array[::-1, ::-1])
    gap = image.mask == ccdfx.Flag.NO_DATA
    assert gap[:, 128:138].all() and not gap[:, 4:124].any()
    # The stars of both detectors lie where they are, and the sky has no step.
    step = [(0.0, 0.0), (2.3, -1.6), (-3.4, 2.2)][int(references.pop()[-1])]
    expected = two.scene(*step)
    inner = np.zeros(gap.shape, bool)
    inner[6:-6, 6:-6] = True
    good = image.good & inner & (image.variance < np.inf)
    flat = np.median((image.array / expected)[good])
    pulls = ((image.array / flat - expected) / np.sqrt(image.variance + expected / 300))[good]
    assert abs(np.median(pulls)) < 0.3 and np.percentile(np.abs(pulls), 90) < 4


def plan(detector: str, **frames: tuple[str, str]) -> CombinePlan:
    """A plan whose frames are (path, date)."""
    uses = {
        file: SimpleNamespace(
            frame=SimpleNamespace(path=path, planes=None, date=date, exptime=1.0), masters=()
        )
        for file, (path, date) in frames.items()
    }
    setup = SimpleNamespace(detector=detector)
    return CombinePlan(
        setup=setup, file=f"{detector}.fits", object="M 1", filter="V", inputs=tuple(uses), uses=uses
    )  # type: ignore[arg-type]


@pytest.mark.quick
@pytest.mark.parametrize("one_file", [True, False])
def test_the_frames_of_an_exposure_know_each_other(one_file: bool) -> None:
    """By their file, or by their time where each detector has a file of its own."""
    from ccdfx.night.grouping.combined import _with_companions

    first = plan("A", a1=("1A", "t1"), a2=("2A", "t2"))
    second = plan("B", b2=("2A" if one_file else "2B", "t2"), b3=("3B", "t3"))
    found = _with_companions([first, second])
    assert [dict(one.companions) for one in found] == [{"a2": {"B": "b2"}}, {"b2": {"A": "a2"}}]
    assert set(found[0].needs) == {"a1", "a2", "b2"}


def test_the_deepest_exposure_and_the_limits_are_those_of_all_detectors() -> None:
    rng = np.random.default_rng(8)
    empty = ccdfx.measure_stars(rng.normal(0, 1, (64, 64)))
    noises = {"a1": 1.0, "b1": 9.0, "a2": 2.0, "b2": 2.0, "a3": 0.5}  # the third one is in one detector alone
    facts = {name: {"exptime": 10.0, "noise_measured": noise, "sky": noise} for name, noise in noises.items()}
    stars = dict.fromkeys(noises, empty)
    one = Exposures(facts, stars, {"a1": {"B": "b1"}, "a2": {"B": "b2"}})
    two = Exposures(facts, stars, {"b1": {"A": "a1"}, "b2": {"A": "a2"}})
    assert deepest_first(["a1", "a2", "a3"], one)[0] == "a2"  # 1/2 + 1 against 1 + 2/9
    assert deepest_first(["b1", "b2"], two)[0] == "b2"
    left_out = limited_together(["a1", "a2", "a3"], one, {"sky": {"most": 5.0}})
    assert list(left_out) == ["a1"] and left_out["a1"].endswith("(in detector B)")
    assert list(limited_together(["b1", "b2"], two, {"sky": {"most": 5.0}})) == ["b1"]


class Made(SimpleNamespace):
    """A context of products that were made."""

    def is_made(self, file: str) -> bool:
        return file in self.known

    def facts(self, file: str) -> dict[str, object]:
        return self.known[file]

    def path(self, file: str) -> Path:
        return self.folder / file

    def keys(self, files: Iterable[str]) -> list[tuple[str, str]]:
        return [(file, "key") for file in files]

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def planned(mosaic: bool = True) -> list[MosaicPlan]:
    """Plan the mosaics of two detectors with combined frames, and of a single exposure of another object."""
    science, combined = [], []
    for name in ("N", "S"):
        setup = SimpleNamespace(detector=name, instrument="two", binning=(1, 1))
        frames = {f"calibrated/a{n}_{name}.fits": frame(f"a{n}.fits[{name}]", "M 1") for n in (1, 2)}
        frames[f"calibrated/b_{name}.fits"] = frame(f"b.fits[{name}]", "M 2")
        items = [
            SimpleNamespace(
                file=file, setup=setup, use=SimpleNamespace(frame=one), filter="V", is_split=False
            )
            for file, one in frames.items()
        ]
        science += items
        uses = {item.file: item.use for item in items[:2]}
        combined.append(
            SimpleNamespace(file=f"combined/M_1_V_{name}.fits", setup=setup, uses=uses, object="M 1", filter="V",
                            colours={}, inputs=tuple(uses))
        )  # fmt: skip
    night = SimpleNamespace(combined=combined, science=science)
    recipe = NightRecipe(combine=CombineChoice(mosaic=mosaic))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccdfx.night.products.by_detector.mosaic.Planned", SimpleNamespace)
        return [item.record for item in plan_detector_mosaics(night, recipe)]  # type: ignore[arg-type]


def frame(file: str, name: str) -> SimpleNamespace:
    return SimpleNamespace(file=file, object=name)


@pytest.mark.quick
def test_a_mosaic_is_of_the_final_frames_of_each_detector() -> None:
    assert planned(mosaic=False) == []
    first, second = planned()
    assert first.file == "combined/M_1_V_mosaic.fits" and second.file == "combined/M_2_V_mosaic.fits"
    assert first.inputs == {"N": "combined/M_1_V_N.fits", "S": "combined/M_1_V_S.fits"}
    assert second.inputs == {"N": "calibrated/b_N.fits", "S": "calibrated/b_S.fits"}
    assert first.exposures["calibrated/a2_S.fits"] == "a2.fits"


@pytest.mark.quick
def test_detectors_on_different_exposures_are_placed_by_their_wcs_alone(tmp_path: Path) -> None:
    (tmp_path / "combined").mkdir()
    plan, _ = planned()
    for number, file in enumerate(plan.inputs.values()):
        cards = {"DETSEC": f"[{4 * number + 1}:{4 * number + 4},1:3]", "CCDNAME": str(number), "NCOMBINE": 2}
        ccdfx.write(ccdfx.Image(np.full((3, 4), float(number)), cards), tmp_path / file)
    facts = {file: {"reference": f"calibrated/a1_{name}.fits"} for name, file in plan.inputs.items()}
    made = make_detector_mosaic(plan, Made(known=facts, folder=tmp_path, warnings=[]))  # type: ignore[arg-type]
    assert made.image is not None and made.image.header["NCOMBINE"] == 2 and made.facts["by"] == "detsec"
    np.testing.assert_array_equal(made.image.array, np.repeat([[0.0, 1.0]], 4, axis=1).repeat(3, axis=0))
    facts[plan.inputs["S"]]["reference"] = "calibrated/a2_S.fits"
    other = Made(known=facts, folder=tmp_path, warnings=[])
    assert make_detector_mosaic(plan, other).image is None  # type: ignore[arg-type]
    assert "its detectors lie on different exposures, a1.fits, a2.fits" in other.warnings[0]
    alone = Made(known={plan.inputs["N"]: {}}, folder=tmp_path, warnings=[])
    assert make_detector_mosaic(plan, alone).image is None  # type: ignore[arg-type]
    assert "detector S is not in it" in alone.warnings[0]
