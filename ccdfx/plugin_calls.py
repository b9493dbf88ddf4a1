"""Calls of the code of plugins: whatever it raises is caught, and what it prints goes to stderr."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ccdfx.errors import cause_of


def call_plugin(function: Callable[[], Any]) -> tuple[Any, str | None]:
    """Call a function that runs code of a plugin; return its result and None, or None and why it failed.

    Every exception is caught, those too that end a program, except an interrupt of the user. What the code prints
    goes to stderr, since stdout is for data.

    >>> call_plugin(lambda: 1 / 0)
    (None, 'ZeroDivisionError: division by zero')
    """
    with _interrupts() as interrupts, stdout_to_stderr():
        try:
            return function(), None
        except BaseException as error:
            if interrupts:
                raise
            return None, cause_of(error)


def shown(thing: object) -> str:
    """Return the first 80 characters of the `repr` of an object of a plugin, which may fail in any way."""
    text, problem = call_plugin(lambda: repr(thing)[:80])
    return f"a {type(thing).__name__}" if problem else text


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Show on stderr what this thread prints during the block; other threads print where they did.

    >>> with stdout_to_stderr():
    ...     print("not seen here")
    """
    _enter()
    _here.depth = getattr(_here, "depth", 0) + 1
    try:
        yield
    finally:
        _here.depth -= 1
        _leave()


_here = threading.local()
_lock = threading.Lock()
_blocks: list[bool] = []


class _Stdout:
    """A stdout that is stderr for the threads inside of a block, while any thread is."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if getattr(_here, "depth", 0) else self.stream, name)


def _enter() -> None:
    with _lock:
        if not _blocks and sys.stdout is not None:
            sys.stdout = _Stdout(sys.stdout)
        _blocks.append(True)


def _leave() -> None:
    with _lock:
        _blocks.pop()
        if not _blocks and isinstance(sys.stdout, _Stdout):
            sys.stdout = sys.stdout.stream


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Yield a list of the interrupts (Ctrl-C) during the block, to tell them from what a plugin raises."""
    noted: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number: int, frame: Any) -> Any:
        noted.append(number)
        return handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, handler)
