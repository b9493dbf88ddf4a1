"""What a dry run foresees: it reads all frames and writes nothing."""

from __future__ import annotations

import pytest

from ccdfx.night.run import reduce_night


def test_a_dry_run_refuses_damaged_pixels_with_the_words_of_the_run(camera, out):
    camera.biases(3)
    for name in ("s.fits", "t.fits"):
        camera.science(name)
    cut = camera.folder / "t.fits"
    cut.write_bytes(cut.read_bytes()[:9000])
    dry = reduce_night(camera.folder, out, dry_run=True)
    night = reduce_night(camera.folder, out)
    (problem,) = (frame["problem"] for frame in night.facts["frames"] if frame["file"] == "t.fits")
    assert {frame.file: why for frame, why in dry.plan.left_out} == {"t.fits": problem}
    assert dry.status == night.status == 1 and not any("t.fits" in item.file for item in dry.plan.products)


@pytest.mark.quick
def test_a_dry_run_writes_nothing_and_gives_the_plan(camera, out):
    camera.night()
    night = reduce_night(camera.folder, out, dry_run=True)
    assert not out.exists()
    assert (night.status, night.facts) == (0, {})
    assert "masters/flat_V.fits: 4 flat frames, filter V" in str(night.plan)
