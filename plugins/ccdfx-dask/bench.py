"""What a task costs, and with it how long a large stack takes: measured on 1, 2 and 4 processes of this machine.

python plugins/ccdfx-dask/bench.py [--frames 10000] [--width 500] [--workers 1 2 4]

The columns are milliseconds of processor time a task, which other work on the machine changes little, and of the clock.
Tiles that do nothing give the overhead of a task; tiles of 1 and of 4 rows give the cost of a file and of a value, which
are compared with tiles of 2 rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

import ccdfx
from ccdfx_dask.packing import packed

NOTHING = 1000
TILES = 16
TALL = 4
LINE = "{:22}{:>8}{:>7}{:>9}{:>11}{:>9}{:>9}{:>8}{:>9}{:>9}"
TITLES = ("tiles", "workers", "tasks", "client", "scheduler", "worker", "clock", "s", "sent kB", "back MB")


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time of the client, the scheduler and all workers in s, and the clock; tasks; bytes out and back."""

    client: float
    scheduler: float
    workers: float
    clock: float
    tasks: int
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time of a worker in s: for a task, for a file that it opens, for a value."""

    task: float
    file: float
    value: float

    def of(self, frames: int, width: int, rows: int) -> float:
        """For a tile."""
        return self.task + frames * (self.file + rows * width * self.value)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    chosen = parser.parse_args()
    print(LINE.format(*TITLES))
    costs = None
    with tempfile.TemporaryDirectory() as folder:
        sources = links(Path(folder), chosen.frames, chosen.width)
        for workers in chosen.workers:
            with cluster(workers) as address, Client(address, set_as_default=False) as watch:
                costs, nothing = measure(watch, address, workers, sources, costs)
    project(costs, nothing)


def links(folder: Path, frames: int, width: int) -> list[Any]:
    """Sources of files with names of their own; the pixels of all are those of eight."""
    rng = np.random.default_rng(0)
    for number in range(8):
        array = rng.normal(1000, 30, (TILES * TALL, width)).astype(np.uint16)
        ccdfx.write(ccdfx.Image(array, {"EXPTIME": 30.0, "OBJECT": "field"}), folder / f"pixels{number}.fits")
    for number in range(frames):
        os.link(folder / f"pixels{number % 8}.fits", folder / f"frame{number:06}.fits")
    return [ccdfx.open_source(folder / f"frame{number:06}.fits") for number in range(frames)]


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of a cluster in processes of its own, so that the scheduler's time is not the client's."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    end = context.Event()
    process = context.Process(target=serve, args=(workers, there, end))
    process.start()
    try:
        yield here.recv()
    finally:
        end.set()
        process.join()


def serve(workers: int, address: Any, end: Any) -> None:
    """Tell the address of a cluster, and keep it until the end."""
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as started:
        address.send(started.scheduler_address)
        end.wait()


def measure(
    watch: Client, address: str, workers: int, sources: list[Any], costs: Costs | None
) -> tuple[Costs, Spent]:
    """Print a line for tiles that do nothing and one for each height of tiles; those of the first cluster give the costs."""
    frames, width = len(sources), sources[0].shape[1]
    with ccdfx.engine("dask", scheduler=address) as engine:
        nothing = spending(watch, engine, lambda current: list(current.map(abs, range(NOTHING))))
        show("that do nothing", workers, nothing)

        def stacked(height: int) -> Spent:
            sized = replace(engine, memory=frames * width * 2 * height * engine.threads)
            spent = spending(watch, sized, lambda _: ccdfx.combine(sources, reject=ccdfx.sigma_clip()))
            show(f"of {height} x {width}", workers, spent)
            return spent

        if costs is None:
            low, high = (spent.workers / spent.tasks for spent in (stacked(1), stacked(TALL)))
            task = nothing.workers / nothing.tasks
            value = (high - low) / (TALL - 1) / width / frames
            costs = Costs(task, (low - task) / frames - width * value, value)
            print(
                f"  a task {task * 1e3:.1f} ms, a file {costs.file * 1e6:.1f} us, a value {value * 1e9:.2f} ns"
            )
        spent = stacked(2)
    model = costs.of(frames, width, 2)
    print(
        f"  the model says {1e3 * model:.0f} ms for the worker: {model * spent.tasks / spent.workers:.2f} of it"
    )
    return costs, nothing


def project(costs: Costs, nothing: Spent) -> None:
    """10,000 frames of 10,000 x 10,000 on 100 workers, 1 GiB for a tile, with what a network may do."""
    frames = size = 10_000
    rows = 2**30 // (frames * size * 2)
    tasks = -(-size // rows)
    each = tasks / 100
    print(
        f"{tasks} tasks of {rows} rows; {frames * size * size * 2 / 1e12:.0f} TB, {frames * tasks / 1e6:.0f} M openings"
    )
    print(
        f"client {tasks * nothing.client / NOTHING:.0f} s, scheduler {tasks * nothing.scheduler / NOTHING:.0f} s"
    )
    print(f"results {size * size * 9 / 1e9:.1f} GB, {size * size * 9 / 1e8:.0f} s at 100 MB/s")
    print(f"a worker computes {each * costs.of(frames, size, rows):.0f} s,")
    print(f"reads {each * frames * rows * size * 2 / 1e8:.0f} s at 100 MB/s,")
    print(f"opens {each * frames * 0.5e-3:.0f} s at 0.5 ms a file")


def spending(watch: Client, engine: ccdfx.Engine, work: Callable[[ccdfx.Engine], object]) -> Spent:
    """Return what the work costs on the engine, when it is done the second time."""
    moved = {"tasks": 0, "sent": 0, "received": 0}

    def counted(function: Any, tiles: Iterable[Any]) -> Iterator[Any]:
        moved.update(tasks=0, sent=len(packed(function)), received=0)
        for result in engine.map(function, tiles):
            moved["tasks"] += 1
            moved["received"] += sum(map(_size, result.values())) if isinstance(result, dict) else 0
            yield result

    with ccdfx.engine(replace(engine, map=counted)) as counting:
        work(counting)
        before = clocks(watch)
        work(counting)
        after = clocks(watch)
    return Spent(*(late - early for early, late in zip(before, after, strict=True)), **moved)


def _size(array: np.ndarray) -> int:
    return array.nbytes


def clocks(watch: Client) -> tuple[float, float, float, float]:
    """Of this process, of the scheduler, of all workers, and of the wall."""
    workers = sum(watch.run(time.process_time).values())
    return time.process_time(), watch.run_on_scheduler(time.process_time), workers, time.perf_counter()


def show(name: str, workers: int, spent: Spent) -> None:
    each = (
        f"{1e3 * seconds / spent.tasks:.2f}"
        for seconds in (spent.client, spent.scheduler, spent.workers, spent.clock)
    )
    moved = f"{spent.sent / 1e3:.1f}", f"{spent.received / 1e6:.1f}"
    print(LINE.format(name, workers, spent.tasks, *each, f"{spent.clock:.2f}", *moved), flush=True)


if __name__ == "__main__":
    main()
