"""The fit of the levels of an overscan, automatic or by hand in a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import CcdfxError
from ccdfx.operations.calibration.line_levels import LevelStatistic
from ccdfx.operations.calibration.overscan import Sections, overscan_levels
from ccdfx.operations.calibration.overscan_fit import (
    FUNCTIONS,
    Levels,
    OverscanFit,
    as_fit,
    chosen_fit,
    fitted_levels,
    included,
)
from ccdfx.plots.figures import close, open_window, wait
from ccdfx.records.image import ImageLike
from ccdfx.records.parameters import renamed_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HELP = (
    "f function   up/down order   [ ] limits   i rejection on/off   click: exclude or restore a line\n"
    "x, x: exclude a range   a restore all   r start again   enter accept   escape give up"
)


@renamed_options(method="statistic")
def fit_overscan(
    image: ImageLike,
    *,
    overscan: Sections,
    statistic: LevelStatistic = "clipped_mean",
    axis: str | None = None,
    fit: OverscanFit | None = None,
    interactive: bool | Callable[[Figure], None] = False,
) -> OverscanFit:
    """Find the fit with which `subtract_overscan` smooths the levels of the lines.

    Parameters
    ----------
    image, overscan, statistic, axis
        As for `subtract_overscan`.
    fit : OverscanFit, optional
        The fit to start from; by default the Legendre polynomial of at most 10 terms with the least Bayesian
        information criterion.
    interactive : bool or function
        True opens a matplotlib window with the levels, the fit and the residuals, and waits until the user
        accepts or closes it. A function receives that figure, shows it, and returns when the user has
        finished. Keys: f function, up and down order, [ and ] rejection limits, i rejection on and off, x at
        both ends of a range to exclude it, a to restore all, r to start again, enter to accept, escape to
        cancel. A click excludes the nearest line, or restores it.

    Returns
    -------
    OverscanFit
        For ``step("subtract_overscan", overscan=..., fit=...)``. If the user closes the window or cancels, it
        is the fit of the start.

    Raises
    ------
    ArgumentError
        In the cases of `subtract_overscan`.
    NoDisplayError
        When no window can be opened.

    See Also
    --------
    subtract_overscan, OverscanFit

    Examples
    --------
    >>> rows = np.arange(100.0)[:, None]
    >>> frame = 1000 + 0.1 * rows + np.random.default_rng(1).normal(0, 2, (100, 60))
    >>> fit_overscan(frame, overscan="[41:60,1:100]").order
    2
    """
    levels = overscan_levels(image, overscan=overscan, statistic=statistic, axis=axis)
    start = as_fit(fit) or chosen_fit(levels)
    fitted_levels(start, levels)  # raises now if the fit is impossible
    if interactive is False:
        return start
    show = _in_window if interactive is True else partial(_on_figure, interactive)
    return _edited(OverscanEdit(levels, start, start), show)


def draw_overscan(state: OverscanEdit, figure: Figure) -> None:
    """Clear a figure and draw the levels, the fit and the residuals of a state on it."""
    found, levels = fitted_levels(state.fit, state.levels), state.levels
    excluded = ~included(state.fit, levels.lines)
    figure.clear()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    kinds = (
        ("used", found.used, {"marker": ".", "color": "0.25"}),
        ("rejected by the limits", ~found.used & ~excluded, {"marker": "x", "color": "tab:orange"}),
        ("excluded by hand", excluded, {"marker": "D", "color": "tab:red", "facecolors": "none"}),
    )
    residuals = levels.values - found.values[levels.lines]
    for axes, values in ((upper, levels.values), (lower, residuals)):
        low, high = _reach(values[found.used])
        axes.set_ylim(low, high)
        values = np.clip(values, low, high)  # outliers are drawn at the edge
        for label, which, style in kinds:
            if which.any():
                axes.scatter(
                    levels.lines[which],
                    values[which],
                    s=14,
                    linewidths=1,
                    label=label,
                    clip_on=False,
                    **style,
                )
    upper.plot(np.arange(levels.count), found.values, color="tab:blue", label="fit")
    lower.axhline(0, color="tab:blue")
    for limit in (state.fit.high * found.rms, -state.fit.low * found.rms):
        if state.fit.iterations and math.isfinite(limit):
            lower.axhline(limit, color="tab:orange", linestyle=":", linewidth=1)
    if state.mark is not None:
        for axes in (upper, lower):
            axes.axvline(state.mark, color="tab:red", linestyle="--", linewidth=1)
    upper.set_ylabel("level")
    lower.set_ylabel("residual")
    lower.set_xlabel("line")
    upper.legend(loc="best", fontsize="small")
    rejection = f"{state.fit.low:g}, {state.fit.high:g} rms" if state.fit.iterations else "off"
    number = f"{int(found.used.sum())} of {levels.lines.size} lines"
    upper.set_title(
        f"{state.fit.function}, order {state.fit.order}; rejection {rejection}; rms {found.rms:.3g}; {number}",
        fontsize="medium",
    )
    figure.supxlabel(state.message or _HELP, fontsize="small", color="tab:red" if state.message else "0.3",
                     parse_math=False)  # fmt: skip


def _reach(values: np.ndarray) -> tuple[float, float]:
    """Compute the limits of an axis that shows these values with a margin."""
    low, high = float(values.min()), float(values.max())
    room = 0.3 * (high - low) or 1.0
    return low - room, high + room


def _edited(state: OverscanEdit, show: Callable[[Callable[[Figure], None]], None]) -> OverscanFit:
    """Let the user edit the fit and return it; `show` makes a figure, connects its events and shows it."""
    current = state

    def follow(handler: Callable[[OverscanEdit, Any], OverscanEdit]) -> Callable[[Any], None]:
        def react(event: Any) -> None:
            nonlocal current
            toolbar = getattr(event.canvas, "toolbar", None)
            if current.done or getattr(toolbar, "mode", ""):  # clicks to pan or zoom are ignored
                return
            after = handler(current, event)
            if after is not current:
                current = after
                draw_overscan(current, event.canvas.figure)
                event.canvas.draw_idle()
            if current.done:
                event.canvas.stop_event_loop()

        return react

    def wire(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        draw_overscan(current, figure)
        figure.canvas.mpl_connect("key_press_event", follow(pressed))
        figure.canvas.mpl_connect("button_press_event", follow(clicked))

    show(wire)
    return current.result


def _on_figure(show: Callable[[Figure], None], wire: Callable[[Figure], None]) -> None:
    """Make a figure that is not registered with pyplot, and call the function of the user to show it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7))
    FigureCanvasAgg(figure)
    wire(figure)
    show(figure)


