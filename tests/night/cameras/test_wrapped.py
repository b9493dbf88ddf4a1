"""Numbers above 32767 that were written as negative ones of 16 bits."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ccdfx


@pytest.mark.quick
@pytest.mark.parametrize("wraps", [True, False])
def test_frames_that_wrap_around_are_refused_and_those_of_another_zero_are_not(camera, out, wraps):
    """Stored without BZERO, zero is at -32768; wrapped around, the peak of a star is below zero."""
    camera.biases(3, BIASSEC=None)
    camera.science("s.fits", BIASSEC=None)
    for path in camera.folder.iterdir():
        raw = ccdfx.read(path)
        values = raw.array.astype(np.int32)
        if path.name == "s.fits":
            values[40:42, 50:52] = 40000
        stored = values.astype(np.uint16).view(np.int16) if wraps else (values - 32768).astype(np.int16)
        ccdfx.write(raw.replace(array=stored), path, overwrite=True)
    ccdfx.reduce_night(camera.folder, out, only="masters")
    (camera_facts,) = (out / "facts/camera").glob("*.json")
    refused = json.loads(camera_facts.read_text())["facts"]["refused"]
    assert ("4 pixels of s.fits below -1024" in refused) if wraps else refused is None
