"""Engines: where tiles are computed, how many at a time, and with how much memory.

Algorithms divide their work into tiles and pass them to the current engine; they never start threads
themselves. The built-in engine is a pool of threads in this process (kernels release the GIL). Plugins
provide others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, PluginError, cause_of
from ccdfx.records.checks import (
    COUNT,
    FUNCTION,
    FUNCTION_OR_NONE,
    NAME,
    OPTIONS,
    YES_OR_NO,
    check_fields,
    whole,
)
from ccdfx.records.parameters import frozen, merged

MEGABYTE = 2**20
DEFAULT_MEMORY = 512 * MEGABYTE
DEFAULT_TILE = 16 * MEGABYTE  # larger tiles do not make a thread faster
MOST_THREADS = 16


def map_serially(function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
    """Compute the tiles one after the other, in this thread."""
    return map(function, tiles)


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to run tiles.

    Parameters
    ----------
    name : str
    map : callable
        ``map(function, tiles) -> iterator`` returns an iterator over ``function(tile)`` in the order of the tiles.
        Function and tiles can be pickled.
    threads : int
        Number of tiles that run at a time.
    memory : int
        Bytes that all tiles in flight may take together, besides the result.
    shares_memory : bool
        Whether tiles run in this process, so that they may write into its arrays.
    resize : callable, optional
        ``resize(engine, threads) -> Engine`` returns the engine with another number of threads; None if impossible.
    tile : int
        Upper limit in bytes for a tile of a stack, even where memory allows more; larger tiles are useful
        where it takes time to open a file or to send a task.
    parameters : mapping
        The options of the engine by name, with their values.
    factory : callable, optional
        ``factory(**options) -> Engine`` returns the engine with other options; `configure` calls it.
    submit : callable, optional
        ``submit(function, *values) -> Future`` returns a `concurrent.futures.Future` of ``function(*values)``, computed by a worker
        of another process that sees the same files. Whole products of a night are made there.
    open : callable, optional
        ``open()`` returns a context manager that prepares the engine, for example connects it, and yields the
        engine that runs tiles, without `open`. `ccdfx.engine` enters it, and exits it at its end.

    Examples
    --------
    >>> list(current_engine().map(abs, [-1, 2]))
    [1, 2]
    """

    name: str
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]] = map_serially
    threads: int = 1
    memory: int = DEFAULT_MEMORY
    shares_memory: bool = False
    resize: Callable[[Engine, int], Engine] | None = None
    tile: int = DEFAULT_TILE
    parameters: Mapping[str, Any] = field(default_factory=lambda: frozen({}))
    factory: Callable[..., Engine] | None = None
    open: Callable[[], AbstractContextManager[Engine]] | None = None
    submit: Callable[..., Future[Any]] | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=NAME,
            map=FUNCTION,
            threads=COUNT,
            memory=COUNT,
            shares_memory=YES_OR_NO,
            resize=FUNCTION_OR_NONE,
            tile=COUNT,
            parameters=OPTIONS,
            factory=FUNCTION_OR_NONE,
            open=FUNCTION_OR_NONE,
            submit=FUNCTION_OR_NONE,
        )
        object.__setattr__(self, "parameters", frozen(self.parameters))

    def configure(self, **options: Any) -> Engine:
        """Return the engine with other options; an unknown option or a value out of range is an error."""
        chosen = merged(f"engine {self.name}", self.parameters, options)
        return self if self.factory is None else self.factory(**chosen)


