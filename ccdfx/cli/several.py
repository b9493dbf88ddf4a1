"""Files of several images: read as one where they are readouts of a detector, and named where only one is read."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ccdfx.cli.terminal import say
from ccdfx.engines import current_engine, engine
from ccdfx.errors import CcdfxError, CcdfxWarning, printable
from ccdfx.records.header import Header
from ccdfx.records.image import Image

T = TypeVar("T")
_PIXEL_BYTES = 32  # of a pixel that is read, measured and searched for stars


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


def tell_several(name: str, which: Mapping[str, Any], *, remedy: str = "--hdu takes another") -> None:
    """Print on stderr which image of a file is read, where several fit: none is named, or all have the name."""
    hdu = which.get("hdu")
    if hdu is not None and (not isinstance(hdu, str) or "," in hdu):
        return
    try:
        headers = _headers_of(name)
    except (CcdfxError, OSError):
        return  # it is said when it is read
    names = [
        one
        for one, header in zip(names_of_headers(headers), headers, strict=True)
        if hdu is None or str(header.get("EXTNAME") or "").strip().upper() == hdu.strip().upper()
    ]
    if len(names) > 1:
        shown = ", ".join(map(printable, names[:8])) + (", ..." if len(names) > 8 else "")
        of_name = "" if hdu is None else f" of the name {printable(hdu)}"
        say(f"ccdfx: {printable(name)}: the first of {len(names)} images{of_name} ({shown}); {remedy}")


def read_whole(name: str, which: Mapping[str, Any]) -> Image:
    """Read the image of a file that `which` chooses; where none is named, the readouts of a detector as one image."""
    import ccdfx

    if which.get("hdu") is None and which.get("plane") is None:
        found = _assembled(name)
        if found is not None:
            return found
    tell_several(name, which)
    return ccdfx.read(name, **which)


def _assembled(name: str) -> Image | None:
    """Return the readouts of a file as one image, their levels subtracted; None where it is not such a file."""
    from ccdfx.night.frames.scan import scan
    from ccdfx.night.readouts.frames import assembled_frame
    from ccdfx.night.readouts.reading import read_assembled
    from ccdfx.night.settings.choices import NightRecipe

    try:
        if not Path(name).is_file() or len(names_of_images(name)) < 2:
            return None
        frames = [assembled_frame(frame) for frame in scan(name) if frame.readouts]
        if len(frames) != 1 or frames[0].problem is not None:
            return None
        image = read_assembled(frames[0], NightRecipe())
    except (CcdfxError, OSError):
        return None  # the reason is said when the first image is read
    count = len(frames[0].readouts)
    say(f"ccdfx: {printable(name)}: {count} readouts, assembled, in {image.unit}; --hdu takes one as it is")
    return image


def read_beside(work: Callable[[str], T], files: Sequence[str]) -> Iterator[T]:
    """Compute with files side by side: as many as the engine has threads, and as its memory allows for their pixels.

    Yields ``work(file)`` in the order of the files. One file alone has all threads of the engine.
    """
    chosen = current_engine()
    largest = max(map(_pixels_of, files), default=0)
    count = max(1, min(chosen.threads, len(files), chosen.memory // max(1, largest * _PIXEL_BYTES)))
    inner = chosen.threads if len(files) == 1 else 1

    def alone(file: str) -> T:
        with engine(threads=inner):
            return work(file)

    with engine(threads=count) as beside:
        yield from beside.map(alone, files)


def _pixels_of(name: str) -> int:
    """Return the number of pixels of the largest image of a file; 0 of one that cannot be read, which is said later."""
    try:
        return max((math.prod(source.shape) for source in _sources_of(name)), default=0)
    except (CcdfxError, OSError):
        return 0
