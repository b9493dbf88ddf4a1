"""Making the products of a graph: those that are missing or stale, several at a time, within a budget of memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ccdfx.engines import current_engine, engine
from ccdfx.errors import CcdfxError, cause_of
from ccdfx.night.graph.halt import halt_if_asked
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.masters import expected_bytes, kept_bytes, release_masters
from ccdfx.night.graph.memory import return_memory
from ccdfx.night.graph.perform import Task, begin
from ccdfx.night.graph.product import Graph, Product
from ccdfx.night.graph.record import Made, Record, read_record, record_of
from ccdfx.night.graph.state import why_make

MEMORY = 720 << 20
"""Bytes that the products that are being made and the masters they share take together by default, beside the program itself."""

_MOST_SYNCED = 4  # products that wait for the disk at once
_TILE_PART = 4  # of the memory is for tiles in flight, a quarter
_LEAST_TILES = 64 << 20

MASTER_KINDS = ("bias", "dark", "flat", "bad_pixels", "taken")
CURRENT, MADE, LOST = "current", "made", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What became of one product: its state, why it was made, and how far the graph is.

    `state` is "current", "made" or "lost". `done` and `total` count products; `work_done` and `work` the frames that
    go into those that had to be made and into all, of which a time left can be estimated.
    """

    file: str
    kind: str
    state: str
    reason: str
    seconds: float
    done: int
    total: int
    work_done: int
    work: int


@dataclass(slots=True)
class _Run:
    """The state of an execution: records so far, and the kind of the product that was started last."""

    graph: Graph
    output: Path
    raw_keys: Mapping[str, str | None]
    again: bool
    told: Callable[[Event], object]
    records: dict[str, Record] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    work_done: int = 0
    started: str = ""

    def look(self, file: str) -> str | None:
        """Compute the key of a product whose inputs are there, and return why it must be made; None if current."""
        product = self.graph.products[file]
        keys = {need: self.records[need].key for need in product.needs}
        self.parts[file] = product.key_parts(keys, self.raw_keys)
        record = read_record(self.output, file)
        reason = why_make(product, self.parts[file], record, self.output)
        if reason is None and self.again:
            reason = "asked for"
        if reason is None and record is not None:
            self.records[file] = record
            self.tell(file, CURRENT, 0.0)
        else:
            self.reasons[file] = reason or "missing"
        return reason

    def finish(self, file: str, record: Record, seconds: float) -> None:
        """Keep the record of a product that was made or lost, and tell."""
        self.records[file] = record
        self.tell(file, MADE if record.lost is None else LOST, seconds)

    def tell(self, file: str, state: str, seconds: float) -> None:
        """Call the listener with an event."""
        product = self.graph.products[file]
        self.work_done += _work(product)
        self.told(
            Event(
                file=file,
                kind=product.kind,
                state=state,
                reason=self.reasons.get(file, "") if state != LOST else self.records[file].lost or "",
                seconds=seconds,
                done=len(self.records),
                total=len(self.graph.products),
                work_done=self.work_done,
                work=sum(map(_work, self.graph.products.values())),
            )
        )

    def shared_bytes(self, files: Iterable[str]) -> int:
        """Return the bytes of the masters in memory, or of those that these products share, if that is more."""
        needs = {need for file in files for need in self.graph.products[file].needs}
        sizes = [
            expected_bytes(self.output / need, self.records[need].size or 0)
            for need in needs
            if self.graph.products[need].kind in MASTER_KINDS
        ]
        return max(sum(sizes), kept_bytes())

    def task(self, file: str) -> Task:
        """Return what is needed to make a product anywhere."""
        product = self.graph.products[file]
        records = {need: self.records[need] for need in product.needs}
        return Task(product=product, parts=self.parts[file], records=records, output=self.output)


