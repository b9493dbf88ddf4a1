"""Chips or amplifiers that write a file each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.grouping.parts import moment_warnings, refused_moments, told_apart
from ccdfx.night.grouping.setup import groups_of
from ccdfx.night.instruments.camera_settings import CameraSetting
from ccdfx.night.plan import plan_night

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


def test_extensions_tell_chips_whose_files_have_any_names() -> None:
    frames = [
        replace(one, header=HeaderValues({"EXTNAME": f"CCD{i % 2}"}))
        for i, one in enumerate(
            frames_of([(name, at) for at, pair in enumerate(("ab", "cd")) for name in pair])
        )
    ]
    assert [[frame.file[0] for frame in members] for members in groups_of(told_apart(frames)).values()] == [
        ["a", "c"],
        ["b", "d"],
    ]


def test_what_nothing_tells_apart_is_refused_and_a_copy_said() -> None:
    pairs = frames_of([("a", 1), ("b", 1), ("c", 5), ("d", 5)], exptime=9.0, kind="science", object="M 1")
    plan = plan_night(pairs)
    assert not plan.files and {why[:48] for _, why in plan.left_out} == {
        "is of a camera whose exposures all began 2 at a "
    }
    groups = groups_of(pairs[:3])
    assert not refused_moments(groups)
    assert moment_warnings(groups)[0].endswith("count twice: a.fits = b.fits")
    assert not moment_warnings(groups_of([replace(one, exptime=0.5) for one in pairs]))
