"""The engine "dask" of ccdfx: workers of a dask.distributed cluster read files and compute tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccdfx import hookimpl

if TYPE_CHECKING:
    from ccdfx import Engine


@hookimpl
def ccdfx_engines() -> list[Engine]:
    from ccdfx_dask.engine import dask_engine

    return [dask_engine()]
