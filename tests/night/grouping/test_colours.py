"""Mosaics of colours in the plan: one image for each colour, what is not taken apart is said."""

import dataclasses

import pytest

import ccdfx


def written(camera, **cards):
    for number in range(2):
        camera.write(f"b{number}.fits", "zero", **cards)
        camera.science(f"s{number}.fits", **cards)


def planned(camera, out, **recipe):
    return ccdfx.reduce_night(camera.folder, out, recipe=recipe, dry_run=True).plan


@pytest.mark.quick
def test_each_colour_is_combined_by_itself_and_needs_the_green_one(camera, out):
    written(camera, BAYERPAT="RGGB")
    camera.science("s0_R.fits", object="other", BAYERPAT="RGGB")
    plan = planned(camera, out)
    assert [item.file for item in plan.combined] == [f"combined/field_V_{name}.fits" for name in "RGB"]
    red = plan.combined[0]
    assert red.filter == "V R" and {red.guide(file) for file in red.inputs} < set(red.needs)
    assert not any("mosaic" in text for text in plan.warnings) and all(
        item.cosmic_rays for item in plan.science
    )
    files = [item.file for item in plan.products]
    assert len(set(files)) == len(files)  # s0_R is a frame, and the name of the red image of s0


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(
    ("cards", "recipe", "words"),
    [
        ({"BAYERPAT": "RGGB"}, {"colour": {"products": "none"}}, "colour.products"),
        ({"BAYERPAT": "CMYG"}, {}, "not known"),
    ],
)
def test_what_stays_a_mosaic_is_said_and_not_moved(camera, out, align, cards, recipe, words):
    written(camera, **cards)
    plan = planned(camera, out, **recipe, combine={"align": align})
    said = [text for text in plan.warnings if "mosaics of colours" in text]
    strange = words == "not known"
    assert len(plan.combined) == (strange and not align) and not plan.colours and len(said) == 1
    assert words in said[0] and cards["BAYERPAT"] in said[0]
    assert ("combine.align = false" in said[0]) == (strange and align)


def test_flats_of_another_pattern_are_of_another_setup(camera, out):
    written(camera, BAYERPAT="RGGB")
    camera.flats(2)  # a header that tells no pattern contradicts none
    assert all(item.use.flat for item in planned(camera, out).science)
    for path in camera.folder.glob("f*"):
        path.unlink()
    camera.flats(2, BAYERPAT="GBRG")
    plan = planned(camera, out)
    assert any("colours (GBRG, not RGGB)" in text for text in plan.warnings)
    assert not any(item.use.flat for item in plan.science)
    night = ccdfx.reduce_night(camera.folder, out, only="masters")
    assert any("as if there were no filters" in text for text in night.facts["warnings"])  # nor are there
    for path in camera.folder.glob("f*"):
        path.unlink()
    plan = planned(camera, out.parent / "other", masters={"files": [str(out)]})
    assert any("fit no frames" in text and "colours (GBRG, not RGGB)" in text for text in plan.warnings)
    assert not any(item.kind == "flat" for item in plan.taken)


def test_an_instrument_file_states_the_pattern(camera, out, tmp_path):
    iraf = ccdfx.load_instrument("iraf")
    mine = dataclasses.replace(iraf, name="mine", colours="BGGR")
    written(camera)
    night = ccdfx.reduce_night(camera.folder, out, instrument=mine, dry_run=True)
    assert {item.pattern for item in night.plan.colours} == {"BGGR"}
    text = 'name = "a"\nmatch = { X = "1" }\nrules = [{ kind = "bias", when = { X = "1" } }]\n[detector]\ncolours = "{}"\n'
    none = dataclasses.replace(iraf, name="none", colours="NONE")
    camera.write("k.fits", "object", filter="V", exptime=9.0, object="a", BAYERPAT="RGGB")
    frames = ccdfx.scan(camera.folder, instrument=none)
    assert {frame.colours for frame in frames} == {None}
    for colours, right in (("gbrg", "GBRG"), ("none", "NONE"), ("XYZ", None)):
        path = tmp_path / f"{colours}.toml"
        path.write_text(text.replace("{}", colours), encoding="utf-8")
        if right:
            assert ccdfx.load_instrument(path).colours == right
        else:
            with pytest.raises(ccdfx.FormatError, match=r"detector\.colours"):
                ccdfx.load_instrument(path)


def test_further_steps_do_not_mix_colours(camera, out, tmp_path):
    written(camera, BAYERPAT="RGGB")
    path = tmp_path / "steps.toml"
    path.write_text('[[step]]\nuse = "median_filter"\nsize = 3\n', encoding="utf-8")
    recipe = {"science": {"steps": str(path)}, "bad_pixels": {"use": False}}
    night = ccdfx.reduce_night(camera.folder, out, recipe={**recipe, "colour": {"products": "none"}})
    assert night.status == 1 and all("would mix the colours" in why for why in _problems(night))
    again = ccdfx.reduce_night(camera.folder, out, recipe=recipe, only="calibrated")
    assert again.status == 0
    assert any("median_filter" in line for line in ccdfx.read(out / "calibrated/s0_R.fits").header.history)
    assert not any("median_filter" in line for line in ccdfx.read(out / "calibrated/s0.fits").header.history)


def _problems(night):
    found = [one["problem"] for one in night.facts["frames"] if one["kind"] == "science"]
    assert len(found) == 2
    return found
