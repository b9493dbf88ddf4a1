"""Mosaic: many small images in one figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.plots.colours import Colours, domain_of
from ccdfx.plots.figures import add_axes, new_figure
from ccdfx.plots.image import image
from ccdfx.plots.limits import Interval, Limits, interval_of, shown_values
from ccdfx.records.checks import whole
from ccdfx.records.image import as_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ccdfx.records.image import Image
    from ccdfx.scalings import Scaling

_PLACES = "give the number of rows, or the row of each image"
_TILE = 1.9  # inches


def mosaic(
    images: Sequence[Any],
    *,
    rows: int | Sequence[int] | None = None,
    titles: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    limits: str | Interval | Limits = "zscale",
    together: bool = False,
    scaling: str | Scaling = "linear",
    colours: str | Colours = "gray",
    ticks: bool = False,
) -> Figure:
    """Draw images side by side in a grid.

    Parameters
    ----------
    images : sequence of Image or 2-D array
        For example from `ccdfx.cutouts`. Their sizes may differ.
    rows : int, or sequence of int, optional
        The number of rows, which are filled from the left; or the row of each image, counted from 0 at the
        top. By default the grid is as square as possible.
    titles : sequence of str, optional
        Above each image.
    row_labels : sequence of str, optional
        To the left of each row.
    limits : str, (float, float) or Limits
        Applied to each image separately, unless `together`. Limits with ``g`` are those of all images.
    together : bool
        Use one interval for all images, from all their pixels.
    scaling, colours
        As for `plots.image`; a colour bar is drawn once for images that share an interval, else for each.
    ticks : bool
        Draw pixel coordinates.

    Returns
    -------
    matplotlib Figure
        Not registered with pyplot; its axes are in the order of the images. A notebook displays it.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When there are no images, when rows, titles or labels do not fit them, and as `plots.image`.

    Examples
    --------
    >>> import numpy as np
    >>> figure = mosaic([np.eye(5)] * 3, rows=1, titles=["a", "b", "c"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a', 'b', 'c']
    """
    frames = as_images(images)
    if not frames:
        raise ArgumentError("images", "must be one or more", value=images, remedy="give a list of images")
    places, shape = _places(rows, len(frames))
    names = _texts("titles", titles, len(frames), "image")
    labels = _texts("row_labels", row_labels, shape[0], "row")
    colours, wanted = Colours.of(colours), Limits.of(limits)
    shared = _shared_interval(frames, wanted, scaling) if together or wanted.whole else None
    bars = 0 if not colours.bar else shape[1] if shared is None else 1
    figure = new_figure((shape[1] * _TILE + 0.3 + 0.7 * bars, shape[0] * _TILE + 0.3))
    grid = figure.add_gridspec(*shape)
    own_bar = Colours(colours.map, colours.invert, colours.masked, colours.bar if shared is None else False)
    drawn = [
        image(
            frame,
            limits=wanted if shared is None else shared,
            scaling=scaling,
            colours=own_bar,
            title=name or None,
            ax=add_axes(figure, grid[place]),
        )
        for frame, place, name in zip(frames, places, names, strict=True)
    ]
    _dress(drawn, places, labels, ticks)
    if colours.bar and shared is not None:
        bar = figure.colorbar(drawn[0].images[0], ax=drawn, pad=0.02, fraction=0.05)
        unit = str(frames[0].unit or "")
        bar.set_label(colours.bar if isinstance(colours.bar, str) else unit, parse_math=False)
    return figure


def _shared_interval(frames: list[Image], limits: Limits, scaling: Any) -> Interval:
    domain = domain_of(scaling)
    return interval_of(np.concatenate([shown_values(frame, domain) for frame in frames]), limits)


def _dress(drawn: list[Axes], places: list[tuple[int, int]], labels: list[str], ticks: bool) -> None:
    """Label the first image of each row, and remove ticks unless they are wanted."""
    labelled: set[int] = set()
    for axes, (row, _) in zip(drawn, places, strict=True):
        axes.set(xlabel="", ylabel="")
        axes.title.set_fontsize("medium")
        axes.tick_params(labelsize="x-small")
        if not ticks:
            axes.set(xticks=[], yticks=[])
        if row not in labelled:
            labelled.add(row)
            axes.set_ylabel(labels[row], fontsize="small", parse_math=False)


def _places(rows: Any, count: int) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return (row, column) of every image, and the shape of the grid."""
    if rows is None:
        rows = max(1, round(math.sqrt(count)))
    if isinstance(rows, Sequence | np.ndarray) and not isinstance(rows, str):
        return _places_in_rows(rows, count)
    height = min(whole("rows", rows, least=1, remedy=_PLACES), count)
    width = math.ceil(count / height)
    places = [divmod(number, width) for number in range(count)]
    return places, (places[-1][0] + 1, width)


def _places_in_rows(rows: Any, count: int) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    if len(rows) != count:
        raise ArgumentError("rows", f"must be {count}, one an image", value=rows, remedy=_PLACES)
    places: list[tuple[int, int]] = []
    filled: dict[int, int] = {}
    for row in rows:
        row = whole("rows", row, least=0, remedy=_PLACES)
        if row >= count:
            raise ArgumentError("rows", f"must be below {count}, the images", value=row, remedy=_PLACES)
        places.append((row, filled.get(row, 0)))
        filled[row] = filled.get(row, 0) + 1
    return places, (max(filled) + 1, max(filled.values()))


def _texts(name: str, texts: Any, count: int, what: str) -> list[str]:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise ArgumentTypeError(name, "must be several texts", value=texts, remedy="give a list")
    if len(texts) not in (0, count):
        raise ArgumentError(
            name, f"must be {count}, one a {what}", value=len(texts), remedy="give as many, or none"
        )
    return [str(text) for text in texts] or [""] * count
