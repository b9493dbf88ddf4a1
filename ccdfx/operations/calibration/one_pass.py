"""The record of the calibration of a frame (masters and numbers), and the one pass that applies it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.kernels.image import calibrate as pixels
from ccdfx.records.header import Header
from ccdfx.records.history import PARTIAL, with_partial_variance
from ccdfx.records.image import Image, adopt
from ccdfx.records.keywords import without_levels
from ccdfx.records.mapped import release
from ccdfx.records.planes import read_only, variance_as, working_dtype

# Pixels per tile: a smaller tile costs more than its own thread saves.
BAND_PIXELS = 1 << 20
# Stand-ins for a bias, dark and flat that are not given.
_NEUTRAL = pixels.ZEROS, pixels.ZEROS, pixels.ONES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommonBias:
    """The bias that is subtracted from an image and was subtracted from the dark, by its variance.

    Parameters
    ----------
    variance : array (ny, nx) or float or None
        Of a bias that the image does not have subtracted here, but had before; else None.
    in_dark : float
        The part of it that the dark's variance holds.
    """

    variance: np.ndarray | float | None
    in_dark: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Checked masters and numbers of one pass; a step whose value is None (or 1) is skipped.

    `noise` is (gain, readnoise, sensitivity) of the CCD equation; `flagging` asks for a mask even if it is
    empty; `common` is the error that dark and image have in common.
    """

    bias: Image | None = None
    dark: Image | None = None
    flat: Image | None = None
    dark_scale: float = 1.0
    flat_level: float = 1.0
    gain: float = 1.0
    common: CommonBias | None = None
    noise: tuple[float, float, float] | None = None
    saturation: float | None = None
    bad_pixels: np.ndarray | None = None
    flagging: bool = False

    @property
    def masters(self) -> tuple[Image | None, Image | None, Image | None]:
        """Bias, dark and flat."""
        return self.bias, self.dark, self.flat

    @property
    def is_bare(self) -> bool:
        """Whether the values stay as they are: without masters and gain."""
        return all(master is None for master in self.masters) and self.gain == 1.0

    def rows(self, lower: int, upper: int) -> Calibration:
        """Return the calibration of some rows of the image."""

        def cut(plane: np.ndarray | None) -> np.ndarray | None:
            return None if plane is None else plane[lower:upper]

        def part(master: Image | None) -> Image | None:
            if master is None:
                return None
            window = replace(
                master.range,
                y_lower=master.range.y_lower + lower,
                y_upper=master.range.y_lower + upper,
            )
            return adopt(master.array[lower:upper], Header(), cut(master.mask), window, cut(master.variance))

        common = self.common
        if common is not None and isinstance(common.variance, np.ndarray):
            common = CommonBias(variance=cut(common.variance), in_dark=common.in_dark)
        return replace(
            self,
            bias=part(self.bias),
            dark=part(self.dark),
            flat=part(self.flat),
            common=common,
            bad_pixels=cut(self.bad_pixels),
        )


def calibrate_rows(image: Image, calibration: Calibration, header: Header | None = None) -> Image:
    """Calibrate the image in one pass of the kernel; `header`, if given, replaces its header."""
    masters = [None if master is None else master.array for master in calibration.masters]
    kind = working_dtype(image.array, *(array for array in masters if array is not None))
    masks = [
        image.mask,
        calibration.bad_pixels,
        *(None if m is None else m.mask for m in calibration.masters),
    ]
    variances = [image.variance, *(None if m is None else m.variance for m in calibration.masters)]
    common = calibration.common
    if common is not None and common.variance is not None:
        variances[1] = np.broadcast_to(common.variance, image.shape)
    wants_variance = calibration.noise is not None or any(v is not None for v in variances)
    inputs = (
        _raw(image.array, kind),
        tuple(_plane(a, kind, absent) for a, absent in zip(masters, _NEUTRAL, strict=True)),
        tuple(pixels.NO_MASK if mask is None else _flat(mask) for mask in masks),
        tuple(_plane(None if v is None else variance_as(v, kind), kind, pixels.ZEROS) for v in variances),
        _parameters(calibration),
    )
    out = np.empty(image.shape, kind)
    out_mask = np.empty(image.shape, np.uint8)
    out_variance = np.empty(image.shape if wants_variance else (0, 0), kind)
    union = _run_tiles(inputs, (out.reshape(-1), out_mask.reshape(-1), out_variance.reshape(-1)))
    masked = calibration.flagging or union != 0 or any(mask is not None for mask in masks)
    header = image.header if header is None else header
    if any(master is not None for master in calibration.masters):
        header = without_levels(header)
    if calibration.noise is not None:
        header = header.remove(PARTIAL)
    elif wants_variance and image.variance is None:
        header = with_partial_variance(header)
    return adopt(
        out,
        header,
        out_mask if masked else None,
        image.range,
        out_variance if wants_variance else None,
    )


