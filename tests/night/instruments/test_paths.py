"""Kinds, filters and objects by the path of a file; corrections of headers by the instrument file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.paths import PATH
from ccdfx.testing import check_instrument

CAMERA = """
name = "folders"
match = { NAXIS1 = 5 }
rules = [
    { kind = "bias", when = { path = "zero_*" } },
    { kind = "flat", when = { path = "*/flats/{filter}_{exptime}/*" } },
    { kind = "science", when = { path = ["! */flats/*"], TITLE = "*" } },
]
[keywords]
object = "TITLE"
[[header]]
rename = { NAME = "TITLE" }
set = { EXPTIME = 60.0, GAIN = 2.5 }
remove = ["BIASSEC"]
[[header]]
when = { TITLE = "M 51", path = "*/new/*" }
set = { TITLE = "NGC 5194" }
[detector]
gain = "GAIN"
[sections]
overscan = "BIASSEC"
"""


def write(path: Path, **cards: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ccdfx.write(ccdfx.Image(np.zeros((4, 5), np.uint16), {"BIASSEC": "[9:9,1:1]", **cards}), path)


@pytest.mark.quick
def test_paths_tell_the_kind_and_what_their_named_parts_hold(tmp_path: Path) -> None:
    camera = read_instrument(CAMERA)
    for name in ("zero_1.fits", "flats/V_2.5s/zero.fits", "flats/R/a.fits", "old/b.fits", "new/b.fits"):
        write(tmp_path / name, NAME="M 51")
    frames = {frame.file: frame for frame in ccdfx.scan(tmp_path, instrument=camera)}
    flat = frames["flats/V_2.5s/zero.fits"]
    assert (flat.kind, flat.filter, flat.exptime, flat.gain) == ("flat", "V", 2.5, (2.5, "header"))
    assert frames["zero_1.fits"].kind == "bias" and "no rule" in str(frames["flats/R/a.fits"].problem)
    # Corrected before the kind is looked at, and one correction after the other.
    assert [frames[f"{one}/b.fits"].object for one in ("old", "new")] == ["M 51", "NGC 5194"]
    assert frames["new/b.fits"].overscan is None and "BIASSEC" not in frames["new/b.fits"].header
    assert str(frames["new/b.fits"].as_dict()["corrections"]).endswith("; TITLE = 'NGC 5194'")
    (alone,) = ccdfx.scan(tmp_path / "flats/V_2.5s/zero.fits", instrument=camera)  # wherever the scan begins
    assert (alone.kind, alone.filter) == ("flat", "V")


@pytest.mark.quick
def test_corrections_are_in_the_pixels_header_too(tmp_path: Path) -> None:
    from ccdfx.night.raw.reading import raw_image
    from ccdfx.night.settings.choices import NightRecipe

    write(tmp_path / "new/b.fits", NAME="M 51")
    (frame,) = ccdfx.scan(tmp_path, instrument=read_instrument(CAMERA))
    header = raw_image(frame, NightRecipe()).header
    assert dict(header) == {"TITLE": "NGC 5194", "EXPTIME": 60.0, "GAIN": 2.5}


def test_a_card_cannot_stand_for_the_path(tmp_path: Path) -> None:
    camera = read_instrument(CAMERA)
    write(tmp_path / "light.fits", **{PATH: "/x/zero_1.fits", "NAME": "M 51"})
    assert [frame.kind for frame in ccdfx.scan(tmp_path, instrument=camera)] == ["science"]


def test_an_instrument_of_paths_and_corrections_obeys_the_laws() -> None:
    check_instrument(read_instrument(CAMERA), examples=5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{filter}", "{colour}", "rules.when.path: has a named part that is none of {filter}"),
        ('"zero_*"', "3", "rules.when.path: must be a pattern of paths"),
        ("NAME =", "NAXIS1 =", "header.rename: must not change how the file is read"),
        ("remove =", "drop =", "header.drop: is not a key here"),
        ("EXPTIME = 60.0", "EXPTIME = [60.0]", "header.set.EXPTIME: must be text, a number"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(ccdfx.FormatError) as caught:
        read_instrument(CAMERA.replace(old, new), "mine.toml")
    assert words in str(caught.value) and str(caught.value).startswith("mine.toml: ")
