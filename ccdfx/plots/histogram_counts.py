"""Numbers of the pixels of an image in bins of value, without a drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.plots.limits import Interval, Limits, interval_of, sample, shown_values
from ccdfx.records.checks import real, whole
from ccdfx.records.image import ImageLike, as_image

_LEAST, _MOST = 10, 1000  # range of the number of bins for "auto"
_EXACT = 2.0**52  # below it, floats resolve halves of whole numbers
_REMEDY = 'give their number, their edges in order, or "auto"'


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """A histogram: how many good pixels lie between edges, as `histogram_counts` finds it.

    Attributes
    ----------
    counts : int64 array (n,)
        Bin i holds the values from edge i to below edge i + 1; the last bin holds its upper edge, too.
    edges : float64 array (n + 1,)
        In the unit of the image.
    limits : (float, float)
        What the rule for the limits gives: the first and the last edge, unless edges were given or follow whole
        numbers.
    """

    counts: np.ndarray
    edges: np.ndarray
    limits: Interval


def histogram_counts(
    image: ImageLike,
    *,
    bins: int | str | Sequence[float] = "auto",
    limits: str | Interval | Limits = "robust",
    full: ImageLike | None = None,
) -> Counts:
    """Count the good finite pixels of an image in bins of value, as `histogram` draws them.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
        Masked and non-finite pixels are not counted.
    bins : "auto", int or sequence of float
        Number of bins between the limits, or their edges; see `histogram`.
    limits : str, (float, float) or Limits
        First and last edge; see `Limits`. Values outside are not counted. Edges in `bins` take precedence.
    full : Image or 2-D array, optional
        The frame that the image is a window of, for limits with ``g``.

    Returns
    -------
    Counts

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When limits or bins are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> found = histogram_counts(np.array([[0.0, 1.0], [1.0, 4.0]]), bins=4, limits=(0, 4))
    >>> found.counts, found.edges
    (array([1, 2, 0, 1]), array([0., 1., 2., 3., 4.]))
    """
    from ccdfx.estimators.counts import counts_between

    picture, wanted = as_image(image), Limits.of(limits)
    values = shown_values(picture)
    of_all = wanted.whole and full is not None
    low, high = interval_of(shown_values(as_image(full, "full")) if of_all else values, wanted)
    edges = _edges(bins, values, low, high, levels=picture.dtype.kind in "bui")
    return Counts(counts_between(values, edges), edges, (low, high))


def _edges(bins: Any, values: np.ndarray, low: float, high: float, *, levels: bool) -> np.ndarray:
    if isinstance(bins, str):
        if bins != "auto":
            raise ArgumentError("bins", "have one name", value=bins, remedy=_REMEDY)
        return _auto_edges(values, low, high, levels)
    if isinstance(bins, Sequence | np.ndarray) and np.ndim(bins) == 1:
        edges = np.array([real("bins", edge, remedy=_REMEDY) for edge in bins])
        if edges.size < 2 or not (np.diff(edges) > 0).all():
            raise ArgumentError("bins", "must have two or more edges in order", value=bins, remedy=_REMEDY)
        return edges
    edges = np.linspace(low, high, whole("bins", bins, least=1, remedy=_REMEDY) + 1)
    if not (np.diff(edges) > 0).all():
        raise ArgumentError(
            "limits",
            f"are too close for {bins} bins",
            value=(low, high),
            remedy="give wider limits or fewer bins",
        )
    return edges


def _auto_edges(values: np.ndarray, low: float, high: float, levels: bool) -> np.ndarray:
    width = high - low
    some = sample(values)
    inside = some[(some >= low) & (some <= high)]
    if inside.size:
        first, last = np.percentile(inside, (25, 75))
        width = 2.0 * (last - first) / (values.size * inside.size / some.size) ** (1 / 3)
    width = min(max(width, (high - low) / _MOST), (high - low) / _LEAST)
    if levels and high - low >= 1.0 and max(abs(low), abs(high)) < _EXACT:
        # Every bin has the same number of levels: otherwise some have one more, which looks like a comb.
        step = max(1.0, math.ceil(width))
        first = math.floor(low) - 0.5
        return first + step * np.arange(math.ceil((math.floor(high) + 0.5 - first) / step) + 1)
    edges = np.linspace(low, high, round((high - low) / width) + 1)
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])
