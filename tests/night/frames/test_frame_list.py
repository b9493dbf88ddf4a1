"""Frames as a table."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.frame_list import Frames


@pytest.mark.quick
def test_frames_are_a_tuple_that_is_a_table() -> None:
    one = Frame(path=Path("a.fits"), file="a.fits", kind="science", object="<M 51>", exptime=30.0)
    frames = Frames([one, Frame(path=Path("b.fits"), file="b.fits", kind="bias")])
    assert frames == (*frames,) and isinstance(frames[:1], Frames) and frames[0] is one
    assert pickle.loads(pickle.dumps(frames)) == frames
    table = frames.to_table(["file", "exptime", "SEEING"])
    assert table["exptime"].mask.tolist() == [False, True] and str(table["exptime"].unit) == "s"
    assert table["SEEING"].mask.all() and frames.to_table().colnames[0] == "file"
    assert "&lt;M 51&gt;" in frames._repr_html_() and len(repr(frames).splitlines()) == 3
    assert repr(Frames()) == "no frames" and len(Frames().to_table()) == 0
