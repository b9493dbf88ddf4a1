"""What is strange in the frames of an instrument file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccdfx.night.drafting.check import check_remarks
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.known import load_instrument


@pytest.mark.quick
def test_darks_of_the_same_exposure_tell_the_level_as_biases_do():
    def said(*exposures):
        frames = [("d", "dark", one) for one in exposures] + [("f", "flat", 2.0), ("s", "science", 60.0)]
        made = [Frame(path=Path(a), file=a, kind=b, exptime=c, filter="V", object="x") for a, b, c in frames]
        return [
            text for text in check_remarks(made, load_instrument("nina")) if "level without light" in text
        ]

    assert said(2.0, 60.1) == []
    (text,) = said(60.0)
    assert "no dark has the exposure of f:" in text
    assert "no dark has the exposure of f, s:" in said()[0]
