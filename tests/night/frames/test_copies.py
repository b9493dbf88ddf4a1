"""Copies of raw frames are used once."""

from __future__ import annotations

import shutil

import pytest

from ccdfx.night.frames.choose import ChosenFrames
from ccdfx.night.frames.copies import without_copies
from ccdfx.night.frames.scan import scan


@pytest.mark.quick
def test_files_of_the_same_bytes_are_left_out(camera):
    """Not other exposures of one second, and not those whose beginning no card tells."""
    camera.science("s.fits")
    camera.science("other.fits")
    camera.write("b.fits", "zero", **{"DATE-OBS": None})
    for name, copy in (("s", "a copy of s"), ("s", "t"), ("b", "c")):
        shutil.copy(camera.folder / f"{name}.fits", camera.folder / f"{copy}.fits")
    found = without_copies(ChosenFrames(frames=tuple(scan(camera.folder))))
    assert [frame.file for frame in found.frames] == ["b.fits", "c.fits", "other.fits", "s.fits"]
    assert found.reasons == {"a copy of s.fits": "is a copy of s.fits", "t.fits": "is a copy of s.fits"}
    assert not without_copies(ChosenFrames(frames=found.frames)).left_out
