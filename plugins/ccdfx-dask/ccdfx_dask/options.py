"""Options of the engine, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ccdfx import ArgumentError, ArgumentTypeError

MOST_SENT = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The validated options of the engine; see `dask_engine`."""

    scheduler: Any = None
    workers: int | None = None
    retries: int = 3
    sent: int = MOST_SENT
    timeout: float = 30.0
    direct: bool = True

    def __post_init__(self) -> None:
        if self.scheduler is not None and not (
            isinstance(self.scheduler, str) or hasattr(self.scheduler, "scheduler_address")
        ):
            raise ArgumentTypeError(
                "scheduler", "must be an address or a cluster", value=self.scheduler,
                remedy="give such as 'tcp://host:8786'",
            )  # fmt: skip
        _whole("workers", self.workers, least=1, optional=True)
        _whole("retries", self.retries, least=0)
        _whole("sent", self.sent, least=1)
        number = isinstance(self.timeout, int | float) and not isinstance(self.timeout, bool)
        if not (number and 0 < self.timeout < float("inf")):
            raise ArgumentError(
                "timeout", "must be a positive number", value=self.timeout, remedy="give seconds"
            )
        if not isinstance(self.direct, bool):
            raise ArgumentTypeError("direct", "must be True or False", value=self.direct, remedy="choose one")
        if self.scheduler is not None and self.workers is not None:
            raise ArgumentError(
                "workers", "are those of the cluster where a scheduler is given", value=self.workers,
                remedy="leave one of the two out",
            )  # fmt: skip


def _whole(name: str, value: Any, *, least: int, optional: bool = False) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentTypeError(name, "must be a whole number", value=value, remedy=f"give {least} or more")
    if value < least:
        raise ArgumentError(name, f"must be at least {least}", value=value, remedy="give a larger number")
