"""Chips or amplifiers that write a file each."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.parts import told_apart
from ccdfx.night.grouping.setup import groups_of
from ccdfx.night.instruments.camera_settings import CameraSetting

pytestmark = pytest.mark.quick


def frames_of(names, **more):
    """Frames at a second that the number in the name says."""
    return [
        Frame(path=Path(f"{n}.fits"), file=f"{n}.fits", instrument="cam", shape=(4, 4), date=f"2020-01-01T00:00:{at:02d}", **more)
        for n, at in names
    ]  # fmt: skip


CHIPS = [(f"ccd{at:04d}c{chip}", at) for at in (3, 4, 5) for chip in (1, 2)]


def test_each_chip_is_a_setup_and_a_lost_file_does_not_matter() -> None:
    for names in (CHIPS, CHIPS[:-1]):
        groups = groups_of(told_apart(frames_of(names)))
        assert [[frame.file[-7:-5] for frame in members] for members in groups.values()] == [
            ["c1"] * 3, ["c2"] * (len(names) - 3),
        ]  # fmt: skip
    assert len(groups_of(frames_of(CHIPS))) == 1


@pytest.mark.parametrize(
    "names",
    [
        [(f"bias{n:02d}", n // 2) for n in range(1, 9)],  # two frames of one chip in a second
        [*CHIPS, ("copy_of_ccd0003c1", 3)],
        [(f"{name}{chip}", at) for at, name in enumerate("abc") for chip in (1,)],
        CHIPS[:2],
    ],
)
def test_names_that_do_not_tell_it(names) -> None:
    frames = frames_of(names)
    assert told_apart(frames) == tuple(frames)


def test_what_a_card_tells_needs_no_names() -> None:
    frames = frames_of(
        [name for name in CHIPS if name[0].endswith("c1")],
        settings=(CameraSetting("chip", "1", "CHIP", "1"),),
    )
    frames += frames_of(
        [name for name in CHIPS if name[0].endswith("c2")],
        settings=(CameraSetting("chip", "2", "CHIP", "2"),),
    )
    assert told_apart(frames) == tuple(frames)
