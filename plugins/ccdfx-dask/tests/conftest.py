"""A cluster of two processes, and files that they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import ccdfx


@pytest.fixture(scope="module", autouse=True)
def by_value(request: pytest.FixtureRequest) -> Iterator[None]:
    """Functions of the tests travel as they are: workers cannot import their modules."""
    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes, started again when one ends."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def dask(cluster: Any) -> Iterator[ccdfx.Engine]:
    """The engine on these processes, with tiles of a few rows."""
    with ccdfx.engine("dask", scheduler=cluster.scheduler_address, memory=2**19) as engine:
        yield engine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("frames")
    return [
        ccdfx.write(
            ccdfx.Image(
                rng.normal(1000, 30, (200, 300)).astype(np.uint16), {"EXPTIME": 30.0 + number, "GAIN": 1.5}
            ),
            folder / f"{number}.fits",
        )
        for number in range(9)
    ]


@pytest.fixture(scope="module")
def sources(files: list[Path]) -> list[Any]:
    return [ccdfx.open_source(path) for path in files]
