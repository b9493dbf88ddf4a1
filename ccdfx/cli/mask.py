"""`ccdfx mask`: a map of bad pixels, from calibration frames and frames of the sky."""

from __future__ import annotations

from typing import Any

import click

from ccdfx.cli.frame_options import files_of, prepared_frames
from ccdfx.cli.options import computing, named, options, refuse_output, section_of
from ccdfx.cli.terminal import print_json, print_table, say, talks

_SOURCES = ("biases", "darks", "flats", "frames")


@click.command("mask")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), callback=named, help="The map."
)
@click.option("--biases", metavar="FILES", help="Bias frames: a directory, or a pattern in quotes.")
@click.option("--darks", metavar="FILES", help="Darks; the biases are subtracted.")
@click.option("--flats", metavar="FILES", help="Flats; the biases are subtracted.")
@click.option("--frames", metavar="FILES", help="Calibrated frames of the sky, three or more.")
@click.option(
    "--fwhm", type=float, metavar="PIXELS", help="FWHM of the sharpest stars of the frames. Default: 2."
)
@click.option("--sigma-limit", type=float, metavar="SIGMA", help="How far a pixel must deviate. Default: 6.")
@click.option(
    "--low",
    type=float,
    metavar="FRACTION",
    help="Lowest good response of a pixel of flats, relative to its surroundings. Default: 0.5.",
)
@click.option(
    "--overscan", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Subtract this region of raw frames."
)
@click.option("--trim", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Map these pixels only.")
@click.option("--saturation", type=float, metavar="ADU", help="Leave out pixels at or above this.")
@options("hdu", "plane", "no_checksum", "json")
@click.option("--overwrite", is_flag=True, help="Replace an existing map.")
@options("threads", "memory")
@talks
def command(
    output: str,
    as_json: bool,
    overwrite: bool,
    threads: int | None,
    memory: int | None,
    fwhm: float | None,
    sigma_limit: float | None,
    low: float | None,
    **given: Any,
) -> None:
    """Map the bad pixels of a detector, and print how many there are.

    Give biases, darks, flats or frames of the sky, or several of these, of one camera with one setting. Flats
    whose levels differ by 20 % or more are also divided by each other, as is usual for ccdmask of IRAF.
    """
    paths = {kind: files_of(f"--{kind}", text, 1) for kind in _SOURCES if (text := given.pop(kind))}
    if not paths:
        raise click.UsageError("give --biases, --darks, --flats or --frames")
    refuse_output(output, overwrite, [path for several in paths.values() for path in several])
    limits = {"fwhm": fwhm, "sigma_limit": sigma_limit, "low": low}
    with computing(None, threads, memory):
        defects, region = _found(paths, given, {key: one for key, one in limits.items() if one is not None})
    import ccdfx

    cards = [("IMAGETYP", "mask", "bad pixels: 1"), ("NBAD", int(defects.mask.sum()), "number of bad pixels")]
    image = ccdfx.Image(defects.mask, header=ccdfx.Header(cards), range=region)
    ccdfx.write(image, output, overwrite=overwrite)
    share = float((defects.kinds != 0).mean())
    if as_json:
        print_json({"file": output, "counts": defects.counts, "fraction": share, "notes": defects.notes})
        return
    for note in defects.notes:
        say(f"note: {note}")
    rows = [[kind, str(count)] for kind, count in defects.counts.items()]
    print_table([*rows, ["all", f"{sum(defects.counts.values())} ({100 * share:.2g} %)"]], ["kind", "pixels"])


def _found(
    paths: dict[str, list[str]], preparation: dict[str, Any], limits: dict[str, Any]
) -> tuple[Any, Any]:
    """Find the bad pixels, and the window of the frames; several biases or darks are combined first."""
    import ccdfx

    sky = {key: one for key, one in preparation.items() if key not in ("overscan", "trim", "saturation")}
    frames: dict[str, Any] = {
        kind: prepared_frames(
            several, **(preparation if kind != "frames" else dict.fromkeys(preparation) | sky)
        )
        for kind, several in paths.items()
    }
    for kind in ("biases", "darks"):
        if len(frames.get(kind, ())) > 1:
            master = ccdfx.combine(frames[kind])
            header = master.header.set("NCOMBINE", len(frames[kind]), "number of frames combined")
            frames[kind] = [master.replace(header=header)]
    if "biases" in frames:
        for kind in ("darks", "flats"):
            if kind in frames:
                bias = frames["biases"][0]
                frames[kind] = [ccdfx.subtract_bias(frame, bias=bias) for frame in frames[kind]]
    first = next(iter(frames.values()))[0]
    return ccdfx.find_bad_pixels(**frames, **limits), first.range