@dataclass(frozen=True, slots=True)
class _ThreadMap:
    """A `map` in threads, with at most two more tiles in flight than threads, so that memory is bounded."""

    threads: int

    def __call__(self, function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
        if self.threads == 1:
            return map(function, tiles)
        return self._in_order(function, iter(tiles))

    def _in_order(self, function: Callable[[Any], Any], tiles: Iterator[Any]) -> Iterator[Any]:
        # One pool per call: no pool is inherited by a fork, and no thread is left after an error or Ctrl-C.
        own: set[int] = set()
        pool = ThreadPoolExecutor(
            self.threads, thread_name_prefix="ccdfx", initializer=lambda: own.add(threading.get_ident())
        )
        running: deque[Future[Any]] = deque()

        def start(tile: Any) -> Future[Any]:
            # The context of the caller holds its engine, and who is told of warnings.
            return pool.submit(copy_context().run, function, tile)

        try:
            running.extend(start(tile) for tile in itertools.islice(tiles, self.threads + 1))
            while running:
                result = running.popleft().result()
                running.extend(start(tile) for tile in itertools.islice(tiles, 1))
                yield result
        finally:
            for future in running:
                future.cancel()
            # A map that nobody holds may be collected in a thread of its own pool, which cannot wait for itself.
            pool.shutdown(wait=threading.get_ident() not in own)


def _resized(engine: Engine, threads: int) -> Engine:
    return dataclasses.replace(engine, map=_ThreadMap(threads), threads=threads)


def threads_engine(threads: int | None = None, memory: int = DEFAULT_MEMORY) -> Engine:
    """Create the engine of threads in this process; by default one for each usable processor, at most 16."""
    count = min(usable_processors(), MOST_THREADS) if threads is None else threads
    return Engine("threads", _ThreadMap(count), count, memory, shares_memory=True, resize=_resized)


def usable_processors() -> int:
    """Return the number of processors that this process may use, by its affinity and the quota of its container.

    A quota that is no whole number is rounded up.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = allowed or 1
    quota = cpu_quota(_content("/proc/self/cgroup") or "", _content)
    return count if quota is None else min(count, max(1, math.ceil(quota)))


def cpu_quota(groups: str, content: Callable[[str], str | None]) -> float | None:
    """Return the CPU time per time that the control groups of a process allow, None if they set no limit.

    Parameters
    ----------
    groups : str
        The content of ``/proc/self/cgroup``: lines ``number:controllers:path``, of version 1 or 2.
    content : callable
        ``content(path)`` returns the content of a file, or None if there is none.

    Returns
    -------
    float or None
        The least quota of the groups and of those above them, such as 1.5 for one and a half processors.

    Examples
    --------
    >>> cpu_quota("0::/job", {"/sys/fs/cgroup/job/cpu.max": "150000 100000"}.get)
    1.5
    """
    found = []
    for line in groups.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        parts = [part for part in path.split("/") if part]
        # In a container its own group is the root of the files, while the path may be that of the host.
        above = ["".join(f"/{part}" for part in parts[:depth]) for depth in range(len(parts) + 1)]
        if not controllers:
            found += [_quota(*(content(f"/sys/fs/cgroup{at}/cpu.max") or "").split()) for at in above]
        elif "cpu" in controllers.split(","):
            for mount in {f"/sys/fs/cgroup/{controllers}", "/sys/fs/cgroup/cpu"}:
                names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                found += [_quota(*(content(f"{mount}{at}/{name}") or "" for name in names)) for at in above]
    return min((quota for quota in found if quota is not None), default=None)


def _quota(quota: str = "", period: str = "", *_: str) -> float | None:
    """Return a quota over its period, both in microseconds; "max", -1 and what is no number are no limit."""
    try:
        allowed, whole_time = int(quota), int(period)
    except ValueError:
        return None
    return allowed / whole_time if allowed > 0 and whole_time > 0 else None


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read()
    except (OSError, ValueError):
        return None


ENGINES = (threads_engine(),)
_current: ContextVar[Engine | None] = ContextVar("ccdfx_engine", default=None)


def current_engine() -> Engine:
    """Return the engine that operations use here: that of the innermost `engine` block, else threads."""
    return _current.get() or ENGINES[0]


def map_here(function: Callable[[Any], Any], tiles: Collection[Any]) -> Iterator[Any]:
    """Compute tiles of arrays in memory, on the current engine if it runs in this process, else in threads.

    Arrays in memory are never sent to another process.

    >>> list(map_here(abs, [-1, 2]))
    [1, 2]
    """
    chosen = current_engine()
    here = chosen if chosen.shares_memory else ENGINES[0]
    return here.map(function, tiles) if len(tiles) > 1 else map(function, tiles)


_Item = TypeVar("_Item")
_END: Any = object()


def made_ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield items of a generator, each of which is made in a thread while the one before is used.

    At most two are in memory, and they are made one after the other. With one thread, nothing is made ahead.

    >>> with engine(threads=2):
    ...     list(made_ahead(abs(x) for x in (-1, 2)))
    [1, 2]
    """
    if current_engine().threads == 1:
        yield from items
        return
    make = partial(copy_context().run, next, items, _END)  # with the engine of the caller
    with ThreadPoolExecutor(1, thread_name_prefix="ccdfx-ahead") as pool:
        coming = pool.submit(make)
        try:
            while (item := coming.result()) is not _END:
                coming = pool.submit(make)
                yield item
                del item  # before the next is waited for
        finally:
            coming.cancel()


@contextlib.contextmanager
def engine(
    name: str | Engine | None = None, *, threads: int | None = None, memory: int | None = None, **options: Any
) -> Iterator[Engine]:
    """Set the engine that runs tiles within a ``with`` block; results are the same to the last bit.

    Parameters
    ----------
    name : str or Engine, optional
        "threads" or the name of an engine that a plugin provides; the current one by default.
    threads : int, optional
        Number of tiles that run at a time; one for each usable processor by default.
    memory : int, optional
        Bytes that the tiles in flight may take together besides the result; 512 MiB by default for threads.
    **options
        Options of the engine, as its `configure` takes them; "threads" has none.

    Yields
    ------
    Engine

    Raises
    ------
    UnknownNameError
        No such engine.
    ArgumentTypeError
        An option that the engine does not have.
    ArgumentError
        `threads` or `memory` below 1, or an engine whose number of threads cannot be set.

    See Also
    --------
    run, combine

    Examples
    --------
    >>> with engine(threads=2, memory=64 * 2**20) as chosen:
    ...     chosen.name, chosen.threads
    ('threads', 2)
    """
    chosen = _named(name)
    if options:
        chosen = chosen.configure(**options)
    with contextlib.ExitStack() as stack:
        if chosen.open is not None:
            chosen = stack.enter_context(chosen.open())
        chosen = _counted(_limited(chosen, threads, memory))
        token = _current.set(chosen)
        try:
            yield chosen
        finally:
            _current.reset(token)


@dataclass(frozen=True, slots=True)
class _CountedMap:
    """The `map` of an engine of a plugin: its failures name it, and a result missing or too many is one."""

    name: str
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

    def __call__(self, function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
        waiting, taken, results = iter(tiles), 0, 0

        def counted() -> Iterator[Any]:
            nonlocal taken
            for tile in waiting:
                taken += 1
                yield tile

        try:
            for result in self.map(function, counted()):
                results += 1
                if results > taken:
                    break
                yield result
        except (CcdfxError, OSError, MemoryError):
            raise
        except Exception as error:
            raise self._error(f"raised {cause_of(error)}") from error
        if results != taken or any(True for _ in waiting):
            raise self._error("must return one result for each tile")

    def _error(self, rule: str) -> PluginError:
        return PluginError(
            f"engine {self.name!r}", rule, remedy="'ccdfx plugins' names the package; tell its author"
        )


def _counted(chosen: Engine) -> Engine:
    if chosen.map is map_serially or isinstance(chosen.map, _ThreadMap | _CountedMap):
        return chosen
    return dataclasses.replace(chosen, map=_CountedMap(chosen.name, chosen.map))


def _limited(chosen: Engine, threads: int | None, memory: int | None) -> Engine:
    if threads is not None:
        count = whole("threads", threads, least=1)
        if chosen.resize is None:
            raise ArgumentError(
                "threads",
                f"cannot be set for the engine {chosen.name!r}",
                value=threads,
                remedy="leave it out, or choose the engine 'threads'",
            )
        chosen = chosen.resize(chosen, count)
    if memory is not None:
        chosen = dataclasses.replace(chosen, memory=whole("memory", memory, least=1, remedy="give bytes"))
    return chosen


def _named(name: str | Engine | None) -> Engine:
    if name is None:
        return current_engine()
    if isinstance(name, Engine):
        return name
    if not isinstance(name, str):
        raise ArgumentTypeError(
            "engine", "must be a name or an Engine", value=name, remedy="see 'ccdfx plugins' for the names"
        )
    from ccdfx.registry import lookup

    return lookup("engine", name)
