"""Warnings issued while a night is reduced, collected for the record."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ccdfx.errors import CcdfxWarning


@contextmanager
def heard(tell: Callable[[str], object]) -> Iterator[None]:
    """Pass the text of every `CcdfxWarning` of the block to `tell`, also repeated ones; show other warnings.

    >>> said = []
    >>> with heard(said.append):
    ...     warnings.warn("mad_clip rejects nothing", CcdfxWarning)
    >>> said
    ['mad_clip rejects nothing']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", CcdfxWarning)
        show: Callable[..., Any] = warnings.showwarning

        def hear(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, CcdfxWarning):
                tell(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = hear  # restored by catch_warnings
        yield
