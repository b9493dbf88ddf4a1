"""The maps that combining makes: value, variance and flags; on request counts, exposure times, rejected frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which maps are made besides value, variance and flags: counts, exposure times, rejected frames, values kept."""

    counts: bool = False
    exposure: bool = False
    rejects: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Arrays (rows, nx); those that are not made have size 0.

    `rejects` is (ceil(n / 8), rows, nx), one bit a frame; `kept` is (n, rows, nx), bool.
    """

    value: np.ndarray
    variance: np.ndarray
    count: np.ndarray
    rejected_low: np.ndarray
    rejected_high: np.ndarray
    flags: np.ndarray
    exposure: np.ndarray
    rejects: np.ndarray
    kept: np.ndarray

    def arrays(self) -> Iterator[np.ndarray]:
        """Yield the arrays in the order of the fields."""
        for field in fields(self):
            yield getattr(self, field.name)

    def rows(self, lower: int, upper: int) -> Maps:
        """Return the maps of some rows, as views."""
        return Maps(*(array[..., lower:upper, :] if array.size else array for array in self.arrays()))

    def columns(self, columns: slice) -> Maps:
        """Return the maps of some columns, as views."""
        return Maps(*(array[..., columns] if array.size else array for array in self.arrays()))

    def put(self, rows: tuple[int, int], columns: tuple[int, int], part: Maps) -> None:
        """Copy the maps of some rows and columns (lower, upper) into these."""
        for array, own in zip(self.arrays(), part.arrays(), strict=True):
            if own.size:
                array[..., slice(*rows), slice(*columns)] = own

    def kernel_outputs(self) -> tuple[np.ndarray, ...]:
        """Return what a stack kernel fills, flat and in its order."""
        maps = self.value, self.variance, self.count, self.rejected_low, self.rejected_high, self.flags
        return tuple(array.reshape(-1) for array in maps)

    def freeze(self) -> None:
        """Make all arrays read-only."""
        for array in self.arrays():
            array.flags.writeable = False


def empty_maps(
    shape: tuple[int, int],
    kind: np.dtype,
    frames: int,
    *,
    variance: bool = False,
    wanted: Wanted | None = None,
) -> Maps:
    """Allocate the maps of a stack of so many frames, in the working type `kind`."""
    wanted = wanted or Wanted()
    nothing = (0, 0)
    counts = shape if wanted.counts else nothing
    return Maps(
        value=np.empty(shape, kind),
        variance=np.empty(shape if variance else nothing, kind),
        count=np.empty(counts, np.uint16),
        rejected_low=np.empty(counts, np.uint16),
        rejected_high=np.empty(counts, np.uint16),
        flags=np.empty(shape, np.uint8),
        exposure=np.empty(shape if wanted.exposure else nothing, np.float32),
        rejects=np.empty((-(-frames // 8), *shape) if wanted.rejects else (0, 0, 0), np.uint8),
        kept=np.empty((frames, *shape) if wanted.kept else (0, 0, 0), bool),
    )
