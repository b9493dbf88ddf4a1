"""Histogram of the pixel values of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.plots.figures import new_axes
from ccdfx.plots.histogram_counts import histogram_counts
from ccdfx.plots.limits import Interval, Limits, percentiles, shown_values
from ccdfx.records.checks import real
from ccdfx.records.image import ImageLike, as_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEPT, _SHRUNK = 0.9973002, 0.9865783  # share and standard deviation of normal values within 3 sigma


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
    picture = as_image(image)
    if not isinstance(marks, Marks | None):
        raise ArgumentTypeError(
            "marks", "must be Marks", value=marks, remedy="give Marks(percentiles=..., gaussian=...)"
        )
    found = histogram_counts(picture, bins=bins, limits=limits, full=full)
    edges = found.edges
    axes = new_axes((6.4, 4.0)) if ax is None else ax
    axes.stairs(found.counts, edges, fill=not step, color="0.35")
    axes.set_xlim(*(found.limits if isinstance(bins, int | str) else (edges[0], edges[-1])))
    if not found.counts.any():
        axes.text(
            0.5, 0.5, "no good pixels between the limits", transform=axes.transAxes, ha="center", va="center"
        )
    elif marks is not None:
        _mark(axes, shown_values(picture).astype(np.float64), edges, marks)
    _label(axes, found.counts, log, picture.unit, title)
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


def _several(name: str, values: Any) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise ArgumentTypeError(name, "must be numbers", value=values, remedy="give a tuple") from None
