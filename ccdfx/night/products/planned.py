"""One product as its maker plans it, before it is told its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A product that is planned: see `Product`; `record` is what its maker takes, `setup` None for the whole night."""

    file: str
    kind: str
    record: Any
    setup: Setup | None = None
    raw: tuple[Frame, ...] = ()
    needs: tuple[str, ...] = ()
    has_image: bool = True
