"""Window of `inspect`: it converts events of matplotlib to records and draws the resulting state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.plots.axes import PixelAxes
from ccdfx.plots.colours import scaling_of
from ccdfx.plots.figures import close, in_notebook, open_window, wait
from ccdfx.plots.inspect.panels import draw, make_panels
from ccdfx.plots.inspect.positions import look_at
from ccdfx.plots.inspect.state import Click, Inspected, Key, State, clicked, pressed
from ccdfx.plots.limits import Limits
from ccdfx.records.checks import real
from ccdfx.records.image import Image, as_image, as_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ccdfx.plots.limits import Interval
    from ccdfx.scalings import Scaling

_SIZE, _SIZE_IN_NOTEBOOK = (11.0, 7.0), (8.5, 6.0)
_ZOOM = 1.25  # of one step of the wheel


class Inspector:
    """An open window with images, made by `inspector`.

    Attributes
    ----------
    figure : matplotlib Figure
    state : State
        The state shown, a value that each event replaces.
    """

    def __init__(self, figure: Figure, state: State, titles: tuple[str, ...]) -> None:
        self.figure, self.state, self.titles = figure, state, titles
        self._panels = make_panels(figure)
        self._has_zoomed = False
        draw(self._panels, None, state, titles)
        manager = figure.canvas.manager
        if manager is not None and manager.key_press_handler_id is not None:
            figure.canvas.mpl_disconnect(manager.key_press_handler_id)  # its keys would conflict
        figure.canvas.mpl_connect("button_press_event", self._on_click)
        figure.canvas.mpl_connect("key_press_event", self._on_key)
        figure.canvas.mpl_connect("scroll_event", self._on_wheel)
        # The first click would wait for the kernels; this waits for nobody, and Python waits for it at its end.
        Thread(target=_warm, args=(state.image,), name="ccdfx-inspect").start()

    @property
    def result(self) -> Inspected:
        """The places clicked and the regions masked so far."""
        return self.state.result

    def _on_click(self, event: Any) -> None:
        toolbar = getattr(self.figure.canvas, "toolbar", None)
        if event.inaxes is self._panels.picture and event.button == 1 and not getattr(toolbar, "mode", ""):
            self._advance(clicked, Click(event.xdata, event.ydata))

    def _on_key(self, event: Any) -> None:
        on_image = event.inaxes is self._panels.picture
        place = (event.xdata, event.ydata) if on_image else (None, None)
        self._advance(pressed, Key(str(event.key), *place))

    def _on_wheel(self, event: Any) -> None:
        axes = self._panels.picture
        if event.inaxes is not axes or not event.step:
            return
        toolbar = getattr(self.figure.canvas, "toolbar", None)
        if toolbar is not None and not self._has_zoomed:
            toolbar.push_current()  # "home" of the toolbar leads back
        self._has_zoomed = True
        factor = _ZOOM**-event.step
        axes.set(
            xlim=zoomed(axes.get_xlim(), event.xdata, factor),
            ylim=zoomed(axes.get_ylim(), event.ydata, factor),
        )
        self.figure.canvas.draw_idle()

    def _advance(self, handler: Callable[[State, Any], State], event: Click | Key) -> None:
        old, self.state = self.state, handler(self.state, event)
        if self.state is old:
            return
        draw(self._panels, old, self.state, self.titles)
        self.figure.canvas.draw_idle()
        if self.state.finished:
            self.figure.canvas.stop_event_loop()


def zoomed(limits: tuple[float, float], at: float, factor: float) -> tuple[float, float]:
    """Multiply an interval by a factor, around a place that stays where it is.

    >>> zoomed((0.0, 100.0), 25.0, 0.5)
    (12.5, 62.5)
    """
    return at + (limits[0] - at) * factor, at + (limits[1] - at) * factor


def _warm(image: Image) -> None:
    """Look at the middle of an image, so that the kernels are loaded or compiled."""
    x = (image.range.x_lower + image.range.x_upper) // 2
    y = (image.range.y_lower + image.range.y_upper) // 2
    with suppress(CcdfxError):
        look_at(image, x=x, y=y)


def inspector(
    images: Any,
    *,
    limits: str | Interval | Limits = "zscale",
    scaling: str | Scaling = "linear",
    radius: float = 10.0,
    titles: Sequence[str] | None = None,
    first: int = 0,
    figure: Figure | None = None,
) -> Inspector:
    """Open the window of `inspect` and return at once, for a notebook or a program with its own windows.

    Parameters
    ----------
    images, limits, scaling, radius, titles, first
        As for `inspect`.
    figure : matplotlib Figure, optional
        An empty figure to use. By default a window is opened (in a notebook: after ``%matplotlib widget``).

    Returns
    -------
    Inspector
        Its `result` has the places clicked and the regions masked so far.

    Raises
    ------
    NoDisplayError
        When no figure is given and the backend of matplotlib has no windows.
    ArgumentError, ArgumentTypeError
        When an option is invalid.
    """
    state, names = _start(images, limits, scaling, radius, titles, first)
    if figure is None:
        size = _SIZE_IN_NOTEBOOK if in_notebook() else _SIZE
        figure = open_window(size, title=_window_title(names), blocking=False)
    return Inspector(figure, state, names)


def inspect(
    images: Any,
    *,
    limits: str | Interval | Limits = "zscale",
    scaling: str | Scaling = "linear",
    radius: float = 10.0,
    titles: Sequence[str] | None = None,
    first: int = 0,
    figure: Figure | None = None,
) -> Inspected:
    """Show images in a window for clicking and masking; return when the window is closed.

    A click shows value, sigma, flags, sky position, the cuts along row and column, the centroid and the
    radial profile with its FWHM. Keys: ``n`` and ``p`` blink between the images, ``s`` changes the scaling,
    ``z`` the limits, ``i`` inverts the colours, ``m`` in two corners masks a region, ``u`` undoes that, ``x``
    removes the last click, ``+`` and ``-`` change the radius, ``h`` shows help, ``q`` ends. The wheel zooms.

    Parameters
    ----------
    images : Image or 2-D array, or several of them
        They are not changed.
    limits, scaling
        Initial values, as for `image`.
    radius : float
        Radius in pixels within which the centroid and the profile of a star are measured.
    titles : sequence of str, optional
        One for each image.
    first : {0, 1}
        The number of the first pixel in the window: 0 as in Python, or 1 as in FITS. Places of the result count from 0.
    figure : matplotlib Figure, optional
        An empty figure, with a canvas, to use. By default a window is opened.

    Returns
    -------
    Inspected
        The places clicked, the regions masked, and the images with these regions flagged.

    Raises
    ------
    NoDisplayError
        When the backend of matplotlib has no windows, or none that a program can wait for.
    ArgumentError, ArgumentTypeError
        When an option is invalid.
    """
    state, names = _start(images, limits, scaling, radius, titles, first)
    where = open_window(_SIZE, title=_window_title(names)) if figure is None else figure
    try:
        window = Inspector(where, state, names)
        wait(where)
        return window.result
    finally:
        if figure is None:
            close(where)


def _start(
    images: Any, limits: Any, scaling: Any, radius: float, titles: Sequence[str] | None, first: int
) -> tuple[State, tuple[str, ...]]:
    """Check the options; return the first state and the titles of the images."""
    several = (
        isinstance(images, list | tuple) or hasattr(images, "__next__") or getattr(images, "ndim", 2) == 3
    )
    frames = tuple(as_images(images)) if several else (as_image(images),)
    if not frames:
        raise ArgumentError("images", "must be one or more", value=images, remedy="give an image, or a list")
    Limits.of(limits)
    scaling_of(scaling)
    state = State(
        frames,
        frames,
        limits=limits if isinstance(limits, str) else Limits.of(limits),
        scaling=scaling,
        radius=real("radius", radius, least=1, remedy="give pixels"),
        first=PixelAxes(first=first).first,
    )
    return state, _titles(frames, titles)


def _window_title(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _titles(frames: tuple[Image, ...], titles: Sequence[str] | None) -> tuple[str, ...]:
    if titles is None:
        names = [str(frame.header.get("OBJECT") or "image").strip() for frame in frames]
        return tuple(
            name if len(frames) == 1 else f"{number}/{len(frames)} {name}"
            for number, name in enumerate(names, start=1)
        )
    if isinstance(titles, str) or len(titles) != len(frames):
        raise ArgumentError(
            "titles", f"must be {len(frames)}, one an image", value=titles, remedy="give a list"
        )
    return tuple(map(str, titles))
