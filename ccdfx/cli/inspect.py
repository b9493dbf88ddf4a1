"""`ccdfx inspect`: interactive measurements in a window, and a table of the clicked places."""

from __future__ import annotations

from typing import Any

import click

from ccdfx import plots
from ccdfx.cli.completion import files
from ccdfx.cli.options import computing, default_of, given, options, which_image
from ccdfx.cli.picture_options import label_of, picture_options, read_part
from ccdfx.cli.several import read_beside
from ccdfx.cli.terminal import print_json, print_table, say, talks

TITLES = (
    "file",
    "x",
    "y",
    "value",
    "sigma",
    "flags",
    "ra",
    "dec",
    "centroid_x",
    "centroid_y",
    "fwhm",
    "background",
)


@click.command("inspect")
@click.argument("files", nargs=-1, required=True, metavar="IMAGES...", shell_complete=files)
@picture_options("limits", "scaling")
@click.option(
    "--radius",
    type=click.FloatRange(1),
    default=default_of(plots.inspect, "radius"),
    show_default=True,
    help="Of a star, in pixels.",
)
@options("json", "hdu", "plane", "no_checksum", "threads", "memory")
@talks
def command(
    files: tuple[str, ...],
    limits: Any,
    scaling: Any,
    radius: float,
    as_json: bool,
    threads: int | None,
    memory: int | None,
    **which: Any,
) -> None:
    """Show images in a window; click for values, cuts and the width of stars; press h there for the keys.

    When the window is closed, the clicked places and the masked regions are printed; x and y count pixels from 1, as FITS does.
    """
    part = which_image(**which)
    with computing(None, threads, memory):
        images = list(read_beside(lambda name: read_part(name, part)[0], files))
    names = [label_of(name) for name in files]
    found = plots.inspect(
        images, **given(limits=limits), scaling=scaling, radius=radius, titles=names, first=1
    )
    rows = [row_of(place, files) for place in found.places]
    regions = [{"file": files[region.image], "range": region.range.to_fits()} for region in found.regions]
    if as_json:
        print_json({"places": rows, "regions": regions})
    elif rows:
        print_table([[row[title] for title in TITLES] for row in rows], TITLES)
    for region in regions:
        say(f"masked in {region['file']}: {region['range']}")


def row_of(place: plots.Place, files: tuple[str, ...]) -> dict[str, Any]:
    """Convert one clicked place to plain values, pixels counted from 1; an unknown value is None."""
    sky, profile = place.sky or (None, None), place.profile
    centre = (None, None) if place.centroid is None else tuple(number + 1 for number in place.centroid)
    values = (files[place.image], place.x + 1, place.y + 1, place.value, _known(place.sigma), " ".join(place.flags), *sky,
              *centre, profile.fwhm if place.has_width else None, _known(profile.background))  # fmt: skip
    return dict(zip(TITLES, values, strict=True))


def _known(number: float) -> float | None:
    return None if number != number else number
