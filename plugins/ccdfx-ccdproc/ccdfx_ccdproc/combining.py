"""Frames combined part by part, from memory or from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.units import Unit

import ccdfx
from ccdfx_ccdproc.combiner import (
    Combiner,
    combined_frame,
    factors_of,
    require_same,
    require_weights,
    weight_planes,
)
from ccdfx_ccdproc.statistics import SCATTERS, clipped, combined, extrema, rule_for, word_for

METHODS = {"average": "average_combine", "median": "median_combine", "sum": "sum_combine"}
_COPIES = 4
"""How often the values of the rows in work are in memory, with what is computed of them."""


class _Choices(NamedTuple):
    """What is rejected, and how the rest is combined."""

    method: str
    rule: ccdfx.Rejection | None
    limits: tuple[float, float] | None
    extrema: tuple[int, int] | None
    scatter: str


class _Frame:
    """A frame that is read by rows: a CCDData, or a file with the options of its reader.

    A file is read by ccdfx, unless its options or its number of axes need the reader of astropy.
    """

    def __init__(self, source: Any, options: dict[str, Any]) -> None:
        self.source, self.options = source, options
        self._rows: Any = None
        if not isinstance(source, CCDData) and set(options) <= {"unit", "hdu", "format"}:
            hdu = options.get("hdu")
            try:
                self._rows = ccdfx.open_source(source, hdu=hdu or None)
            except (ccdfx.CcdfxError, OSError):
                self._rows = None  # what astropy can read, or its error

    def whole(self) -> CCDData:
        """Return the whole frame."""
        return self.source if isinstance(self.source, CCDData) else CCDData.read(self.source, **self.options)

    def unit(self, first: CCDData) -> Any:
        """Return the unit of a file that ccdfx reads: the one that is given, or else that of its header."""
        if self.options.get("unit") is not None:
            return first.unit
        text = self._rows.header.get("BUNIT")
        return None if text is None else Unit(text)

    def rows(self, first: CCDData, start: int, stop: int) -> CCDData:
        """Return some rows of the frame."""
        if self._rows is not None and self._rows.shape == first.shape:
            unit = self.unit(first)
            if unit is None:
                raise ValueError(
                    f"{self.source}: a unit must be specified: no BUNIT in its header, and no unit="
                )
            image = self._rows.select((0, first.shape[1], start, stop))
            return CCDData(image.array, unit=unit, mask=None if image.mask is None else image.mask != 0)
        frame = self.whole()
        if frame.shape != first.shape:
            raise TypeError(f"frames have several shapes: {first.shape} and {frame.shape}")
        mask = None if frame.mask is None else np.broadcast_to(frame.mask, frame.shape)[start:stop]
        return CCDData(frame.data[start:stop], unit=frame.unit, mask=mask)

    def factor(self, scale: Callable[[Any], float]) -> float:
        """Return what a function gives for the values of the whole frame."""
        frame = self.whole()
        masked = frame.mask is not None and np.any(frame.mask)
        return scale(np.ma.array(frame.data, mask=frame.mask) if masked else frame.data)


def combine(
    img_list: Any,
    output_file: Any = None,
    method: str = "average",
    weights: np.ndarray | None = None,
    scale: Any = None,
    mem_limit: float = 16e9,
    clip_extrema: bool = False,
    nlow: int | None = 1,
    nhigh: int | None = 1,
    minmax_clip: bool = False,
    minmax_clip_min: float | None = None,
    minmax_clip_max: float | None = None,
    sigma_clip: bool = False,
    sigma_clip_low_thresh: float | None = 3,
    sigma_clip_high_thresh: float | None = 3,
    sigma_clip_func: Callable[..., Any] | str = np.ma.mean,
    sigma_clip_dev_func: Callable[..., Any] | str = np.ma.std,
    dtype: Any = None,
    combine_uncertainty_function: Callable[..., Any] | None = None,
    overwrite_output: bool = False,
    **ccdkwargs: Any,
) -> CCDData:
    """Combine frames, from memory or from files, within a limit of memory.

    Parameters
    ----------
    img_list : iterable of CCDData or paths, or str
        Text is paths joined by commas.
    output_file : path, optional
        Where the result is written.
    method : {"average", "median", "sum"}
    weights : array, optional
        As in `Combiner`.
    scale : function, or sequence of float, optional
        Factors of the frames; a function gets the values of each whole frame.
    mem_limit : float
        Bytes; frames are combined by as many rows as fit, and the result does not depend on it.
    clip_extrema, nlow, nhigh, minmax_clip, minmax_clip_min, minmax_clip_max
        See `Combiner.clip_extrema` and `Combiner.minmax_clipping`.
    sigma_clip, sigma_clip_low_thresh, sigma_clip_high_thresh, sigma_clip_func, sigma_clip_dev_func
        See `Combiner.sigma_clipping`.
    dtype : numpy dtype, optional
        As in `Combiner`.
    combine_uncertainty_function : function, optional
        As `uncertainty_func` of the method.
    overwrite_output : bool
    **ccdkwargs
        Options for reading the files, such as ``unit``; see `astropy.nddata.fits_ccddata_reader`.

    Returns
    -------
    CCDData
        With the metadata and the WCS of the first frame.

    Raises
    ------
    ValueError, TypeError, OSError
        No images, an unknown method, frames of several shapes or units, files that cannot be read or written.

    Examples
    --------
    >>> frames = [CCDData(np.full((1, 2), level), unit="adu") for level in (1.0, 2.0, 6.0)]
    >>> combine(frames, method="median").data
    array([[2., 2.]])
    """
    sources = _sources(img_list)
    if method not in METHODS:
        raise ValueError(f"unrecognised combine method {method!r}: it is average, median or sum")
    if not sources:
        raise ValueError("img_list has no images")
    frames = [_Frame(source, ccdkwargs) for source in sources]
    first = frames[0].whole()
    if weights is not None and not isinstance(weights, np.ndarray):
        raise TypeError("weights must be a numpy.ndarray")
    factors = [frame.factor(scale) for frame in frames] if callable(scale) else scale
    options = (
        {} if combine_uncertainty_function is None else {"uncertainty_func": combine_uncertainty_function}
    )
    kind = np.dtype(np.float64 if dtype is None else dtype)
    each = len(frames) * (first.size // max(1, len(first.data))) * (kind.itemsize * _COPIES + 2)
    step = min(len(first.data), max(1, int(mem_limit // max(1, each))))
    function = combine_uncertainty_function or {"median": "mad_std"}.get(method, "std")
    limits = (sigma_clip_low_thresh, sigma_clip_high_thresh)
    rule = rule_for(*limits, sigma_clip_func, sigma_clip_dev_func) if sigma_clip else None
    rule = rule if len(frames) > 2 else None
    word = word_for(function)
    parts = []
    for start in range(0, len(first.data), step):
        rows = slice(start, min(start + step, len(first.data)))
        read = [frame.rows(first, rows.start, rows.stop) for frame in frames]
        some = weights if weights is None or weights.ndim == 1 else weights[:, rows]
        if word in SCATTERS and (rule is not None or not sigma_clip) and first.data.ndim == 2:
            between = (
                -np.inf if minmax_clip_min is None else minmax_clip_min,
                np.inf if minmax_clip_max is None else minmax_clip_max,
            )
            ends = (int(nlow or 0), int(nhigh or 0)) if clip_extrema else None
            choices = _Choices(method, rule, between if minmax_clip else None, ends, word)
            part = _rows_combined(read, choices, some, factors, kind.type)
        else:
            combiner = Combiner(read, dtype=kind)
            combiner.scaling, combiner.weights = factors, some
            if minmax_clip:
                combiner.minmax_clipping(minmax_clip_min, minmax_clip_max)
            if sigma_clip:
                combiner.sigma_clipping(*limits, func=sigma_clip_func, dev_func=sigma_clip_dev_func)
            if clip_extrema:
                combiner.clip_extrema(nlow, nhigh)
            part = getattr(combiner, METHODS[method])(**options)
        parts.append(part)
    result = parts[0] if len(parts) == 1 else _joined(parts)
    result.meta = deepcopy(first.meta)
    result.wcs = first.wcs
    if output_file is not None:
        result.write(output_file, overwrite=overwrite_output)
    return result


def _joined(parts: list[CCDData]) -> CCDData:
    """Return the rows of several combined frames as one frame."""
    values, masks, errors = (
        np.concatenate(planes)
        for planes in zip(*((part.data, part.mask, part.uncertainty.array) for part in parts), strict=True)
    )
    uncertainty = StdDevUncertainty(errors, copy=False)
    return CCDData(values, unit=parts[0].unit, mask=masks, uncertainty=uncertainty)


def _rows_combined(
    frames: list[CCDData], choices: _Choices, weights: np.ndarray | None, scaling: Any, dtype: Any
) -> CCDData:
    """Combine some rows of the frames."""
    first = frames[0]
    require_same(frames)
    if weights is not None:
        require_weights(weights, (len(frames), *first.shape))
    values = [_values(frame.data, dtype) for frame in frames]
    masks = [_mask(frame) for frame in frames]
    ends = None if choices.extrema is None else extrema(values, *choices.extrema)
    if choices.limits is not None:
        low, high = choices.limits
        masks = [mask | (one < low) | (one > high) for one, mask in zip(values, masks, strict=True)]
    rule = choices.rule
    if rule is not None and ends is not None:
        masks, rule = list(clipped(values, masks, rule)), None
    if ends is not None:
        masks = [mask | end for mask, end in zip(masks, ends, strict=True)]
    found = combined(
        values, masks, choices.method, choices.scatter, rule=rule, factors=factors_of(scaling, len(frames)),
        weights=None if weights is None else weight_planes(weights, list),
    )  # fmt: skip
    return combined_frame(found.value, found.error, found.number == 0, dtype, first.unit, len(frames))


def _mask(frame: CCDData) -> np.ndarray:
    """Return the mask of a frame as an array."""
    if frame.mask is None:
        return np.zeros(frame.shape, bool)
    return np.ascontiguousarray(np.broadcast_to(frame.mask, frame.shape), dtype=bool)


def _values(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Return values of the type in which they are combined, in the byte order of the machine."""
    return np.ascontiguousarray(
        array if dtype is np.float64 and array.dtype.isnative else array.astype(dtype)
    )


def _sources(images: Any) -> list[Any]:
    """Return the frames and paths of `img_list`."""
    if isinstance(images, str):
        return [path.strip() for path in images.split(",")]
    if isinstance(images, CCDData | os.PathLike) or not isinstance(images, Iterable):
        raise ValueError("unrecognised input for list of images to combine: give CCDData or paths")
    found = list(images)
    return [str(item) if isinstance(item, np.str_) else item for item in found]
