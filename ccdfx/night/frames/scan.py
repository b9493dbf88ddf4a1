"""Raw frames in files and directories, described by their headers; an unreadable file does not stop the scan."""

from __future__ import annotations

import os
import stat
from collections.abc import Container
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, cause_of, printable
from ccdfx.io.stamp import file_stamp
from ccdfx.night.frames.find import Paths, find_files, given_paths, resolved
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.geometry import exposure_of
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.known import known_instruments, load_instrument
from ccdfx.night.words import listed
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import Header
from ccdfx.records.parameters import renamed_options

_FIELDS = frozenset(item.name for item in fields(Frame))


@renamed_options(directory="paths")
def scan(
    paths: Paths,
    *,
    instrument: str | Path | Instrument | None = None,
    exclude: str | Path | None = None,
    again: bool = False,
    skip: Container[Path] = (),
) -> tuple[Frame, ...]:
    """Return the raw frames in files and directories and their subdirectories, by their headers, sorted by name.

    A frame is a file that is given, or one in a directory whose name ends like an image format (``.fits``,
    ``.fit.gz``...) or that starts like a FITS file. A frame that cannot be used is listed with its `problem` and does
    not stop the scan. Other files of directories, hidden ones, linked directories, and directories inside that contain
    a ``night.json`` (the results of an earlier run) are skipped. A file that is found twice, by links too, is one
    frame.

    Parameters
    ----------
    paths : path or iterable of paths
        Files and directories. The names of frames are relative to the directory that all have in common.
    instrument : str, path or Instrument, optional
        Its name or file; by default it is identified from each header.
    exclude : path, optional
        A directory to skip, such as the output.
    again : bool
        Take frames as raw that were reduced before. By default a card that says so (ZEROCOR, FLATCOR, CCDPROC of IRAF,
        CALSTAT of MaxIm, SUBBIAS of ccdproc, HISTORY of Siril and ccdfx...) is the `problem` of a frame.
    skip : container of Path
        Files that are not looked at, such as those that are still being written.

    Raises
    ------
    FileError
        Something given is not there, or a directory cannot be listed.
    ArgumentError
        No path is given.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("broken.fits", "more.raw"):
    ...         _ = Path(folder, name).write_text("not an image")
    ...     frames = scan(folder)
    ...     both = scan([folder, Path(folder, "more.raw")])
    >>> frames[0].file, frames[0].kind, frames[0].problem is None
    ('broken.fits', None, False)
    >>> [frame.file for frame in both]
    ['broken.fits', 'more.raw']
    """
    given = None if instrument is None else load_instrument(instrument)
    instruments = () if given else known_instruments()
    files = candidate_files(paths, exclude)
    describe = partial(_described, instruments=instruments, given=given, again=again)
    # No threads: parsing holds the interpreter lock, and threads take 1.7 times as long.
    return tuple(frame for path, file in files.items() if path not in skip for frame in describe(path, file))


def candidate_files(paths: Paths, exclude: str | Path | None = None) -> dict[Path, str]:
    """Return the files that `scan` looks at, each with its name."""
    return find_files(given_paths(paths), _image_suffixes(), None if exclude is None else resolved(exclude))


def frame_of(
    path: Path,
    *,
    root: Path,
    instruments: tuple[Instrument, ...],
    given: Instrument | None = None,
    again: bool = False,
) -> Frame:
    """Read the metadata of one file, of its first detector; any error is stored as its problem."""
    return frames_of(path, root=root, instruments=instruments, given=given, again=again)[0]


def frames_of(
    path: Path,
    *,
    root: Path,
    instruments: tuple[Instrument, ...],
    given: Instrument | None = None,
    again: bool = False,
) -> list[Frame]:
    """Read the metadata of one file as a frame for each of its detectors; any error is stored as its problem."""
    return _described(path, path.relative_to(root).as_posix(), instruments, given, again)


def _described(
    path: Path, file: str, instruments: tuple[Instrument, ...], given: Instrument | None, again: bool
) -> list[Frame]:
    """Return the frames of a file: one for each of its detectors."""
    found: list[dict[str, Any]]
    try:
        problem = _not_a_file(path)
        stamp = None if problem else file_stamp(path)  # before the header is read
        found = [{"problem": problem}] if problem else _facts(path, instruments, given, again)
        found = [facts | {"stamp": stamp} for facts in found]
    except CcdfxError as error:
        found = [{"problem": _reason(error, path)}]
    except Exception as error:  # the reader of a plugin may raise anything; one file must not stop a night
        found = [{"problem": f"cannot be read: {cause_of(error)}"}]
    name = printable(file, 1000)
    return [
        Frame(path=path, file=name, **{key: facts[key] for key in _FIELDS & facts.keys()}) for facts in found
    ]


def _facts(
    path: Path, instruments: tuple[Instrument, ...], given: Instrument | None, again: bool
) -> list[dict[str, Any]]:
    from ccdfx.io import read_header

    header = read_header(path, hdu=given.hdu if given else None)
    facts = facts_of(header, instruments, given=given, again=again)
    named = given or next((item for item in instruments if item.name == facts.get("instrument")), None)
    hdu = named.hdu if named else None
    if given is None and named is not None and hdu is not None:
        header = read_header(path, hdu=hdu)
        facts = facts_of(header, (), given=named, again=again)
    kind = facts.get("kind")
    if named is None or kind is None or kind == "other":
        return [facts | _of_header(header)]
    try:
        exposure = exposure_of(path, header, named, hdu)
    except CcdfxError as error:
        return [{"problem": _reason(error, path)} | facts | _of_header(header)]
    if not exposure:
        return [_not_applied(named) | facts | _of_header(header)]
    mosaic = len(exposure) > 1
    return [
        facts_of(first, (), given=named, again=again, readouts=readouts)
        | _of_header(first)
        | {"readouts": readouts, "detector": readouts[0].detector if mosaic else None}
        | _not_assembled(readouts)
        for first, readouts in exposure
    ]


def _of_header(header: Header) -> dict[str, Any]:
    from ccdfx.io.fits.remarks import header_remarks

    return {"remarks": tuple(header_remarks(header)), "header": HeaderValues(header)}


def _not_assembled(readouts: tuple[Readout, ...]) -> dict[str, str]:
    """Return the problem of readouts, which the products of a night do not assemble."""
    names = [readout.name for readout in readouts]
    problem = ArgumentError(
        "frame",
        "must be read through one amplifier into one image, as reduce does not assemble readouts",
        value=f"{len(names)}: {listed(names)}",
        remedy="name one image with the key hdu of an instrument file",
    )
    return {"problem": str(problem)}


def _not_applied(instrument: Instrument) -> dict[str, str]:
    """Return the problem of frames whose instrument file has laws that the products of a night do not apply."""
    if not instrument.linearity and instrument.crosstalk is None:
        return {}
    problem = ArgumentError(
        "instrument",
        "must have no linearity and no crosstalk, as reduce does not apply them",
        value=instrument.name,
        remedy="remove them from the instrument file",
    )
    return {"problem": str(problem)}


def _reason(error: CcdfxError, path: Path) -> str:
    """Return the message of the error without the file name, which is printed beside it."""
    return str(error).removeprefix(f"{printable(path, 1000)}: ")


def _not_a_file(path: Path) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except OSError as problem:
        return f"cannot be opened: {problem.strerror}"
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode) and not os.access(path, os.R_OK | os.X_OK):
        return "is a directory that may not be read"
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return f"is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file"


def _image_suffixes() -> tuple[str, ...]:
    from ccdfx.io import formats

    return tuple(sorted({suffix.lower() for item in formats() for suffix in item.suffixes}))
