"""Making one product: the maker is called with opened inputs, and what it returns is written, in any process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ccdfx.engines import map_here
from ccdfx.errors import CcdfxError, FileError, cause_of
from ccdfx.night.graph.context import Context, is_lack, made_folder
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.product import Product
from ccdfx.night.graph.record import (
    KEY,
    Made,
    Record,
    facts_path,
    made_of,
    record_of,
    write_record,
    write_stars,
)
from ccdfx.records.image import Image

_MORE_ROOM = "give the disk or the program more room, and run it again: what was made stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that is needed to make a product: it can be sent to another process that sees the same files."""

    product: Product
    parts: Mapping[str, Any]
    records: Mapping[str, Record]
    output: Path


def perform(task: Task) -> Record:
    """Make a product, write it and its facts, and return its record.

    The earlier record is removed, then image and stars are written, and the record last, each whole or not at all: a
    record is never that of another image or of other stars, whenever the process ends.

    Raises
    ------
    FileError
        The product cannot be written.
    """
    return begin(task)()


def begin(task: Task) -> Callable[[], Record]:
    """Begin to `perform`: make the product, and give its image to the system; it is not in memory any more then.

    Returns
    -------
    callable
        Does the rest, which is waiting for the disk, and returns the record.

    Raises
    ------
    FileError
        The product cannot be written.
    """
    begun = time.monotonic()
    made = make(task.product, task.parts, task.records, task.output)
    images = [] if made.image is None or made.lost is not None else [made.image]
    made = replace(made, image=None)
    record = facts_path(task.output, task.product.file)
    made_folder(record.parent)
    record.unlink(missing_ok=True)
    handed = None
    try:
        handed = _hand_over(task, made, images) if images else None
    except FileError:
        raise
    except CcdfxError as error:  # no format can hold the image, such as that of a plugin
        made = replace(made, stars=None, lost=str(error))
    return partial(_finish, task, made, handed, begun)


def make(product: Product, parts: Mapping[str, Any], records: Mapping[str, Record], output: Path) -> Made:
    """Call the maker of a product, and return what it made with what was noted; nothing is written.

    An error of the maker is the reason why the product is lost. A raw frame that changed while it was read loses the
    product too, until the next run. What the machine lacks says nothing of the product, so it is an error here, and the
    product is made by the next run.

    Raises
    ------
    FileError
        The machine lacks room on the disk, memory or file handles.
    """
    context = Context(product=product, parts=parts, records=records, output=output)
    try:
        with collect_warnings(context.warn):
            made = product.make(product.plan, context)
        context.require_unchanged()  # the frames that could still be read
    except Exception as error:  # the maker of a plugin may raise anything; one product must not stop a night
        if is_lack(error):
            rule = f"cannot be made for lack of room: {cause_of(error)}"
            raise FileError(output / product.file, rule, remedy=_MORE_ROOM) from error
        known = isinstance(error, CcdfxError | OSError | ArithmeticError)
        made = Made(lost=(str(error) if known else "") or cause_of(error))
    if context.changed():
        made = replace(made, passing=True)
    return replace(
        made,
        warnings=(*context.warnings, *made.warnings),
        failed={**context.failed, **made.failed},
    )


@dataclass(frozen=True, slots=True)
class _HandedOver:
    """What is left of an image that the system has: what gives it its name, its histogram and pictures."""

    named: ExitStack
    histogram: dict[str, Any]
    pictures: dict[str, bytes | None]


def _hand_over(task: Task, made: Made, images: list[Image]) -> _HandedOver:
    """Give the only image of a list, which is emptied, to the system."""
    from ccdfx.io.writing import handed_over
    from ccdfx.night.graph.preview import drawn_pictures, histogram_facts

    path = _path_of(task)
    made_folder(path.parent)
    image = images.pop()
    image = image.replace(header=image.header.set(KEY, digest(made_of(task.parts, made))))
    draw = partial(drawn_pictures, kind=task.product.kind, further=made.pictures)
    histogram, pictures = map_here(partial(_applied, image), (histogram_facts, draw))
    named = ExitStack()
    named.enter_context(handed_over(image, path, overwrite=True))
    return _HandedOver(named, histogram, pictures)


def _applied(image: Image, function: Callable[[Image], Any]) -> Any:
    return function(image)


def _path_of(task: Task) -> Path:
    return task.output / task.product.file


def _finish(task: Task, made: Made, handed: _HandedOver | None, begun: float) -> Record:
    """Write what belongs to an image, when that has its name, and the record last."""
    from ccdfx.night.graph.preview import write_pictures

    output, file = task.output, task.product.file
    written: dict[str, Any] = {}
    if handed is not None:
        handed.named.close()
        write_pictures(handed.pictures, output, file)
        written |= {"size": _path_of(task).stat().st_size, "histogram": handed.histogram}
    if made.stars is not None:
        stars = facts_path(output, file, ".npy")
        write_stars(stars, made.stars)
        written["stars"] = stars.stat().st_size
    record = record_of(task.product, task.parts, made, **written)
    record = replace(record, seconds=round(time.monotonic() - begun, 3))
    write_record(output, record)
    return record
