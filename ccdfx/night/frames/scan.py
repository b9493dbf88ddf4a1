"""Raw frames in files and directories, described by their headers; an unreadable file does not stop the scan."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Container, Iterable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, CcdfxWarning, cause_of, printable
from ccdfx.io.stamp import file_stamp
from ccdfx.night.frames.find import Paths, find_files, given_paths, resolved
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.frame_list import Frames
from ccdfx.night.frames.frame_table import FrameTable, require_table, unused_rows
from ccdfx.night.frames.geometry import exposure_of, with_laws_of
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.frames.planes import require_single_planes
from ccdfx.night.instruments.corrections import corrected
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.known import known_instruments, load_instrument
from ccdfx.night.instruments.planes import PlaneChoice, planes_of
from ccdfx.night.words import listed
from ccdfx.records.header import Header
from ccdfx.records.parameters import renamed_options

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_FIELDS = frozenset(item.name for item in fields(Frame))


@renamed_options(directory="paths")
def scan(
    paths: Paths,
    *,
    instrument: str | Path | Instrument | None = None,
    exclude: str | Path | None = None,
    again: bool = False,
    skip: Container[Path] = (),
    table: str | Path | None = None,
    planes: PlaneChoice = "",
) -> Frames:
    """Return the raw frames in files and directories and their subdirectories, by their headers, sorted by name.

    A frame is a file that is given, or one in a directory whose name ends like an image format (``.fits``,
    ``.fit.gz``...) or that starts like a FITS file. A frame that cannot be used is listed with its `problem` and does
    not stop the scan. Other files of directories, hidden ones, linked directories, and directories inside that contain
    a ``night.json`` (the results of an earlier run) are skipped. A file that is found twice, by links too, is one
    frame. The tuple prints as a table, and its `to_table` makes one of astropy.

    Parameters
    ----------
    paths : path or iterable of paths
        Files and directories. The names of frames are relative to the directory that all have in common.
    instrument : str, path or Instrument, optional
        Its name or file; by default it is identified from each header.
    exclude : path, optional
        A directory to skip, such as the output.
    again : bool
        Accept as raw what a card says was reduced before. By default a card that says so (ZEROCOR, FLATCOR, CCDPROC of IRAF,
        CALSTAT of MaxIm, SUBBIAS of ccdproc, HISTORY of Siril and ccdfx...) is the `problem` of a frame.
    skip : container of Path
        Files that are not looked at, such as those that are still being written.
    table : path, optional
        CSV file that tells kind, filter, exposure time and other facts of frames, which go before their headers; by
        default that which the instrument file names. A line of which there is no frame is a `CcdfxWarning`.
    planes : {"mean", "each"} or sequence of int, optional
        Which planes of cubes are frames: the mean of all, each one, or those of these numbers, from 0; by default what the
        instrument file says. A cube of which nothing says it has a `problem`. The exposure time is that of one plane.

    Raises
    ------
    FileError
        Something given is not there, or a directory cannot be listed.
    FormatError
        The table is wrong.
    ArgumentError
        No path is given, or two tables.

    See Also
    --------
    choose, tabulate_frames, reduce_night

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
    told = require_table(table, given.table if given else None)
    if told is not None:
        _warn_of_unused(told, files)
    chosen = planes_of("planes", planes)
    describe = partial(_described, instruments=instruments, given=given, again=again, planes=chosen)
    # No threads: parsing holds the interpreter lock, and threads take 1.7 times as long.
    return Frames(
        frame
        for path, file in files.items()
        if path not in skip
        for frame in describe(path, file, told=_NOTHING if told is None else told.told(path, file))
    )


def _warn_of_unused(table: FrameTable, files: Mapping[Path, str]) -> None:
    unused = unused_rows(table, files)
    if unused:
        names = listed([f"{row.file} (line {row.line})" for row in unused])
        warnings.warn(f"{table.source}: there is no frame {names}", CcdfxWarning, stacklevel=3)


