"""Windows on the screen, opened with pyplot; its current figure is not changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccdfx.errors import CcdfxError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOTEBOOKS = ("nbagg", "notebook", "ipympl", "widget", "module://ipympl.backend_nbagg")
_REMEDY = "set MPLBACKEND to one with windows, such as TkAgg or QtAgg, on a machine with a display"


class NoDisplayError(CcdfxError, RuntimeError):
    """No window can be opened for interaction."""


def open_window(size: tuple[float, float], *, blocking: bool = True) -> Figure:
    """Open an empty figure of `size` (width, height in inches) in a new window.

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
    if blocking and backend.lower() in _NOTEBOOKS:
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
