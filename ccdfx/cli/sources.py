"""`ccdfx sources`: a catalogue of the stars in images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.group import FAILED
from ccdfx.cli.options import computing, naming, options, refuse_place, section_of, which_image
from ccdfx.cli.terminal import print_json, print_table, say, talks

UNITS = {"x": "pix", "y": "pix", "ra": "deg", "dec": "deg", "fwhm": "pix"}
_FORMATS = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits"}
_TITLES = (
    "file",
    "x",
    "y",
    "ra",
    "dec",
    "flux",
    "peak",
    "background",
    "fwhm",
    "snr",
    "roundness",
    "sharpness",
)

_DECIMALS = {"x": 2, "y": 2, "ra": 6, "dec": 6}  # hundredths of pixels and arcsec


@click.command("sources")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=files,
    help="Write the table: .csv, .ecsv or .fits (default: print it).",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    metavar="SIGMA",
    help="How far peaks are above the noise. Default: 5.",
)
@click.option(
    "--fwhm",
    type=click.FloatRange(0, min_open=True),
    metavar="PIXELS",
    help="Width of stars (default: measured).",
)
@click.option(
    "--border",
    type=click.IntRange(0),
    metavar="PIXELS",
    help="Leave out stars so near the edge. Default: the width.",
)
@click.option("--most", type=click.IntRange(1), metavar="N", help="Only the N brightest of each image.")
@click.option(
    "--section", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Only these pixels: FITS text, from 1."
)
@options("hdu", "plane", "no_checksum", "overwrite", "json", "threads", "memory")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    as_json: bool,
    threads: int | None,
    memory: int | None,
    section: str | None,
    most: int | None,
    threshold: float | None,
    fwhm: float | None,
    border: int | None,
    hdu: str | None,
    plane: int | None,
    no_checksum: bool,
) -> None:
    """Find the stars of images: positions, fluxes, widths, brightest first.

    Positions count pixels from 1, as FITS and DS9 do; ra and dec are in degrees (ICRS), by the WCS of the image. Fluxes are in the
    unit of the image, above the local background. A file that cannot be read is reported on stderr, and the exit status is 1.
    """
    import ccdfx
    from ccdfx.cli.several import read_beside, require_one_image

    if output is not None:
        _format_of(output)
        refuse_place(output, overwrite)
    which = {**which_image(hdu, plane, no_checksum), "section": section}
    search = {"threshold": threshold, "fwhm": fwhm, "border": border}
    search = {name: value for name, value in search.items() if value is not None}
    for file in files:
        require_one_image(file, which)
    rows: list[dict[str, Any]] = []
    failed = False
    work = partial(_found, which=which, search=search, most=most)
    with computing(None, threads, memory):
        for found in read_beside(work, files):
            if isinstance(found, ccdfx.CcdfxError):
                failed = True
                say(f"ccdfx: error: {found}", always=True)
            else:
                rows += found
    if output is not None and (rows or not failed):
        _write(rows, output, overwrite)
        say(f"{len(rows)} sources written as {output}; x and y count from 1")
    if as_json:
        print_json(rows)
    elif output is None and rows:
        print_table([[row[name] for name in _TITLES] for row in rows], _TITLES, _DECIMALS)
    if failed:
        ctx.exit(FAILED)


def _found(file: str, which: dict[str, Any], search: dict[str, Any], most: int | None) -> Any:
    """Return the rows of a file, or the error that it gives."""
    import ccdfx

    try:
        with naming(file):
            image = ccdfx.read(file, **which)
            return _rows(file, image, ccdfx.find_sources(image, **search)[:most])
    except ccdfx.CcdfxError as error:
        return error


def _rows(file: str, image: Any, found: Any) -> list[dict[str, Any]]:
    ra, dec = _sky(image, found)
    rows = []
    for number, one in enumerate(found):
        row = {name: float(one[name]) for name in one.dtype.names}
        row["x"] += 1 + image.range.x_lower  # FITS counts from 1; pixels of the frame that it is a window of
        row["y"] += 1 + image.range.y_lower
        rows.append({"file": file, **row, "ra": ra[number], "dec": dec[number]})
    return [{name: row[name] for name in _TITLES} for row in rows]


def _sky(image: Any, found: Any) -> tuple[list[float | None], list[float | None]]:
    """Return ICRS positions in degrees; None of each without a WCS."""
    system = image.wcs
    if system is None or not len(found):
        return [None] * len(found), [None] * len(found)
    from astropy.coordinates import SkyCoord

    from ccdfx.records.wcs import celestial_frame, world_axes

    first, second = system.all_pix2world(found["x"], found["y"], 0)
    longitude, latitude = world_axes(system, first, second)
    there = SkyCoord(longitude, latitude, unit="deg", frame=celestial_frame(system)).icrs
    return there.ra.deg.tolist(), there.dec.deg.tolist()


def _format_of(output: str) -> str:
    suffix = Path(output).suffix.lower()
    if suffix not in _FORMATS:
        raise click.UsageError(f"{output!r} must end in one of {', '.join(_FORMATS)}")
    return _FORMATS[suffix]


def _write(rows: list[dict[str, Any]], output: str, overwrite: bool) -> None:
    from astropy.table import Table

    from ccdfx.io.atomic import atomic_path

    columns = {name: [row[name] for row in rows] for name in _TITLES}
    known = {
        name: one for name, one in columns.items() if not rows or any(value is not None for value in one)
    }
    filled = {
        name: [float("nan") if value is None else value for value in one] for name, one in known.items()
    }
    table = Table(filled, units={name: unit for name, unit in UNITS.items() if name in filled})
    table.meta["COMMENT"] = "x and y count pixels from 1, as FITS does; ra and dec are ICRS"
    with atomic_path(output, overwrite) as temporary:
        table.write(str(temporary), format=_format_of(output), overwrite=True)
