"""The command `ccdfx kcorrect FILE... --bands BAND,... --redshift Z -o FILE`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def _names(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _numbers(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    try:
        numbers = [] if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number, or numbers joined by commas") from None
    return numbers[0] if len(numbers) == 1 else numbers or None


@click.command("kcorrect")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--bands", required=True, callback=_names, metavar="BAND,...", help="One a file: sdss_g0,sdss_r0,..."
)
@click.option("--redshift", required=True, type=float, metavar="Z", help="From 0 to 2.")
@click.option("-o", "--output", required=True, metavar="FILE", help="All planes, as FITS or npz.")
@click.option("--section", metavar="[X1:X2,Y1:Y2]", help="Only these pixels: FITS text, 1-based.")
@click.option("--range", hidden=True)
@click.option(
    "--zero-points", callback=_numbers, metavar="MAG,...", help="AB mag, one for all or one a file."
)
@click.option(
    "--pixel-areas", callback=_numbers, metavar="AREA,...", help="arcsec^2, one for all or one a file."
)
@click.option("--rest-bands", callback=_names, metavar="BAND,...", help="Bands of the absolute magnitudes.")
@click.option(
    "--band-shift", type=float, default=0.0, show_default=True, metavar="Z", help="Of the rest bands."
)
@click.option("--distance-modulus", type=float, metavar="MAG", help="Default: of the redshift, Planck 2018.")
@click.option("--picture", metavar="FILE", help="Draw the corrected colour (png, pdf, svg...).")
@click.option(
    "--colour", callback=_names, metavar="BAND,BAND", help="Which colour (default: the first two bands)."
)
@click.option(
    "--error",
    type=float,
    default=0.2,
    show_default=True,
    metavar="MAG",
    help="Draw colours up to this error.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
def command(
    files: tuple[str, ...], output: str, picture: str | None, overwrite: bool, **options: Any
) -> None:
    """K-correct matched images of one object, pixel by pixel.

    The output holds for each band the absolute magnitude of a square arcsecond with its flags and variance,
    for each band the K-correction, then chi2 of the fit and the coefficients of the templates.
    """
    import ccdfx
    from ccdfx_kcorrect.images import kcorrect_images
    from ccdfx_kcorrect.spectra import RestFrame

    for target in filter(None, (output, picture)):
        refuse(target, files, overwrite)
    if picture is not None:
        kind_of(picture)
    colour, error = options.pop("colour"), options.pop("error")
    if colour is not None and len(colour) != 2:
        raise click.UsageError("--colour takes two bands joined by a comma")
    section = _section(options["section"], options["range"])
    result = kcorrect_images(
        files,
        bands=options["bands"],
        redshift=options["redshift"],
        section=section,
        zero_points=options["zero_points"],
        pixel_areas=options["pixel_areas"],
        rest=RestFrame(options["rest_bands"], options["band_shift"], options["distance_modulus"]),
    )
    figure = None if picture is None else draw(result, colour or result.bands[:2], error)
    ccdfx.write(result.images(), output, overwrite=overwrite)
    click.echo(repr(result), err=True)
    if picture is not None:
        save(figure, picture)


def _section(section: str | None, old: str | None) -> str | None:
    """Return the section that either flag gives; the old one, for one release, with a warning."""
    if old is None:
        return section
    if section is not None:
        raise click.UsageError("--section and its old word --range exclude one another; leave out --range")
    click.echo("ccdfx: warning: --range is now --section; the old word goes with the next release", err=True)
    return old


def refuse(target: str, inputs: tuple[str, ...], overwrite: bool) -> None:
    """Refuse an output that is an input or exists, before anything is read."""
    from ccdfx import ArgumentError, OutputExistsError

    if any(os.path.realpath(target) == os.path.realpath(name) for name in inputs):
        raise ArgumentError(
            "output", "must not be one of the inputs", value=target, remedy="give another name"
        )
    if os.path.exists(target) and not overwrite:
        raise OutputExistsError(target, "exists already", remedy="--overwrite replaces it")


def kind_of(picture: str) -> str:
    """Return the picture format of a suffix, and refuse any other suffix."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from ccdfx import ArgumentError

    known, suffix = FigureCanvasAgg.get_supported_filetypes(), Path(picture).suffix
    if suffix[1:].lower() not in known:
        raise ArgumentError(
            picture,
            "must have the suffix of a picture",
            value=suffix,
            remedy=f"one of {', '.join(sorted(known))}",
        )
    return suffix[1:].lower()


def draw(result: Any, bands: Sequence[str], error: float) -> Any:
    """Draw the pixels of a colour whose error is at most `error` mag as a matplotlib figure; mask the others."""
    import numpy as np

    import ccdfx
    from ccdfx import plots

    if len(bands) != 2:
        raise ccdfx.ArgumentError(
            "picture", "must have two bands for a colour", value=bands, remedy="give --colour"
        )
    colour = result.colour(*bands)
    with np.errstate(invalid="ignore"):
        sure = np.isfinite(colour.array) & (colour.mask == 0) & (colour.variance <= error**2)
    if not sure.any():
        raise ccdfx.ArgumentError(
            "picture", "has no pixel whose colour is known that well", value=error, remedy="raise --error"
        )
    axes = plots.image(
        colour.replace(mask=~sure),
        limits="p96",
        colours=plots.Colours(
            "RdYlBu", invert=True, masked="0.2", bar=f"{bands[0]} - {bands[1]} at rest (mag)"
        ),
        title=", ".join(filter(None, [str(result.header.get("OBJECT") or ""), f"z = {result.redshift:g}"])),
    )
    return axes.figure


def save(figure: Any, path: str) -> None:
    """Write a picture atomically, in the format of its suffix."""
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            figure.savefig(stream, dpi=120, format=kind_of(path))
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
