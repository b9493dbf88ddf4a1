"""Making one product: the maker is called with opened inputs, and what it returns is written, in any process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    begun = time.monotonic()
    made = make(task.product, task.parts, task.records, task.output)
    try:
        sizes = _write(task, made)
    except FileError:
        raise
    except CcdfxError as error:  # no format can hold the image, such as that of a plugin
        made = replace(made, image=None, stars=None, lost=str(error))
        sizes = _write(task, made)
    record = record_of(task.product, task.parts, made, **sizes)
    record = replace(record, seconds=round(time.monotonic() - begun, 3))
    write_record(task.output, record)
    return record


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


def _write(task: Task, made: Made) -> dict[str, Any]:
    """Write image, stars and preview of a product; return the sizes of its files, and its histogram."""
    from ccdfx.io import write
    from ccdfx.night.graph.preview import histogram_facts, write_pictures

    product, output = task.product, task.output
    record, stars = facts_path(output, product.file), facts_path(output, product.file, ".npy")
    made_folder(record.parent)
    record.unlink(missing_ok=True)
    written: dict[str, Any] = {}
    if made.stars is not None:
        write_stars(stars, made.stars)
        written["stars"] = stars.stat().st_size
    if made.image is None or made.lost is not None:
        return written
    path = output / product.file
    made_folder(path.parent)
    header = made.image.header.set(KEY, digest(made_of(task.parts, made)))
    write(made.image.replace(header=header), path, overwrite=True)
    write_pictures(made.image, output, product.file, kind=product.kind, further=made.pictures)
    return {**written, "size": path.stat().st_size, "histogram": histogram_facts(made.image)}
