"""Functions that run on the workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from ccdfx import CcdfxError, FileError, FormatError
from ccdfx_dask.errors import ClusterError
from ccdfx_dask.packing import unpacked


@cache
def version() -> str:
    """Return the version of ccdfx that is installed here."""
    import ccdfx

    return ccdfx.__version__


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that another attempt would only repeat, returned as a result."""

    error: CcdfxError


@dataclass(frozen=True)
class Work:
    """A packed function, unpacked once on each worker; workers pass it to each other in packed form.

    `sender` is the version of ccdfx that packed it: a worker that joined late must check it itself.
    """

    data: bytes
    sender: str

    @cached_property
    def function(self) -> Callable[[Any], Any]:
        require_version(version(), self.sender, _here())
        try:
            return unpacked(self.data)
        except ImportError as error:
            raise ClusterError(
                f"worker {_here()}", f"lacks what the work needs: {error}",
                remedy="install on the workers what is installed here, plugins too",
            ) from error  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return Work, (self.data, self.sender)


def run_tile(work: Work, tile: bytes) -> Any:
    """Compute a tile; return a permanent error as a `Failure`.

    An error that may be temporary is raised, so that dask tries the tile again.
    """
    try:
        return work.function(unpacked(tile))
    except CcdfxError as error:
        if isinstance(error, FileError) and not isinstance(error, FormatError):
            raise  # the file server may be available again soon
        return Failure(error)


def require_version(found: str, sender: str, worker: str) -> None:
    """Refuse a worker with another version of ccdfx."""
    if found != sender:
        raise ClusterError(
            f"worker {worker}", f"must have the version of ccdfx that sends the work, {sender}", value=found,
            remedy="install the same version on both sides",
        )  # fmt: skip


def _here() -> str:
    from distributed import get_worker

    return get_worker().address
