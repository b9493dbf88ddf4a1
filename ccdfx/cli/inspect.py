"""`ccdfx inspect`: interactive measurements in a window, and a table of the clicked places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ccdfx.cli.options import label_of, options, read_part, which_image
from ccdfx.cli.terminal import print_json, print_table, say, talks

if TYPE_CHECKING:
    from ccdfx.plots import Place

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
@click.argument("files", nargs=-1, required=True, metavar="IMAGES...")
@options("limits", "scaling")
@click.option(
    "--radius", type=click.FloatRange(1), default=10.0, show_default=True, help="Of a star, in pixels."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options("hdu", "plane", "no_checksum")
@talks
def command(
    files: tuple[str, ...],
    limits: Any,
    scaling: Any,
    radius: float,
    as_json: bool,
    **which: Any,
) -> None:
    """Show images in a window; click for values, cuts and the width of stars; press h there for the keys.

    When the window is closed, the clicked places and the masked regions are printed.
    """
    from ccdfx import plots

    images = [read_part(name, which_image(**which))[0] for name in files]
    names = [label_of(name) for name in files]
    found = plots.inspect(images, limits=limits or "zscale", scaling=scaling, radius=radius, titles=names)
    rows = [row_of(place, files) for place in found.places]
    regions = [{"file": files[region.image], "range": region.range.to_fits()} for region in found.regions]
    if as_json:
        print_json({"places": rows, "regions": regions})
    elif rows:
        print_table([[row[title] for title in TITLES] for row in rows], TITLES)
    for region in regions:
        say(f"masked in {region['file']}: {region['range']}")


def row_of(place: Place, files: tuple[str, ...]) -> dict[str, Any]:
    """Convert one clicked place to plain values; an unknown value is None."""
    sky, centre, profile = place.sky or (None, None), place.centroid or (None, None), place.profile
    values = (files[place.image], place.x, place.y, place.value, _known(place.sigma), " ".join(place.flags), *sky,
              *centre, _known(profile.fwhm), _known(profile.background))  # fmt: skip
    return dict(zip(TITLES, values, strict=True))


def _known(number: float) -> float | None:
    return None if number != number else number
