"""Corrections of the signals of all readouts of an exposure, crosstalk and linearity, in bands that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ccdfx.kernels.image.readouts import place_corrected
from ccdfx.operations.readouts.readout import Readout

_BAND_PIXELS = 1 << 18  # of all readouts together

Lines = tuple[int, int]
Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def corrects(readout: Readout) -> bool:
    """Return whether crosstalk or linearity of a readout is corrected."""
    return any(readout.crosstalk) or readout.linearity is not None


@dataclass(frozen=True, slots=True)
class Corrections:
    """The readouts of an exposure, with the factor and the read noise of each in the unit of the result."""

    readouts: Sequence[Readout]
    gains: Sequence[float]
    noises: Sequence[float]
    kind: np.dtype

    def place(
        self,
        wanted: Mapping[int, Lines],
        signal: Callable[[int, int, int, Planes], None],
        *,
        first: int,
        planes: Planes,
    ) -> None:
        """Write the lines that are wanted of some readouts, by number, corrected to their places.

        Parameters
        ----------
        wanted : mapping
            Lines of the data section of each, as they are stored.
        signal : function
            ``signal(number, lower, upper, planes)`` writes lines of a readout as they are stored.
        first : int
            The row of the detector of the first row of the planes.
        planes : (array, mask, variance)
            Of the result.
        """
        read = {number: self._turned(number, lines) for number, lines in wanted.items()}
        parts = np.array([one.crosstalk or (0.0,) * len(self.readouts) for one in self.readouts], self.kind)
        needed = [n for n in range(len(self.readouts)) if n in wanted or any(parts[one, n] for one in wanted)]
        laws = self._laws(needed, np.ascontiguousarray(parts[np.ix_(needed, needed)]))
        width = max(self.readouts[number].data.shape[1] for number in needed)
        lowest, highest = min(low for low, _ in read.values()), max(high for _, high in read.values())
        step = max(1, min(_BAND_PIXELS // (width * len(needed)), highest - lowest))
        band = tuple(np.empty((len(needed), step, width), kind) for kind in (self.kind, np.uint8, self.kind))
        for start in range(lowest, highest, step):
            stop = min(start + step, highest)
            places = np.zeros((len(needed), 7), np.int64)
            for row, number in enumerate(needed):
                lower, upper = self._turned(number, (start, stop))
                low, high = max(lower, 0), min(upper, self.readouts[number].data.shape[0])
                if low < high:  # else it is a readout of fewer lines
                    one, two, three = (plane[row, low - lower :] for plane in band)
                    signal(number, low, high, (one, two, three))
                if number in wanted:
                    places[row] = self._there(number, wanted[number], (lower, upper), first)
            with np.errstate(over="ignore", invalid="ignore"):
                place_corrected(*band, stop - start, *laws, places, *planes)

    def _laws(self, needed: Sequence[int], parts: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return what the kernel is told of some readouts, besides their places."""
        chosen = [self.readouts[number] for number in needed]
        laws = [one.linearity for one in chosen]
        limits = [np.inf if law is None or law.limit is None else law.limit for law in laws]
        return (
            np.array([[one.reversed_y, one.reversed_x] for one in chosen], np.int64),
            parts,
            _padded([() if law is None else law.polynomial for law in laws], self.kind),
            _padded([() if law is None or not law.table else law.pieces for law in laws], np.float64, 5),
            np.array(limits, self.kind),
            np.array([[self.gains[number], self.noises[number] ** 2] for number in needed]),
        )

    def _there(self, number: int, wanted: Lines, lines: Lines, first: int) -> tuple[int, ...]:
        """Return the place of the lines that are wanted among some, as they are stored."""
        one, (lower, upper) = self.readouts[number], lines
        start, stop = max(wanted[0], lower), min(wanted[1], upper)
        if start >= stop:
            return (0,) * 7
        top = one.place.y_upper - 1 - lower if one.flip_y else one.place.y_lower + lower
        step = -1 if one.flip_y else 1
        return (
            start - lower,
            stop - lower,
            one.data.shape[1],
            one.place.x_lower,
            top - first,
            step,
            int(one.flip_x),
        )

    def _turned(self, number: int, lines: Lines) -> Lines:
        """Return stored lines of a readout in the order of reading, or the reverse."""
        readout = self.readouts[number]
        size = readout.data.shape[0]
        return (size - lines[1], size - lines[0]) if readout.reversed_y else lines


def _padded(rows: Sequence[Sequence[float] | np.ndarray], kind: np.dtype | type, *more: int) -> np.ndarray:
    """Return rows of different lengths in one array, with NaN behind the shorter ones."""
    found = np.full((len(rows), max(map(len, rows)), *more), np.nan, kind)
    for place, row in zip(found, rows, strict=True):
        if len(row):
            place[: len(row)] = row
    return found
