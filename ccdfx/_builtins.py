"""Built-in plugin: the objects of ccdfx itself, provided through the hooks that every plugin uses.

Modules are imported on request, so that looking up a file format does not load numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ccdfx.hookspecs import hookimpl

if TYPE_CHECKING:
    from ccdfx import Command, Engine, Format, Instrument, Maker, NoiseModel, Rejection, Scaling, Step


@hookimpl
def ccdfx_formats() -> list[Format]:
    from ccdfx.io import npz
    from ccdfx.io.fits import format as fits

    return [fits.FORMAT, npz.FORMAT]


@hookimpl
def ccdfx_scalings() -> list[Scaling]:
    from ccdfx.scalings import SCALINGS

    return list(SCALINGS)


@hookimpl
def ccdfx_noise_models() -> list[NoiseModel]:
    from ccdfx.noise import MODELS

    return list(MODELS)


@hookimpl
def ccdfx_rejections() -> list[Rejection]:
    from ccdfx.operations.rejection.builtin import REJECTIONS

    return list(REJECTIONS)


@hookimpl
def ccdfx_steps() -> list[Step]:
    from ccdfx import scalings
    from ccdfx.operations import window
    from ccdfx.operations.calibration import calibrate, electrons, offset, overscan
    from ccdfx.operations.pixels import cosmic_rays, flag, median_filter, replace
    from ccdfx.operations.readouts import linearise
    from ccdfx.operations.resampling import shift
    from ccdfx.pipelines.pipeline import Step

    functions: tuple[Any, ...] = (
        window.select, window.trim, overscan.subtract_overscan, offset.subtract_level, offset.offset,
        calibrate.subtract_bias, calibrate.subtract_dark, calibrate.divide_flat, electrons.to_electrons,
        calibrate.add_variance, calibrate.calibrate,
        flag.mask_saturated, flag.mask_invalid, flag.mask_from, flag.replace_masked,
        replace.clip_invalid, replace.clip_threshold, replace.clip_outliers, replace.clip_sigma, replace.replace,
        linearise.linearise, cosmic_rays.mask_cosmic_rays, median_filter.median_filter,
        shift.shift, scalings.scale, scalings.unscale,
    )  # fmt: skip
    return [Step(function.__name__, function) for function in functions]


@hookimpl
def ccdfx_instruments() -> list[Instrument]:
    from ccdfx.night.instruments.known import builtin_instruments

    return builtin_instruments()


@hookimpl
def ccdfx_makers() -> list[Maker]:
    from ccdfx.night.makers import MAKERS

    return list(MAKERS)


@hookimpl
def ccdfx_engines() -> list[Engine]:
    from ccdfx.engines import ENGINES

    return list(ENGINES)


@hookimpl
def ccdfx_commands() -> list[Command]:
    from functools import partial

    from ccdfx.cli.builtin import TABLE, load
    from ccdfx.hookspecs import Command

    return [Command(name, text, partial(load, name)) for name, text in TABLE.items()]
