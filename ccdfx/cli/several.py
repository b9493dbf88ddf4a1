"""Files of several images: read as one where they are readouts of a detector, and named where only one is read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click

from ccdfx.cli.terminal import say
from ccdfx.engines import current_engine, engine
from ccdfx.errors import CcdfxError, CcdfxWarning, FormatError, printable
from ccdfx.records.header import Header
from ccdfx.records.image import Image

T = TypeVar("T")
_PIXEL_BYTES = 32  # of a pixel that is read, measured and searched for stars
_EXPOSURE = ("FILTER", "EXPTIME", "DATE-OBS")  # cards that the images of one exposure have in common
_OVERLAP = 0.1  # of an image: detectors of a mosaic have little in common, planes of one field have all


def names_of_images(name: str) -> list[str]:
    """Return the names of the images of a file: EXTNAME, with EXTVER where several have it, or their number from 1.

    Raises
    ------
    CcdfxError
        The file cannot be read.
    """
    return names_of_headers(_headers_of(name))


def _headers_of(name: str) -> list[Header]:
    return [source.header for source in _sources_of(name)]


def _sources_of(name: str) -> list[Any]:
    from ccdfx.io.reading import open_every_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)  # they are said when it is read
        return list(open_every_image(name))


def names_of_headers(headers: Sequence[Header]) -> list[str]:
    """Return the names of images by their headers: EXTNAME, with EXTVER where several have it, or their number from 1.

    >>> names_of_headers([Header({"EXTNAME": "SCI", "EXTVER": 1}), Header({"EXTNAME": "SCI", "EXTVER": 2}), Header()])
    ['SCI,1', 'SCI,2', '3']
    """
    names = [str(header.get("EXTNAME") or number) for number, header in enumerate(headers, 1)]
    versions = [
        f"{name},{header.get('EXTVER', 1)}" if names.count(name) > 1 else name
        for name, header in zip(names, headers, strict=True)
    ]
    return [
        str(number) if versions.count(name) > 1 else name for number, name in enumerate(versions, 1)
    ]  # that of --hdu, as far as there is one


def require_one_image(name: str, which: Mapping[str, Any], *, remedy: str = "--hdu NAME takes one") -> None:
    """Refuse a file of which several images fit: none is named, or all have the name.

    Raises
    ------
    FormatError
        The images are listed.
    """
    names = _fitting(name, which)
    if len(names) > 1:
        of_name = "" if which.get("hdu") is None else f" of the name {printable(which['hdu'])}"
        raise FormatError(
            name, f"must hold one image{of_name}", value=f"{len(names)}: {_shown(names)}", remedy=remedy
        )


def tell_several(name: str, which: Mapping[str, Any]) -> None:
    """Print on stderr which image of a file is drawn, where several fit."""
    names = _fitting(name, which)
    if len(names) > 1:
        of_name = "" if which.get("hdu") is None else f" of the name {printable(which['hdu'])}"
        say(
            f"ccdfx: {printable(name)}: the first of {len(names)} images{of_name} ({_shown(names)}); --hdu takes another"
        )


def _fitting(name: str, which: Mapping[str, Any]) -> list[str]:
    """Return the names of the images of a file that fit; of one that cannot be read, or of which one is named, none."""
    hdu = which.get("hdu")
    if hdu is not None and (not isinstance(hdu, str) or "," in hdu or hdu == "all" or hdu.isdigit()):
        return []
    try:
        headers = _headers_of(name)
    except (CcdfxError, OSError):
        return []  # it is said when it is read
    return [
        one
        for one, header in zip(names_of_headers(headers), headers, strict=True)
        if hdu is None or str(header.get("EXTNAME") or "").strip().upper() == hdu.strip().upper()
    ]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:8])) + (", ..." if len(names) > 8 else "")


def read_whole(name: str, which: Mapping[str, Any]) -> Image:
    """Read the image of a file that `which` chooses; where none is named, all of the detectors that fit together as one.

    Readouts of detectors are assembled, and detectors placed by DETSEC or WCS. Of images that overlap, or that nothing
    places, the first is read, which stderr says.
    """
    import ccdfx

    if which.get("hdu") is None and which.get("plane") is None:
        found = _assembled(name, checksum=which.get("checksum", True))
        if found is not None:
            return found
    tell_several(name, which)
    return ccdfx.read(name, **which)


def open_detectors(name: str, *, checksum: bool = True) -> list[Any]:
    """Open the detectors of a file: readouts are assembled, their levels subtracted; other images are as they are.

    Raises
    ------
    FormatError
        The readouts of a raw frame contradict each other.
    """
    from ccdfx.io.reading import open_every_image
    from ccdfx.night.readouts.reading import open_assembled
    from ccdfx.night.settings.choices import NightRecipe, ReadChoice

    frames = _frames_of(name)
    for frame in frames:
        if frame.problem is not None:
            raise FormatError(name, frame.problem, remedy="'ccdfx info' shows its readouts")
    if frames:
        recipe = NightRecipe(read=ReadChoice(checksum=checksum))
        return [open_assembled(frame, recipe) for frame in frames]
    return list(open_every_image(name, checksum=checksum))


def _frames_of(name: str) -> list[Any]:
    """Return the frames of a file that have readouts, as they are planned."""
    from ccdfx.night.frames.scan import scan
    from ccdfx.night.readouts.frames import assembled_frame

    return [assembled_frame(frame) for frame in scan(name) if frame.readouts]


def _assembled(name: str, *, checksum: bool) -> Image | None:
    """Return the detectors of a file as one image; None where they are not such, or do not fit together."""
    import ccdfx

    if not Path(name).is_file() or len(_fitting(name, {})) < 2:
        return None
    by = ""
    with ExitStack() as closing:
        try:
            found = open_detectors(name, checksum=checksum)
            for one in found:
                closing.callback(one.close)
            if len(found) == 1:
                image = found[0].select()
            elif all(
                found[0].header.get(card) == one.header.get(card) for one in found for card in _EXPOSURE
            ):
                by = "detsec" if all("DETSEC" in one.header for one in found) else "wcs"
                [mosaic] = ccdfx.mosaic_frames([found], by=by)
                if mosaic.overlap > _OVERLAP:
                    return None
                image = mosaic.select()
            else:
                return None
        except (CcdfxError, OSError):
            return None  # the reason is said when the first image is read
    readouts = sum(len(getattr(one, "readouts", ())) for one in found)
    parts = [f"{readouts} readouts, assembled"] if readouts else []
    parts += (
        [f"{len(found)} detectors, placed by {'DETSEC' if by == 'detsec' else 'WCS'}"]
        if len(found) > 1
        else []
    )
    unit = f", in {image.unit}" if readouts else ""
    say(f"ccdfx: {printable(name)}: {', '.join(parts)}{unit}; --hdu takes one as it is")
    return image


def read_beside(work: Callable[[str], T], files: Sequence[str]) -> Iterator[T]:
    """Compute with files side by side: as many as the engine has threads, and as its memory allows for their pixels.

    Yields ``work(file)`` in the order of the files. One file alone has all threads of the engine.
    """
    command = click.get_current_context(silent=True)  # which knows -q, and is known in this thread alone
    chosen = current_engine()
    largest = max(map(_pixels_of, files), default=0)
    count = max(1, min(chosen.threads, len(files), chosen.memory // max(1, largest * _PIXEL_BYTES)))
    inner = chosen.threads if len(files) == 1 else 1

    def alone(file: str) -> T:
        with nullcontext() if command is None else command.scope(cleanup=False), engine(threads=inner):
            return work(file)

    with engine(threads=count) as beside:
        yield from beside.map(alone, files)


def _pixels_of(name: str) -> int:
    """Return the number of pixels of the largest image of a file; 0 of one that cannot be read, which is said later."""
    try:
        return max((math.prod(source.shape) for source in _sources_of(name)), default=0)
    except (CcdfxError, OSError):
        return 0
