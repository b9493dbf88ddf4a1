"""Hooks that a plugin may implement; each returns a list of records. `docs/plugins.md` shows examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from ccdfx.records.checks import FUNCTION, NAME, TEXT, check_fields

if TYPE_CHECKING:
    from ccdfx import Engine, Format, Instrument, Maker, NoiseModel, Rejection, Scaling, Step

PROJECT = "ccdfx"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the command line; ``load() -> click.Command`` is called on demand."""

    name: str
    help: str
    load: Callable[[], Any]

    def __post_init__(self) -> None:
        check_fields(self, name=NAME, help=TEXT, load=FUNCTION)


@hookspec
def ccdfx_formats() -> list[Format]:  # type: ignore[empty-body]
    """Return file formats: readers and writers."""


@hookspec
def ccdfx_scalings() -> list[Scaling]:  # type: ignore[empty-body]
    """Return scalings of pixel values, with their inverses."""


@hookspec
def ccdfx_noise_models() -> list[NoiseModel]:  # type: ignore[empty-body]
    """Return noise models."""


@hookspec
def ccdfx_rejections() -> list[Rejection]:  # type: ignore[empty-body]
    """Return rejection rules for combining."""


@hookspec
def ccdfx_steps() -> list[Step]:  # type: ignore[empty-body]
    """Return reduction steps for pipelines and recipes."""


@hookspec
def ccdfx_instruments() -> list[Instrument]:  # type: ignore[empty-body]
    """Return instruments, which define how to read headers."""


@hookspec
def ccdfx_makers() -> list[Maker]:  # type: ignore[empty-body]
    """Return makers of products of a night."""


@hookspec
def ccdfx_engines() -> list[Engine]:  # type: ignore[empty-body]
    """Return engines, which run tiles."""


@hookspec
def ccdfx_commands() -> list[Command]:  # type: ignore[empty-body]
    """Return commands of the command line."""
