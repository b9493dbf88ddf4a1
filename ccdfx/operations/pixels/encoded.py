"""Frames of the sky as small integers: what deviates in each and in most of them, in two bytes a pixel and frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.defects.deviations import (
    ENCODED_STEPS,
    UNKNOWN,
    encode,
    fill_places,
    majority,
    residual_rows,
    residuals_at,
)
from ccdfx.kernels.defects.medians import window_sorter
from ccdfx.kernels.defects.paired_medians import paired_sorter
from ccdfx.kernels.image.bad_pixels import REACH, flagged_places, typical
from ccdfx.operations.pixels.deviant import MEDIAN_BOX, SIGMA_BOX, block_sigmas, require_box, residual_of
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

FEWEST = 3
"""Frames: of fewer none is a majority."""
HALF_STEPS = 2.0 * ENCODED_STEPS
"""Of a sigma: the unit of medians."""

_ENOUGH_BLOCKS = 2048  # their median sigma is good to 0.3 %
_ROWS = 64  # of a tile
_PLACES = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrames:
    """Frames of one shape in steps of their noise.

    Parameters
    ----------
    codes : list of uint16 arrays (ny, nx)
        Bad pixels are filled from their neighbours.
    unknown : list of uint8 arrays (ny, ceil(nx / 8))
        Bits of the bad pixels, as numpy packs them; (0, 0) where there is none.
    shape : (int, int)
    saturated : bool array (ny, nx), optional
        What is flagged as saturated in any frame; None where nothing is.
    """

    codes: list[np.ndarray]
    unknown: list[np.ndarray]
    shape: tuple[int, int]
    saturated: np.ndarray | None = None

    @property
    def least(self) -> int:
        """In how many frames a pixel must be known: half of them, and three."""
        return max(FEWEST, math.ceil(len(self.codes) / 2))

    def medians(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute the median over the frames of the residuals of each pixel, and where it is known.

        Returns
        -------
        values : int16 array (ny, nx)
            In half steps; 0 where not known.
        known : bool array (ny, nx)
        """
        values, known = np.empty(self.shape, np.int16), np.empty(self.shape, bool)
        work = partial(_median_rows, self, paired_sorter("u2", MEDIAN_BOX), values, known)
        for _ in map_here(work, range(0, self.shape[0], _ROWS)):
            pass
        return values, known

    def residuals(self, frame: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Compute the residuals of one frame at places, in sigma, float64; NaN where they are not known."""
        found = np.empty(y.size, np.uint16)
        residuals_at(self.codes[frame], self.unknown[frame], MEDIAN_BOX, _sorter(), y, x, found)
        return np.where(found == UNKNOWN, np.nan, (found - np.float64(0x8000)) / ENCODED_STEPS)

    def without(self, y: np.ndarray, x: np.ndarray) -> tuple[EncodedFrames, np.ndarray, np.ndarray]:
        """Fill bad pixels in all frames, in place.

        Pixels near them that were bad before are filled again: they may have values of these pixels.

        Returns
        -------
        EncodedFrames
            In which the pixels are not known.
        y, x : int arrays
            Where any frame was filled.
        """
        unknown = []
        near_y, near_x = _places_near(y, x, self.shape, REACH)
        changed = np.zeros(near_y.size, bool)
        for codes, bits in zip(self.codes, self.unknown, strict=True):
            bad = np.zeros(self.shape, bool) if not bits.size else _unpacked(bits, self.shape)
            bad[y, x] = True
            here = bad[near_y, near_x]
            changed |= here
            fill_places(codes, bad, near_y[here], near_x[here], REACH)
            unknown.append(np.packbits(bad, axis=1))
        left = EncodedFrames(self.codes, unknown, self.shape, self.saturated)
        return left, near_y[changed], near_x[changed]

    def renew(self, values: np.ndarray, known: np.ndarray, y: np.ndarray, x: np.ndarray) -> None:
        """Compute the `medians` again, in place, whose boxes hold one of some places."""
        half = MEDIAN_BOX // 2
        ny, nx = self.shape
        changed = np.zeros((ny - 2 * half, nx - 2 * half), bool)  # by the middle of the box
        for dy in range(-2 * half, 1):
            for dx in range(-2 * half, 1):
                j, i = y + dy, x + dx
                inside = (j >= 0) & (j < changed.shape[0]) & (i >= 0) & (i < changed.shape[1])
                changed[j[inside], i[inside]] = True
        ys, xs = np.divmod(flagged_places(np.pad(changed, half, mode="edge"), 1), nx)
        for first in range(0, ys.size, _PLACES):
            part = ys[first : first + _PLACES], xs[first : first + _PLACES]
            found = np.empty((len(self.codes), part[0].size), np.uint16)
            for codes, bits, out in zip(self.codes, self.unknown, found, strict=True):
                residuals_at(codes, bits, MEDIAN_BOX, _sorter(), *part, out)
            middle, enough = np.empty(part[0].size, np.int16), np.empty(part[0].size, bool)
            majority(found, self.least, middle, enough)
            values[part], known[part] = middle, enough


def encoded(frames: Iterable[Image]) -> EncodedFrames | None:
    """Store frames in steps of their noise, one after the other; None if there is none."""
    codes: list[np.ndarray] = []
    unknown: list[np.ndarray] = []
    saturated: np.ndarray | None = None
    for frame in frames:
        require_box(frame.shape, MEDIAN_BOX)
        values, bits = _encoded(frame)
        codes.append(values)
        unknown.append(bits)
        here = None if frame.mask is None else (frame.mask & np.uint8(Flag.SATURATED)) != 0
        if here is not None and here.any():
            saturated = here if saturated is None else saturated | here
        del frame, here  # before the next is made
    return EncodedFrames(codes, unknown, codes[0].shape, saturated) if codes else None


def _encoded(frame: Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of a frame and the bits of its bad pixels.

    One sigma is used for the whole frame: one for each block would make edges, as sharp as defects, in stars.
    """
    good = frame.good
    pivot = typical(frame.array, good)
    sigma = _usual_sigma(frame.array, good)
    if not sigma > 0:
        return np.zeros(frame.shape, np.uint16), np.packbits(np.ones(frame.shape, bool), axis=1)
    codes = np.empty(frame.shape, np.uint16)
    encode(frame.array, pivot, ENCODED_STEPS / sigma, codes)
    if good.all():
        return codes, np.zeros((0, 0), np.uint8)
    bad = ~good
    fill_places(codes, bad, *np.divmod(flagged_places(bad, 1), bad.shape[1]), REACH)
    return codes, np.packbits(bad, axis=1)


def _usual_sigma(array: np.ndarray, good: np.ndarray) -> float:
    """Return the median sigma of the residuals in blocks; in large frames of some rows of blocks, spread evenly."""
    ny, nx = array.shape
    rows = ny // SIGMA_BOX
    chosen = math.ceil(_ENOUGH_BLOCKS / max(1, nx // SIGMA_BOX))
    if chosen >= rows:
        return block_sigmas(residual_of(array, good), good).median()
    parts, usable, half = [], [], MEDIAN_BOX // 2
    for row in range(chosen):
        first = (2 * row + 1) * rows // (2 * chosen) * SIGMA_BOX
        lower, upper = max(0, first - half), min(ny, first + SIGMA_BOX + half)
        inside = slice(first - lower, first - lower + SIGMA_BOX)
        parts.append(residual_of(array[lower:upper], good[lower:upper])[inside])
        usable.append(good[lower:upper][inside])
    return block_sigmas(np.concatenate(parts), np.concatenate(usable)).median()


def _median_rows(
    frames: EncodedFrames, sort: PassedKernel, values: np.ndarray, known: np.ndarray, first: int
) -> None:
    ny, nx = frames.shape
    last = min(first + _ROWS, ny)
    medians = np.empty((last - first, nx - MEDIAN_BOX + 1), np.uint16)
    found = np.empty((len(frames.codes), last - first, nx), np.uint16)
    for codes, bits, out in zip(frames.codes, frames.unknown, found, strict=True):
        residual_rows(codes, bits, MEDIAN_BOX, sort, first, last, medians, out)
    lines = found.reshape(len(found), -1)
    majority(lines, frames.least, values[first:last].reshape(-1), known[first:last].reshape(-1))


def _sorter() -> PassedKernel:
    return window_sorter(np.dtype(np.uint16), MEDIAN_BOX**2)


def _places_near(
    y: np.ndarray, x: np.ndarray, shape: tuple[int, int], reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places within `reach` rows and columns of any of some places, these too."""
    near = np.zeros(shape, bool)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            near[np.clip(y + dy, 0, shape[0] - 1), np.clip(x + dx, 0, shape[1] - 1)] = True
    rows, columns = np.divmod(flagged_places(near, 1), shape[1])
    return rows, columns


def _unpacked(bits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.unpackbits(bits, axis=1, count=shape[1]).view(bool)
