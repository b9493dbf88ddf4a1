"""Halting what is being made, between products and between the rows of one, when something else is to be made first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ccdfx.records.image import Image

_asked: ContextVar[Callable[[], bool] | None] = ContextVar("ccdfx_halt", default=None)


class Halted(BaseException):
    """What was being made was given up; no fault of a product, so no `Exception` that would lose it."""


@contextmanager
def halting(asked: Callable[[], bool]) -> Iterator[None]:
    """Give up what is made in the block by this process, with `Halted`, soon after ``asked()`` is true.

    It is called often, from several threads. What was made is left, nothing is written in part.

    >>> with halting(lambda: True):
    ...     try:
    ...         halt_if_asked()
    ...     except Halted:
    ...         print("halted")
    halted
    """
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def halt_if_asked() -> None:
    """Raise `Halted` in a `halting` block where that is asked for."""
    asked = _asked.get()
    if asked is not None and asked():
        raise Halted


def halted_source(source: Any) -> Any:
    """Return a source whose windows are read only while no halt is asked for; itself outside of a `halting` block."""
    return source if _asked.get() is None else _Halted(source)


@dataclass(frozen=True)
class _Halted:
    """A source with all that another has."""

    source: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def select_planes(self, range: Any = None) -> Image:
        """Read a window, unless a halt is asked for."""
        halt_if_asked()
        read = getattr(self.source, "select_planes", self.source.select)
        found: Image = read(range)
        return found
