"""Where pixels lie: physical and detector positions stay through every operation, and through files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx import Image, Range, read, select, write
from ccdfx.records.header import lenient_number
from ccdfx.records.range import SECTIONS

SHAPE = (14, 17)
few = settings(max_examples=40, deadline=None)
numbers = st.integers(-40, 40).map(lambda n: n / 4)
physical = st.fixed_dictionaries(
    {},
    optional={
        "LTM1_1": st.sampled_from([0.5, -1.0, 0.25]),
        "LTM2_2": st.sampled_from([0.5, -1.0, 1.0]),
        "LTV1": numbers,
        "LTV2": numbers,
    },
)


def to_pixels(image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix and the offset of the pixels, from 1, by what the header and the window say."""
    header = image.header
    cards = [lenient_number(header, key) for key in ("LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2", "LTV1", "LTV2")]
    defaults = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    if cards[4:] == [None, None] and all(
        card in (None, one) for card, one in zip(cards, defaults, strict=True)
    ):
        return np.eye(2), -np.array([image.range.x_lower, image.range.y_lower], float)
    found = [default if card is None else card for card, default in zip(cards, defaults, strict=True)]
    return np.array(found[:4]).reshape(2, 2), np.array(found[4:])


def physical_position(image: Image, x: float, y: float) -> np.ndarray:
    """Return where the pixel (x, y) from 0 lies."""
    matrix, offset = to_pixels(image)
    return np.linalg.solve(matrix, np.array([x + 1, y + 1]) - offset)


def assert_same_place(
    one: Image, here: tuple[float, float], other: Image, there: tuple[float, float]
) -> None:
    np.testing.assert_allclose(physical_position(one, *here), physical_position(other, *there), atol=1e-9)


@st.composite
def windows(draw: st.DrawFn, nx: int = SHAPE[1], ny: int = SHAPE[0]) -> Range:
    x, y = draw(st.integers(0, nx - 3)), draw(st.integers(0, ny - 3))
    return Range(x, draw(st.integers(x + 2, nx)), y, draw(st.integers(y + 2, ny)))


@st.composite
def frames(draw: st.DrawFn) -> Image:
    """Draw a frame, whole or already a window, with or without physical coordinates of its own."""
    whole = Image(np.arange(float(np.prod(SHAPE))).reshape(SHAPE), draw(physical))
    part = draw(windows())
    return select(whole, section=part) if min(part.shape) > 6 and draw(st.booleans()) else whole


@few
@given(frames(), st.data())
def test_a_window_keeps_the_place_of_its_pixels(frame: Image, data: st.DataObject) -> None:
    ny, nx = frame.shape
    inside = data.draw(windows(nx, ny)).moved(frame.range.x_lower, frame.range.y_lower)
    part = ccdfx.trim(frame, section=inside)
    x, y = inside.x_lower - frame.range.x_lower, inside.y_lower - frame.range.y_lower
    assert_same_place(frame, (x, y), part, (0, 0))
    assert_same_place(ccdfx.paste(frame, part=part), (x, y), part, (0, 0))


@few
@given(frames(), st.sampled_from([(1.0, 0.0), (-2.0, 3.0), (0.25, -1.5)]), windows())
def test_moved_pixels_keep_the_place_of_their_content(
    frame: Image, step: tuple[float, float], place: Range
) -> None:
    dx, dy = step
    moved = ccdfx.shift(frame, dx=dx, dy=dy)
    if "LTV1" not in moved.header and "LTV2" not in moved.header:
        assert (frame.range.x_lower, frame.range.y_lower) == (0, 0), "nothing says where the pixels lie"
        return
    assert_same_place(frame, (3, 2), moved, (3 + dx, 2 + dy))
    turn = ccdfx.similarity(rotation=30, scale=1.2, offset=(1.5, -0.5))
    x, y = np.array(turn.matrix) @ (3, 2) + turn.offset
    assert_same_place(frame, (3, 2), ccdfx.warp(frame, transform=turn), (x, y))
    both = ccdfx.combine([frame, frame], offsets=[(0, 0), (-2, 1)], reject=None)
    assert_same_place(frame, (3, 2), both, (5, 2))


@few
@given(frames(), st.integers(-1, 8), st.integers(-1, 8), st.integers(2, 6))
def test_a_cut_out_keeps_the_place_of_its_pixels(frame: Image, x: int, y: int, size: int) -> None:
    size = 2 * size + 1
    (part,) = ccdfx.cutouts(frame, size=size, positions=[(x, y)])
    assert_same_place(frame, (x, y), part, (size // 2, size // 2))


@few
@given(frames(), st.sampled_from([None, (1, 0), (0.5, 2)]))
def test_files_keep_place_and_record(frame: Image, step: tuple[float, float] | None) -> None:
    image = frame if step is None else ccdfx.shift(frame, dx=step[0], dy=step[1])
    with tempfile.TemporaryDirectory() as folder:
        path = write(image, Path(folder) / "a.fits")
        back, stored = read(path), fits.getheader(path)  # also as another program finds it
        again = read(write(back, Path(folder) / "again.fits"))
    assert_same_place(image, (3, 2), back, (3, 2))
    there = Image(np.zeros(image.shape), {key: stored[key] for key in stored if key[:3] in ("LTM", "LTV")})
    assert_same_place(image, (3, 2), there, (3, 2))
    if image.header.get("LTV1") is not None and step is None and "LTM1_1" not in image.header:
        return  # LTV alone is read as the window that it states
    assert back.range == image.range
    assert again.header == back.header and again.range == back.range


@few
@given(
    windows(),
    windows(),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
    st.integers(1, 50),
    st.sampled_from(["DETSEC", "CCDSEC", "AMPSEC"]),
)
def test_sections_on_the_detector_follow_windows_or_go(
    data: Range, first: Range, bins: int, mirrored: bool, start: int, keyword: str
) -> None:
    """DATASEC is bins x 1 on the detector, perhaps mirrored in x."""
    end = start + bins * data.shape[1] - 1
    ends = (end, start) if mirrored else (start, end)
    section = f"[{ends[0]}:{ends[1]},{data.y_lower + 101}:{data.y_upper + 100}]"
    frame = Image(np.zeros(SHAPE), {"DATASEC": data.to_fits(), keyword: section, "BIASSEC": "[1:2,1:3]"})
    part = select(frame, section=first)
    if part is frame:
        return
    assert set(SECTIONS) & set(part.header) == ({keyword} if data.contains(first) else set())
    if data.contains(first):
        (x1, x2), (y1, y2) = (map(int, axis.split(":")) for axis in part.header[keyword][1:-1].split(","))
        left, right = first.x_lower - data.x_lower, first.x_upper - data.x_lower
        wanted = (end - bins * left, end - bins * right + 1) if mirrored else (
            start + bins * left, start + bins * right - 1
        )  # fmt: skip
        assert (x1, x2) == wanted and (y1, y2) == (first.y_lower + 101, first.y_upper + 100)
        assert not set(SECTIONS) & set(ccdfx.shift(part, dx=1, dy=0).header)


def test_a_binned_frame_is_trimmed_where_it_lies() -> None:
    binned = Image(np.zeros((40, 60)), {"LTM1_1": 0.5, "LTM2_2": 0.5, "LTV1": 0.25, "LTV2": 0.25})
    part = ccdfx.trim(binned, section="[11:50,1:40]")
    assert (part.header["LTM1_1"], part.header["LTV1"], part.header["LTV2"]) == (0.5, -9.75, 0.25)
    assert physical_position(part, 0, 0)[0] == 21.5
