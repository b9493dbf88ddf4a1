"""Figures that an array is drawn on, and windows that a person works in."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from ccdfx.errors import CcdfxError, printable

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


_NOTEBOOKS = ("nbagg", "notebook", "ipympl", "widget", "module://ipympl.backend_nbagg")
_REMEDY = "set MPLBACKEND to one with windows, such as TkAgg or QtAgg, on a machine with a display"


class NoDisplayError(CcdfxError, RuntimeError):
    """No window can be opened for interaction."""


def in_notebook() -> bool:
    """Return whether the windows of the backend of matplotlib are in the page of a notebook."""
    import matplotlib

    return str(matplotlib.get_backend()).lower() in _NOTEBOOKS


def open_window(size: tuple[float, float], *, title: str = "", blocking: bool = True) -> Figure:
    """Open an empty figure of `size` (width, height in inches) in a new window, whose title is "ccdfx" and `title`.

    Raises
    ------
    NoDisplayError
        When the backend of matplotlib has no windows or, if `blocking`, none that `wait` could wait for.
    """
    import matplotlib
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends import BackendFilter, backend_registry

    backend = str(matplotlib.get_backend())
    silent = [name.lower() for name in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)]
    if backend.lower() in silent or "inline" in backend:
        raise NoDisplayError(
            "display", "is needed, and this backend has no windows", value=backend, remedy=_REMEDY
        )
    if blocking and in_notebook():
        raise NoDisplayError(
            "display",
            "of a notebook cannot be waited for",
            value=backend,
            remedy="use plots.inspector(images) and its result",
        )
    from matplotlib import pyplot

    current = pyplot.gcf() if pyplot.get_fignums() else None
    try:
        figure = pyplot.figure(figsize=size)
    except Exception as error:  # each toolkit has its own errors for a missing display
        raise NoDisplayError(
            "display", f"cannot open a window: {error}", value=backend, remedy=_REMEDY
        ) from error
    if current is not None:
        pyplot.figure(current.number)
    if type(figure.canvas.manager) is FigureManagerBase:  # the fallback of a backend without a display
        pyplot.close(figure)
        raise NoDisplayError("display", "is needed, and there is none", value=backend, remedy=_REMEDY)
    if figure.canvas.manager is not None:
        figure.canvas.manager.set_window_title(f"ccdfx: {printable(title, 80)}" if title else "ccdfx")
    return figure


def wait(figure: Figure) -> None:
    """Show a figure until its window is closed or its event loop is stopped."""
    figure.canvas.mpl_connect("close_event", lambda _event: figure.canvas.stop_event_loop())
    if figure.canvas.manager is not None:
        figure.canvas.manager.show()
    figure.canvas.start_event_loop(0)


def close(figure: Figure) -> None:
    """Close the window of a figure that `open_window` made."""
    from matplotlib import pyplot

    pyplot.close(figure)
