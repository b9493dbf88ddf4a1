"""State of an overscan fit made by hand: each key and click gives a new state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import CcdfxError
from ccdfx.operations.overscan_fit import FUNCTIONS, Levels, OverscanFit, fitted, included

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
        fitted(after.fit, after.levels)
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
