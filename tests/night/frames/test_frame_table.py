"""Tables that tell what headers do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.night.frames.frame_table import parse_table


@pytest.mark.quick
def test_a_night_without_headers_is_that_with_headers(tmp_path: Path, camera) -> None:
    """The same pixels, told by headers and by a table of patterns and names, become the same products."""
    camera.biases(3)
    camera.flats(2)
    camera.science("s.fits")
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in camera.folder.glob("*.fits"):
        sections = {key: ccdfx.read_header(path)[key] for key in ("BIASSEC", "TRIMSEC")}
        ccdfx.write(ccdfx.read(path).replace(header=sections), bare / path.name)
    (bare / "frames.csv").write_text(
        "# what they are\nFile; Kind; Filter; Exposure; Object; Gain; readnoise; Saturation\n"
        "b*.fits; bias; ; 0; ; 2; 6; 65535\nf*.fits; flat; V; 2s; ; 2; 6; 65535\n"
        "s.fits; science; V; 60; field; 2; 6; 65535\n"
    )
    recipe = {"read": {"table": str(bare / "frames.csv")}, "overscan": {"use": False}}
    with_table = ccdfx.reduce_night(bare, tmp_path / "one", recipe=recipe)
    with_headers = ccdfx.reduce_night(camera.folder, tmp_path / "two", recipe={"overscan": {"use": False}})
    assert with_table.status == with_headers.status == 0, with_table.facts["warnings"]
    (file,) = [one["file"] for one in with_table.facts["calibrated"]]
    (other,) = [one["file"] for one in with_headers.facts["calibrated"]]
    # Without sections of the instrument the overscan columns stay; the exposed ones agree.
    one, two = ccdfx.read(tmp_path / "one" / file), ccdfx.read(tmp_path / "two" / other)
    nx = two.shape[1]
    assert np.array_equal(one.array[:, :nx], two.array) and one.header["FILTER"] == "V"


@pytest.mark.quick
def test_lines_go_before_headers_and_what_is_not_there_is_said(tmp_path: Path, camera) -> None:
    camera.write("a.fits", "object", exptime=60.0, filter="V", object="M 51")
    camera.write("b.fits", "object", exptime=60.0, filter="V", object="M 51")
    table = tmp_path / "list.csv"
    table.write_text('file,kind,exptime,problem\na.fits,dark,"0,5 min",x\nz.fits,bias,,\n')
    with pytest.warns(ccdfx.CcdfxWarning, match=r"there is no frame z.fits \(line 3\)"):
        frames = ccdfx.scan(camera.folder, table=table)
    facts = [(frame.kind, frame.exptime, frame.filter, frame.object) for frame in frames]
    assert facts == [("dark", 30.0, "V", "M 51"), ("science", 60.0, "V", "M 51")]
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "mine"\ntable = "list.csv"\nmatch = { INSTRUME = "small" }\n'
        'rules = [{ kind = "science", when = { IMAGETYP = "object" } }]\n'
    )
    with pytest.warns(ccdfx.CcdfxWarning, match="z.fits"):
        assert [frame.kind for frame in ccdfx.scan(camera.folder, instrument=mine)] == ["dark", "science"]
    with pytest.raises(ccdfx.ArgumentError, match="the instrument file names one too"):
        ccdfx.scan(camera.folder, instrument=mine, table=table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind\nbias", "must have a column file"),
        ("file,colour\na,1", "has a column that is not known (got 'colour')"),
        ("file,exptime\na,long", "line 2: exptime must be seconds, 0 or more (got 'long')"),
        ("file,gain\na,-1", "line 2: gain must be a number above 0"),
        ("file,kind\na,bias\na,flat", "line 3: tells something else of a file than line 2"),
        ("", "holds no line"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ccdfx.FormatError) as caught:
        parse_table(text, "t.csv")
    assert str(caught.value).startswith("t.csv: ") and words in str(caught.value)
