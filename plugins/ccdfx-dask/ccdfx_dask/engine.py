"""The record of the engine "dask", and its options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

from ccdfx import Engine
from ccdfx_dask.options import Options

SLOT_MEMORY = 2**30  # bytes for a tile: the maximum, also used if no worker has a memory limit


def dask_engine(**options: Any) -> Engine:
    """Return an engine that runs tiles on a dask.distributed cluster; results are the same to the last byte.

    The products of a night are made whole by its workers, which read and write files by path.

    Parameters
    ----------
    scheduler : str or cluster, optional
        The address of a running scheduler, such as ``"tcp://host:8786"``, or a cluster object of dask. By
        default worker processes are started on this machine, and end with the block.
    workers : int, optional
        The number of these processes; by default one for each usable processor.
    retries : int
        How often a tile is tried again after an error that may be temporary: an unreadable file, or an error
        that is not a CcdfxError. A tile whose worker ended is always tried again, as often as the cluster
        allows.
    sent : int
        The maximum size, in bytes and compressed, of the description of the work, which is sent through the
        scheduler: names of files, their layout, factors, and frames in memory.
    timeout : float
        Seconds to wait for the scheduler and for a first worker.
    direct : bool
        Whether results come directly from the workers; False where this process cannot reach them, so that
        the scheduler must pass the results on.

    Returns
    -------
    Engine
        The connection is made when `ccdfx.engine` enters it.

    Examples
    --------
    >>> dask_engine().configure(scheduler="tcp://night:8786").name
    'dask'
    """
    chosen = Options(**options)
    parameters = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
    return Engine("dask", parameters=parameters, factory=dask_engine, open=partial(_opened, chosen))


@contextmanager
def _opened(options: Options) -> Iterator[Engine]:
    """Connect the engine for the block."""
    from ccdfx_dask.cluster import connected
    from ccdfx_dask.tiles import TileMap

    with connected(options) as cluster:
        tiles = TileMap(cluster.client, cluster.slots, options)
        memory = cluster.slots * min(cluster.memory or SLOT_MEMORY, SLOT_MEMORY)
        # A task costs milliseconds, and opening a remote file is slow: use tiles as high as memory allows.
        submit = cluster.client.get_executor(retries=options.retries, pure=False).submit
        yield Engine("dask", tiles, cluster.slots, memory, tile=memory, submit=submit)
