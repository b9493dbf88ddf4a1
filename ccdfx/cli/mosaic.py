"""`ccdfx mosaic`: cut-outs of images side by side."""

from __future__ import annotations

from typing import Any

import click

from ccdfx import plots
from ccdfx.cli.completion import files
from ccdfx.cli.options import computing, given, naming, pairs, which_image
from ccdfx.cli.picture_options import check_output, label_of, picture_options, read_part, save
from ccdfx.cli.several import read_beside
from ccdfx.cli.terminal import say, talks
from ccdfx.records.flags import Flag


@click.command("mosaic")
@click.argument("files", nargs=-1, required=True, metavar="IMAGES...", shell_complete=files)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    shell_complete=files,
    help="The picture (png, pdf, svg...).",
)
@click.option(
    "--at",
    multiple=True,
    callback=pairs,
    metavar="X,Y",
    help="A position in pixels, counted from 1 as in FITS.",
)
@click.option(
    "--sky",
    multiple=True,
    callback=pairs,
    metavar="RA,DEC",
    help="A position in degrees, by the WCS.",
)
@click.option(
    "--stars", type=click.IntRange(1, 1000), metavar="N", help="The N brightest stars of the first image."
)
@click.option(
    "--size", type=click.IntRange(1, 100_000), default=51, show_default=True, help="Of a cut-out, in pixels."
)
@picture_options("limits", "scaling", "colours", "invert", "bar")
@click.option("--together", is_flag=True, help="One interval of values for all.")
@picture_options("hdu", "plane", "no_checksum", "dpi", "overwrite", "threads", "memory")
@talks
def command(files: tuple[str, ...], output: str, **choices: Any) -> None:
    """Draw cut-outs around positions: a row for each of several images; without positions, the images themselves."""
    if sum(bool(choices[name]) for name in ("at", "sky", "stars")) > 1:
        raise click.UsageError("give positions by one of --at, --sky and --stars")
    check_output(output, choices["overwrite"])
    which = which_image(choices["hdu"], choices["plane"], choices["no_checksum"])
    with computing(None, choices["threads"], choices["memory"]):
        images = list(read_beside(lambda name: read_part(name, which)[0], files))
    parts, titles = _parts(files, images, choices)
    names = [label_of(name) for name in files]
    several = len(files) > 1 and bool(titles)  # a row for each image; else as square as possible
    figure = plots.mosaic(
        parts,
        rows=len(files) if several else None,
        titles=titles * len(files) if titles else names,
        row_labels=names if several else [],
        **given(limits=choices["limits"]),
        together=choices["together"],
        scaling=choices["scaling"],
        colours=plots.Colours(choices["colours"], invert=choices["invert"], bar=choices["bar"]),
    )
    if titles and not several:
        figure.suptitle(names[0], fontsize="medium", parse_math=False)
    save(figure, output, choices["dpi"], choices["overwrite"])


def _parts(files: tuple[str, ...], images: list[Any], choices: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Cut out the parts; return them and the titles of one row."""
    import ccdfx
    from ccdfx.errors import ArgumentError
    from ccdfx.night.words import counted

    def cut(**places: Any) -> list[Any]:
        found = []
        for name, image in zip(files, images, strict=True):
            with naming(name):
                parts = ccdfx.cutouts([image], size=choices["size"], **places)
            found += parts
            beyond = sum(part.mask is not None and bool((part.mask & Flag.NO_DATA).all()) for part in parts)
            if beyond:
                say(f"note: {label_of(name)}: {counted(beyond, 'cut-out')} beyond the edge, without a pixel")
        return found

    if choices["sky"]:
        return cut(sky=choices["sky"]), [f"{ra:.4f}, {dec:+.4f}" for ra, dec in choices["sky"]]
    places = [(x - 1, y - 1) for x, y in choices["at"]]  # the library counts from 0
    if choices["stars"]:
        found = ccdfx.find_sources(images[0])[: choices["stars"]]
        places = [(float(star["x"]), float(star["y"])) for star in found]
        if not places:
            raise ArgumentError("--stars", f"found none in {files[0]}", remedy="give positions with --at")
    if not places:
        return images, []
    return cut(positions=places), [f"{x + 1:.0f}, {y + 1:.0f}" for x, y in places]
