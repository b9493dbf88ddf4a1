"""Writing of images in any format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, FileError, FormatError, cause_of
from ccdfx.io.atomic import atomic_path
from ccdfx.io.one_writer import one_writer
from ccdfx.io.reading import PLUGINS, by_suffix, find_format, formats, refuse_options
from ccdfx.io.source import Format
from ccdfx.records.image import Image, ImageLike, as_image

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pdf", ".svg", ".gif", ".webp")


def write(
    images: ImageLike | Iterable[ImageLike], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
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

    See Also
    --------
    read, update

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write([[1.5, 2.5]], folder + "/a.npz").name
    'a.npz'
    """
    target = as_path(path)
    with handed_over(images, target, overwrite=overwrite):
        pass
    return target


@contextmanager
def handed_over(
    images: ImageLike | Iterable[ImageLike], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Iterator[None]:
    """Write as `write` does; the block runs when the system has all bytes, and they need not be in memory any more.

    What is left then, until the file has its name, is waiting for the disk. The file does not appear where the block
    raises.
    """
    target = as_path(path)
    found = format_to_write(target)
    frames = _images(images)
    del images
    assert found.write is not None
    with atomic_path(target, overwrite) as temporary:
        with faults_of(found, target):
            found.write(frames, temporary)
        del frames
        yield


@contextmanager
def faults_of(found: Format, path: Path) -> Iterator[None]:
    """Convert any error of a format during writing to an error of ccdfx that names file and format."""
    try:
        yield
    except (CcdfxError, OSError):  # `atomic_path` reports errors of the system
        raise
    except Exception as error:
        rule = f"cannot be written as {found.name}: {cause_of(error)}"
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
        suffix = Path(name).suffix.lower()
        remedy = f"give one of {writable}"
        if suffix in PLUGINS:
            remedy = f"install {PLUGINS[suffix]}"
        elif suffix in _PICTURES:
            remedy += "; 'ccdfx show' and 'hist' draw pictures"
        raise ArgumentError(path, "must have the suffix of a format that can be written", remedy=remedy)
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


def update(
    path: str | os.PathLike[str], part: ImageLike, *, hdu: int | str | None = None, plane: int | None = None
) -> Path:
    """Rewrite the window ``part.range`` of an image in a file, as `paste` does in memory.

    The new file is written under a temporary name in the same folder and then renamed, so a reader never sees
    an incomplete file; writers in other threads and processes wait for their turn. Reading it then gives ``paste(read(path), part=part)``, in the type of the file.

    Parameters
    ----------
    path : str or Path
        A FITS file that is not compressed, an npz, or a file that a plugin can update.
    part : Image or 2-D array
        Its `range` is the window whose values, flags and variance are replaced. Its header is not used.
    hdu : int or str, optional
        Which image, as in `read`.
    plane : int, optional
        Which plane of a cube.

    Returns
    -------
    Path
        The path that was rewritten.

    Raises
    ------
    ArgumentError
        When the part does not lie inside the image, or has values that the type of the file does not hold:
        integers must fit exactly, floats are rounded to the nearest.
    MismatchError
        When units or binning differ, or only one of the two has a variance.
    FileError, FormatError
        When the file is compressed or damaged, or cannot be read or written.

    See Also
    --------
    write, paste

    Notes
    -----
    In FITS all other bytes are kept: other HDUs, other pixels, and all cards but DATASUM, CHECKSUM and those that
    say which flags and variance belong to an image, which are updated where present. BITPIX, BZERO, BSCALE and BLANK are kept; NaN becomes BLANK. Flags are written
    in the bits of the file's MASK. Where the image has no MASK and the part has flags, one is inserted behind
    the image, and the numbers of later HDUs increase by one.

    Examples
    --------
    >>> import tempfile
    >>> from ccdfx import Image, read, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write([[1, 2, 3], [4, 5, 6]], folder + "/a.fits")
    ...     part = read(path, section=(1, 3, 0, 1))
    ...     _ = update(path, part.replace(array=part.array * 10))
    ...     read(path).array
    array([[ 1, 20, 30],
           [ 4,  5,  6]])
    """
    target = as_path(path)
    part = as_image(part, "part")
    found = find_format(target)
    if found.update is None:
        raise FormatError(target, f"is {found.name}, of which no part can be rewritten",
                          remedy="read the file, paste the part, and write the result")  # fmt: skip
    options: dict[str, Any] = {} if plane is None else {"plane": plane}
    refuse_options(found, found.update, options)
    with one_writer(target), atomic_path(target, overwrite=True) as temporary, faults_of(found, target):
        found.update(target, part, temporary, hdu=hdu, **options)
    return target
