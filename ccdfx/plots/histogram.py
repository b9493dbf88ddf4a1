"""Histogram of the pixel values of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.plots.figures import new_axes
from ccdfx.plots.limits import Interval, Limits, interval_of, percentiles, sample, shown_values
from ccdfx.records.checks import real, whole
from ccdfx.records.image import ImageLike, as_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_LEAST, _MOST = 10, 1000  # range of the number of bins for "auto"
_EXACT = 2.0**52  # below it, floats resolve halves of whole numbers
_KEPT, _SHRUNK = 0.9973002, 0.9865783  # share and standard deviation of normal values within 3 sigma
_REMEDY = 'give their number, their edges in order, or "auto"'


@dataclass(frozen=True, slots=True)
class Marks:
    """Lines and a curve drawn over a histogram.

    Parameters
    ----------
    percentiles : tuple of float
        A line at each of these percentiles of all good pixels; the legend marks those beyond the axis.
    gaussian : bool
        Draw the normal distribution of the pixels kept by clipping at 3 sigma.
    """

    percentiles: tuple[float, ...] = ()
    gaussian: bool = False

    def __post_init__(self) -> None:
        values = tuple(
            real("percentiles", value, least=0, remedy="give numbers from 0 to 100")
            for value in _several("percentiles", self.percentiles)
        )
        if values and max(values) > 100:
            raise ArgumentError(
                "percentiles", "must be at most 100", value=values, remedy="give numbers from 0 to 100"
            )
        object.__setattr__(self, "percentiles", values)


def histogram(
    image: ImageLike,
    *,
    bins: int | str | Sequence[float] = "auto",
    limits: str | Interval | Limits = "robust",
    full: ImageLike | None = None,
    log: bool = True,
    step: bool = False,
    marks: Marks | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the histogram of the good finite pixels of an image.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
        Masked and non-finite pixels are not counted. For a window of a frame give
        ``select(frame, section=...)``.
    bins : "auto", int or sequence of float
        Number of bins between the limits, or their edges. "auto" follows Freedman and Diaconis (1981), with
        10 to 1000 bins, and gives every bin the same number of levels where pixels are integers.
    limits : str, (float, float) or Limits
        First and last edge; see `Limits`. Values outside are not counted. Edges in `bins` take precedence.
    full : Image or 2-D array, optional
        The frame that the image is a window of, for limits with ``g``.
    log : bool
        Draw the numbers of pixels on a logarithmic scale.
    step : bool
        Draw only the outline.
    marks : Marks, optional
        Lines at percentiles, and a Gaussian.
    title : str, optional
        Shown literally, without mathematics.
    ax : matplotlib Axes, optional
        Where to draw. By default, axes on a new figure that is not registered with pyplot.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When limits or bins are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> axes = histogram(np.array([[0.0, 1.0], [1.0, 4.0]]), bins=4, limits=(0, 4))
    >>> axes.patches[0].get_data().values
    array([1, 2, 0, 1])
    """
    picture, wanted = as_image(image), Limits.of(limits)
    if not isinstance(marks, Marks | None):
        raise ArgumentTypeError(
            "marks", "must be Marks", value=marks, remedy="give Marks(percentiles=..., gaussian=...)"
        )
    values = shown_values(picture)
    of_all = wanted.whole and full is not None
    low, high = interval_of(shown_values(as_image(full, "full")) if of_all else values, wanted)
    values = values.astype(np.float64)
    edges = _edges(bins, values, low, high, levels=picture.dtype.kind in "bui")
    counts, _ = np.histogram(values, bins=edges)
    axes = new_axes((6.4, 4.0)) if ax is None else ax
    axes.stairs(counts, edges, fill=not step, color="0.35")
    axes.set_xlim(*((low, high) if isinstance(bins, int | str) else (edges[0], edges[-1])))
    if counts.any():
        _mark(axes, values, edges, marks or Marks())
    else:
        axes.text(
            0.5, 0.5, "no good pixels between the limits", transform=axes.transAxes, ha="center", va="center"
        )
    _label(axes, counts, log, picture.unit, title)
    return axes


def _label(axes: Axes, counts: np.ndarray, log: bool, unit: str | None, title: str | None) -> None:
    if log and counts.any():
        axes.set_yscale("log")
        axes.set_ylim(0.7, 2.0 * counts.max())
    axes.set_xlabel(f"value [{unit}]" if unit else "value", parse_math=False)
    axes.set_ylabel("pixels")
    if title is not None:
        axes.set_title(title, parse_math=False)


def _mark(axes: Axes, values: np.ndarray, edges: np.ndarray, marks: Marks) -> None:
    found = percentiles(values, marks.percentiles) if marks.percentiles else []
    lines = ("--", "-.", ":")
    first, last = axes.get_xlim()
    for number, (percent, place) in enumerate(zip(marks.percentiles, found, strict=True)):
        label = f"{percent:g} %: {place:.5g}{'' if first <= place <= last else ' (beyond the axis)'}"
        axes.axvline(place, color="C0", linestyle=lines[number % 3], linewidth=1.2, label=label)
    if marks.gaussian:
        _add_gaussian(axes, values, edges)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")


def _add_gaussian(axes: Axes, values: np.ndarray, edges: np.ndarray) -> None:
    """Draw the counts expected in these bins for a normal distribution of the clipped pixels."""
    from ccdfx.estimators import sigma_clipped

    core = sigma_clipped(values)
    sigma = core.std / _SHRUNK
    if not sigma > 0:
        return
    place = np.linspace(edges[0], edges[-1], 1000)
    width = np.interp(place, 0.5 * (edges[1:] + edges[:-1]), np.diff(edges))
    height = core.count / _KEPT * width / (sigma * math.sqrt(2.0 * math.pi))
    curve = height * np.exp(-0.5 * ((place - core.mean) / sigma) ** 2)
    axes.plot(place, curve, color="C1", linewidth=1.5, label=f"Gaussian: {core.mean:.5g} ± {sigma:.3g}")


def _edges(bins: Any, values: np.ndarray, low: float, high: float, *, levels: bool) -> np.ndarray:
    if isinstance(bins, str):
        if bins != "auto":
            raise ArgumentError("bins", "have one name", value=bins, remedy=_REMEDY)
        return _auto_edges(values[(values >= low) & (values <= high)], low, high, levels)
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
    if values.size:
        first, last = np.percentile(sample(values), (25, 75))
        width = 2.0 * (last - first) / values.size ** (1 / 3)
    width = min(max(width, (high - low) / _MOST), (high - low) / _LEAST)
    if levels and high - low >= 1.0 and max(abs(low), abs(high)) < _EXACT:
        # Every bin has the same number of levels: otherwise some have one more, which looks like a comb.
        step = max(1.0, math.ceil(width))
        first = math.floor(low) - 0.5
        return first + step * np.arange(math.ceil((math.floor(high) + 0.5 - first) / step) + 1)
    edges = np.linspace(low, high, round((high - low) / width) + 1)
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])


def _several(name: str, values: Any) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise ArgumentTypeError(name, "must be numbers", value=values, remedy="give a tuple") from None
