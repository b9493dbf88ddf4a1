"""`ccdfx noise`: gain, read noise and sensitivity noise of a camera, from its flats and biases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from ccdfx.cli.frame_options import files_of, prepared_frames
from ccdfx.cli.group import FAILED
from ccdfx.cli.options import computing, instrument_of, options, section_of
from ccdfx.cli.terminal import print_json, print_table, say, talks

if TYPE_CHECKING:
    from ccdfx.night.frames.frame import Frame


@click.command("noise")
@click.argument("flats", required=True, metavar="NIGHT|FLATS")
@click.argument("biases", required=False)
@click.option(
    "--overscan", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Subtract this region of every frame."
)
@click.option("--trim", metavar="[X1:X2,Y1:Y2]", callback=section_of, help="Measure in these pixels only.")
@click.option(
    "--saturation", type=float, metavar="ADU", help="Leave out pixels at or above this (as they are read)."
)
@options("instrument", "hdu", "plane", "no_checksum", "json", "threads", "memory")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    flats: str,
    biases: str | None,
    as_json: bool,
    threads: int | None,
    memory: int | None,
    instrument: str | None,
    **preparation: Any,
) -> None:
    """Measure gain, read noise and sensitivity noise by photon transfer.

    NIGHT is a directory of raw frames: kinds, filters, overscan and trim section are those of their headers, and each camera,
    readout and filter has a line. Otherwise FLATS and BIASES are a directory each, or a pattern in quotes such as 'flat*.fits'. Two or more frames of
    each are needed, from one camera with one setting; the flats may differ in level. The mean of the biases
    is subtracted from the flats.
    """
    if biases is None:
        _of_night(ctx, flats, as_json, instrument, (threads, memory), preparation)
        return
    if instrument is not None:
        raise click.UsageError("--instrument is for a NIGHT; FLATS and BIASES are taken as they are")
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
    """Fit the noise of the flats of files, from which the mean of the biases is subtracted."""
    frames = prepared_frames([*biases, *flats], **preparation)
    return _fit(frames[: len(biases)], frames[len(biases) :])


def _fit(dark: list[Any], bright: list[Any]) -> Any:
    import ccdfx

    bias = ccdfx.combine(dark, reject=None if len(dark) < 3 else ccdfx.mad_clip(low=5, high=5))
    return ccdfx.fit_noise([ccdfx.subtract_bias(flat, bias=bias) for flat in bright], dark)


def _of_night(
    ctx: click.Context,
    night: str,
    as_json: bool,
    instrument: str | None,
    resources: tuple[int | None, int | None],
    preparation: dict[str, Any],
) -> None:
    """Measure each camera and filter of a night, and print a line for each."""
    from ccdfx import CcdfxError, scan

    instrument_of(instrument)
    groups = _groups(scan(night, instrument=instrument))
    if not groups:
        raise click.UsageError(
            f"{night!r} has no camera with two biases and two flats of a filter ('ccdfx scan' lists the frames);"
            " or give FLATS and BIASES, a directory or a pattern in quotes each"
        )
    rows: list[dict[str, Any]] = []
    failed = False
    with computing(None, *resources):
        for label, name, flats, biases in groups:
            facts = {"camera": label, "filter": name, "flats": len(flats), "biases": len(biases)}
            try:
                dark, bright = (
                    [_prepared(frame, preparation) for frame in frames] for frames in (biases, flats)
                )
                rows.append({**facts, **asdict(_fit(dark, bright))})
            except CcdfxError as error:
                failed = True
                say(f"ccdfx: error: {label}, {name or 'no filter'}: {error}", always=True)
    if as_json:
        print_json(rows)
    elif rows:
        print_table([[row[name] for name in _COLUMNS] for row in rows], _TITLES)
    if failed:
        ctx.exit(FAILED)


_COLUMNS = (
    "camera",
    "filter",
    "flats",
    "biases",
    "gain",
    "gain_error",
    "readnoise",
    "readnoise_error",
    "sensitivity",
)
_TITLES = (
    "camera",
    "filter",
    "flats",
    "biases",
    "gain [e-/ADU]",
    "error",
    "read noise [e-]",
    "error",
    "sensitivity",
)
_MOST = 10  # frames of a kind: more measure it hardly better, and all are in memory


def _groups(frames: Iterable[Frame]) -> list[tuple[str, str | None, list[Frame], list[Frame]]]:
    """Return camera, filter, flats and biases of each setup, readout and filter that has two of both."""
    from ccdfx.night.grouping.setup import setup_of

    setups: dict[tuple[Any, str], list[Frame]] = defaultdict(list)
    for frame in frames:
        if frame.problem is None and frame.kind in ("bias", "flat"):
            for one, readout in _of_readouts(frame):
                setups[setup_of(one), readout].append(one)
    found = []
    for (setup, readout), those in setups.items():
        label = setup.label + (f", readout {readout}" if readout else "")
        biases = [frame for frame in those if frame.kind == "bias"][:_MOST]
        for name in dict.fromkeys(frame.filter for frame in those if frame.kind == "flat"):
            flats = [frame for frame in those if frame.kind == "flat" and frame.filter == name][:_MOST]
            if len(biases) > 1 and len(flats) > 1:
                found.append((label, name, flats, biases))
    return found


def _of_readouts(frame: Frame) -> list[tuple[Frame, str]]:
    """Return a frame as each of its readouts gives it, in the pixels of the stored image, with the name of the readout."""
    from ccdfx.night.readouts.frames import frame_of_readout

    found = []
    for one in frame.readouts:
        alone, (x, y) = frame_of_readout(frame, one), (one.window.x_lower, one.window.y_lower)
        data, overscan = (None if part is None else part.moved(x, y) for part in (alone.data, alone.overscan))
        found.append((replace(alone, data=data, overscan=overscan), one.name))
    return found or [(frame, "")]


def _prepared(frame: Frame, preparation: dict[str, Any]) -> Any:
    """Read a frame as its header describes it, or as the options do."""
    given = dict(preparation)
    given["hdu"] = given["hdu"] or (None if frame.hdu is None else str(frame.hdu))
    if given["saturation"] is None and frame.saturation is not None:
        given["saturation"] = frame.saturation.value
    for name, section in (("overscan", frame.overscan), ("trim", frame.data)):
        given[name] = given[name] or (None if section is None else section.to_fits())
    return prepared_frames([str(frame.path)], **given)[0]
