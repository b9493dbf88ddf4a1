"""Reduction of a night while it goes on: what has become possible is made each time that frames have arrived."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.io.stamp import Stamp, file_stamp
from ccdfx.night.frames.find import Paths, given_paths
from ccdfx.night.frames.scan import candidate_files
from ccdfx.night.graph.halt import Halted, halting
from ccdfx.night.graph.masters import restore_masters
from ccdfx.night.run import Night, reduce_night
from ccdfx.records.checks import real

SETTLED = 0.5
"""Seconds for which a file must not change to be taken as complete."""
PATIENCE = 60.0
"""Seconds after which a file that is not whole is taken as it is: it is broken, and listed so."""
DELAY = 120.0
"""Seconds for which new frames may come before combined frames; then these are made to their end."""


def watch_night(
    paths: Paths,
    output: str | Path,
    *,
    poll: float = 0.25,
    idle: float | None = None,
    **options: Any,
) -> Iterator[Night]:
    """Reduce a night again and again while its frames arrive.

    A file counts as complete when it has not changed for half a second and its length is that which its header
    claims. With new frames, masters and calibrated frames are made first, so that the report shows a frame soon, and
    combined frames when nothing more has arrived meanwhile: what is being combined when a frame comes is given up and
    made again after it, unless that has gone on for two minutes. What was provisional is replaced. After the last frame the
    products are those of one `reduce_night`, to the last byte, in whichever order the frames came.

    Parameters
    ----------
    paths, output
        As for `reduce_night`.
    poll : float
        Seconds between looks at the directories.
    idle : float, optional
        Seconds without a new or changed file after which the watch ends; what is not whole then is taken as it is, and
        listed as broken. By default it never ends.
    **options
        As for `reduce_night`.

    Yields
    ------
    Night
        After each reduction.

    Raises
    ------
    CcdfxError
        As by `reduce_night`, at the first reduction, and if the night cannot be written any more.
    ArgumentError
        `poll` or `idle` that is not positive.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nights = watch_night(folder, folder + "/out", poll=0.01, idle=0.02)
    ...     [night.status for night in nights]
    [3]
    """
    poll = real("poll", poll, above=0)
    if idle is not None:
        idle = real("idle", idle, above=0)
    if options.get("dry_run"):
        raise ArgumentError("dry_run", "is not possible for a watch", value=True, remedy="leave it out")
    target = Path(output).absolute()
    arrivals = Arrivals()
    reduced: frozenset[tuple[Path, Stamp]] | None = None
    is_complete = False
    began = time.monotonic()
    news = _News(arrivals, [path.absolute() for path in given_paths(paths)], target, poll)
    while True:
        ready, unfinished = arrivals.look([path.absolute() for path in given_paths(paths)], target)
        ended = idle is not None and time.monotonic() - max(began, arrivals.changed) >= idle
        if ended:  # what is not whole now will not be
            ready, unfinished = ready | unfinished, frozenset()
        nothing_yet = not ready and bool(unfinished)
        if (ready != reduced or not is_complete) and not nothing_yet:
            only = "calibrated" if ready and ready != reduced and not ended else None
            skip = _AllBut(frozenset(path for path, _ in ready))  # also what arrives from now on
            news.begin(ready | unfinished)
            try:
                with halting(news.have_come) if only is None else nullcontext():
                    night = reduce_night(paths, output, skip=skip, only=only, live=True, **options)
            except Halted:
                news.halted()
                continue
            yield night
            reduced, is_complete = ready, only is None
            if is_complete:
                news.combined()
                restore_masters()
        elif ended:
            return
        else:
            time.sleep(poll)


@dataclass(frozen=True, slots=True)
class _AllBut:
    """Holds all files but those that are taken."""

    taken: frozenset[Path]

    def __contains__(self, path: object) -> bool:
        return path not in self.taken


@dataclass(slots=True)
class Arrivals:
    """The files of a night as they arrive: the stamp of each and since when it has it, and when the last one changed."""

    since: dict[Path, tuple[Stamp, float]] = field(default_factory=dict)
    whole: set[tuple[Path, Stamp]] = field(default_factory=set)
    changed: float = -math.inf

    def _seen(self, path: Path, now: Callable[[], float]) -> tuple[Stamp, float]:
        """Return the stamp of a file, and since when it has it."""
        try:
            stamp = file_stamp(path)
        except OSError:
            stamp = ()  # a link to nothing, or a file that has just gone
        before = self.since.get(path)
        if (path, stamp) not in self.whole and (before is None or before[0] != stamp):
            self.changed = now()
            self.since[path] = before = (stamp, self.changed)
        return stamp, self.changed if before is None else before[1]

    def settled(
        self,
        paths: list[Path],
        output: Path,
        known: Collection[tuple[Path, Stamp]],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> bool:
        """Return whether a file that is none of the complete and the known ones has settled; no file is opened."""
        found = False
        for path in candidate_files(paths, output):
            stamp, since = self._seen(path, now)
            is_new = (path, stamp) not in self.whole and (path, stamp) not in known
            found = found or (is_new and now() - since >= SETTLED)
        return found

    def look(
        self,
        paths: list[Path],
        output: Path,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> tuple[frozenset[tuple[Path, Stamp]], frozenset[tuple[Path, Stamp]]]:
        """Return the files that are complete, and those that are not yet, with their stamps."""
        ready, unfinished = set(), set()
        for path in candidate_files(paths, output):
            stamp, since = self._seen(path, now)
            if (path, stamp) in self.whole:
                ready.add((path, stamp))
                continue
            age = now() - since
            if age >= PATIENCE or (age >= SETTLED and is_whole(path)):
                self.whole.add((path, stamp))
                ready.add((path, stamp))
            else:
                unfinished.add((path, stamp))
        return frozenset(ready), frozenset(unfinished)


@dataclass(slots=True)
class _News:
    """Tells, from any thread, whether frames have come while combined frames are made that go before these.

    `pause` are the seconds between two looks, `known` the files that were seen before.
    """

    arrivals: Arrivals
    paths: list[Path]
    output: Path
    pause: float
    known: Collection[tuple[Path, Stamp]] = ()
    looked: float = -math.inf
    waiting: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, known: Collection[tuple[Path, Stamp]]) -> None:
        """Begin a reduction."""
        self.known, self.looked = known, -math.inf

    def halted(self) -> None:
        """Keep since when combined frames wait."""
        self.waiting = time.monotonic() if self.waiting is None else self.waiting

    def combined(self) -> None:
        """Take note that none wait any more."""
        self.waiting = None

    def have_come(self) -> bool:
        """Return whether frames have come, and combined frames can still wait."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            now = time.monotonic()
            if now - self.looked < self.pause or (self.waiting is not None and now - self.waiting > DELAY):
                return False
            self.looked = now
            return self.arrivals.settled(self.paths, self.output, self.known)
        finally:
            self.lock.release()


def is_whole(path: Path) -> bool:
    """Return whether a file has the length that its headers claim, those of all its images."""
    from ccdfx.io.reading import open_every_image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a reader warns of is said when the frame is read
            for source in open_every_image(path):
                source.close()
    except Exception:  # the reader of a plugin may raise anything of half a file
        return False
    return True
