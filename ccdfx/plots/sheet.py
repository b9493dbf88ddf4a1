"""Figures and axes that pyplot does not know of, and that a notebook shows."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(size: tuple[float, float] | None = None) -> Figure:
    """A figure of `size` (width, height in inches) with an Agg canvas, unknown to pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _classes()["figure"](figsize=size, layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def new_axes(size: tuple[float, float] | None = None, wcs: Any = None) -> Axes:
    """Axes on a new figure; with the projection of `wcs` where it is given."""
    return add_axes(new_figure(size), 111, wcs)


def add_axes(figure: Figure, place: Any, wcs: Any = None) -> Axes:
    """Axes at a place of the figure; with the projection of `wcs` where it is given."""
    if wcs is None:
        return figure.add_subplot(place, axes_class=_classes()["axes"])
    return figure.add_subplot(place, axes_class=_sky_class(), wcs=wcs)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


@cache
def _classes() -> dict[str, Any]:
    """The classes, made when matplotlib is first needed."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    class Sheet(Figure):
        """A figure that a notebook shows where it is the value of a cell."""

        def _repr_png_(self) -> bytes:
            return _png(self)

    class SheetAxes(Axes):
        """Axes that a notebook shows, with the whole figure, where they are the value of a cell."""

        def _repr_png_(self) -> bytes:
            return _png(self.figure)

    return {"figure": Sheet, "axes": SheetAxes}


@cache
def _sky_class() -> Any:
    from astropy.visualization.wcsaxes import WCSAxes

    class SkySheetAxes(WCSAxes):
        """The same for axes in sky coordinates."""

        def _repr_png_(self) -> bytes:
            return _png(self.figure)

    return SkySheetAxes
