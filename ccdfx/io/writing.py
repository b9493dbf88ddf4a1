"""Writing of images in any format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, FileError, printable
from ccdfx.io.atomic import atomic_path
from ccdfx.io.reading import by_suffix, formats
from ccdfx.io.source import Format
from ccdfx.records.image import Image, as_image


def write(images: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write an image, or several, to a file; the suffix decides the format.

    The file appears complete or not at all: it is written under a temporary name in the same folder, synced
    and renamed. Flags, variance, window and header are written with the pixels; `read` restores them.

    Parameters
    ----------
    images : Image, array, or sequence of them
        Several images are written to one file, for ``read(path, hdu="all")``.
    path : str or Path
        ``.fits`` (also ``.fits.gz``, ``.fits.bz2``, ``.fits.fz``) or ``.npz``, or a suffix of a plugin.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Path
        The path that was written.

    Raises
    ------
    OutputExistsError
        When the file exists and `overwrite` is false; nothing is written.
    FileError
        When it cannot be written; an existing file stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write([[1.5, 2.5]], folder + "/a.npz").name
    'a.npz'
    """
    target = as_path(path)
    found = format_to_write(target)
    frames = _images(images)
    assert found.write is not None
    with atomic_path(target, overwrite) as temporary, faults_of(found, target):
        found.write(frames, temporary)
    return target


@contextmanager
def faults_of(found: Format, path: Path) -> Iterator[None]:
    """Convert any error of a format during writing to an error of ccdfx that names file and format."""
    try:
        yield
    except (CcdfxError, OSError):  # `atomic_path` reports errors of the system
        raise
    except Exception as error:
        rule = f"cannot be written as {found.name}: {printable(f'{type(error).__name__}: {error}')}"
        raise FileError(
            path, rule, remedy="choose another format, and tell the author of this one"
        ) from error


def format_to_write(path: str | os.PathLike[str]) -> Format:
    """Return the format for the suffix of `path`; refuse one that cannot be written."""
    known = formats()
    name = as_path(path).name
    found = by_suffix(name, known)
    if found is None or found.write is None:
        writable = " ".join(suffix for item in known if item.write for suffix in item.suffixes)
        raise ArgumentError("path", "must have the suffix of a format that can be written", value=name,
                            remedy=f"give one of {writable}")  # fmt: skip
    return found


def refuse_same_file(output: str | os.PathLike[str], inputs: Iterable[Any]) -> None:
    """Raise `ArgumentError` when the output is also one of the inputs, under any name.

    Call it before anything is read. Inputs that are no paths cannot be the output.
    """
    target = os.path.realpath(as_path(output))
    for item in inputs:
        if not isinstance(item, str | os.PathLike):
            continue
        same = os.path.realpath(item) == target
        if same or (os.path.exists(target) and os.path.exists(item) and os.path.samefile(item, target)):
            raise ArgumentError("output", "must not be one of the inputs", value=os.fspath(item),
                                remedy="give the output another name")  # fmt: skip


def as_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise ArgumentTypeError(
            "path", "must be a str or a Path", value=type(path).__name__, remedy="give the name of a file"
        )
    return Path(path)


def _images(images: Any) -> Sequence[Image]:
    many = isinstance(images, list | tuple) and any(_is_image(item) for item in images)
    if isinstance(images, list | tuple) and not images:
        raise ArgumentError("images", "must hold at least one image", value=images, remedy="give an image")
    return [as_image(item) for item in images] if many else [as_image(images)]


def _is_image(item: Any) -> bool:
    """Return whether an item of a sequence is an image and not a row of an image."""
    import numpy as np

    return (
        isinstance(item, Image)
        or hasattr(item, "uncertainty")
        or (hasattr(item, "ndim") and np.ndim(item) == 2)
    )
