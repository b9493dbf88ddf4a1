"""Many frames through a pipeline."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx import (
    ArgumentTypeError,
    CcdfxError,
    Image,
    PipelineError,
    UnknownNameError,
    combine,
    engine,
    gather,
    median,
    outcomes,
    pipeline,
    read_recipe,
    run,
    step,
    to_recipe,
)
from ccdfx.engines import Engine, current_engine
from ccdfx.testing import assert_same_image


def frame(level: float, **header: object) -> Image:
    return Image(np.full((3, 4), level, np.float32), header)


def add(image: Image, *, value: float) -> Image:
    return image.replace(array=image.array + value)


def refuse(image: Image, *, above: float) -> Image:
    if image.array[0, 0] > above:
        raise KeyError("too bright")
    return image


def minute(image: Image) -> int:
    return int(image.header["MINUTE"]) // 10


TWICE = step("to_electrons", gain=2.0)
FRAMES = [frame(1.0, FILTER="V", NIGHT=1), frame(2.0, FILTER="R", NIGHT=1), frame(5.0, FILTER="V", NIGHT=1)]


def levels(images: Iterator[Image]) -> list[float]:
    return [float(image.array[0, 0]) for image in images]


@settings(max_examples=20)
@given(st.lists(st.floats(-100, 100, width=32), max_size=12), st.integers(1, 5), st.integers(0, 3))
def test_running_is_mapping_in_order_for_any_number_of_threads(
    values: list, threads: int, length: int
) -> None:
    pipe = pipeline(*[step(add, value=1.5), TWICE, step("trim", section="[1:2,1:2]")][:length])
    frames = [frame(value) for value in values]
    with engine(threads=threads):
        found = list(run(pipe, iter(frames)))
    assert len(found) == len(frames)
    for one, other in zip(found, map(pipe, frames), strict=True):
        assert_same_image(one, other)
        assert one.header.history == other.header.history


@given(st.integers(0, 4), st.integers(0, 4))
def test_joining_is_associative_with_steps_that_gather(i: int, j: int) -> None:
    steps = [TWICE, gather("combine", by="FILTER"), step(add, value=1.0), gather("combine")]
    i, j = sorted((i, j))
    a, b, c = pipeline(*steps[:i]), pipeline(*steps[i:j]), pipeline(*steps[j:])
    assert (a | b) | c == a | (b | c) == pipeline(*steps)
    assert a | pipeline() == a == pipeline() | a
    assert levels(run((a | b) | c, FRAMES)) == [6.0]


def test_paths_sources_arrays_and_images_mixed(tmp_path: Path) -> None:
    paths = [ccdfx.write(frame(level), tmp_path / f"{level:g}.fits") for level in (3.0, 4.0)]
    with ccdfx.open_source(paths[1]) as source:
        frames = [paths[0], source, str(paths[1]), frame(5.0), np.full((3, 4), 6.0)]
        found = list(outcomes(TWICE, frames))
        assert [float(outcome.image.array[0, 0]) for outcome in found] == [6, 8, 8, 10, 12]
        assert [outcome.index for outcome in found] == [0, 1, 2, 3, 4]
        assert [outcome.name for outcome in found[:1] + found[2:]] == [
            str(paths[0]), str(paths[1]), "frames[3]", "frames[4]",
        ]  # fmt: skip
        assert "4.fits" in found[1].name
        assert source.select().array[0, 0] == 4  # it is still open
    assert found[0].image.header.history[-1].endswith("to_electrons gain=2.0")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_frames_are_drawn_a_few_ahead_and_no_more(threads: int) -> None:
    drawn = []

    def endless() -> Iterator[Image]:
        while True:
            drawn.append(len(drawn))
            yield frame(float(len(drawn)))

    before = threading.active_count()
    with engine(threads=threads):
        results = run(TWICE, endless())
        assert drawn == []
        assert levels([next(results), next(results)]) == [2, 4]
        assert len(drawn) <= threads + 4
        results.close()
    assert len(drawn) <= threads + 4 and threading.active_count() <= before


def test_frames_run_side_by_side_and_nothing_in_a_frame_asks_for_threads() -> None:
    meeting, seen = threading.Barrier(3, timeout=20), []

    def meet(image: Image) -> Image:
        meeting.wait()
        seen.append(current_engine().threads)
        return image

    with engine(threads=3):
        assert len(list(run(step(meet), FRAMES))) == 3
    assert seen == [1, 1, 1]


@pytest.mark.quick
def test_results_keep_their_order_however_long_each_takes() -> None:
    def slow(image: Image) -> Image:
        time.sleep(0.03 if image.array[0, 0] == 1 else 0)
        return image

    with engine(threads=3):
        assert levels(run(step(slow), FRAMES)) == [1, 2, 5]


@pytest.mark.quick
def test_the_first_failure_is_raised_with_step_and_frame() -> None:
    pipe = pipeline(TWICE, step(refuse, above=3.0))
    results = run(pipe, FRAMES)
    assert next(results).array[0, 0] == 2
    with pytest.raises(
        PipelineError, match=r"frames\[1\]: failed in step 2 of 2, refuse: KeyError.*too bright"
    ) as it:
        next(results)
    assert isinstance(it.value.__cause__, KeyError) and it.value.remedy


def test_failures_are_collected_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE  = nonsense")
    frames = [FRAMES[0], tmp_path / "bad.fits", tmp_path / "none.fits", frame(9.0), FRAMES[1], "text"]
    failures: list[ccdfx.Outcome] = []
    with engine(threads=2):
        assert levels(run(step(refuse, above=8.0), frames, failed=failures.append)) == [1, 2]
    assert [failure.index for failure in failures] == [1, 2, 3, 5]
    said = [str(failure.failure) for failure in failures]
    assert "bad.fits: failed in reading it" in said[0] and "none.fits" in said[1]
    assert "frames[3]: failed in step 1 of 1, refuse" in said[2]
    assert all(
        failure.image is None and isinstance(failure.failure.__cause__, Exception) for failure in failures
    )


def test_the_cause_of_a_typed_error_is_said_once_with_its_remedy() -> None:
    with pytest.raises(PipelineError) as it:
        list(run(step("trim", section="[1:99,1:2]"), FRAMES))
    cause = it.value.__cause__
    assert isinstance(cause, CcdfxError) and it.value.remedy == cause.remedy
    assert str(it.value).count(cause.remedy) == 1


@pytest.mark.quick
def test_gathering_makes_one_image_of_each_group() -> None:
    pipe = pipeline(
        TWICE, gather("combine", by="FILTER", average=median(), reject=None), step(add, value=1.0)
    )
    found = list(outcomes(pipe, FRAMES))
    assert [outcome.name for outcome in found] == ["combine FILTER=V", "combine FILTER=R"]
    assert levels(outcome.image for outcome in found) == [7.0, 5.0]
    assert_same_image(
        found[0].image.replace(header={}),
        add(combine([TWICE(FRAMES[0]), TWICE(FRAMES[2])], average=median(), reject=None), value=1.0).replace(
            header={}
        ),
    )
    lines = found[0].image.header.history
    assert lines[0].endswith("to_electrons gain=2.0") and lines[2].endswith("add value=1.0")
    assert "combine average=median(even=middle)" in lines[1] and lines[1].endswith("of 2 frames")


def test_groups_by_several_keywords_by_a_function_and_of_all() -> None:
    frames = [frame(float(n), MINUTE=n, FILTER="VR"[n % 2]) for n in (1, 5, 11, 14, 30)]
    assert levels(run(gather("combine", by=minute), frames)) == [3.0, 12.5, 30.0]
    assert levels(run(gather(combine, by=["FILTER", "MINUTE"]), frames)) == [1, 5, 11, 14, 30]
    assert levels(run(gather("combine", reject=None), frames)) == [pytest.approx(12.2)]
    names = [outcome.name for outcome in outcomes(gather("combine", by=minute), frames)]
    assert names == ["combine 0", "combine 1", "combine 3"]
    assert list(run(gather("combine"), [])) == []


def test_failures_pass_through_a_gathering() -> None:
    frames = [*FRAMES, frame(50.0, FILTER="V"), frame(1.0), Image(np.ones((2, 2)), {"FILTER": "B"}),
              Image(np.ones((3, 3)), {"FILTER": "B"})]  # fmt: skip
    failures: list[ccdfx.Outcome] = []
    pipe = pipeline(step(refuse, above=10.0), gather("combine", by="FILTER"), TWICE)
    assert levels(run(pipe, frames, failed=failures.append)) == [6.0, 4.0]
    said = [str(failure.failure) for failure in failures]
    assert "frames[3]: failed in step 1 of 3, refuse" in said[0]
    assert "frames[4]: failed in step 2 of 3, combine" in said[1] and "FILTER" in said[1]
    assert "combine FILTER=B: failed in step 2 of 3, combine" in said[2] and "shape" in said[2]


def test_a_gathering_uses_the_engine_of_the_run() -> None:
    threads = []

    def seen(images: list[Image]) -> Image:
        threads.append(current_engine().threads)
        return images[0]

    with engine(threads=2):
        results = run(gather(seen), FRAMES)
    assert len(list(results)) == 1 and threads == [2]


def test_an_engine_of_other_processes_gets_what_can_be_pickled() -> None:
    def through_pickle(function, items):
        return map(pickle.loads(pickle.dumps(function)), (pickle.loads(pickle.dumps(item)) for item in items))

    with engine(Engine("elsewhere", through_pickle, threads=2)):
        pipe = pipeline(TWICE, gather("combine", by="FILTER"), step(add, value=1.0))
        assert levels(run(pipe, FRAMES)) == [7.0, 5.0]


def test_gatherings_are_values_that_print_and_become_text() -> None:
    rejection = ccdfx.minmax(low=0.2, high=0.3)
    pipe = pipeline(
        TWICE,
        gather("combine", by=("FILTER", "NIGHT"), average=median(even="lower"), reject=rejection),
        step("trim", section="[1:2,1:2]"),
    )
    assert (
        repr(pipe)
        .splitlines()[2]
        .startswith(
            "    gather combine(by=[FILTER,NIGHT], average=median(even=lower), reject=minmax(low=0.2,high=0.3"
        )
    )
    assert pickle.loads(pickle.dumps(pipe)) == pipe
    text = to_recipe(pipe)
    assert (
        'gather = "combine"\nby = ["FILTER", "NIGHT"]\naverage = { average = "median", even = "lower" }'
        in text
    )
    again = read_recipe(text)
    assert to_recipe(again) == text and again == pipe
    for one, other in zip(run(again, FRAMES), run(pipe, FRAMES), strict=True):
        assert_same_image(one, other)
    assert read_recipe(to_recipe(pipeline(gather("combine")))) == pipeline(gather("combine"))


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: gather("combin"), UnknownNameError, "'combine' or a function"),
        (lambda: gather("combine", averag=median()), ArgumentTypeError, "did you mean 'average'"),
        (lambda: gather("combine", by=5), ArgumentTypeError, "by: must be header keywords"),
        (lambda: gather(7), ArgumentTypeError, "must be a function"),
        (lambda: pipeline(gather("combine"))(FRAMES[0]), ArgumentTypeError, "use ccdfx.run"),
        (lambda: run(TWICE, FRAMES[0]), ArgumentTypeError, "several frames"),
        (lambda: run(TWICE, "a.fits"), ArgumentTypeError, "several frames"),
        (lambda: run(TWICE, np.ones((2, 2))), ArgumentTypeError, "several frames"),
        (lambda: run(TWICE, 5), ArgumentTypeError, "several frames"),
        (lambda: run(combine, FRAMES), ArgumentTypeError, "made of steps"),
        (lambda: to_recipe(pipeline(gather(combine, by=minute))), CcdfxError, "to be written"),
        (lambda: to_recipe(pipeline(gather(list))), CcdfxError, "to be written|signature"),
        (lambda: read_recipe("[[step]]\nuse='trim'\ngather='combine'\n"), CcdfxError, "which operation"),
        (lambda: read_recipe("[[step]]\ngather='stak'\n"), CcdfxError, "must be 'combine'"),
        (lambda: read_recipe("[[step]]\ngather='combine'\naverage={average='mod'}\n"), CcdfxError, "one of mean"),
    ],
)  # fmt: skip
def test_mistakes_are_said_at_once(make, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        make()


def test_a_function_that_gathers_must_return_an_image() -> None:
    def bad(images: list[Image]) -> int:
        return len(images)

    with pytest.raises(PipelineError, match=r"step 1 of 1, bad: must return an Image"):
        list(run(gather(bad), FRAMES))
