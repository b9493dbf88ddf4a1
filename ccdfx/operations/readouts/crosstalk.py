"""Crosstalk: the image of what one readout reads in another one that is read at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.kernels.image.readouts import subtract_part
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.checks import real
from ccdfx.records.image import Image, ImageLike, adopt, as_images
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import read_only, variance_as, working_dtype


def subtract_crosstalk(
    images: Sequence[ImageLike],
    *,
    matrix: Sequence[Sequence[float]],
    readouts: Sequence[Readout] | None = None,
) -> list[Image]:
    """Subtract from each readout of an exposure what the others leave in it: ``a_i - sum_j X_ij a_j``.

    Parameters
    ----------
    images : sequence of Image or 2-D array
        The signals of all readouts of one exposure, read at the same time, in ADU above their levels, before
        linearity and gain; of one shape, as they are stored.
    matrix : (n, n) numbers
        X_ij is the part of the signal of readout j that is seen in readout i; 0 on the diagonal.
    readouts : sequence of Readout, optional
        Which of the images are stored against the order of reading (`reversed_x`, `reversed_y`): pixels that were read
        at the same time belong together. By default none is.

    Returns
    -------
    list of Image
        Floats. The variances of the sources are added with the squares of their parts. Where a source is SATURATED or
        not finite, what it left is not known, and the pixel is flagged NONLINEAR.

    Raises
    ------
    MismatchError
        The images have different shapes.
    ArgumentError
        The matrix has another size, or numbers on its diagonal.

    See Also
    --------
    assemble_exposure, linearise

    Examples
    --------
    >>> one, two = subtract_crosstalk([[[1000.0, 0.0]], [[1.0, 0.0]]], matrix=[[0, 0], [1e-3, 0]])
    >>> two.array
    array([[0., 0.]])
    """
    signals = as_images(images)
    parts = crosstalk_matrix(matrix, len(signals))
    shapes = {one.shape for one in signals}
    if len(shapes) > 1:
        raise MismatchError("images", "must have one shape", value=sorted(shapes),
                            remedy="give the data section of each readout")  # fmt: skip
    turns = [(1, 1)] * len(signals) if readouts is None else [reading_steps(one) for one in readouts]
    if len(turns) != len(signals):
        raise ArgumentError("readouts", f"must be {len(signals)}, one for each image", value=len(turns),
                            remedy="give them in the order of the images")  # fmt: skip
    read = [_turned(one, turn) for one, turn in zip(signals, turns, strict=True)]
    found = (_without_crosstalk(read, row, i) for i, row in enumerate(parts))
    return [_turned(one, turn) for one, turn in zip(found, turns, strict=True)]


def _without_crosstalk(read: Sequence[Image], parts: Sequence[float], number: int) -> Image:
    """Subtract from readout `number` the parts of the others; all are in the order of reading."""
    victim = read[number]
    sources = [(one, part) for one, part in zip(read, parts, strict=True) if part]
    if not sources:
        return victim
    kind = working_dtype(victim.array)
    array, mask = victim.array.astype(kind), _own_mask(victim)
    variance = np.zeros(0, kind) if victim.variance is None else variance_as(victim.variance, kind, copy=True)
    for source, part in sources:
        subtract_part(
            array.reshape(-1),
            mask.reshape(-1),
            variance.reshape(-1),
            _line(source.array.astype(kind, copy=False)),
            _NO_MASK if source.mask is None else _line(source.mask),
            _NOTHING[kind] if source.variance is None else _line(variance_as(source.variance, kind)),
            kind.type(part),
        )
    flagged = victim.mask is not None or mask.any()
    return adopt(
        array,
        without_extremes(victim.header),
        mask if flagged else None,
        victim.range,
        None if victim.variance is None else variance,
    )


def _own_mask(image: Image) -> np.ndarray:
    return np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()


def _line(plane: np.ndarray) -> np.ndarray:
    return read_only(plane).reshape(-1)


def _nothing(kind: type) -> np.ndarray:
    none: np.ndarray = np.zeros(0, kind)
    none.flags.writeable = False
    return none


_NOTHING = {np.dtype(kind): _nothing(kind) for kind in (np.float32, np.float64)}
_NO_MASK = _nothing(np.uint8)


def crosstalk_matrix(matrix: Any, count: int) -> list[tuple[float, ...]]:
    """Return the rows of a matrix of `count` readouts, checked.

    Raises
    ------
    ArgumentError
        It has another size, or a number on its diagonal is not 0.
    """
    remedy = "give X_ij, the part of readout j that is seen in readout i"
    rows = [tuple(real("matrix", part, remedy=remedy) for part in row) for row in matrix]
    if len(rows) != count or any(len(row) != count for row in rows):
        raise ArgumentError(
            "matrix",
            f"must have {count} rows of {count} numbers",
            value=[len(row) for row in rows],
            remedy=remedy,
        )
    for number, row in enumerate(rows):
        if row[number] != 0.0:
            raise ArgumentError("matrix", "must have 0 on its diagonal", value=row[number], remedy=remedy)
    return rows


def reading_steps(readout: Readout) -> tuple[int, int]:
    """Return the steps (y, x) by which the stored image of a readout is in the order of reading."""
    return -1 if readout.reversed_y else 1, -1 if readout.reversed_x else 1


def _turned(image: Image, steps: tuple[int, int]) -> Image:
    if steps == (1, 1):
        return image
    planes = (image.array, image.mask, image.variance)
    array, mask, variance = (
        None if plane is None else np.ascontiguousarray(plane[:: steps[0], :: steps[1]]) for plane in planes
    )
    assert array is not None
    return adopt(array, image.header, mask, image.range, variance)
