"""A plugin for ccdfx: its hooks.

ccdfx finds this module by the entry point in pyproject.toml and calls its hooks to get records. Each hook
imports what it needs only when it is called: a user of the format alone does not wait for numba.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccdfx import Command, hookimpl

if TYPE_CHECKING:
    from ccdfx import Engine, Format, Instrument, Maker, NoiseModel, Rejection, Scaling, Step


@hookimpl
def ccdfx_formats() -> list[Format]:
    from ccdfx_template.pgm import PGM

    return [PGM]


@hookimpl
def ccdfx_scalings() -> list[Scaling]:
    from ccdfx_template.softroot import softroot

    return [softroot()]


@hookimpl
def ccdfx_noise_models() -> list[NoiseModel]:
    from ccdfx_template.noise import digitisation_noise

    return [digitisation_noise()]


@hookimpl
def ccdfx_rejections() -> list[Rejection]:
    from ccdfx_template.rejection import drop_brightest

    return [drop_brightest()]


@hookimpl
def ccdfx_steps() -> list[Step]:
    from ccdfx_template.flip import FLIP

    return [FLIP]


@hookimpl
def ccdfx_instruments() -> list[Instrument]:
    from ccdfx import load_instrument

    return [load_instrument(Path(__file__).with_name("camera.toml"))]


@hookimpl
def ccdfx_makers() -> list[Maker]:
    from ccdfx_template.sky_frame import SKY_FRAME

    return [SKY_FRAME]


@hookimpl
def ccdfx_engines() -> list[Engine]:
    from ccdfx_template.serial import SERIAL

    return [SERIAL]


def _brightest() -> Any:
    from ccdfx_template.brightest import brightest

    return brightest


@hookimpl
def ccdfx_commands() -> list[Command]:
    return [Command("brightest", "Print the brightest pixel of images.", _brightest)]
