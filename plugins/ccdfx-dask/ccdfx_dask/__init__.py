"""The engine "dask" of ccdfx: tiles on the workers of a dask.distributed cluster, which open the files themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccdfx import hookimpl

if TYPE_CHECKING:
    from ccdfx import Engine


@hookimpl
def ccdfx_engines() -> list[Engine]:
    from ccdfx_dask.engine import dask_engine

    return [dask_engine()]
