"""Combination in two passes: first which values are rejected, then the average of the values kept.

It is needed if a rule also rejects in neighbouring pixels, or if rule or average are written in Python.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, errors_of
from ccdfx.operations.average import mean
from ccdfx.operations.calls import call_of
from ccdfx.operations.launch import MAPS, launch, scaled_values
from ccdfx.operations.rows import Tile, Window
from ccdfx.operations.stacking import Job, arranged
from ccdfx.records.flags import Flag


def needs_fates(job: Job) -> bool:
    """Return whether the rejection of all values must be known before any is averaged."""
    return job.grow >= 1 or job.average.function is not None or _selecting(job) is not None


def _selecting(job: Job) -> Callable[..., Any] | None:
    """Return the Python function that rejects; None if a kernel does, or if nothing is rejected."""
    arrangement = arranged(job)
    return None if arrangement is None else arrangement.select


def decided(job: Job, tile: Tile, window: Window) -> np.ndarray:
    """Compute the rejection code of every value (n, rows, nx), as defined in `ccdfx.kernels.stack`."""
    from ccdfx.kernels import averages
    from ccdfx.kernels.grow import grown

    select = _selecting(job)
    if job.reject is None or select is None:
        fates: np.ndarray = np.empty((len(job.frames), window.pixels), np.uint8)
        variances = averages.PROPAGATED if job.facts.variances else averages.NOTHING
        first = dataclasses.replace(job, average=mean(), weighted=False, variances=variances, follows=True)
        call = call_of(first)
        launch(call, tile, window.width, {"value": np.empty(window.shape, job.kind)}, fates)
    else:
        fates = _by_function(job.reject.name, select, scaled_values(job, tile, window.pixels))
    fates = fates.reshape(-1, *window.shape)
    return grown(fates, job.grow) if job.grow >= 1 else fates


def averaged(job: Job, tile: Tile, start: int, fates: np.ndarray, part: dict[str, np.ndarray]) -> None:
    """Average the values kept into the maps, for the tile rows that `fates` covers, from `start` on."""
    from ccdfx.kernels.gather import MASK
    from ccdfx.kernels.stack import KEPT

    width = fates.shape[2]
    gone = np.ascontiguousarray(fates != KEPT)
    table = _moved_table(tile.table, start * width)
    table[:, MASK] = [mask.ctypes.data for mask in gone]
    inner = Tile(table, tile.rows)
    if job.average.function is not None:
        _by_average(job, job.average.function, inner, gone, part)
        return
    call = call_of(dataclasses.replace(job, reject=None, arrangement=None, follows=False))
    launch(call, inner, width, {name: part[name] for name in MAPS})
    tell_flags(tile, start, part["flags"], part["flags"] != 0)


def _moved_table(table: np.ndarray, start: int) -> np.ndarray:
    """Return a copy of the table of frames for the pixels from `start` on."""
    from ccdfx.kernels import decode, gather

    moved = table.copy()
    moved[:, gather.DATA] += start * decode.ITEMSIZES[table[:, gather.KIND]]
    for column, size in (
        (gather.MASK, 1),
        (gather.VARIANCE, decode.ITEMSIZES[table[:, gather.VARIANCE_KIND]]),
    ):
        moved[:, column] += np.where(table[:, column] != 0, start * size, 0)
    return moved


def _by_average(
    job: Job, function: Callable[[Any], Any], tile: Tile, gone: np.ndarray, part: dict[str, np.ndarray]
) -> None:
    value = part["value"]
    values = scaled_values(job, tile, value.size).reshape(gone.shape)
    given = np.ma.MaskedArray(np.where(gone, 0, values), gone)
    given.flags.writeable = False
    with errors_of("average", function):
        found = np.ma.asarray(function(given))
    if found.shape != value.shape or found.dtype.kind not in "biuf":
        raise ArgumentError(
            "average",
            f"must give one number a pixel, {value.shape}",
            value=f"{found.dtype} {found.shape}",
            remedy="reduce the first axis, as np.ma.mean(values, axis=0) does",
        )
    good = ~np.ma.getmaskarray(found) & ~gone.all(axis=0)
    with np.errstate(over="ignore"):  # a value beyond float32 is not valid
        result = np.ma.getdata(found).astype(value.dtype)
    good &= np.isfinite(result)
    value[:] = np.where(good, result, 0)
    part["flags"][:] = np.where(good, 0, np.uint8(Flag.NO_DATA))


def tell_flags(tile: Tile, start: int, flags: np.ndarray, where: np.ndarray) -> None:
    """Combine the flags of all frames into `flags` at `where`, for the rows of the tile from `start` on."""
    for rows in tile.rows:
        if rows.flags is not None:
            np.bitwise_or(flags, rows.flags[start : start + len(flags)], out=flags, where=where)


def _by_function(rule: str, select: Callable[[Any], Any], values: np.ndarray) -> np.ndarray:
    from ccdfx.kernels.stack import HIGH, KEPT, LOW, MISSING

    missing = ~np.isfinite(values)
    given = np.ma.MaskedArray(values, missing)
    given.flags.writeable = False
    with errors_of(f"rule {rule}: function", select):
        rejected = np.ma.getdata(np.ma.filled(select(given), False))
    if rejected.shape != values.shape or rejected.dtype != bool:
        raise ArgumentError(
            "reject",
            f"must give a bool array of the shape of its values, {values.shape}",
            value=f"{rejected.dtype} {rejected.shape}",
            remedy="correct the rule",
        )
    rejected = rejected & ~missing
    kept = ~missing & ~rejected
    # Where no value is kept, the mean of all values decides on which side a value is.
    seen = np.where(kept.any(axis=0), kept, ~missing)
    level = np.where(seen, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(seen.sum(axis=0), 1)
    side = np.where(values < level, LOW, HIGH)
    return np.where(missing, MISSING, np.where(rejected, side, KEPT)).astype(np.uint8)


def tallied(fates: np.ndarray, part: dict[str, np.ndarray]) -> None:
    """Count the values of each pixel that are kept, and those that are rejected low and high."""
    from ccdfx.kernels.stack import HIGH, KEPT, LOW

    for name, fate in (("count", KEPT), ("rejected_low", LOW), ("rejected_high", HIGH)):
        if part[name].size:
            part[name][:] = (fates == fate).sum(axis=0, dtype=np.uint16)


def packed(fates: np.ndarray) -> np.ndarray:
    """Pack which frames were rejected, one bit per frame, the first in the lowest bit of the first plane."""
    from ccdfx.kernels.stack import HIGH, LOW

    return np.packbits((fates == LOW) | (fates == HIGH), axis=0, bitorder="little")