def _in_window(wire: Callable[[Figure], None]) -> None:
    """Open a window, and wait until an event stops the loop or the window is closed."""
    figure = open_window((9, 7))
    try:
        manager: Any = figure.canvas.manager
        figure.canvas.mpl_disconnect(manager.key_press_handler_id)  # the keys of the toolbar would conflict
        wire(figure)
        wait(figure)
    finally:
        close(figure)


_ACCEPTED, _CANCELLED = "accepted", "cancelled"


@dataclass(frozen=True, slots=True, eq=False)
class OverscanEdit:
    """A fit that is being made by hand.

    `levels` are the data, `start` is the initial fit, `fit` the present one, `mark` the line where a range to
    exclude begins, `message` a hint or an error, and `done` how the user has finished (empty before that).
    """

    levels: Levels
    start: OverscanFit
    fit: OverscanFit
    mark: int | None = None
    message: str = ""
    done: str = ""

    @property
    def result(self) -> OverscanFit:
        """The fit if it was accepted, else the initial one."""
        return self.fit if self.done == _ACCEPTED else self.start


def _order(by: int) -> Callable[[OverscanEdit, int | None], OverscanEdit]:
    return lambda state, line: replace(state, fit=replace(state.fit, order=max(1, state.fit.order + by)))


def _limits(by: float) -> Callable[[OverscanEdit, int | None], OverscanEdit]:
    def moved(state: OverscanEdit, line: int | None) -> OverscanEdit:
        low, high = (max(0.5, limit + by) for limit in (state.fit.low, state.fit.high))
        return replace(state, fit=replace(state.fit, low=low, high=high))

    return moved


