"""Gain and read noise of a camera, measured once a process in the same frames."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from ccdfx.night.cameras.camera_noise import CameraNoise

_MOST = 32  # cameras; a night has one or two, and a detector of four amplifiers is four
_LOCK = threading.Lock()
_known: OrderedDict[str, tuple[CameraNoise, tuple[str, ...]]] = OrderedDict()


def measured_once(
    key: str | None,
    measure: Callable[[Callable[[str], None]], CameraNoise],
    warn: Callable[[str], None],
    *,
    is_sound: Callable[[], bool] = lambda: True,
) -> CameraNoise:
    """Return the noise of a camera, and pass on what was noted while it was measured, now or earlier.

    A watch meets the same calibration frames again with each new science frame.

    Parameters
    ----------
    key : str or None
        Of all that decides the noise; with None it is measured and not kept.
    measure : callable
        ``measure(warn)`` measures it, and calls `warn` with all that is to be noted.
    warn : callable
        Called with each note, once.
    is_sound : callable
        Whether the frames were those of the key until the end, so that the noise may be kept.

    Examples
    --------
    >>> calls = []
    >>> def measure(warn):
    ...     calls.append(1)
    ...     warn("no flats")
    ...     return CameraNoise(gain=1.5)
    >>> [measured_once("key of an example", measure, print).gain for _ in range(2)], len(calls)
    no flats
    no flats
    ([1.5, 1.5], 1)
    """
    with _LOCK:
        found = _known.get(key) if key is not None else None
    if found is None:
        said: list[str] = []
        noise = measure(said.append)
        found = noise, tuple(dict.fromkeys(said))
        if key is not None and is_sound():
            _keep(key, found)
    for text in found[1]:
        warn(text)
    return found[0]


def _keep(key: str, found: tuple[CameraNoise, tuple[str, ...]]) -> None:
    with _LOCK:
        _known[key] = found
        while len(_known) > _MOST:
            _known.popitem(last=False)
