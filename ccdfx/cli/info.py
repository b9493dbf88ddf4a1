"""`ccdfx info`: the content of files: images, types, flags and header values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.group import FAILED
from ccdfx.cli.options import hdu_of, options
from ccdfx.cli.terminal import escape, print_data, print_json, say, talks
from ccdfx.errors import ArgumentError, CcdfxError, FormatError

if TYPE_CHECKING:
    from ccdfx.night.frames.frame import Frame

UNITS = {"exptime": "s", "gain": "e-/ADU", "readnoise": "e-", "saturation": "ADU"}
# These header values are shown in other places.
ELSEWHERE = ("file", "shape", "problem", "remarks", "readouts")


@click.command("info")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@click.option("--header", is_flag=True, help="Print the header cards of every image too.")
@click.option("--hdu", metavar="HDU", help="Only this image, by number or name (default: all of them).")
@options("no_checksum", "json")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    header: bool,
    hdu: str | None,
    no_checksum: bool,
    as_json: bool,
) -> None:
    """Show the content of files: images with shape, type and flags (of cubes the first plane), header values.

    A file or an image that cannot be read is reported on stderr, the others are shown, and the exit status is
    1.
    """
    shown: list[dict] = []
    for name in files:
        try:
            facts = of_file(Path(name), hdu_of(hdu), header, checksum=not no_checksum)
        except CcdfxError as error:
            facts = {"file": name, "problem": str(error), "contents": []}
        shown.append(facts)
        for problem in problems(facts):
            say(f"ccdfx: error: {problem}", always=True)
        if not as_json and "says" in facts:
            print_data("\n".join(lines(facts)))
    if as_json:
        print_json(shown)
    if any(problems(facts) for facts in shown):
        ctx.exit(FAILED)


def problems(facts: dict[str, Any]) -> list[str]:
    """List the problems of a file and its images."""
    found = [facts, *facts["contents"]]
    return [part["problem"] for part in found if part.get("problem")]


def of_file(path: Path, hdu: int | str | None, header: bool, *, checksum: bool) -> dict[str, Any]:
    """Collect everything that is shown of one file, as plain values."""
    from ccdfx.io.reading import find_format
    from ccdfx.night.frames.scan import frames_of
    from ccdfx.night.instruments.known import known_instruments

    kind = find_format(path).name
    if hdu is not None:
        first = {"plane": 0, "checksum": checksum} if kind == "fits" else {}
        contents = [{"number": hdu, "kind": "image"} | _of_image(path, header, hdu=hdu, **first)]
    elif kind == "fits":
        contents = list(_of_fits(path, header, checksum))
    else:
        contents = list(_of_others(path, header))
    frames = frames_of(path, root=path.parent, instruments=known_instruments())
    says = frames[0].as_dict() | {"file": str(path)}
    if frames[0].readouts:  # of all detectors
        says |= {"detector": None, "readouts": [part for frame in frames for part in _readouts(frame)]}
    return {"file": str(path), "format": kind, "contents": contents, "remarks": _remarks(path), "says": says}


def _readouts(frame: Frame) -> list[dict[str, Any]]:
    return [{"detector": frame.detector} | part for part in frame.as_dict()["readouts"]]


def _remarks(path: Path) -> list[str]:
    """List the remarks of a file; why it cannot be read is said by its contents."""
    from ccdfx.io.remarks import list_remarks

    try:
        return list_remarks(path)
    except CcdfxError:
        return []


def _of_fits(path: Path, header: bool, checksum: bool) -> Iterator[dict[str, Any]]:
    """Yield the HDUs of a FITS file in order, including those that are not images."""
    from ccdfx.io.content import content_of
    from ccdfx.io.fits.groups import grouped
    from ccdfx.io.fits.hdus import walk

    content = content_of(path, keep=True)
    hdus = list(walk(content))
    groups = {group.image.index: group for group in grouped(content, hdus, recorded=False)}
    belongs = {
        part.index: f"{role} of {group.image.index}"
        for group in groups.values()
        for role, part in (("mask", group.mask), ("uncertainty", group.uncertainty))
        if part is not None
    }
    for hdu in hdus:
        kind = "empty" if not hdu.axes else belongs.get(hdu.index, "image" if hdu.is_image else hdu.kind)
        which = {"hdu": hdu.index, "plane": 0, "checksum": checksum}
        read = _of_image(path, header, **which) if hdu.index in groups else {}
        facts = {"number": hdu.index, "name": hdu.name or None, "kind": kind}
        yield facts | read | {"axes": list(hdu.axes[::-1])}


def _of_others(path: Path, header: bool) -> Iterator[dict[str, Any]]:
    """Yield the images of a file in another format."""
    import ccdfx

    for number, image in enumerate(ccdfx.read(path, hdu="all")):
        yield {"number": number, "kind": "image"} | _described(image, header)


def _of_image(path: Path, header: bool, **which: Any) -> dict[str, Any]:
    """Describe one image; a wrong checksum is reported, but the image is described."""
    import ccdfx

    try:
        return _described(ccdfx.read(path, **which), header)
    except FormatError as error:
        problem = {"problem": str(error)}
        try:
            return _described(ccdfx.read(path, **{**which, "checksum": False}), header) | problem
        except CcdfxError:
            return problem
    except ArgumentError:  # the file has no such image
        raise
    except CcdfxError as error:
        return {"problem": str(error)}


def _described(image: Any, header: bool) -> dict[str, Any]:
    from ccdfx import flag_counts

    facts: dict[str, Any] = {
        "name": image.header.get("EXTNAME"),
        "axes": list(image.shape[::-1]),
        "dtype": str(image.dtype),
        "unit": image.unit,
        "variance": image.variance is not None,
        "flags": flag_counts(image.mask),
    }
    if header:
        facts["header"] = [list(card) for card in image.header.cards]
    return facts


def lines(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that describe one file."""
    yield f"{escape(facts['file'])}: {facts['format']}"
    for part in facts["contents"]:
        yield from _part_lines(part)
    for remark in facts["remarks"]:
        yield f"  remark: {escape(remark)}"
    says = facts["says"]
    for name, value in says.items():
        if value is not None and name not in ELSEWHERE:
            yield f"  {name}: {_fact_text(name, value)}"
    for part in says.get("readouts", ()):
        yield f"  readout {escape(_readout_text(part))}"
    if says["problem"]:
        yield f"  for reduce: {escape(says['problem'])}"


