"""K-corrections of images in several bands, pixel by pixel, with the templates and responses of ``kcorrect``.

`kcorrect_images` returns absolute magnitudes, K-corrections and chi2 as a `Corrected`; a `RestFrame` defines
the bands at rest, the distance and the templates. ``ccdfx kcorrect`` does the same for files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ccdfx import Command, hookimpl

if TYPE_CHECKING:
    import click

_HOMES = {"Corrected": "corrected", "RestFrame": "spectra", "bands": "spectra", "kcorrect_images": "images"}
__all__ = ["Corrected", "RestFrame", "bands", "kcorrect_images"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"ccdfx_kcorrect.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ccdfx_kcorrect' has no attribute {name!r}")


def _kcorrect() -> click.Command:
    from ccdfx_kcorrect.command import command

    return command


@hookimpl
def ccdfx_commands() -> list[Command]:
    return [Command("kcorrect", "K-correct matched images of several bands, pixel by pixel.", _kcorrect)]