def execute(
    graph: Graph,
    output: Path,
    raw_keys: Mapping[str, str | None],
    *,
    memory: int | None = None,
    again: bool = False,
    told: Callable[[Event], object] = lambda event: None,
) -> dict[str, Record]:
    """Make the products of a graph that are missing or stale, and return the records of all.

    As many products are made at once as the current engine has threads, each with one thread; one alone has them all.
    While one that was made waits for the disk, the next is made; it counts as made when it is on the disk.
    The order does not show in the bytes. A product that cannot be made loses what depends on it, as its record says,
    and nothing else. Where the engine has `submit`, products are made by its workers, by path.

    Parameters
    ----------
    graph : Graph
    output : Path
    raw_keys : mapping
        SHA-256 of raw frames by name; None of those that cannot be read.
    memory : int, optional
        Bytes that all products that are being made take together, by their own estimates; one that takes more is made alone.
    again : bool
        Make all products, also those that are current.
    told : callable
        Called with an `Event` for each product, in this thread.
    """
    run = _Run(graph, output, raw_keys, again, told)
    sorter = TopologicalSorter(graph.edges)
    sorter.prepare()
    budget = MEMORY if memory is None else memory
    waiting: list[str] = []
    with _workers() as workers:
        running: dict[Future[Any], _Running] = {}
        try:
            while sorter.is_active():
                halt_if_asked()
                for file in sorter.get_ready():
                    if run.look(file) is None:
                        sorter.done(file)
                    else:
                        waiting.append(file)
                _start(run, workers, waiting, running, budget)
                if not running:
                    continue
                _wait_for_one(running)
                for future in [one for one in running if one.done()]:
                    one = running.pop(future)
                    run.finish(one.file, _result(future, run, one.file), time.monotonic() - one.begun)
                    sorter.done(one.file)
        finally:
            for future in running:
                future.cancel()
    return {file: run.records[file] for file in graph.products}


@dataclass(frozen=True, slots=True)
class _Running:
    """A product that is made: since when, and a future that is done when its image is no longer in memory."""

    file: str
    begun: float
    released: Future[None]


def _wait_for_one(running: Mapping[Future[Any], _Running]) -> None:
    """Wait until a product is made, or one more waits for the disk alone."""
    released = [one.released for one in running.values() if not one.released.done()]
    wait([*running, *released], return_when=FIRST_COMPLETED)


def _result(future: Future[Record], run: _Run, file: str) -> Record:
    """Return the record of a product; where the process that made it died, it is lost, until the next run."""
    try:
        return future.result()
    except (CcdfxError, OSError, MemoryError):
        raise
    except Exception as error:
        return record_of(run.graph.products[file], run.parts[file], Made(lost=cause_of(error), passing=True))


@dataclass(frozen=True, slots=True)
class _Workers:
    """Where products are made: how many at once, and whether in this process.

    `submit` takes threads, bytes for tiles, a task, and a future that is done when the image is no longer in memory.
    """

    submit: Callable[[int, int, Task, Future[None]], Future[Record]]
    count: int
    here: bool


@contextmanager
def _workers() -> Any:
    chosen = current_engine()
    if chosen.submit is not None:
        yield _Workers(partial(_submit_there, chosen.submit), chosen.threads, False)
        return
    # The threads that make products are always the same: each keeps memory that it frees for what it makes next.
    with (
        ThreadPoolExecutor(_MOST_SYNCED, thread_name_prefix="ccdfx-sync") as syncing,
        ThreadPoolExecutor(chosen.threads, thread_name_prefix="ccdfx-night") as making,
    ):
        yield _Workers(partial(_submit_here, making, syncing), chosen.threads, True)


def _submit_there(
    submit: Callable[..., Future[Record]], threads: int, memory: int, task: Task, released: Future[None]
) -> Future[Record]:
    """Make a product by a worker of another process."""
    future = submit(_perform_with, threads, memory, task)
    future.add_done_callback(lambda _: released.set_result(None))
    return future


