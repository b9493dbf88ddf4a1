"""Connections to a cluster: one at an address, or one of processes on this machine."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from ccdfx_dask.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

    from ccdfx_dask.options import Options

_NO_WARNING = (
    "ignore::UserWarning:multiprocessing.resource_tracker"  # of semaphores that a killed process leaves
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection, the number of tiles that the workers compute at a time, and the bytes for each tile.

    `memory` is half the smallest memory limit of a worker, divided by its threads; None if no worker has a
    limit.
    """

    client: Client
    slots: int
    memory: int | None


@contextmanager
def connected(options: Options) -> Iterator[Cluster]:
    """Connect to a cluster for the block; a cluster started for it ends with the block.

    Raises
    ------
    ClusterError
        Without a scheduler or workers, or when a worker has another version of ccdfx or none.
    """
    if options.scheduler is None:
        with _processes(options.workers) as cluster, _client(cluster, options) as client:
            yield _checked(client, options)
    else:
        with _client(options.scheduler, options) as client:
            yield _checked(client, options)


@contextmanager
def _processes(workers: int | None) -> Iterator[Any]:
    """Start worker processes of one thread each on this machine; one that ends is started again."""
    from distributed import LocalCluster

    # The dashboard takes any free port. No log: errors are raised here, and a worker that ends is restarted.
    with _quiet_processes():
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    with local as cluster:
        yield cluster


@contextmanager
def _quiet_processes() -> Iterator[None]:
    """Let processes that are started in the block end with this one and without a word.

    Ctrl-C on a terminal goes to all processes; these ignore it, as they end when this one has. An interrupt of this
    process during the block comes at its end.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, _NO_WARNING]))
    resource_tracker.ensure_running()  # which unblocks the signal when it starts
    mask = (
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        if hasattr(signal, "pthread_sigmask")
        else None
    )
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def _client(scheduler: Any, options: Options) -> Iterator[Client]:
    from distributed import Client

    _require_address(scheduler)
    try:
        client = Client(scheduler, timeout=options.timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"scheduler {_address(scheduler)}", f"does not answer: {error}",
            remedy="start one with 'dask scheduler', or leave the address out for processes of this machine",
        ) from error  # fmt: skip
    with client:
        yield client


def _require_address(scheduler: Any) -> None:
    """Refuse an invalid address: a client would fail only after a minute, and log errors."""
    from distributed.comm.addressing import get_address_host_port

    try:
        if isinstance(scheduler, str) and not scheduler.startswith("inproc://"):
            get_address_host_port(scheduler)
    except ValueError as error:
        remedy = "give one such as tcp://host:8786"
        raise ClusterError(
            "scheduler", f"must be an address: {error}", value=scheduler, remedy=remedy
        ) from error


def _address(scheduler: Any) -> str:
    return scheduler if isinstance(scheduler, str) else scheduler.scheduler_address


def address_of(client: Client) -> str:
    """Return the address of the scheduler of a client."""
    return getattr(client.scheduler, "address", "that went away")


def _checked(client: Client, options: Options) -> Cluster:
    """Wait for a worker, check the versions of all workers, and return the cluster."""
    address = address_of(client)
    try:
        client.wait_for_workers(1, timeout=options.timeout)
    except TimeoutError as error:
        raise ClusterError(
            f"scheduler {address}", "has no workers", remedy=f"start some with 'dask worker {address}'"
        ) from error
    _require_versions(client)
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    shares = [
        worker["memory_limit"] // worker["nthreads"] // 2 for worker in workers if worker["memory_limit"]
    ]
    return Cluster(client, sum(worker["nthreads"] for worker in workers), min(shares, default=None))


def _require_versions(client: Client) -> None:
    """Refuse workers that cannot load ccdfx and ccdfx-dask or have another version of ccdfx."""
    from ccdfx_dask.remote import require_version, version

    found = client.run(version, on_error="return")
    for worker, answer in found.items():
        if isinstance(answer, Exception):
            raise ClusterError(
                f"worker {worker}", f"cannot load ccdfx and ccdfx-dask: {answer}",
                remedy="install on the workers what is installed here",
            )  # fmt: skip
        require_version(answer, version(), worker)
