"""Exposures of a detector that is read by several amplifiers, assembled as their rows are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.kernels.image.readouts import place_readout
from ccdfx.operations.calibration.line_levels import LevelStatistic
from ccdfx.operations.calibration.overscan import LineLevels
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.readouts.assembly import (
    assembled_header,
    assembled_shape,
    covers,
    mosaic_section,
    oriented,
)
from ccdfx.operations.readouts.bias_sections import readout_levels, stored_window
from ccdfx.operations.readouts.corrections import Corrections, corrects
from ccdfx.operations.readouts.crosstalk import crosstalk_matrix
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.history import refuse_twice, with_partial_variance, with_step
from ccdfx.records.image import Image, ImageLike, adopt, as_image, as_images
from ccdfx.records.keywords import in_electrons, unit_of, without_levels
from ccdfx.records.planes import variance_as, working_dtype
from ccdfx.records.range import Range, RangeLike

_MOST_LEVELS = 999  # that a keyword has digits for
_NO_PLANE = np.zeros((0, 0), np.uint8)
_NO_PLANE.flags.writeable = False


def assemble_exposure(
    images: ImageLike | Sequence[ImageLike],
    *,
    readouts: Sequence[Readout],
    shape: tuple[int, int] | None = None,
    statistic: LevelStatistic = "clipped_mean",
    fit: OverscanFit | Mapping[str, Any] | None = None,
    again: bool = False,
) -> Image:
    """Take all that depends on the amplifier out of a raw exposure, and assemble it into one image of the detector.

    The same as, for each readout, `mask_saturated`, `subtract_overscan` with its bias sections, `subtract_crosstalk`,
    `linearise` and `to_electrons`, and then `assemble`, in one pass over memory.

    Parameters
    ----------
    images : sequence of Image or 2-D array, or one
        The stored images, one for each readout; one image, where it holds all of them.
    readouts : sequence of Readout
        Of one detector. What a readout does not tell is not done.
    shape : (ny, nx), optional
        Of the detector; by default it ends with the last place.
    statistic, fit, again
        As for `subtract_overscan`. The levels are those of the lines of the data section, from the bias sections beside
        it; from those above and below, where there is none beside. `fit` counts lines from the first of these.

    Returns
    -------
    Image
        In electrons where the gains of all are known, else in ADU. The variance is that of the levels and, where it is known of
        all, of the read noise; photons add theirs: ``add_variance(image, noise=poisson_noise())``, for which the header has
        VARPART.

    Raises
    ------
    ArgumentError
        Places overlap, bias sections overlap, or a crosstalk row has another length.
    MismatchError
        A section lies outside its image, or the overscan was subtracted before.

    See Also
    --------
    assemble, subtract_crosstalk, linearise, balance

    Examples
    --------
    >>> one = Readout(
    ...     name="A",
    ...     window=Range(0, 3, 0, 2),
    ...     data=Range(0, 2, 0, 2),
    ...     bias=(Range(2, 3, 0, 2),),
    ...     place=Range(0, 2, 0, 2),
    ...     gain=2.0,
    ... )
    >>> assemble_exposure([[[12, 13, 2], [15, 16, 5]]], readouts=[one]).array
    array([[20., 22.],
           [20., 22.]])
    """
    readouts = tuple(readouts)
    single = isinstance(images, Image) or getattr(images, "ndim", 3) == 2
    stored = [as_image(images)] * len(readouts) if single else as_images(images)
    opened = plan_assembly(stored, readouts=readouts, shape=shape, statistic=statistic, fit=fit, again=again)
    return opened.select()


def plan_assembly(
    sources: Sequence[Any],
    *,
    readouts: Sequence[Readout],
    shape: tuple[int, int] | None = None,
    statistic: LevelStatistic = "clipped_mean",
    fit: OverscanFit | Mapping[str, Any] | None = None,
    again: bool = False,
) -> AssembledRows:
    """Measure the levels of the readouts of an exposure, and return the source of its assembled rows.

    `sources` are open sources or images, one for each readout, the same one for those that share a stored image; for the
    rest see `assemble_exposure`.
    """
    readouts = tuple(readouts)
    if len(sources) != len(readouts):
        raise ArgumentError("images", f"must be {len(readouts)}, one for each readout, or one for all",
                            value=len(sources), remedy="give them in the order of the readouts")  # fmt: skip
    size = assembled_shape(readouts, shape)
    for source, readout in zip(sources, readouts, strict=True):
        _require_inside(source, readout)
        if readout.crosstalk and len(readout.crosstalk) != len(readouts):
            raise ArgumentError(
                f"crosstalk of readout {readout.name}", f"must have {len(readouts)} numbers, one for each readout",
                value=len(readout.crosstalk), remedy="give the readouts of the detector in their order",
            )  # fmt: skip
    _require_crosstalk(readouts)
    levels = []
    for source, readout in zip(sources, readouts, strict=True):
        if readout.bias:
            refuse_twice(source.header, "overscan", again)
        levels.append(readout_levels(source, readout, statistic, fit))
    counted = unit_of(sources[0].header) in ("electron", "electrons", "e-")
    gains = [1.0 if counted else one.gain for one in readouts]
    known = [gain for gain in gains if gain is not None]
    electrons = len(known) == len(readouts)
    noises = [one.readnoise for one in readouts if one.readnoise is not None]
    header = _header(sources[0].header, readouts[0], size, sum(known) / len(known) if electrons else None)
    header = _with_levels(header, readouts, levels)
    if all(one is not None for one in levels):
        header = with_step(header, "overscan")
    return AssembledRows(
        sources=tuple(sources),
        readouts=readouts,
        levels=tuple(levels),
        gains=tuple(known) if electrons else (1.0,) * len(readouts),
        noises=tuple(noises) if electrons and len(noises) == len(readouts) else (0.0,) * len(readouts),
        header=with_partial_variance(header),
        shape=size,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AssembledRows:
    """An exposure of a detector, assembled as its rows are read.

    It is a `Source`: `select` gives any window of the image that `assemble_exposure` gives, with the same numbers.

    Attributes
    ----------
    sources : tuple of Source or Image
        One for each readout; they are not closed before the result is.
    readouts : tuple of Readout
    levels : tuple of LineLevels or None
        For the rows or columns of the data section of each.
    gains, noises : tuple of float
        Factor of each, and read noise in the unit of the result.
    header : Header
        Of the result.
    shape : (ny, nx)
        Of the detector.
    """

    sources: tuple[Any, ...]
    readouts: tuple[Readout, ...]
    levels: tuple[LineLevels | None, ...]
    gains: tuple[float, ...]
    noises: tuple[float, ...]
    header: Header
    shape: tuple[int, int]

    @property
    def name(self) -> str:
        """The name in messages."""
        return str(getattr(self.sources[0], "name", "exposure"))

    @property
    def range(self) -> Range:
        """The window in the parent frame: the whole detector."""
        return Range.whole(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return working_dtype(*(np.empty(0, source.dtype) for source in self.sources))

    def select(self, range: RangeLike = None) -> Image:
        """Assemble a window of the detector."""
        window = Range.of(range, self.range)
        rows = Range(0, self.shape[1], window.y_lower, window.y_upper)
        kind = self.dtype
        gaps = not covers(self.readouts, self.shape)
        array = np.full(rows.shape, np.nan, kind) if gaps else np.empty(rows.shape, kind)
        mask = np.full(rows.shape, np.uint8(Flag.NO_DATA)) if gaps else np.empty(rows.shape, np.uint8)
        variance = np.full(rows.shape, np.inf, kind) if gaps else np.empty(rows.shape, kind)
        reader, planes = _Reader(self), (array, mask, variance)
        found = {
            number: lines
            for number, one in enumerate(self.readouts)
            if (lines := _lines_of(one, rows)) is not None
        }
        if any(corrects(self.readouts[number]) for number in found):
            Corrections(self.readouts, self.gains, self.noises, kind).place(
                found, reader.signal, first=rows.y_lower, planes=planes
            )
        else:
            for number, lines in found.items():
                self._place(reader, number, lines, rows.y_lower, planes)
        done = adopt(array, self.header, mask, rows, variance)
        return done if window == rows else done.select(window)

    def with_header(self, header: Header) -> AssembledRows:
        """Return the same source with another header of the result."""
        return replace(self, header=header)

    def _place(
        self, reader: _Reader, number: int, lines: tuple[int, int], first: int, out: tuple[np.ndarray, ...]
    ) -> None:
        """Put lines of the data section of a readout into the planes of the result, whose rows start at `first`."""
        readout, kind = self.readouts[number], out[0].dtype
        place, data, (lower, upper) = readout.place, readout.data, lines
        limit = math.nan if readout.saturation is None else readout.saturation
        image = reader.rows(number, data.y_lower + lower, data.y_lower + upper)
        start = data.x_lower
        levels, errors = _level_planes(self.levels[number], lower, upper, kind)
        top = (place.y_upper - 1 - lower if readout.flip_y else place.y_lower + lower) - first
        there = (start, data.shape[1], place.x_lower, top, -1 if readout.flip_y else 1, int(readout.flip_x))
        numbers = np.array([self.gains[number], limit, self.noises[number] ** 2])
        flags = _NO_PLANE if image.mask is None else image.mask
        with np.errstate(over="ignore", invalid="ignore"):
            place_readout(_raw(image.array, kind), flags, levels, errors, numbers, np.array(there), *out)
        if image.variance is not None:
            known = variance_as(image.variance[:, start : start + data.shape[1]], kind) * kind.type(
                self.gains[number] ** 2
            )
            bottom = min(top, top + (upper - lower - 1) * there[4])
            out[2][bottom : bottom + upper - lower, place.x_lower : place.x_upper] += oriented(known, readout)

    def close(self) -> None:
        """Close the sources."""
        for source in self.sources:
            if hasattr(source, "close"):
                source.close()

    def __enter__(self) -> AssembledRows:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"AssembledRows({self.name!r}, shape={self.shape}, dtype={self.dtype})"


class _Reader:
    """Reads rows of the stored images of an exposure, each of those that several readouts share once."""

    def __init__(self, exposure: AssembledRows) -> None:
        self.exposure = exposure
        self._last: dict[int, Image] = {}

    def rows(self, number: int, lower: int, upper: int) -> Image:
        """Read rows of the stored image of a readout, of all its columns."""
        source = self.exposure.sources[number]
        wanted = (lower, upper)
        known = self._last.get(id(source))
        if known is None or (known.range.y_lower, known.range.y_upper) != wanted:
            known = stored_window(source, Range(0, source.shape[1], lower, upper))
            self._last[id(source)] = known
        return known

    def signal(self, number: int, lower: int, upper: int, planes: tuple[np.ndarray, ...]) -> None:
        """Write lines of the data section of a readout, in ADU above its level, with flags and variance, to planes."""
        readout, kind = self.exposure.readouts[number], self.exposure.dtype
        data = readout.data
        image = self.rows(number, data.y_lower + lower, data.y_lower + upper)
        levels, errors = _level_planes(self.exposure.levels[number], lower, upper, kind)
        limit = math.nan if readout.saturation is None else readout.saturation
        there = np.array((data.x_lower, data.shape[1], 0, 0, 1, 0))
        flags = _NO_PLANE if image.mask is None else image.mask
        with np.errstate(over="ignore", invalid="ignore"):
            place_readout(
                _raw(image.array, kind), flags, levels, errors, np.array([1.0, limit, 0.0]), there, *planes
            )
        if image.variance is not None:
            planes[2][: upper - lower, : data.shape[1]] += variance_as(
                image.variance[:, data.x_lower : data.x_upper], kind
            )


def _lines_of(readout: Readout, rows: Range) -> tuple[int, int] | None:
    """Return the lines of the data section of a readout that lie in some rows of the detector; None if none does."""
    place = readout.place
    lower, upper = max(rows.y_lower, place.y_lower), min(rows.y_upper, place.y_upper)
    if lower >= upper:
        return None
    if readout.flip_y:
        return place.y_upper - upper, place.y_upper - lower
    return lower - place.y_lower, upper - place.y_lower


def _level_planes(
    levels: LineLevels | None, lower: int, upper: int, kind: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Return levels and their variances as columns of numbers for rows, or as rows of them for columns."""
    if levels is None:
        return np.zeros((upper - lower, 1), kind), np.zeros((upper - lower, 1), kind)
    part = levels.part(lower, upper)
    shape = (-1, 1) if levels.rows else (1, -1)
    return part.values.astype(kind).reshape(shape), part.variances.astype(kind).reshape(shape)


