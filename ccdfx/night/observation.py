"""The observation that raw frames are of: its nights, telescope, observers, beginning and end; exposures of several detectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.values import value_of
from ccdfx.night.naming import raw_file_of

_TELESCOPES = ("TELESCOP", "TELESCOPE", "TELNAME")
_OBSERVERS = ("OBSERVER", "OBSERVERS", "OBSERV", "OBSNAME")
_MOST = 12  # names


def observation_facts(frames: Iterable[Frame]) -> dict[str, Any]:
    """Return what headers say of an observation as plain values for JSON.

    Parameters
    ----------
    frames : iterable of Frame

    Returns
    -------
    dict
        `nights` (local dates), `telescopes` and `observers`, the most frequent first; `begin` of the first exposure and
        `end` of the last one, None where no header has a time of day.

    Examples
    --------
    >>> from pathlib import Path
    >>> from ccdfx.night.frames.header_values import HeaderValues
    >>> header = HeaderValues({"TELESCOP": "1 m"})
    >>> frame = Frame(path=Path("a"), file="a", date="2020-01-02T03:00:00", exptime=60.0, header=header)
    >>> found = observation_facts([frame])
    >>> found["telescopes"], found["begin"], found["end"]
    (['1 m'], '2020-01-02T03:00:00', '2020-01-02T03:01:00')
    """
    frames = tuple(frames)
    spans = [
        (time, time + timedelta(seconds=frame.exptime or 0.0)) for frame in frames if (time := time_of(frame))
    ]
    return {
        "nights": sorted({night for frame in frames if (night := value_of(frame, "night"))}),
        "telescopes": _names(frames, _TELESCOPES),
        "observers": _names(frames, _OBSERVERS),
        "begin": min(begin for begin, _ in spans).isoformat() if spans else None,
        "end": max(end for _, end in spans).isoformat() if spans else None,
    }


def exposure_of(frame: Frame) -> str:
    """Return the name of the exposure of a frame, which all its detectors have.

    >>> from pathlib import Path
    >>> exposure_of(Frame(path=Path("a.fits"), file="a.fits[N1]", detector="N1"))
    'a.fits'
    >>> exposure_of(Frame(path=Path("a.fits"), file="a.fits[N1, plane 2]", detector="N1", planes=(2, 3)))
    'a.fits[plane 2]'
    """
    if frame.detector is None:
        return frame.file
    first, end = frame.planes or (0, 0)
    return raw_file_of(frame.file) + (f"[plane {first}]" if end - first == 1 else "")


def time_of(frame: Frame) -> datetime | None:
    """Return when an exposure began, in UT and without a zone; None where the header has no time of day."""
    text = frame.date or ""
    try:
        time = datetime.fromisoformat(text) if ":" in text else None
    except ValueError:
        return None
    return time if time is None or time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _names(frames: Iterable[Frame], keywords: tuple[str, ...]) -> list[str]:
    """List the texts of the first of some keywords that a header has, the most frequent first."""
    found = Counter(text for frame in frames if (text := _text(frame, keywords)))
    return [name for name, _ in found.most_common(_MOST)]


def _text(frame: Frame, keywords: tuple[str, ...]) -> str:
    texts = (frame.header.get(keyword) for keyword in keywords)
    return next((words for text in texts if isinstance(text, str) and (words := " ".join(text.split()))), "")