def _next_function(state: OverscanEdit, line: int | None) -> OverscanEdit:
    number = FUNCTIONS.index(state.fit.function) + 1
    return replace(state, fit=replace(state.fit, function=FUNCTIONS[number % len(FUNCTIONS)]))


def _rejection(state: OverscanEdit, line: int | None) -> OverscanEdit:
    usual = state.start.iterations or OverscanFit().iterations
    return replace(state, fit=replace(state.fit, iterations=0 if state.fit.iterations else usual))


def _range(state: OverscanEdit, line: int | None) -> OverscanEdit:
    if line is None:
        return state
    if state.mark is None:
        return replace(state, mark=line, message=f"from line {line}: press x at the other end")
    low, high = sorted((state.mark, line))
    lines = _excluded_lines(state) | set(range(low, high + 1))
    return replace(_excluding(state, lines), mark=None)


def _restore(state: OverscanEdit, line: int | None) -> OverscanEdit:
    return replace(_excluding(state, ()), mark=None)


def _reset(state: OverscanEdit, line: int | None) -> OverscanEdit:
    return replace(state, fit=state.start, mark=None)


def _finish(how: str) -> Callable[[OverscanEdit, int | None], OverscanEdit]:
    return lambda state, line: replace(state, done=how)


_KEYS: dict[str, Callable[[OverscanEdit, int | None], OverscanEdit]] = {
    "f": _next_function, "up": _order(1), "+": _order(1), "down": _order(-1), "-": _order(-1), "[": _limits(-0.5),
    "]": _limits(0.5), "i": _rejection, "x": _range, "a": _restore, "r": _reset, "enter": _finish(_ACCEPTED),
    "q": _finish(_ACCEPTED), "escape": _finish(_CANCELLED),
}  # fmt: skip


def pressed(state: OverscanEdit, event: Any) -> OverscanEdit:
    """Apply the key `event.key` at `event.xdata` (None outside the axes); ignore an unknown key."""
    action = _KEYS.get(event.key)
    return (
        state if action is None else _possible(state, action(replace(state, message=""), _line(state, event)))
    )


def clicked(state: OverscanEdit, event: Any) -> OverscanEdit:
    """Exclude the line with a level that is nearest to a click, or restore it."""
    line = _line(state, event)
    if line is None:
        return state
    return _possible(state, _excluding(replace(state, message=""), _excluded_lines(state) ^ {line}))


def _possible(before: OverscanEdit, after: OverscanEdit) -> OverscanEdit:
    """Return the new state, or the old one with an error message if the new fit is impossible."""
    try:
        fitted_levels(after.fit, after.levels)
    except CcdfxError as problem:
        return replace(before, mark=None, message=str(problem))
    return after


def _line(state: OverscanEdit, event: Any) -> int | None:
    if event.inaxes is None or event.xdata is None:
        return None
    lines = state.levels.lines
    return int(lines[np.argmin(np.abs(lines - event.xdata))])


def _excluded_lines(state: OverscanEdit) -> set[int]:
    lines = state.levels.lines
    return set(lines[~included(state.fit, lines)].tolist())


def _excluding(state: OverscanEdit, lines: Iterable[int]) -> OverscanEdit:
    """Exclude exactly these lines, as ranges."""
    ranges: list[tuple[int, int]] = []
    for line in sorted(lines):
        if ranges and ranges[-1][1] == line:
            ranges[-1] = (ranges[-1][0], line + 1)
        else:
            ranges.append((line, line + 1))
    return replace(state, fit=replace(state.fit, excluded=tuple(ranges)))
