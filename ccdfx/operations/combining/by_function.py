"""Rejection rules and averages that are Python functions of a masked stack."""

from __future__ import annotations

import numpy as np

from ccdfx.errors import ArgumentError, errors_of
from ccdfx.operations.combining.maps import Maps
from ccdfx.operations.combining.plan import Job
from ccdfx.records.flags import Flag


def reject_by_function(job: Job, table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the rejection codes (n, pixels) that the Python function of the rule gives."""
    from ccdfx.kernels.stack.ranked import DROPPED_HIGH, DROPPED_LOW, KEPT, MISSING

    assert job.reject is not None and job.arrangement is not None and job.arrangement.select is not None
    select = job.arrangement.select
    values = scaled_values(job, table, shape[0] * shape[1])
    missing = ~np.isfinite(values)
    given = np.ma.MaskedArray(values, missing)
    given.flags.writeable = False
    with errors_of(f"rule {job.reject.name}: function", select):
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
    # A value is low or high as it lies to the mean of those kept, or of all if none is kept.
    seen = np.where(kept.any(axis=0), kept, ~missing)
    level = np.where(seen, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(seen.sum(axis=0), 1)
    side = np.where(values < level, DROPPED_LOW, DROPPED_HIGH)
    return np.where(missing, MISSING, np.where(rejected, side, KEPT)).astype(np.uint8)


def average_by_function(job: Job, table: np.ndarray, rejected: np.ndarray, part: Maps) -> None:
    """Put the average of the values not rejected (n, rows, nx) into the maps, and NO_DATA where there is none."""
    function, value = job.average.function, part.value
    assert function is not None
    values = scaled_values(job, table, value.size).reshape(rejected.shape)
    given = np.ma.MaskedArray(np.where(rejected, 0, values), rejected)
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
    good = ~np.ma.getmaskarray(found) & ~rejected.all(axis=0)
    with np.errstate(over="ignore"):  # what float32 cannot hold is no value
        result = np.ma.getdata(found).astype(value.dtype)
    good &= np.isfinite(result)
    value[:] = np.where(good, result, 0)
    part.flags[:] = np.where(good, 0, np.uint8(Flag.NO_DATA))


def scaled_values(job: Job, table: np.ndarray, pixels: int) -> np.ndarray:
    """Return the values (n, pixels) as they are combined; infinite where there is none."""
    from ccdfx.kernels.stack.gather import scaled

    values = np.empty((len(job.frames), pixels), job.kind)
    scaled(table, job.factors, values)
    return values
