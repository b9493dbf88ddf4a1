"""Steps and pipelines as values."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccdfx
from ccdfx import ArgumentTypeError, Image, UnknownNameError, pipeline, step
from ccdfx.testing import assert_same_image

RAW = Image(np.arange(20.0, dtype=np.float32).reshape(4, 5) + 100, {"OBJECT": "x", "BUNIT": "adu"})
BIAS = Image(np.full((4, 5), 90.0, np.float32))
STEPS = [
    step(ccdfx.subtract_bias, bias=BIAS),
    step("to_electrons", gain=1.5),
    step("trim", section="[2:4,1:3]"),
    step(ccdfx.mask_saturated, saturation=110.0),
]


@pytest.mark.quick
def test_a_pipeline_is_its_steps_one_after_the_other() -> None:
    steps = pipeline(STEPS[0], STEPS[1])
    expected = ccdfx.to_electrons(ccdfx.subtract_bias(RAW, bias=BIAS), gain=1.5)
    np.testing.assert_array_equal(steps(RAW).array, expected.array)


def test_it_takes_a_plain_array_and_leaves_its_input_alone() -> None:
    array = np.ones((2, 2))
    result = pipeline(step("to_electrons", gain=2.0))(array)
    assert (result.array == 2).all() and (array == 1).all()


@pytest.mark.quick
def test_every_step_writes_one_line_of_history() -> None:
    lines = pipeline(*STEPS[:2])(RAW).header.history
    assert len(lines) == 2
    assert lines[0].startswith(f"ccdfx {ccdfx.__version__} subtract_bias bias=in memory sha256=")
    assert lines[1] == f"ccdfx {ccdfx.__version__} to_electrons gain=1.5"


def test_the_hash_of_a_master_tells_its_pixels_apart() -> None:
    other = BIAS.replace(array=BIAS.array + 1)
    assert (
        step("subtract_bias", bias=BIAS).history_line()
        == step("subtract_bias", bias=Image(BIAS.array)).history_line()
    )
    assert step("subtract_bias", bias=BIAS).history_line() != step("subtract_bias", bias=other).history_line()


def test_what_a_step_binds_cannot_be_changed_from_outside() -> None:
    array, sections = np.full((4, 5), 90.0), ["[4:4,1:4]", "[5:5,1:4]"]
    steps = pipeline(step("subtract_bias", bias=array), step("subtract_overscan", overscan=sections))
    expected = steps(RAW)
    array[:], sections[0] = 0, "[1:1,1:1]"
    assert_same_image(steps(RAW), expected)
    assert "bias=in memory sha256=" in expected.header.history[0]
    assert expected.header.history[1].endswith("overscan=[[4:4,1:4],[5:5,1:4]]")


def test_equal_steps_are_equal_values() -> None:
    one, two = (pipeline(step("subtract_bias", bias=Image(BIAS.array.copy()))) for _ in range(2))
    assert one == two and hash(one) == hash(two)
    assert one != pipeline(step("subtract_bias", bias=BIAS.array + 1))


@given(st.lists(st.sampled_from(STEPS[1:]), max_size=3), st.integers(0, 3), st.integers(0, 3))
def test_joining_is_associative_and_has_an_identity(steps: list[ccdfx.Step], i: int, j: int) -> None:
    i, j = sorted((min(i, len(steps)), min(j, len(steps))))
    a, b, c = pipeline(*steps[:i]), pipeline(*steps[i:j]), pipeline(*steps[j:])
    assert (a | b) | c == a | (b | c) == pipeline(*steps)
    assert a | pipeline() == a == pipeline() | a


def test_the_identity_changes_nothing() -> None:
    assert pipeline()(RAW) is RAW and repr(pipeline()) == "pipeline()"


def test_it_is_picklable_and_printable() -> None:
    steps = pipeline(*STEPS)
    again = pickle.loads(pickle.dumps(steps))
    np.testing.assert_array_equal(again(RAW).array, steps(RAW).array)
    assert repr(steps).splitlines()[2] == "    to_electrons(gain=1.5),"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((ccdfx.subtract_bias,), {"bais": BIAS}, "did you mean 'bias'"),
        ((ccdfx.subtract_bias,), {}, "needs the option bias"),
        (("to_electrons",), {}, "needs the option gain"),
        ((5,), {}, "must be a function or a registered name"),
    ],
)
def test_a_wrong_option_fails_when_the_step_is_written(arguments: tuple, options: dict, words: str) -> None:
    with pytest.raises(ArgumentTypeError, match=words):
        step(*arguments, **options)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"subtract_bias.*did you mean 'divide_flat'"):
        step("divide_flats")


def test_an_error_says_which_step_it_happened_in() -> None:
    with pytest.raises(ccdfx.MismatchError) as caught:
        pipeline(STEPS[2], STEPS[0])(RAW)
    assert "in step 2 of 2, subtract_bias" in caught.value.__notes__


def test_a_step_must_return_an_image() -> None:
    def bad(image: Image) -> np.ndarray:
        return image.array

    with pytest.raises(ArgumentTypeError, match="bad: must return an Image"):
        step(bad)(RAW)


def test_pipelines_are_made_of_steps() -> None:
    with pytest.raises(ArgumentTypeError, match="made of steps"):
        pipeline(ccdfx.trim)
