"""Raw frames prepared for calibration, from a file to trimmed values above their level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccdfx import Image, write
from ccdfx.errors import FormatError, MismatchError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.raw.preparation import lines_kept, prepared
from ccdfx.night.raw.reading import raw_image, standard_header
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.range import Range

RECIPE = NightRecipe()


def frame_of(path: Path, **changes: object) -> Frame:
    facts = {"shape": (4, 12), "overscan": Range(8, 12, 0, 4), "data": Range(0, 8, 0, 4)}
    return Frame(path=path, file=path.name, kind="science", exptime=30.0, **{**facts, **changes})


@pytest.mark.quick
def test_a_frame_is_flagged_levelled_and_trimmed(tmp_path: Path) -> None:
    pixels = np.full((4, 12), 1000, np.uint16)
    pixels[:, :8] += np.arange(8, dtype=np.uint16)
    pixels[1, 3] = 60000
    path = tmp_path / "a.fits"
    write(Image(pixels), path)
    image = prepared(frame_of(path, saturation=Known(60000.0, "header"), bad=(Range(5, 6, 0, 4),)), RECIPE)
    assert image.shape == (4, 8) and image.range == Range(0, 8, 0, 4)
    assert np.array_equal(image.array[0], np.arange(8.0))
    assert image.mask[1, 3] & Flag.SATURATED and (image.mask[:, 5] & Flag.BAD_PIXEL).all()
    assert image.header["EXPTIME"] == 30.0


@pytest.mark.quick
def test_what_is_not_as_its_header_said_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write(Image(np.full((4, 12), np.nan), mask=np.full((4, 12), np.uint8(Flag.NO_DATA))), path)
    with pytest.raises(FormatError, match="has no pixel with data"):
        raw_image(frame_of(path), RECIPE)
    write(Image(np.ones((4, 11))), path, overwrite=True)
    with pytest.raises(MismatchError, match="must have the shape"):
        prepared(frame_of(path), RECIPE)


@pytest.mark.quick
def test_cards_and_lines_are_those_of_the_frame() -> None:
    frame = frame_of(Path("a.fits"), filter="V", unit="adu")
    header = standard_header(Header({"EXPTIME": 1.0}), frame)
    assert (header["EXPTIME"], header["FILTER"], header["BUNIT"]) == (30.0, "V", "adu")
    assert lines_kept(frame, (4, 12)) is None
    short = frame_of(Path("a.fits"), overscan=Range(8, 12, 1, 3), data=Range(0, 8, 1, 3))
    assert lines_kept(short, (4, 12)) == Range(0, 12, 1, 3)