def _submit_here(
    making: ThreadPoolExecutor,
    syncing: ThreadPoolExecutor,
    threads: int,
    memory: int,
    task: Task,
    released: Future[None],
) -> Future[Record]:
    """Make a product in a thread that knows what the caller set, such as `halting`, and let another wait for the disk."""
    found: Future[Record] = Future()
    found.set_running_or_notify_cancel()

    def finish(rest: Callable[[], Record]) -> None:
        try:
            found.set_result(rest())
        except BaseException as error:
            found.set_exception(error)

    def hand_over(begun: Future[Callable[[], Record]]) -> None:
        released.set_result(None)
        error = begun.exception()
        if error is None:
            syncing.submit(finish, begun.result())
        else:
            found.set_exception(error)

    begun = making.submit(copy_context().run, _begin_with, threads, memory, task)
    begun.add_done_callback(hand_over)
    return found


def _start(
    run: _Run,
    workers: _Workers,
    waiting: list[str],
    running: dict[Future[Any], _Running],
    budget: int,
) -> None:
    """Start what may run now, in the order of the plan."""
    while waiting and len(running) < workers.count + _MOST_SYNCED * workers.here:
        file = waiting[0]
        in_memory = [one.file for one in running.values() if not one.released.done()]
        if len(in_memory) >= workers.count:
            return
        used = sum(run.graph.products[one].memory for one in in_memory)
        used += run.shared_bytes([file, *in_memory])
        if in_memory and workers.here and used + run.graph.products[file].memory > budget:
            return
        waiting.pop(0)
        if workers.here and run.graph.products[file].kind != run.started:
            release_masters()
            return_memory()
            run.started = run.graph.products[file].kind
        threads = _threads_of(run, file, workers, alone=not in_memory and not waiting, budget=budget)
        tiles = max(budget // _TILE_PART, _LEAST_TILES) * threads // workers.count
        begun, released = time.monotonic(), Future[None]()
        future = workers.submit(threads, tiles, run.task(file), released)
        running[future] = _Running(file, begun, released)


def _threads_of(run: _Run, file: str, workers: _Workers, *, alone: bool, budget: int) -> int:
    """Return with how many threads a product is made: with all where no other runs beside it, else with its share."""
    if not workers.here:
        return 1
    if alone:
        return workers.count
    beside = max(1, (budget - run.shared_bytes([file])) // max(1, run.graph.products[file].memory))
    return max(1, workers.count // min(beside, workers.count))


def _begin_with(threads: int, memory: int, task: Task) -> Callable[[], Record]:
    """Begin to make a product with a number of threads of this process, and so many bytes for the tiles in flight."""
    with engine("threads", threads=threads, memory=memory):
        return begin(task)


def _perform_with(threads: int, memory: int, task: Task) -> Record:
    """Make a product in the same way, to the end."""
    return _begin_with(threads, memory, task)()


def _work(product: Product) -> int:
    return max(1, len(product.raw) + len(product.needs) * (product.kind == "combined"))


def with_current(
    graph: Graph, output: Path, raw_keys: Mapping[str, str | None], records: Mapping[str, Record]
) -> dict[str, Record]:
    """Add the records of the other products of a graph that are there and current, in the order of the graph."""
    found = dict(records)
    for file in graph.order:
        product = graph.products[file]
        if file not in found and all(need in found for need in product.needs):
            parts = product.key_parts({need: found[need].key for need in product.needs}, raw_keys)
            record = read_record(output, file)
            if record is not None and why_make(product, parts, record, output) is None:
                found[file] = record
    return {file: found[file] for file in graph.products if file in found}


def plan_of_work(
    graph: Graph, output: Path, raw_keys: Mapping[str, str | None]
) -> Iterable[tuple[Product, str | None]]:
    """Iterate over the products in their order, each with why it would be made, None if it is current.

    What would be made gets a key that differs from that of its record, so what depends on it is told as changed.
    """
    keys: dict[str, str] = {}
    for file in graph.order:
        product = graph.products[file]
        parts = product.key_parts(keys, raw_keys)
        keys[file] = digest(parts)
        yield product, why_make(product, parts, read_record(output, file), output)
