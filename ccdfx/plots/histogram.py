"""How often each value occurs in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.plots.limits import display_limits
from ccdfx.plots.sheet import new_axes
from ccdfx.records.image import as_image
from ccdfx.records.numbers import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ccdfx.records.image import Image


def histogram(
    image: Image | Any,
    *,
    bins: int = 128,
    limits: str | tuple[float, float] = "robust",
    ax: Axes | None = None,
    log: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw the histogram of the good finite pixels of an image.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
        Masked and non-finite pixels are not counted.
    bins : int
        Number of bins between the limits.
    limits : {"robust", "percentile", "zscale", "minmax"} or (float, float)
        First and last edge; see `display_limits`. Values outside are not counted.
    ax : matplotlib Axes, optional
        Where to draw. By default axes on a new figure that pyplot does not know of.
    log : bool
        Logarithmic numbers of pixels.
    title : str, optional
        Shown as it stands.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        Limits that are no limits, or a number of bins below 1.

    Examples
    --------
    >>> import numpy as np
    >>> axes = histogram(np.array([[0.0, 1.0], [1.0, 4.0]]), bins=4, limits=(0, 4))
    >>> axes.patches[0].get_data().values
    array([1, 2, 0, 1])
    """
    picture = as_image(image)
    bins = whole("bins", bins, least=1)
    low, high = display_limits(picture, limits=limits)
    values = picture.array[picture.good & np.isfinite(picture.array)]
    try:
        counts, edges = np.histogram(values.astype(np.float64), bins=bins, range=(low, high))
    except ValueError:
        raise ArgumentError(
            "limits", f"are too close for {bins} bins", value=limits, remedy="give wider limits or fewer bins"
        ) from None
    axes = new_axes() if ax is None else ax
    axes.stairs(counts, edges, fill=True, color="0.35")
    axes.set_xlim(low, high)
    if log and counts.any():
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
    if not counts.any():
        axes.text(0.5, 0.5, "no good pixels", transform=axes.transAxes, ha="center", va="center")
    axes.set_xlabel(f"value [{picture.unit}]" if picture.unit else "value")
    axes.set_ylabel("pixels")
    if title is not None:
        axes.set_title(title, parse_math=False)
    return axes
