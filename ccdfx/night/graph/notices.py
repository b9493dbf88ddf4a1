"""Warnings of ccdfx collected while something is made, also where several things are made at once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from ccdfx.errors import CcdfxWarning

_tell: ContextVar[Callable[[str], object] | None] = ContextVar("ccdfx_tell", default=None)
_LOCK = threading.Lock()
_users: list[None] = []
_entered: list[warnings.catch_warnings[Any]] = []
_plain: list[Callable[..., Any]] = []


@contextmanager
def collect_warnings(tell: Callable[[str], object]) -> Iterator[None]:
    """Pass the text of every `CcdfxWarning` of the block to `tell`, also repeated ones; show other warnings.

    Blocks may be nested, and run in several threads at once: each gets its own warnings, and those of the engine's
    threads that compute for it.

    >>> said = []
    >>> with collect_warnings(said.append):
    ...     warnings.warn("mad_clip rejects nothing", CcdfxWarning)
    >>> said
    ['mad_clip rejects nothing']
    """
    _begin()
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)
        _end()


def _begin() -> None:
    """Set one collector for all blocks: what `warnings` calls belongs to the process, not to a thread.

    Filters alone would not do: `warnings.catch_warnings` in one thread, as readers of compressed tiles have it, hides
    the warnings of all threads, and two such blocks that overlap leave their filters behind.
    """
    with _LOCK:
        _users.append(None)
        if len(_users) > 1:
            return
        caught = warnings.catch_warnings()
        caught.__enter__()
        _entered.append(caught)
        warnings.simplefilter("always", CcdfxWarning)
        show: Callable[..., Any] = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            tell = _tell.get()
            if tell is not None and issubclass(category, CcdfxWarning):
                tell(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = collect
        _plain.append(warnings.warn)
        warnings.warn = partial(_warn, warnings.warn)


def _warn(
    plain: Callable[..., Any],
    message: Warning | str,
    category: type[Warning] | None = None,
    stacklevel: int = 1,
    source: Any = None,
    **more: Any,
) -> None:
    """Do what `warnings.warn` does, but pass a `CcdfxWarning` of a block to its `tell`, whatever the filters."""
    tell = _tell.get()
    kind = type(message) if isinstance(message, Warning) else category
    if tell is not None and kind is not None and issubclass(kind, CcdfxWarning):
        tell(str(message))
    else:
        plain(message, category, stacklevel + 1, source, **more)


def _end() -> None:
    with _LOCK:
        _users.pop()
        if not _users:
            warnings.warn = _plain.pop()
            _entered.pop().__exit__(None, None, None)
