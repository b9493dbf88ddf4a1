"""Figures and axes that are not registered with pyplot, and that a notebook displays."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(size: tuple[float, float] | None = None) -> Figure:
    """Make a figure of `size` (width, height in inches) with an Agg canvas, not registered with pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _classes()["figure"](figsize=size, layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def new_axes(size: tuple[float, float] | None = None, wcs: Any = None) -> Axes:
    """Make axes on a new figure, with the projection of `wcs` if it is given."""
    return add_axes(new_figure(size), 111, wcs)


def add_axes(figure: Figure, place: Any, wcs: Any = None) -> Axes:
    """Add axes at a place of the figure, with the projection of `wcs` if it is given."""
    if wcs is None:
        return figure.add_subplot(place, axes_class=_classes()["axes"])
    return figure.add_subplot(place, axes_class=_sky_class(), wcs=wcs)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


@cache
def _classes() -> dict[str, Any]:
    """Make the classes, when matplotlib is first needed."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    class Sheet(Figure):
        """A figure that a notebook displays when it is the value of a cell."""

        def _repr_png_(self) -> bytes:
            return _png(self)

    class SheetAxes(Axes):
        """Axes that a notebook displays, with the whole figure, when they are the value of a cell."""

        def _repr_png_(self) -> bytes:
            return _png(self.figure)

    return {"figure": Sheet, "axes": SheetAxes}


@cache
def _sky_class() -> Any:
    from astropy.visualization.wcsaxes import WCSAxes

    class SkySheetAxes(WCSAxes):
        """Axes in sky coordinates that a notebook displays when they are the value of a cell."""

        def _repr_png_(self) -> bytes:
            return _png(self.figure)

    return SkySheetAxes
