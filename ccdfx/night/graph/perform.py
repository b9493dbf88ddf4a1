"""Making one product: the maker is called with opened inputs, and what it returns is written, in any process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxError, cause_of
from ccdfx.night.graph.context import Context, made_folder
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.product import Product
from ccdfx.night.graph.record import (
    KEY,
    Made,
    Record,
    facts_path,
    record_of,
    write_record,
    write_stars,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that is needed to make a product: it can be sent to another process that sees the same files."""

    product: Product
    parts: Mapping[str, Any]
    records: Mapping[str, Record]
    output: Path


def perform(task: Task) -> Record:
    """Make a product, write it and its facts, and return its record.

    The image is written first and its record last, each whole or not at all, so a record is never that of another
    image.

    Raises
    ------
    FileError
        The product cannot be written.
    """
    begun = time.monotonic()
    made = make(task.product, task.parts, task.records, task.output)
    size, histogram = _write(task, made)
    record = record_of(task.product, task.parts, made, size=size, histogram=histogram)
    record = replace(record, seconds=round(time.monotonic() - begun, 3))
    write_record(task.output, record)
    return record


def make(product: Product, parts: Mapping[str, Any], records: Mapping[str, Record], output: Path) -> Made:
    """Call the maker of a product, and return what it made with what was noted; nothing is written.

    An error of the maker is the reason why the product is lost. A raw frame that changed while it was read loses the
    product too.
    """
    context = Context(product=product, parts=parts, records=records, output=output)
    try:
        with collect_warnings(context.warn):
            made = product.make(product.plan, context)
        context.require_unchanged()
    except (CcdfxError, OSError) as error:
        made = Made(lost=str(error) or cause_of(error))
    except Exception as error:  # the maker of a plugin may raise anything; one product must not stop a night
        made = Made(lost=cause_of(error))
    return replace(
        made,
        warnings=(*context.warnings, *made.warnings),
        failed={**context.failed, **made.failed},
    )


def _write(task: Task, made: Made) -> tuple[int | None, dict[str, Any] | None]:
    """Write image, stars and preview of a product; return the size of its file, and its histogram."""
    from ccdfx.io import write
    from ccdfx.night.graph.preview import histogram_facts, write_preview

    product, output = task.product, task.output
    made_folder(facts_path(output, product.file).parent)
    if made.stars is not None:
        write_stars(facts_path(output, product.file, ".npy"), made.stars)
    if made.image is None or made.lost is not None:
        return None, None
    path = output / product.file
    made_folder(path.parent)
    header = made.image.header.set(KEY, digest(task.parts))
    write(made.image.replace(header=header), path, overwrite=True)
    write_preview(made.image, facts_path(output, product.file, ".png"), kind=product.kind)
    return path.stat().st_size, histogram_facts(made.image)
