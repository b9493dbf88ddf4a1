"""Detectors that files lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.plan import plan_night


def mosaic(name, *detectors, instrument="a"):
    return [
        Frame(
            path=Path(name), file=f"{name}[{one}]", detector=one, instrument=instrument, kind="bias", exptime=0.0,
            shape=(8, 8), binning=(1, 1),
        )
        for one in detectors
    ]  # fmt: skip


@pytest.mark.quick
def test_a_file_that_lacks_a_detector_is_named():
    whole = [one for name in ("b0", "b1") for one in mosaic(name, "N1", "N2", "S1")]
    (text,) = plan_night([*whole, *mosaic("b2", "N1", "S1"), *mosaic("c", "N1", instrument="b")]).warnings
    assert text.startswith("detector N2, which 2 other files of the camera hold, is not in b2:")
    assert plan_night([*whole, *mosaic("w", "window")]).warnings == ()
