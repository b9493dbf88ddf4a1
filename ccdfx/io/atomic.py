"""Atomic writing of files: a file appears complete or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccdfx.errors import CcdfxError, FileError, OutputExistsError
from ccdfx.io.leftovers import owned, remove_orphans, temporary_name


@contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; after the block, the file written there becomes `path`.

    The data are synced before the file is renamed. When the block raises, the temporary file is removed and
    an existing file is unchanged; it is also unchanged when the process is killed. The temporary name begins
    with a dot, says which process writes it, and ends with the name of `path`; what killed processes have left in
    the folder is removed.

    Parameters
    ----------
    path : str or Path
        A symbolic link is followed: its target is replaced.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    OutputExistsError
        When the file exists and `overwrite` is false: before anything is written, or at the end if it was
        created meanwhile.
    FileError
        When the folder is missing or not writable, the disk is full, or `path` is not a regular file.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with atomic_path(Path(folder.name) / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [p.name for p in Path(folder.name).iterdir()]
    ['a.txt']
    >>> folder.cleanup()
    """
    if "\0" in os.fsdecode(path):
        raise FileError(path, "must be a name without null bytes", remedy="give the output another name")
    target = Path(os.path.realpath(path))
    mode = _check_target(target, path, overwrite)
    remove_orphans(target.parent)
    try:
        with owned(target.with_name(temporary_name(target.name))) as temporary:
            _create(temporary, mode)
            yield temporary
            _sync(temporary)
            _give_name(temporary, target, path, overwrite)
        with suppress(OSError):  # not every file system syncs folders, and the file has its name
            _sync(target.parent)
    except CcdfxError:
        raise
    except OSError as error:
        if error.filename not in (None, str(temporary), str(target), str(target.parent)):
            raise  # the error concerns another file
        raise _named(error, path) from error


def _named(error: OSError, path: object) -> FileError:
    """Convert an OSError to a `FileError` that names the output."""
    remedy = {
        errno.ENOSPC: "free some space; the old file is untouched",
        errno.EDQUOT: "free some space; the old file is untouched",
        errno.EFBIG: "raise the limit on file sizes; the old file is untouched",
        errno.ENOENT: "make the folder first",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that you may write to",
    }.get(error.errno or 0, "choose another place")
    return FileError(path, f"cannot be written: {error.strerror or error}", remedy=remedy)


def _check_target(target: Path, path: object, overwrite: bool) -> int | None:
    """Return the permissions of the file to replace, or None if there is none; refuse other targets."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _named(error, path) from error
    if stat.S_ISLNK(found.st_mode):
        raise FileError(path, "is a symbolic link that leads in a circle", remedy="remove the link")
    if not stat.S_ISREG(found.st_mode):
        raise FileError(path, "is not a regular file", remedy="choose another name")
    if not overwrite:
        raise OutputExistsError(path, "exists already", remedy="give another name, or ask to overwrite it")
    return stat.S_IMODE(found.st_mode)


def _create(temporary: Path, mode: int | None) -> None:
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        if mode is not None:
            os.fchmod(handle, mode & 0o777 | stat.S_IWUSR)
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _give_name(temporary: Path, target: Path, path: object, overwrite: bool) -> None:
    if overwrite:
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)  # unlike a rename, it never replaces a file created meanwhile
    except FileExistsError:
        raise OutputExistsError(
            path, "came into being while it was written", remedy="ask to overwrite it"
        ) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise OutputExistsError(
                path, "came into being while it was written", remedy="ask to overwrite it"
            ) from None
        os.rename(temporary, target)
