"""`ccdfx noise`: gain, read noise and sensitivity noise of a camera, from its flats and biases."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ccdfx.cli.frame_options import files_of, prepared_frames
from ccdfx.cli.options import computing, options, section_of
from ccdfx.cli.terminal import print_json, print_table, talks


@click.command("noise")
@click.argument("flats", required=True)
@click.argument("biases", required=True)
@click.option(
    "--overscan", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Subtract this region of every frame."
)
@click.option("--trim", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Measure in these pixels only.")
@click.option(
    "--saturation", type=float, metavar="ADU", help="Leave out pixels at or above this (as they are read)."
)
@options("hdu", "plane", "no_checksum", "json", "threads", "memory")
@talks
def command(
    flats: str, biases: str, as_json: bool, threads: int | None, memory: int | None, **preparation: Any
) -> None:
    """Measure gain, read noise and sensitivity noise by photon transfer.

    FLATS and BIASES are a directory each, or a pattern in quotes such as 'flat*.fits'. Two or more frames of
    each are needed, from one camera with one setting; the flats may differ in level. The mean of the biases
    is subtracted from the flats.
    """
    with computing(None, threads, memory):
        fit = _fitted(files_of("BIASES", biases), files_of("FLATS", flats), preparation)
    if as_json:
        print_json(asdict(fit))
        return
    rows = [
        ["gain", f"{fit.gain:.4g}", f"{fit.gain_error:.2g}", "e-/ADU"],
        ["read noise", f"{fit.readnoise:.4g}", f"{fit.readnoise_error:.2g}", "e-"],
        ["read noise", f"{fit.readnoise_adu:.4g}", f"{fit.readnoise_adu_error:.2g}", "ADU"],
        [
            "sensitivity noise",
            f"{100 * fit.sensitivity:.3g}",
            f"{100 * fit.sensitivity_error:.2g}",
            "% of the signal",
        ],
        [
            "covariance of neighbours",
            f"{100 * fit.neighbours:.3g}",
            f"{100 * fit.neighbours_error:.2g}",
            "% of the photon variance",
        ],
    ]
    print_table(rows, ["what", "value", "error", "unit"])
    print_table([[fit.pairs, fit.blocks, fit.method]], ["pairs of flats", "blocks", "method"])


def _fitted(biases: list[str], flats: list[str], preparation: dict[str, Any]) -> Any:
    """Fit the noise of the flats, from which the mean of the biases is subtracted."""
    import ccdfx

    frames = prepared_frames([*biases, *flats], **preparation)
    dark, bright = frames[: len(biases)], frames[len(biases) :]
    bias = ccdfx.combine(dark, reject=None if len(dark) < 3 else ccdfx.mad_clip(low=5, high=5))
    return ccdfx.fit_noise([ccdfx.subtract_bias(flat, bias=bias) for flat in bright], dark)
