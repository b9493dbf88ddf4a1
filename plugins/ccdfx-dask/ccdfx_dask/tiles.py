"""Tiles as tasks of a cluster: a bounded number at a time, with results in order."""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccdfx_dask.cluster import address_of
from ccdfx_dask.errors import ClusterError
from ccdfx_dask.packing import sendable
from ccdfx_dask.remote import Failure, Work, run_tile, version

if TYPE_CHECKING:
    from distributed import Client, Future

    from ccdfx_dask.options import Options

# Tiles for each slot: one is computed, one waits for it, and the result of one waits for those before it.
IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class TileMap:
    """A map of a function over tiles on a cluster.

    The function is sent once, as the result of a task: workers pass it on to each other, and any worker can
    repeat the task, so that it is not lost with a worker. Each tile is a separate task, and its result goes
    from the worker to this process.
    """

    client: Client
    slots: int
    options: Options

    def __call__(self, function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
        return self._in_order(sendable(function, self.options.sent), iter(tiles))

    def _in_order(self, data: bytes, tiles: Iterator[Any]) -> Iterator[Any]:
        call = uuid.uuid4().hex
        work = self.client.submit(Work, data, version(), key=f"ccdfx-work-{call}", pure=False)
        numbers = itertools.count()

        def submitted(count: int) -> Iterator[Future]:
            for tile in itertools.islice(tiles, count):
                yield self.client.submit(
                    run_tile, work, sendable(tile, self.options.sent),
                    key=f"ccdfx-tile-{call}-{next(numbers)}", pure=False, retries=self.options.retries,
                )  # fmt: skip

        waiting = deque(submitted(IN_FLIGHT * self.slots))
        try:
            while waiting:
                results = self._gathered(_finished(waiting))
                for _ in results:
                    waiting.popleft()
                waiting.extend(submitted(len(results)))
                for result in results:
                    if isinstance(result, Failure):
                        raise result.error
                    yield result
        finally:
            if waiting:
                with suppress(Exception):  # raise the error that ended the work, not one of the cancellation
                    self.client.cancel([*waiting, work], force=True)

    def _gathered(self, futures: list[Future]) -> list[Any]:
        """Collect the results; an error in a tile is raised here."""
        from distributed import KilledWorker
        from distributed.client import CancelledError

        try:
            return self.client.gather(futures, direct=self.options.direct)
        except KilledWorker as error:
            raise ClusterError(
                "a tile", f"ended every worker that tried it: {error}",
                remedy="give less memory to the engine or more to the workers, and look at their logs",
            ) from error  # fmt: skip
        except CancelledError as error:
            raise ClusterError(
                f"scheduler {address_of(self.client)}", "went away, or dropped the work",
                remedy="look at its log, and run it again",
            ) from error  # fmt: skip


def _finished(waiting: deque[Future]) -> list[Future]:
    """Return the first future, finished or not, and the finished ones after it, to gather in one message."""
    first, *others = waiting
    return [first, *itertools.takewhile(lambda future: future.status == "finished", others)]