def _raw(array: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return pixels as the kernel takes them: 16-bit integers as they are, others in the working type; read-only."""
    short = array.dtype in (np.uint16, np.int16) and kind == np.float32
    pixels = array if short else array.astype(kind, copy=False)
    if pixels is not array:
        pixels.flags.writeable = False
    return pixels


def _header(header: Header, readout: Readout, shape: tuple[int, int], gain: float | None) -> Header:
    found = assembled_header(
        without_levels(header), readout, origin=(readout.data.x_lower, readout.data.y_lower)
    )
    covered = mosaic_section(header, readout, shape)
    found = found if covered is None else found.set("DETSEC", covered, "what it covers of the mosaic")
    return found if gain is None else in_electrons(found, gain)


def _with_levels(header: Header, readouts: Sequence[Readout], levels: Sequence[LineLevels | None]) -> Header:
    """Add the level that is subtracted from each readout, the mean of its lines in its own unit."""
    for number, (readout, level) in enumerate(zip(readouts, levels, strict=True), 1):
        if level is not None and number <= _MOST_LEVELS:
            value = round(float(np.mean(level.values)), 4)
            header = header.set(f"RDLEV{number}", value, f"level subtracted from readout {readout.name}")
    return header


def subtracted_levels(header: Header, readouts: Sequence[Readout]) -> dict[str, float]:
    """Return by the names of readouts the levels that were subtracted from them, as the header of an assembled exposure has them."""
    found = ((one.name, header.get(f"RDLEV{number}")) for number, one in enumerate(readouts, 1))
    return {name: float(value) for name, value in found if isinstance(value, int | float)}


def _require_inside(source: Any, readout: Readout) -> None:
    if not Range.whole(source.shape).contains(readout.window):
        ny, nx = source.shape
        raise MismatchError(
            f"window of readout {readout.name}", f"must lie inside its image of {nx} x {ny} pixels",
            value=readout.window.to_fits(), remedy="correct the header, or give the sections in an instrument file",
        )  # fmt: skip


def _require_crosstalk(readouts: tuple[Readout, ...]) -> None:
    if not any(any(one.crosstalk) for one in readouts):
        return
    crosstalk_matrix([one.crosstalk or (0.0,) * len(readouts) for one in readouts], len(readouts))
    shapes = {one.data.shape for one in readouts}
    if len(shapes) > 1:
        raise MismatchError("readouts", "must have data sections of one shape for crosstalk", value=sorted(shapes),
                            remedy="give no crosstalk, or correct the sections")  # fmt: skip
