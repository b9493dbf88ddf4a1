"""The plane in which stars are searched for: a copy of the pixels without gaps and spikes, its noise, and halved planes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ccdfx.engines import map_here
from ccdfx.kernels.image.bad_pixels import copy_good, fill_places, flagged_places, typical
from ccdfx.kernels.sources.maxima import noise_mesh
from ccdfx.kernels.sources.peaks import halve
from ccdfx.kernels.sources.spikes import find_spikes, line_excess
from ccdfx.records.image import Image
from ccdfx.records.planes import read_only

STEP = 64
LARGEST = 1e30
"""Values beyond it are bad: it fits into float32, with sums of many."""
_LEVELS = 4
_COPIED = ("f4", "f8", "u2")  # dtypes that are copied as they are
_STRIP = 4 * STEP  # rows that a thread prepares at a time: whole blocks, and sections of two
_SPIKE, _SHARE = 5.0, 0.25  # sigma; part of its height that is left beside a spike
_ROOM = 64  # pixels a spike for which there is room at first


class Plane(NamedTuple):
    """Pixels without spikes and gaps, the bad ones, the scatter of a pixel in blocks, and binned planes."""

    array: np.ndarray
    bad: np.ndarray
    noise: np.ndarray
    pyramid: tuple[np.ndarray, ...]


def parts(size: int, step: int) -> list[tuple[int, int]]:
    """Divide a range into parts of some length: where they begin and end.

    >>> parts(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def prepared(array: np.ndarray, good: np.ndarray) -> Plane:
    """Prepare an array for detection: fill bad pixels, replace spikes and count these as bad."""
    return _prepared(array, (~good).view(np.uint8), _Room.of(array.shape))


def prepared_image(image: Image) -> Plane:
    """Prepare an image for detection, with flagged pixels and values beyond float32 as bad ones."""
    return _prepared(image.array, _flags(image), _Room.of(image.shape))


@contextmanager
def lent_plane(image: Image) -> Iterator[Plane]:
    """Prepare an image as `prepared_image` does, in memory that a later image of the same shape gets again.

    The plane must not be used after the block. The system makes new memory for every large array, which costs up to
    twice the time of the work. What is kept is limited to `_MOST_KEPT`.
    """
    with _LOCK:
        fitting = [k for k, room in enumerate(_spare) if room.filled.shape == image.shape]
        room = _spare.pop(fitting[0]) if fitting else None
    room = room or _Room.of(image.shape)
    try:
        yield _prepared(image.array, _flags(image), room)
    finally:
        with _LOCK:
            _spare.insert(0, room)
            while sum(one.nbytes for one in _spare) > _MOST_KEPT:
                _spare.pop()


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """Memory for the pixels of a plane, and for its marks of bad ones."""

    filled: np.ndarray
    bad: np.ndarray

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> _Room:
        return cls(np.empty(shape, np.float32), np.empty(shape, bool))

    @property
    def nbytes(self) -> int:
        return self.filled.nbytes + self.bad.nbytes


_MOST_KEPT = 96 << 20  # bytes: a plane of 4096 x 4096
_LOCK = threading.Lock()
_spare: list[_Room] = []


def _flags(image: Image) -> np.ndarray:
    return np.empty((0, 0), np.uint8) if image.mask is None else image.mask


def _prepared(array: np.ndarray, mask: np.ndarray, room: _Room) -> Plane:
    filled, bad = room.filled, room.bad
    if array.dtype.str[1:] not in _COPIED or not array.dtype.isnative:
        with np.errstate(over="ignore"):  # values beyond the largest float32 are bad
            array = array.astype(np.float32)
    array, mask = read_only(array), read_only(mask)
    ny, nx = array.shape
    mesh = np.empty((-(-ny // STEP), -(-nx // STEP)), np.float32)

    def copy(rows: tuple[int, int]) -> tuple[int, float, float]:
        part = slice(*rows)
        found = copy_good(array[part], mask[part], LARGEST, filled[part], bad[part])
        noise_mesh(filled[part], bad[part], STEP, mesh[rows[0] // STEP : -(-rows[1] // STEP)])
        return found

    counts, least, greatest = zip(*map_here(copy, parts(ny, _STRIP)), strict=True)
    places = flagged_places(bad, 1) if any(counts) else np.empty(0, np.int64)
    if places.size:
        fill_places(filled, bad, places, 4, typical(filled, ~bad))
    noise = _noise(mesh, max(greatest) - min(least))
    lines = _lines(filled, noise, places)
    if lines is not None:
        lines &= ~bad
        bad |= lines
        places = flagged_places(bad, 1)
        fill_places(filled, bad, places, 4, typical(filled, ~bad))
    _replace_spikes(filled, noise, bad)
    pyramid = [filled]
    while len(pyramid) < _LEVELS and min(pyramid[-1].shape) >= 32:
        pyramid.append(_halved(pyramid[-1]))
    return Plane(filled, bad, noise, tuple(pyramid))


def _noise(mesh: np.ndarray, extent: float) -> np.ndarray:
    """Return the noise of blocks where it is known and not too small, else that of the others.

    `extent` is the difference of the greatest and the least good value, infinite or not a number without any.
    """
    known = mesh[np.isfinite(mesh) & (mesh > 0)]
    # Noiseless pixels still carry rounding errors.
    floor = max(1e-6 * extent if extent >= 0 else 0.0, float(np.finfo(np.float32).tiny))
    typical = float(np.median(known)) if known.size else floor
    return np.maximum(np.where(np.isfinite(mesh), mesh, typical), max(floor, 0.1 * typical))


def _lines(array: np.ndarray, noise: np.ndarray, bad: np.ndarray) -> np.ndarray | None:
    """Mark columns or rows, single or in pairs, that stand out over 128 pixels as no stellar image does.

    `bad` are the flat indices of the bad pixels. None without such lines.
    """
    ny, nx = array.shape
    stretch = 2 * STEP
    columns = np.empty((-(-ny // stretch), nx), np.float32)
    rows = np.empty((ny, -(-nx // stretch)), np.float32)
    some = partial(line_excess, array, noise, STEP)
    list(map_here(lambda part: some(*part, columns, rows), parts(ny, _STRIP)))
    y, x = bad // nx, bad % nx
    down = _outstanding(columns, _mostly(y, x, array.shape, stretch))
    across = _outstanding(rows.T, _mostly(x, y, (nx, ny), stretch)).T
    if not (down.any() or across.any()):
        return None
    return np.repeat(down, stretch, axis=0)[:ny] | np.repeat(across, stretch, axis=1)[:, :nx]


def _mostly(along: np.ndarray, across: np.ndarray, shape: tuple[int, int], stretch: int) -> np.ndarray:
    """Return which stretches along the first axis have more good pixels than bad ones, of which places are given."""
    sizes = np.minimum(shape[0] - np.arange(0, shape[0], stretch), stretch)
    counts = np.bincount(along // stretch * shape[1] + across, minlength=sizes.size * shape[1])
    return 2 * counts.reshape(sizes.size, shape[1]) < sizes[:, None]


def _outstanding(excess: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mark known outliers along the last axis, single or in pairs, whose neighbours are much closer to 0."""
    # Filled pixels have no scatter: where they are many, every column of stars would be an outlier.
    if not known.any():
        return known
    scatter = 1.4826 * np.median(np.abs(excess[known])) + 1e-9
    padded = np.pad(excess, [(0, 0), (2, 2)])
    size = excess.shape[1]
    before2, before, here, after, after2 = (padded[:, i : i + size] for i in range(5))
    high = known & (np.abs(here) > 7 * scatter)
    alone = np.abs(before + after) < 0.5 * np.abs(here)
    first = (np.abs(before + after2) < 0.4 * np.abs(here)) & (np.abs(after) > 0.6 * np.abs(here))
    second = (np.abs(after + before2) < 0.4 * np.abs(here)) & (np.abs(before) > 0.6 * np.abs(here))
    return high & (alone | first | second)


def _replace_spikes(filled: np.ndarray, noise: np.ndarray, bad: np.ndarray) -> None:
    """Replace single pixels that are too sharp by the mean of their neighbours, and count them as bad."""

    def find(rows: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        room = (rows[1] - rows[0]) * filled.shape[1] // _ROOM + 1
        while True:
            places, means = np.empty(room, np.int64), np.empty(room, np.float32)
            count = find_spikes(filled, noise, STEP, _SPIKE, _SHARE, bad, *rows, places, means)
            if count <= room:
                return places[:count], means[:count]
            room = count

    # All are found before any is replaced: rings and neighbours are of the pixels as they were.
    for places, means in list(map_here(find, parts(filled.shape[0], _STRIP))):
        filled.reshape(-1)[places] = means
        bad.reshape(-1)[places] = True


def _halved(array: np.ndarray) -> np.ndarray:
    out = np.empty((array.shape[0] // 2, array.shape[1] // 2), array.dtype)

    def some(rows: tuple[int, int]) -> None:
        halve(array[2 * rows[0] : 2 * rows[1]], out[slice(*rows)])

    list(map_here(some, parts(out.shape[0], _STRIP)))
    return out