def candidate_files(paths: Paths, exclude: str | Path | None = None) -> dict[Path, str]:
    """Return the files that `scan` looks at, each with its name."""
    return find_files(given_paths(paths), _image_suffixes(), None if exclude is None else resolved(exclude))


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
    path: Path,
    file: str,
    instruments: tuple[Instrument, ...],
    given: Instrument | None,
    again: bool,
    told: Mapping[str, Any] = _NOTHING,
    planes: PlaneChoice = "",
) -> list[Frame]:
    """Return the frames of a file: one for each of its detectors, and for each plane or mean of planes of a cube."""
    found: list[dict[str, Any]]
    try:
        problem = _not_a_file(path)
        stamp = None if problem else file_stamp(path)  # before the header is read
        found = [{"problem": problem}] if problem else _facts(path, instruments, given, again, told, planes)
        found = [facts | {"stamp": stamp} for facts in found]
    except CcdfxError as error:
        found = [{"problem": _reason(error, path)}]
    except Exception as error:  # the reader of a plugin may raise anything; one file must not stop a night
        found = [{"problem": f"cannot be read: {cause_of(error)}"}]
    name = printable(file, 1000)
    return [
        Frame(
            path=path,
            file=f"{name}[{part}]" if (part := _part_of(facts)) else name,
            **{key: facts[key] for key in _FIELDS & facts.keys()},
        )
        for facts in found
    ]


def _part_of(facts: Mapping[str, Any]) -> str:
    """Return what of a file a frame is: its detector, its plane, or both; "" for all of it."""
    first, end = facts.get("planes") or (0, 0)
    return ", ".join(filter(None, (facts.get("detector"), f"plane {first}" if end - first == 1 else None)))


def _of_planes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames of cubes in the place of each of these; all others as they are."""
    frames = []
    for facts in found:
        windows = facts.pop("plane_windows", None)
        if windows is None or facts.get("problem"):
            frames.append(facts)
            continue
        try:
            require_single_planes(windows, facts.get("readouts"))
        except ArgumentError as error:
            frames.append({**facts, "problem": str(error)})
            continue
        frames += [{**facts, "planes": window} for window in windows]
    return frames


def _facts(
    path: Path,
    instruments: tuple[Instrument, ...],
    given: Instrument | None,
    again: bool,
    told: Mapping[str, Any],
    planes: PlaneChoice,
) -> list[dict[str, Any]]:
    from ccdfx.io import read_header

    header = read_header(path, hdu=given.hdu if given else None)
    where = os.path.abspath(path).replace(os.sep, "/")
    read = partial(facts_of, again=again, path=where, told=told, planes=planes)
    facts = read(header, instruments, given=given)
    named = given or next((item for item in instruments if item.name == facts.get("instrument")), None)
    hdu = named.hdu if named else None
    if given is None and named is not None and hdu is not None:
        header = read_header(path, hdu=hdu)
        facts = read(header, (), given=named)
    if given is None and named is not None and named.table is not None:
        raise ArgumentError(
            "instrument", "names a table of frames, and must be given", value=named.name,
            remedy=f"name it: --instrument {named.name}",
        )  # fmt: skip
    kind = facts.get("kind")
    if named is None or kind is None or kind == "other":
        return [facts | _of_header(header, facts)]
    try:
        exposure = exposure_of(path, header, named, hdu)
    except CcdfxError as error:
        return [{"problem": _reason(error, path)} | facts | _of_header(header, facts)]
    if not exposure.detectors:
        return _of_planes([with_laws_of(named, facts | _of_header(header, facts, exposure.remarks))])
    found = []
    for first, readouts in exposure.detectors:
        facts = read(first, (), given=named, readouts=readouts)
        detector = readouts[0].detector if len(exposure.detectors) > 1 else None
        facts |= _of_header(first, facts, exposure.remarks) | {"readouts": readouts, "detector": detector}
        found.append(with_laws_of(named, facts))
    return _of_planes(found)


def _of_header(header: Header, facts: Mapping[str, Any], remarks: Iterable[str] = ()) -> dict[str, Any]:
    from ccdfx.io.fits.remarks import header_remarks

    values = HeaderValues(corrected(header, facts.get("corrections", ())))
    return {"remarks": (*header_remarks(header), *remarks), "header": values}


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