def _part_lines(part: dict[str, Any]) -> Iterator[str]:
    name = f" {escape(part['name'])}" if part.get("name") else ""
    size = " x ".join(map(str, part.get("axes", ())))
    words = [f"{part['kind']} {size} {part.get('dtype', '')}".strip()]
    words += [escape(part["unit"])] if part.get("unit") else []
    words += ["with variance"] if part.get("variance") else []
    yield f"  {escape(part['number'])}{name}: {', '.join(words)}"
    for flag, count in part.get("flags", {}).items():
        yield f"    {flag.lower().replace('_', ' ')}: {count} pixels"
    for card in part.get("header", ()):
        yield f"    {card_text(*card)}"


def _fact_text(name: str, value: Any) -> str:
    if name == "binning":
        return "x".join(map(str, value))
    text = f"{value:g}" if isinstance(value, float) else escape(value)
    return f"{text} {UNITS.get(name, '')}".rstrip()


def _readout_text(part: dict[str, Any]) -> str:
    """Format a readout: where its pixels are, and where they belong."""
    flips = " and ".join(axis for axis in "xy" if part[f"flip_{axis}"])
    words = [
        f"{part['name']}:",
        "" if part["hdu"] is None else f"HDU {part['hdu']}",
        part["data"],
        "at",
        part["place"],
    ]
    words += [f"of {part['detector']}" if part["detector"] else "", f"flipped in {flips}" if flips else ""]
    words += [f"overscan {' '.join(part['bias'])}" if part["bias"] else "no overscan"]
    for name, unit in (("gain", "e-/ADU"), ("readnoise", "e-"), ("saturation", "ADU")):
        words += [f"{name} {part[name]:g} {unit}"] if part[name] is not None else []
    return " ".join(word for word in words if word)


def card_text(keyword: str, value: object, comment: str) -> str:
    """Format one card as one line.

    >>> card_text("EXPTIME", 30.0, "s"), card_text("HISTORY", "flat divided", "")
    ('EXPTIME  = 30.0 / s', 'HISTORY  flat divided')
    """
    if keyword in ("HISTORY", "COMMENT", ""):
        return f"{keyword:8} {escape(value)}".rstrip()
    shown = "T" if value is True else "F" if value is False else "" if value is None else repr(value)
    return f"{escape(keyword):8} = {escape(shown)}" + (f" / {escape(comment)}" if comment else "")
