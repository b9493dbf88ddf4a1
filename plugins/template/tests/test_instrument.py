"""The instrument: it knows the frames of its camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ccdfx


def test_instrument_knows_its_frames(tmp_path: Path) -> None:
    header = {"INSTRUME": "TemplateCam", "IMAGETYP": "Light Frame", "EXPTIME": 30.0, "FILTER": "V"}
    ccdfx.write(ccdfx.Image(np.zeros((4, 4), np.uint16), header), tmp_path / "a.fits")
    (frame,) = ccdfx.scan(tmp_path)
    assert (frame.instrument, frame.kind, frame.exptime, frame.filter) == (
        "template-cam",
        "science",
        30.0,
        "V",
    )
    assert frame.gain.value == 1.5 and frame.problem is None
