"""Windows: the forms they are given in, and how they relate."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx import ArgumentError, ArgumentTypeError, Range

FRAME = (40, 60)  # (ny, nx)


@st.composite
def windows(draw: st.DrawFn, frame: tuple[int, int] = FRAME) -> Range:
    x = sorted(draw(st.lists(st.integers(0, frame[1]), min_size=2, max_size=2, unique=True)))
    y = sorted(draw(st.lists(st.integers(0, frame[0]), min_size=2, max_size=2, unique=True)))
    return Range(*x, *y)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, (0, 60, 0, 40)),
        ((1, 5, 2, 4), (1, 5, 2, 4)),
        ([1, 5, 2, 4], (1, 5, 2, 4)),
        ((30, 20, 3), (27, 34, 17, 24)),
        ((1, 39, 5), (0, 7, 34, 40)),
        ((30.0, 20.0, 0), (30, 31, 20, 21)),
        ("[2:5,3:4]", (1, 5, 2, 4)),
        ("[ 5 : 2 , 3:4]", (1, 5, 2, 4)),
        ("[*,3:4]", (0, 60, 2, 4)),
        ("[7,*]", (6, 7, 0, 40)),
        (Range(1, 5, 2, 4), (1, 5, 2, 4)),
    ],
)
def test_forms(spec: object, expected: tuple[int, ...]) -> None:
    assert tuple(Range.of(spec, FRAME)) == expected


@pytest.mark.quick
@pytest.mark.parametrize(
    "spec",
    [(0, 61, 0, 40), (5, 5, 0, 4), (5, 2, 0, 4), (-1, 5, 0, 4), (60, 10, 3), (10, 10, -1), (1, 2), "[1:70,1:2]",
     "[0:5,1:2]", "1:5,1:2", "[a:b,1:2]", "", (1, 2, 3, 4, 5)],
)  # fmt: skip
def test_refused(spec: object) -> None:
    with pytest.raises(ArgumentError, match=r"range: .+"):
        Range.of(spec, FRAME)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[0:10,1:60]", "must count pixels from 1"),
        ("[1:10,-3:4]", "must count pixels from 1"),
        ("[1:70, 1:2]", r"must lie inside the frame \[1:60,1:40\]"),
    ],
)
def test_a_section_is_quoted_as_it_was_typed(text: str, rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule) as caught:
        Range.of(text, FRAME)
    assert text in str(caught.value) and "(-" not in str(caught.value)


@pytest.mark.parametrize("spec", [5, (0.5, 5, 0, 4), (True, 5, 0, 4), ("a", "b", "c", "d")])
def test_wrong_types_are_type_errors(spec: object) -> None:
    with pytest.raises(ArgumentTypeError):
        Range.of(spec, FRAME)


@given(windows())
def test_fits_text_round_trip(window: Range) -> None:
    assert Range.from_fits(window.to_fits()) == window
    assert Range.of(window.to_fits(), FRAME) == window
    assert pickle.loads(pickle.dumps(window)) == window


@given(windows(), windows())
def test_intersection_is_what_both_contain(one: Range, two: Range) -> None:
    both = one.intersection(two)
    pixels = {(x, y) for x in range(one.x_lower, one.x_upper) for y in range(one.y_lower, one.y_upper)}
    expected = {
        (x, y) for x, y in pixels if two.x_lower <= x < two.x_upper and two.y_lower <= y < two.y_upper
    }
    assert (both is None) == (not expected)
    if both is not None:
        assert one.contains(both) and two.contains(both)
        assert both.shape[0] * both.shape[1] == len(expected)


@given(windows())
def test_relative_to_undoes_moved(window: Range) -> None:
    outer = Range(0, 60, 0, 40)
    assert window.moved(3, 4).relative_to(outer.moved(3, 4)) == window


@pytest.mark.parametrize("spec", ["[1:30,1:5]", (0, 30, 0, 5)])
def test_a_window_outside_the_frame_is_an_index_error_however_it_is_written(spec: object) -> None:
    with pytest.raises(IndexError, match="must lie inside the frame"):
        Range.of(spec, (20, 20))
