"""Detectors and readouts that files lack, or have elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ccdfx import Range, Readout
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.detectors import refused_readouts
from ccdfx.night.grouping.setup import Setup
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


def test_readouts_that_are_lost_or_contradict_the_calibrations_are_refused() -> None:
    whole = Range(0, 10, 0, 8)
    one, two = (
        Readout(
            name=name,
            window=whole,
            data=Range(0, 8, 0, 8),
            bias=(Range(8, 10, 0, 8),),
            place=Range(x, x + 8, 0, 8),
        )
        for name, x in (("A", 0), ("B", 8))
    )

    def setup(*readouts: Readout, shape: tuple[int, int] = (8, 16)) -> Setup:
        return Setup("cam", shape, (1, 1), None, None, whole, readouts=readouts)

    bias, science = (Frame(path=Path("f.fits"), file="f.fits", kind=kind) for kind in ("bias", "science"))
    moved = replace(two, data=Range(1, 9, 0, 8), bias=(Range(9, 10, 0, 8),))
    small = Range(0, 10, 0, 4)
    window = [
        replace(part, window=small, data=Range(0, 8, 0, 4), bias=(), place=Range(0, 8, 0, 4))
        for part in (one,)
    ]
    good = setup(one, two)
    groups = {good: [bias], setup(one): [science], setup(one, moved): [science]}
    lost, odd = refused_readouts(groups).values()
    assert "and lacks B" in lost and "its data section of B differs, in images of the same size" in odd
    assert not refused_readouts({good: [bias], setup(one): [bias, science]})  # it has calibrations of its own
    assert not refused_readouts({setup(one): [bias], setup(*window, shape=(4, 8)): [science]})  # a window
    assert not refused_readouts({good: [science], setup(one): [science]})
