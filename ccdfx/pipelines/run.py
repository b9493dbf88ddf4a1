"""Execution of a pipeline on many frames: lazy, ordered, parallel; a bad frame does not stop the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike, fspath
from typing import Any

from ccdfx.engines import Engine, current_engine, engine, threads_engine
from ccdfx.errors import ArgumentTypeError, CcdfxError, PipelineError
from ccdfx.pipelines.pipeline import Gather, Pipeline, Step, pipeline
from ccdfx.records.image import Image, as_image


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The result or the failure of one frame, or of one group of frames that a pipeline gathers.

    Parameters
    ----------
    index : int
        Number of the frame in the input, or of the group, from 0.
    name : str
        The path of the frame or the name of its source, else ``frames[index]``; for a group, its label.
    image : Image or None
        The result, with its steps in the HISTORY. None where a step failed.
    failure : PipelineError or None
        The error, which names the step that failed and the cause.
    """

    index: int
    name: str
    image: Image | None = None
    failure: PipelineError | None = None


def run(
    pipe: Pipeline | Step | Gather,
    frames: Iterable[Any],
    *,
    failed: Callable[[Outcome], Any] | None = None,
) -> Iterator[Image]:
    """Run a pipeline on many frames, and yield the results one by one, in the order of the frames.

    The current engine reads and processes the frames, only a few ahead of the one that is requested; the
    results are those of ``map(pipe, frames)`` for any number of threads. Steps made by `gather` wait for all
    frames, which stay in memory until then.

    Parameters
    ----------
    pipe : Pipeline, Step or Gather
    frames : iterable of paths, Image, 2-D array or Source
        Taken one by one; it may be a generator. Sources are not closed.
    failed : callable, optional
        Called with the `Outcome` of a frame that fails, which is then left out: ``failed=failures.append``
        collects them. By default the first failure is raised.

    Yields
    ------
    Image

    Raises
    ------
    PipelineError
        A frame failed; the error names frame and step, and its ``__cause__`` is what the step raised.
    ArgumentTypeError
        `frames` is one frame, or `pipe` is no pipeline.

    See Also
    --------
    outcomes, pipeline, gather

    Examples
    --------
    >>> from ccdfx import gather, pipeline, step
    >>> frames = [[[1.0, 2.0]], [[3.0, 6.0]]]
    >>> [image.array.tolist() for image in run(step("to_electrons", gain=2.0), frames)]
    [[[2.0, 4.0]], [[6.0, 12.0]]]
    >>> mean = pipeline(step("to_electrons", gain=2.0), gather("combine"))
    >>> [image.array.tolist() for image in run(mean, frames)]
    [[[4.0, 8.0]]]
    """
    return _images(outcomes(pipe, frames), failed)


def outcomes(pipe: Pipeline | Step | Gather, frames: Iterable[Any]) -> Iterator[Outcome]:
    """Run a pipeline as `run` does, and yield the result or the failure of each frame, with its name.

    See Also
    --------
    run, pipeline

    Examples
    --------
    >>> from ccdfx import step
    >>> for outcome in outcomes(step("trim", section="[1:2,1:1]"), [[[1.0, 2.0, 3.0]], [[1.0]]]):
    ...     print(outcome.name, outcome.image is not None)
    frames[0] True
    frames[1] False
    """
    single = isinstance(frames, Image | str | bytes | PathLike) or getattr(frames, "ndim", 3) == 2
    if single or not isinstance(frames, Iterable):
        raise ArgumentTypeError(
            "frames", "must be several frames", value=type(frames).__name__, remedy="give a list of them"
        )
    pipe, using = pipeline(pipe), current_engine()
    total = len(pipe.steps)
    stream: Iterator[Any] = _mapped(using, partial(_loaded, using.memory), enumerate(frames), pipe, 0)
    for number, one in enumerate(pipe.steps, 1):
        if isinstance(one, Gather):
            stream = _gathered(using, one, f"step {number} of {total}, {one.name}", stream)
            stream = _mapped(using, partial(_inside, using.memory), stream, pipe, number)
    return stream


def _images(stream: Iterator[Outcome], failed: Callable[[Outcome], Any] | None) -> Iterator[Image]:
    for outcome in stream:
        if outcome.image is not None:
            yield outcome.image
        elif failed is not None:
            failed(outcome)
        elif outcome.failure is not None:
            raise outcome.failure


def _mapped(
    using: Engine, begin: Callable[[Any, Any], Outcome], stream: Iterable[Any], pipe: Pipeline, first: int
) -> Iterator[Outcome]:
    """Apply the steps from number `first` up to the next one that gathers to the stream, on the engine."""
    here = tuple(itertools.takewhile(lambda one: not isinstance(one, Gather), pipe.steps[first:]))
    work = partial(begin, (here, first + 1, len(pipe.steps)))
    return using.map(work, stream)


def _loaded(memory: int, steps: Any, item: tuple[int, Any]) -> Outcome:
    """Read a frame if necessary, and apply the steps."""
    index, frame = item
    outcome = Outcome(index, _name(frame, index))
    try:
        image = _read(frame)
    except Exception as cause:
        return replace(outcome, failure=_failure(outcome.name, "reading it", cause))
    return _inside(memory, steps, replace(outcome, image=image))


def _inside(memory: int, steps: Any, outcome: Outcome) -> Outcome:
    """Apply the steps to an image, with one thread, because the frames themselves run in parallel."""
    those, first, total = steps
    image = outcome.image
    if image is None:
        return outcome
    with engine(threads_engine(1, memory)):
        for number, one in enumerate(those, first):
            try:
                image = one(image)
            except Exception as cause:
                where = f"step {number} of {total}, {one.name}"
                return replace(outcome, image=None, failure=_failure(outcome.name, where, cause))
    return replace(outcome, image=image)


def _gathered(using: Engine, one: Gather, where: str, stream: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield failures at once, then one image of each group, in the order in which the groups first occur."""
    groups: dict[Any, list[Image]] = {}
    for outcome in stream:
        if outcome.image is None:
            yield outcome
            continue
        try:
            groups.setdefault(one.key(outcome.image), []).append(outcome.image)
        except Exception as cause:
            yield replace(outcome, image=None, failure=_failure(outcome.name, where, cause))
    for index, key in enumerate(tuple(groups)):
        outcome = Outcome(index, one.label(key))
        try:
            with engine(using):
                outcome = replace(outcome, image=one(groups.pop(key)))
        except Exception as cause:
            outcome = replace(outcome, failure=_failure(outcome.name, where, cause))
        yield outcome


def _failure(name: str, where: str, cause: Exception) -> PipelineError:
    remedy = cause.remedy if isinstance(cause, CcdfxError) else ""
    failure = PipelineError(
        name,
        f"failed in {where}: {_said(cause).removeprefix(f'{name}: ')}",
        remedy=remedy or "leave the frame out, or mend the step",
    )
    failure.__cause__ = cause
    return failure


def _said(cause: Exception) -> str:
    if not isinstance(cause, CcdfxError):
        return f"{type(cause).__name__}: {cause}"
    return str(cause).removesuffix(f"; {cause.remedy}")


def _read(frame: Any) -> Image:
    if isinstance(frame, str | PathLike):
        from ccdfx.io import read

        return read(frame)
    if hasattr(frame, "select") and hasattr(frame, "close"):
        return frame.select(None)
    return as_image(frame, "frame")


def _name(frame: Any, index: int) -> str:
    if isinstance(frame, str | PathLike):
        return str(fspath(frame))
    name = getattr(frame, "name", None)
    return name if isinstance(name, str) else f"frames[{index}]"
