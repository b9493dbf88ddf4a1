"""Planning: pure, from header facts to what is made of what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.naming import slug, stem_of, unique
from ccdfx.night.plan import plan_night
from ccdfx.night.settings.reading import load_night_recipe
from ccdfx.records.range import Range

SHAPE = (96, 128)


def frame(file, kind, **facts):
    given = {"shape": SHAPE, "binning": (1, 1), "instrument": "iraf", "data": Range(0, 120, 0, 96)}
    given |= {"overscan": Range(120, 128, 0, 96), "exptime": 0.0}
    return Frame(path=Path(file), file=file, kind=kind, **(given | facts))


def biases(count=3):
    return [frame(f"b{i}.fits", "bias") for i in range(count)]


def darks(exptime, count=2):
    return [frame(f"k{exptime:g}_{i}.fits", "dark", exptime=exptime) for i in range(count)]


def flats(filter, count=2, exptime=2.0):
    return [frame(f"f{filter}{i}.fits", "flat", filter=filter, exptime=exptime) for i in range(count)]


def science(file="s.fits", **facts):
    return frame(file, "science", **({"object": "NGC 1", "filter": "V", "exptime": 60.0} | facts))


@pytest.mark.quick
def test_every_frame_gets_what_fits():
    plan = plan_night([*biases(), *darks(60), *darks(2), *flats("V"), *flats("R"), science()])
    assert plan.files == (
        "masters/bias.fits",
        "masters/dark_2s.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
        "masters/flat_R.fits",
        "calibrated/s.fits",
    )
    use = plan.science[0].use
    assert (use.bias, use.dark, use.flat) == (
        "masters/bias.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
    )
    assert (use.dark_scale, use.missing, plan.warnings) == (None, (), ())
    flat = plan.masters[3].inputs[0]
    assert (flat.bias, flat.dark, flat.flat) == ("masters/bias.fits", "masters/dark_2s.fits", None)


def test_no_flat_of_the_filter_is_said_not_guessed():
    plan = plan_night([*biases(), *darks(60), *darks(2), *flats("R"), science()])
    assert plan.science[0].use.flat is None
    assert plan.warnings == (
        "no flat of filter V (there are flats of filter R), so there is no division by a flat: s.fits",
    )


def test_case_matters_in_filters():
    plan = plan_night([*biases(), *darks(60), *darks(2), *flats("r"), *flats("R"), science(filter="R")])
    names = {master.filter: master.file for master in plan.masters if master.kind == "flat"}
    assert plan.science[0].use.flat == names["R"] != names["r"]
    assert len({name.lower() for name in names.values()}) == 2


def test_a_dark_of_another_exposure_is_scaled_only_when_asked():
    frames = [*biases(), *darks(30), *darks(90), *darks(2), *flats("V"), science()]
    plan = plan_night(frames)
    assert plan.science[0].use.dark is None
    assert "no dark of 60 s (there are darks of 2 s, 30 s, 90 s)" in plan.warnings[0]
    scaled = plan_night(frames, recipe=load_night_recipe({"dark": {"scale": True}}))
    assert scaled.science[0].use.dark == "masters/dark_90s.fits"
    assert scaled.science[0].use.dark_scale == pytest.approx(60 / 90)
    assert scaled.warnings == ()


def test_exposures_within_the_tolerance_are_one():
    plan = plan_night([*biases(), *darks(60.0), *darks(60.04), *flats("V"), science(exptime=59.98)])
    assert [m.file for m in plan.masters if m.kind == "dark"] == ["masters/dark_60s.fits"]
    assert plan.science[0].use.dark == "masters/dark_60s.fits"


def test_without_biases_a_dark_holds_the_bias_and_is_never_scaled():
    plan = plan_night(
        [*darks(60), science(), science("t.fits", exptime=30.0)],
        recipe=load_night_recipe({"dark": {"scale": True}}),
    )
    one, two = (item.use for item in plan.science)
    assert (one.dark, one.bias, one.dark_scale) == ("masters/dark_60s.fits", None, None)
    assert two.dark is None
    assert any("no bias frame fits" in reason for reason in two.missing)


def test_a_frame_to_which_nothing_applies_is_left_out():
    plan = plan_night([science(overscan=None)])
    assert plan.science == ()
    assert plan.left_out[0][1] == "has no overscan, and no bias, dark or flat fits it"
    assert plan_night([science()]).science[0].use.masters == ()  # its overscan applies


@pytest.mark.quick
def test_setups_never_mix():
    binned = {
        "shape": (48, 64),
        "binning": (2, 2),
        "data": Range(0, 60, 0, 48),
        "overscan": Range(60, 64, 0, 48),
    }
    other = [replace(item, file="2" + item.file, **binned) for item in [*biases(), science()]]
    plan = plan_night([*biases(), science(), *other])
    assert len({master.file for master in plan.masters}) == 2
    assert len(plan.science) == 2
    for item in plan.science:
        (master,) = [m for m in plan.masters if m.file == item.use.bias]
        assert {use.frame.shape for use in master.inputs} == {item.use.frame.shape}
    for change in ({"instrument": "x"}, {"data": Range(1, 120, 0, 96)}):
        assert plan_night([*biases(), science(**change)]).science[0].use.bias is None


def test_gains_never_mix_but_an_unsaid_one_joins_the_only_setup():
    one, two = Known(2.0, "header"), Known(1.0, "header")
    known = [replace(item, gain=one) for item in biases()]
    assert plan_night([*known, science(gain=two)]).science[0].use.bias is None
    assert plan_night([*biases(), science(gain=two)]).science[0].use.bias == "masters/bias.fits"
    plan = plan_night([*biases(), science("a.fits", gain=one), science("b.fits", gain=two)])
    assert {item.use.bias for item in plan.science} == {None}


def test_frames_of_one_object_and_filter_are_combined():
    frames = [
        science("a.fits"),
        science("b.fits", object="ngc 1"),
        science("c.fits", filter="R"),
        science("d.fits", object="NGC 2"),
    ]
    (group,) = plan_night(frames).combined
    assert (group.file, group.inputs) == ("combined/NGC_1_V.fits", ("calibrated/a.fits", "calibrated/b.fits"))
    assert plan_night(frames, recipe=load_night_recipe({"combine": {"use": False}})).combined == ()


def masked(frames, **choice):
    plan = plan_night(frames, recipe=load_night_recipe({"cosmic_rays": choice}))
    return [item.use.frame.file for item in plan.science if item.cosmic_rays]


def test_cosmic_rays_are_masked_where_too_few_exposures_would_show_them():
    frames = [
        *(science(f"a{i}.fits", object="M 13" if i else "m 13") for i in range(3)),
        *(science(f"b{i}.fits", object="M 92") for i in range(2)),
        science("c.fits", object="M 13", filter="R"),
        *(science(f"d{i}.fits", object=None) for i in range(3)),
    ]
    few = ["b0.fits", "b1.fits", "c.fits", "d0.fits", "d1.fits", "d2.fits"]
    assert masked(frames, single=False) == few
    assert masked(frames, use=False) == []
    assert masked(frames, single=False, fewer_than=1) == []
    assert len(masked(frames, single=False, fewer_than=4)) == len(masked(frames)) == len(frames)


def test_frames_without_a_name_are_not_combined():
    plan = plan_night([science("a.fits", object=None), science("b.fits", object=None)])
    assert plan.combined == ()
    assert any("no name of an object" in text for text in plan.warnings)


def test_a_frame_of_no_exposure_time_stays_single():
    names = [("s.fits", 60.0), ("s2.fits", 60.0), ("s3.fits", 0.0)]
    plan = plan_night([*biases(), *(science(name, exptime=time) for name, time in names)])
    assert plan.combined[0].inputs == ("calibrated/s.fits", "calibrated/s2.fits")
    assert "an exposure time of 0, so not combined: s3.fits" in plan.warnings


def test_problems_and_others_are_not_used():
    plan = plan_night([frame("x.fits", "other"), frame("y.fits", "bias", problem="is cut")])
    assert plan.files == ()
    assert [why for _, why in plan.left_out] == ["is neither a calibration nor a science frame", "is cut"]


def test_the_overscan_can_be_left_alone():
    plan = plan_night([*biases(), science()], recipe=load_night_recipe({"overscan": {"use": False}}))
    assert plan.science[0].use.frame.overscan is None


def test_names_cannot_leave_the_output_and_never_collide():
    evil = ["../../x", "/etc/passwd", "..", "a/b", "a_b", "A_B", "", "\x00", "x" * 300]
    frames = [
        science(f"{i}{j}.fits", object=name, filter=name) for i, name in enumerate(evil) for j in range(2)
    ]
    plan = plan_night([*frames, *(item for name in evil for item in flats(name, 1))])
    assert len({file.lower() for file in plan.files}) == len(plan.files) > len(frames)
    for file in plan.files:
        folder, name = file.split("/")
        assert folder in ("masters", "calibrated", "combined")
        assert name.isascii() and not name.startswith(".") and len(name) < 200


def test_files_of_one_name_in_two_folders():
    plan = plan_night([science("a/d1.fits"), science("b/d1.fits"), science("a_d1.fits")])
    assert [item.file for item in plan.science] == [
        "calibrated/a_d1.fits",
        "calibrated/b_d1.fits",
        "calibrated/a_d1_2.fits",
    ]


def test_the_plan_prints_as_a_tree():
    plan = plan_night([*biases(2), *flats("V", 1), science(), frame("x.fits", "bias", problem="is cut")])
    lines = str(plan).splitlines()
    assert lines[0] == "iraf, 128 x 96, overscan [121:128,1:96]"
    assert "├── masters/bias.fits: 2 bias frames" in lines
    assert "│   └── s.fits" not in lines
    assert any(
        line.endswith(
            "s.fits, NGC 1, V, 60 s; subtract overscan, bias.fits; divide by flat_V.fits; mask cosmic rays"
        )
        for line in lines
    )
    assert lines[-2] == "warnings" and lines[-1].startswith("└── no dark frame fits")
    labels = [node["label"] for node in plan.tree()]
    assert labels[1:] == ["not used"]


@given(st.lists(st.text(max_size=80), max_size=12))
def test_unique_names_stay_unique(texts):
    names = unique(slug(text) for text in texts)
    assert len({name.lower() for name in names}) == len(texts)
    assert all(name and "/" not in name and not name.startswith(".") for name in names)


@given(st.text(max_size=100))
def test_stems_are_plain(text):
    assert set(stem_of(text)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_")


@given(st.permutations([*biases(2), *darks(60), *flats("V"), science("a.fits"), science("b.fits")]))
def test_the_order_of_the_frames_does_not_matter_for_what_fits(frames):
    plan = plan_night(frames)
    assert {item.use.frame.file: item.use.masters for item in plan.science} == dict.fromkeys(
        ("a.fits", "b.fits"), ("masters/bias.fits", "masters/dark_60s.fits", "masters/flat_V.fits")
    )


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"drak": {}}, "drak"),
        ({"dark": {"sacle": True}}, "sacle"),
        ({"dark": {"scale": 1}}, "true or false"),
        ({"dark": 3}, "must be a table"),
        ({"dark": {"tolerance": 2}}, "fraction"),
        ({"flat": {"average": "mode"}}, "mean, median"),
        ({"flat": {"level": -1}}, "ADU"),
        ({"overscan": {"statistic": "mode"}}, "statistic"),
        ({"science": {"steps": ""}}, "text"),
        ({"bias": {"reject": 3}}, "rejection"),
        ({"cosmic_rays": {"fewer_than": 0}}, "at least 1"),
        ({"cosmic_rays": {"sigma_limit": 0}}, "above 0"),
        ({"cosmic_rays": {"neighbour_fraction": 2}}, "fraction"),
        ({"cosmic_rays": {"object_limit": "5"}}, "number"),
        ({"cosmic_rays": {"medians": "fast"}}, "exact, separable"),
        ({"cosmic_rays": {"sigma": 4}}, "sigma_limit"),
    ],
)
def test_a_wrong_recipe_is_named_with_key_and_rule(recipe, words):
    from ccdfx.errors import FormatError

    with pytest.raises(FormatError, match=words):
        load_night_recipe(recipe)


def test_files_in_a_recipe_are_found_from_any_directory(tmp_path, monkeypatch):
    """night.json has the recipe, by which `ccdfx verify --remake` makes the products again from elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "night.toml").write_text(
        '[science]\nsteps = "more.toml"\n[bad_pixels]\nfile = "~/bad.fits"\n'
    )
    recipe = load_night_recipe("night.toml")
    assert (recipe.science.steps, recipe.bad_pixels.file) == (
        str(tmp_path / "more.toml"),
        "/home/me/bad.fits",
    )
    assert load_night_recipe({"bad_pixels": {"file": "b.fits"}}).bad_pixels.file == str(tmp_path / "b.fits")


def test_a_recipe_file(tmp_path):
    from ccdfx.errors import FileError, FormatError

    path = tmp_path / "night.toml"
    path.write_text('[dark]\nscale = true\n[science]\nsteps = "more.toml"\n')
    recipe = load_night_recipe(path)
    assert recipe.dark.scale is True
    assert recipe.science.steps == str(tmp_path / "more.toml")
    path.write_text("[dark\n")
    with pytest.raises(FormatError, match="not TOML"):
        load_night_recipe(path)
    with pytest.raises(FileError, match="cannot be opened"):
        load_night_recipe(tmp_path / "absent.toml")
