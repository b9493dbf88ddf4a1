"""The built-in plugin: what ccdfx itself brings, through the hooks that every plugin uses.

Everything is imported when it is asked for, so that looking up a file format does not load numba.
"""

from __future__ import annotations

from typing import Any

from ccdfx.hookspecs import hookimpl


@hookimpl
def ccdfx_formats() -> list[Any]:
    from ccdfx.io import fits, npz

    return [fits.FORMAT, npz.FORMAT]


@hookimpl
def ccdfx_scalings() -> list[Any]:
    from ccdfx.scalings import SCALINGS

    return list(SCALINGS)


@hookimpl
def ccdfx_noise_models() -> list[Any]:
    from ccdfx.noise import MODELS

    return list(MODELS)


@hookimpl
def ccdfx_rejections() -> list[Any]:
    from ccdfx.operations.reject import REJECTIONS

    return list(REJECTIONS)


@hookimpl
def ccdfx_steps() -> list[Any]:
    from ccdfx.pipelines import builtin_steps

    return builtin_steps()


@hookimpl
def ccdfx_instruments() -> list[Any]:
    from ccdfx.night.instruments import builtin_instruments

    return builtin_instruments()


@hookimpl
def ccdfx_engines() -> list[Any]:
    from ccdfx.engines import ENGINES

    return list(ENGINES)


@hookimpl
def ccdfx_commands() -> list[Any]:
    from functools import partial

    from ccdfx.cli import TABLE, load
    from ccdfx.hookspecs import Command

    return [Command(name, text, partial(load, name)) for name, text in TABLE.items()]
