"""How SIGINT, SIGTERM and SIGHUP end a command: nothing torn, one line, the conventional status."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_SHOW_CURSOR = "\r\x1b[K\x1b[?25h"  # after a progress bar, which hides it


def end_on_signals() -> None:
    """Let these signals end the process; one that the caller ignores, as nohup does, stays ignored.

    An exception would not do: Python swallows those that arise in a destructor or in a callback from C, and code may
    turn them into others. Files of ccdfx appear under their names complete or not at all, so the process may end
    anywhere; only its temporary files must go.
    """
    for number in _numbers():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def _end(number: int, _frame: FrameType | None) -> None:
    for other in _numbers():
        signal.signal(other, signal.SIG_DFL)  # a second signal ends at once
    # No import here: the signal may have come in the middle of one.
    remove_own = getattr(sys.modules.get("ccdfx.io.leftovers"), "remove_own", None)
    if remove_own is not None:
        remove_own()
    with suppress(OSError):
        cursor = _SHOW_CURSOR if os.isatty(2) and os.environ.get("TERM", "") != "dumb" else ""
        os.write(2, f"{cursor}ccdfx: ended by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)
