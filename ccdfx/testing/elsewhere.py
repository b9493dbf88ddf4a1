"""Calls of an object in threads, and in another process, where nothing has been computed before."""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from ccdfx.errors import cause_of

_THREADS = 4
_OFTEN = 1e-6  # s between the turns of threads, so that two of them meet in the same lines of code
_PATIENCE = 60.0  # s


def in_threads(call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Call a function for all items in four threads, which take turns very often.

    >>> in_threads(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_OFTEN)
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            return [
                future.result() for future in [pool.submit(copy_context().run, call, item) for item in items]
            ]
    finally:
        sys.setswitchinterval(before)


def in_another_process(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process that has run nothing of this one; raise RuntimeError if it cannot.

    The process is started once, and finds modules where this one does. What it cannot import is an error.

    >>> in_another_process(divmod, 7, 2)
    (3, 1)
    """
    with _lock:
        if not _workers or _workers[-1].poll() is not None:
            _workers.append(_started())
        worker = _workers[-1]
        assert worker.stdin is not None and worker.stdout is not None
        alarm = threading.Timer(_PATIENCE, worker.kill)
        alarm.start()
        try:
            pickle.dump(pickle.dumps((call, arguments)), worker.stdin)
            worker.stdin.flush()
            done, answer = pickle.load(worker.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise RuntimeError("the other process has ended without an answer") from error
        finally:
            alarm.cancel()
    if not done:
        raise RuntimeError(f"in another process: {answer}")
    return answer


_lock = threading.Lock()
_workers: list[subprocess.Popen[bytes]] = []


def _started() -> subprocess.Popen[bytes]:
    code = f"import sys; sys.path[:] = {sys.path!r}; from ccdfx.testing.elsewhere import serve; serve()"
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(_stop, worker)
    return worker


def _stop(worker: subprocess.Popen[bytes]) -> None:
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            stream.close()
    worker.kill()
    worker.wait()


def serve() -> None:
    """Run the calls that come by stdin until it ends; what they print goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            call, arguments = pickle.loads(request)
            answer = pickle.dumps((True, call(*arguments)))
        except BaseException as error:
            answer = pickle.dumps((False, cause_of(error)))
        answers.write(answer)
        answers.flush()
