"""Fitting an overscan by itself and by hand; the hand is made of synthetic events on an Agg canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ccdfx import (
    ArgumentError,
    OverscanFit,
    fit_overscan,
    pipeline,
    read_recipe,
    step,
    subtract_overscan,
    to_recipe,
)
from ccdfx.operations.calibration.overscan import overscan_levels
from ccdfx.plots import NoDisplayError
from ccdfx.plots.overscan import OverscanEdit, clicked, draw_overscan, pressed

NY, NX = 120, 50
OVERSCAN = "[31:50,1:120]"


def frame(curve: Callable[[np.ndarray], np.ndarray] = lambda x: 0 * x, seed: int = 4) -> np.ndarray:
    """Levels that follow a curve of x in -1 ... 1, with noise of 2 a pixel; lines 60 to 64 are far up."""
    x = np.linspace(-1, 1, NY)
    array = 1000 + curve(x)[:, None] + np.random.default_rng(seed).normal(0, 2, (NY, NX))
    array[60:65] += 300
    return array


def edit(curve: Callable[[np.ndarray], np.ndarray] = lambda x: 10 * x, **options: object) -> OverscanEdit:
    start = OverscanFit(**{"order": 2, **options})
    return OverscanEdit(overscan_levels(frame(curve), overscan=OVERSCAN), start, start)


def at(line: float | None = None, key: str = "") -> SimpleNamespace:
    """An event over the axes at a line, or outside."""
    return SimpleNamespace(key=key, xdata=line, inaxes=None if line is None else object())


def after(state: OverscanEdit, *keys: str) -> OverscanEdit:
    for key in keys:
        state = pressed(state, at(key=key))
    return state


@pytest.mark.parametrize(
    ("curve", "order"),
    [
        (lambda x: 0 * x, 1),
        (lambda x: 30 * x, 2),
        (lambda x: 20 * x**2, 3),
        (lambda x: 40 * x**4 - 20 * x, 5),
    ],
)
def test_the_order_is_as_high_as_the_levels_justify(curve, order: int) -> None:
    fit = fit_overscan(frame(curve), overscan=OVERSCAN)
    assert fit == OverscanFit(order=order)
    left = subtract_overscan(frame(curve), overscan=OVERSCAN, fit=fit).array
    assert abs(np.delete(left, range(60, 65), axis=0).mean()) < 0.2


def test_levels_without_noise_and_few_levels() -> None:
    assert fit_overscan(np.full((30, 5), 7.0), overscan="[4:5,1:30]").order == 1
    assert fit_overscan(np.full((1, 5), 7.0), overscan="[4:5,1:1]", axis="rows").order == 1


def test_the_fit_to_start_from_is_kept_and_checked() -> None:
    fit = OverscanFit(function="spline", order=3)
    assert fit_overscan(frame(), overscan=OVERSCAN, fit=fit) == fit
    with pytest.raises(ArgumentError, match="lower the order or exclude fewer lines"):
        fit_overscan(frame(), overscan=OVERSCAN, fit=OverscanFit(excluded=((0, NY),)))
    with pytest.raises(ArgumentError, match=r"^overscan: "):
        fit_overscan(frame(), overscan="[40:60,1:120]")


def test_excluded_lines_take_no_part() -> None:
    array = frame(lambda x: 10 * x)
    free = OverscanFit(order=2, iterations=0)
    spoilt = subtract_overscan(array, overscan=OVERSCAN, fit=free).array
    by_hand = OverscanFit(order=2, iterations=0, excluded=[[60, 65]])
    sound = subtract_overscan(array, overscan=OVERSCAN, fit=by_hand).array
    assert abs(spoilt[:60].mean()) > 5 and abs(sound[:60].mean()) < 0.2
    array[60:65] = -1e6
    np.testing.assert_allclose(
        subtract_overscan(array, overscan=OVERSCAN, fit=by_hand).array[:60], sound[:60]
    )


@pytest.mark.parametrize("excluded", [5, [5], [(3, 3)], [(-1, 4)], [(1, 2, 3)], [("a", "b")]])
def test_ranges_that_are_none(excluded: object) -> None:
    with pytest.raises((ArgumentError, TypeError), match="excluded"):
        OverscanFit(excluded=excluded)  # type: ignore[arg-type]


def test_a_fit_by_hand_survives_its_recipe() -> None:
    fit = OverscanFit(order=2, excluded=((60, 65), (100, 101)))
    steps = pipeline(step("subtract_overscan", overscan=OVERSCAN, fit=fit))
    again = read_recipe(to_recipe(steps))
    np.testing.assert_array_equal(again(frame()).array, steps(frame()).array)
    assert again(frame()).header.history == steps(frame()).header.history
    assert "excluded=[[60,65],[100,101]]" in "".join(steps(frame()).header.history)


@pytest.mark.quick
def test_keys_choose_function_order_and_limits() -> None:
    state = edit()
    assert after(state, "f").fit.function == "chebyshev"
    assert after(state, "f", "f", "f", "f").fit == state.fit
    assert after(state, "up", "+", "down").fit.order == 3
    assert after(state, "-", "-", "-", "-").fit.order == 1
    assert after(state, "]", "]", "[").fit.high == 3.5 and after(state, *["["] * 20).fit.low == 0.5
    assert after(state, "i").fit.iterations == 0 and after(state, "i", "i").fit == state.fit
    assert after(state, "f", "up", "]", "i", "r").fit == state.start
    assert pressed(state, at(key="z")) is state
    assert pressed(edit(high=math.inf), at(key="]")).fit.high == math.inf


def test_clicks_and_ranges_exclude_lines() -> None:
    state = edit()
    one = clicked(state, at(62.4))
    assert one.fit.excluded == ((62, 63),) and state.fit.excluded == ()
    assert clicked(one, at(61.6)).fit.excluded == ()
    assert clicked(clicked(one, at(63.0)), at(10.0)).fit.excluded == ((10, 11), (62, 64))
    assert clicked(state, at(None)) is state
    marked = pressed(state, at(64.0, "x"))
    assert marked.mark == 64 and "line 64" in marked.message and marked.fit == state.fit
    ranged = pressed(marked, at(60.1, "x"))
    assert ranged.fit.excluded == ((60, 65),) and ranged.mark is None and ranged.message == ""
    assert after(ranged, "a").fit.excluded == ()
    assert pressed(state, at(None, "x")).mark is None


def test_what_cannot_be_fitted_is_said_and_not_done() -> None:
    state = edit(order=1)
    marked = pressed(state, at(-5.0, "x"))
    refused = pressed(marked, at(500.0, "x"))
    assert refused.fit == state.fit and refused.mark is None and "exclude fewer lines" in refused.message
    assert after(refused, "up").message == ""


def test_accepted_or_given_up() -> None:
    changed = after(edit(), "up", "up")
    assert after(changed, "enter").result.order == after(changed, "q").result.order == 4
    assert after(changed, "escape").result == changed.result == changed.start


def events(*actions: tuple[str, float | None]) -> Callable[[Figure], None]:
    """Somebody who presses keys and clicks ("click") at lines on the figure."""

    def act(figure: Figure) -> None:
        for action, line in actions:
            figure.canvas.draw()
            x, y = (-1, -1) if line is None else figure.axes[0].transData.transform((line, 1000))
            if action == "click":
                event = MouseEvent("button_press_event", figure.canvas, x, y, 1)
            else:
                event = KeyEvent("key_press_event", figure.canvas, action, x, y)
            figure.canvas.callbacks.process(event.name, event)

    return act


def test_a_figure_of_ones_own_is_wired() -> None:
    by_hand = events(("up", None), ("x", 60.0), ("x", 64.0), ("click", 3.0), ("enter", None), ("up", None))
    fit = fit_overscan(frame(), overscan=OVERSCAN, fit=OverscanFit(order=2), interactive=by_hand)
    assert fit == OverscanFit(order=3, excluded=((3, 4), (60, 65)))
    unfinished = events(("up", None))
    assert fit_overscan(frame(), overscan=OVERSCAN, interactive=unfinished) == OverscanFit(order=1)


def test_the_picture_shows_levels_fit_residuals_and_what_is_left_out() -> None:
    figure = Figure(figsize=(9, 7), layout="constrained")
    FigureCanvasAgg(figure)
    state = replace_mark(clicked(edit(), at(20.0)))
    draw_overscan(state, figure)
    upper, lower = figure.axes
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "used", "rejected by the limits", "excluded by hand", "fit",
    ]  # fmt: skip
    rejected = upper.collections[1].get_offsets()[:, 0].tolist()
    assert {60, 61, 62, 63, 64} <= set(rejected) and len(rejected) < 9
    assert upper.collections[2].get_offsets()[:, 0].tolist() == [20]
    assert abs(lower.collections[0].get_offsets()[:, 1]).max() < 4
    assert (
        "legendre, order 2" in upper.get_title()
        and f"{119 - len(rejected)} of 120 lines" in upper.get_title()
    )
    draw_overscan(after(state, "i", "a"), figure)
    assert len(figure.axes) == 2 and "rejection off" in figure.axes[0].get_title()


def replace_mark(state: OverscanEdit) -> OverscanEdit:
    return pressed(state, at(90.0, "x"))


def test_without_windows_it_says_what_to_do() -> None:
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    with pytest.raises(NoDisplayError, match=r"no windows.*MPLBACKEND"):
        fit_overscan(frame(), overscan=OVERSCAN, interactive=True)
    assert pyplot.get_fignums() == []


def test_a_window_waits_for_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canvas that says it opens windows; its event loop is somebody who works and accepts, or closes the window."""

    class Canvas(FigureCanvasAgg):
        required_interactive_framework = "none that exists"
        acts = staticmethod(events(("q", None)))
        stopped = 0

        def start_event_loop(self, timeout: float = 0) -> None:
            self.acts(self.figure)

        def stop_event_loop(self) -> None:
            type(self).stopped += 1

    def made(*args: object, **options: object) -> Figure:
        figure = Figure(figsize=(9, 7))
        canvas = Canvas(figure)
        canvas.manager = SimpleNamespace(key_press_handler_id=0, show=lambda: None)
        return figure

    monkeypatch.setattr("ccdfx.plots.overscan.open_window", made)
    monkeypatch.setattr(Canvas, "acts", staticmethod(events(("up", None), ("q", None))))
    assert fit_overscan(frame(), overscan=OVERSCAN, interactive=True).order == 2 and Canvas.stopped == 1
    closing = lambda figure: figure.canvas.callbacks.process("close_event", SimpleNamespace())  # noqa: E731
    monkeypatch.setattr(Canvas, "acts", staticmethod(closing))
    assert fit_overscan(frame(), overscan=OVERSCAN, interactive=True).order == 1 and Canvas.stopped == 2
