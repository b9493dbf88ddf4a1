"""Mosaics of colours are said, are not moved, and their colours are not taken for cosmic rays."""

from __future__ import annotations

import pytest

from ccdfx import reduce_night


@pytest.mark.quick
@pytest.mark.parametrize("align", [True, False])
def test_a_night_of_mosaics_is_said_once_and_nothing_is_moved(camera, out, align):
    for i in range(2):
        camera.write(f"b{i}.fits", "zero", BAYERPAT="RGGB")
        camera.science(f"s{i}.fits", BAYERPAT="RGGB")
    facts = reduce_night(camera.folder, out, recipe={"combine": {"align": align}}, dry_run=True)
    (said,) = (text for text in facts.plan.warnings if "mosaics of colours" in text)
    assert "BAYERPAT = RGGB" in said and ("combine.align = false" in said) == align
    assert (facts.plan.combined == ()) == align
    assert not any(item.cosmic_rays for item in facts.plan.science)


def test_other_frames_are_no_mosaics(camera, out):
    camera.biases(2, BAYERPAT="NONE")
    camera.science("s.fits")
    plan = reduce_night(camera.folder, out, dry_run=True).plan
    assert not any("mosaics of colours" in text for text in plan.warnings) and plan.science[0].cosmic_rays