def _run_tiles(inputs: tuple[Any, ...], outputs: tuple[np.ndarray, ...]) -> int:
    size = outputs[0].size
    starts = range(0, size, BAND_PIXELS)
    work = partial(_run_tile, inputs, outputs)
    tiles = [(start, min(start + BAND_PIXELS, size)) for start in starts]
    union = 0
    for flags in map_here(work, tiles):
        union |= flags
    return union


def _run_tile(inputs: tuple[Any, ...], outputs: tuple[np.ndarray, ...], tile: tuple[int, int]) -> int:
    raw, masters, masks, variances, parameters = inputs
    start, stop = tile
    size = raw.size

    def cut(array: np.ndarray) -> np.ndarray:
        return array[start:stop] if array.size == size else array

    planes = [tuple(map(cut, some)) for some in (masters, masks, variances)]
    union = pixels.calibrate_pixels(cut(raw), *planes, parameters, *map(cut, outputs))
    for whole, part in zip(itertools.chain(masters, masks, variances), itertools.chain(*planes), strict=True):
        if whole.size == size:  # others are constants
            release(part)
    return union


def _raw(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Flatten the pixels in the working type; 16-bit integers are left to the kernel if that is float32."""
    short = array.dtype in (np.uint16, np.int16) and kind == np.float32
    return _flat(array if short else array.astype(kind, copy=False))


def _plane(array: np.ndarray | None, kind: np.dtype, absent: dict[np.dtype, np.ndarray]) -> np.ndarray:
    return absent[kind] if array is None else _flat(array.astype(kind, copy=False))


def _flat(array: np.ndarray) -> np.ndarray:
    return read_only(array).reshape(-1)


def _parameters(calibration: Calibration) -> np.ndarray:
    parameters = np.ones(pixels.PARAMETERS)
    parameters[pixels.SATURATION] = np.nan if calibration.saturation is None else calibration.saturation
    parameters[pixels.DARK_SCALE] = calibration.dark_scale
    parameters[pixels.FLAT_LEVEL] = 1.0 if calibration.flat is None else calibration.flat_level
    parameters[pixels.GAIN] = calibration.gain
    parameters[pixels.NOISE] = calibration.noise is not None
    part, alone, in_dark = _bias_parts(calibration)
    parameters[[pixels.BIAS_PART, pixels.BIAS_ALONE, pixels.BIAS_IN_DARK]] = part, alone, in_dark
    if calibration.noise is not None:
        parameters[[pixels.NOISE_GAIN, pixels.NOISE_READ, pixels.NOISE_SENSITIVITY]] = calibration.noise
    parameters.flags.writeable = False
    return parameters


def _bias_parts(calibration: Calibration) -> tuple[float, float, float]:
    """Return which parts of the bias' variance count: with the dark, without it, and in that of the dark.

    S - b - k (D - b) holds the error of b (1 - k) times; S - b, once.
    """
    common = calibration.common
    if common is None:
        return 1.0, 1.0, 0.0
    left = (1.0 - calibration.dark_scale) ** 2
    # Subtracted before, it is in the variance of the image already.
    before = 0.0 if common.variance is None else 1.0
    return left - before, 1.0 - before, common.in_dark
