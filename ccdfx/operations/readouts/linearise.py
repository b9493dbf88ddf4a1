"""Correction of signals for the nonlinearity of their amplifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.kernels.image.readouts import interpolate, straighten
from ccdfx.operations.readouts.linearity import Linearity
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_levels
from ccdfx.records.planes import variance_as, working_dtype


def linearise(
    image: ImageLike,
    *,
    polynomial: Sequence[float] = (),
    table: Sequence[tuple[float, float]] = (),
    limit: float | None = None,
) -> Image:
    """Correct a signal for the nonlinearity of its amplifier.

    Parameters
    ----------
    image : Image or 2-D array
        In ADU above the bias level: overscan or bias are subtracted, and nothing is divided.
    polynomial, table, limit
        As for `Linearity`.

    Returns
    -------
    Image
        Float, with the true signal. The variance is multiplied by the square of the derivative. Pixels above the
        limit are flagged NONLINEAR; there the correction goes on along its tangent.

    Raises
    ------
    ArgumentError
        Neither or both are given, or the true signal does not rise.

    See Also
    --------
    assemble_exposure, subtract_crosstalk

    Examples
    --------
    >>> done = linearise([[1000.0, 50000.0]], polynomial=(1.0, 1e-6), limit=40000.0)
    >>> done.array, done.mask
    (array([[ 1001., 52400.]]), array([[0, 2]], dtype=uint8))
    """
    law = Linearity(polynomial=tuple(polynomial), table=tuple(table), limit=limit)
    return linearised(as_image(image), law)


def linearised(image: Image, law: Linearity) -> Image:
    """Correct a signal for a nonlinearity that is described; see `linearise`."""
    kind = working_dtype(image.array)
    signal = image.array.astype(kind)
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    variance = None if image.variance is None else variance_as(image.variance, kind, copy=True)
    spread = np.zeros(0, kind) if variance is None else variance.reshape(-1)
    limit = kind.type(np.inf if law.limit is None else law.limit)
    planes = (signal.reshape(-1), mask.reshape(-1), spread)
    with np.errstate(over="ignore", invalid="ignore"):
        if law.polynomial:
            straighten(*planes, np.array(law.polynomial, kind), limit)
        else:
            interpolate(*planes, law.pieces, limit)
    flagged = image.mask is not None or mask.any()
    return adopt(signal, without_levels(image.header), mask if flagged else None, image.range, variance)
