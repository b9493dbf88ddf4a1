"""Rewriting of a part of an image in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ccdfx.errors import FormatError
from ccdfx.io.atomic import atomic_path
from ccdfx.io.reading import find_format, refuse_options
from ccdfx.io.writing import as_path, faults_of
from ccdfx.records.image import as_image


def update(
    path: str | os.PathLike[str], part: Any, *, hdu: int | str | None = None, plane: int | None = None
) -> Path:
    """Rewrite the window ``part.range`` of an image in a file, as `paste` does in memory.

    The new file is written under a temporary name in the same folder and then renamed, so a reader never sees
    an incomplete file. Reading it then gives ``paste(read(path), part=part)``, in the type of the file.

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

    Notes
    -----
    In FITS all other bytes are kept: other HDUs, other pixels, and all cards but DATASUM and CHECKSUM, which
    are updated where present. BITPIX, BZERO, BSCALE and BLANK are kept; NaN becomes BLANK. Flags are written
    in the bits of the file's MASK. Where the image has no MASK and the part has flags, one is inserted behind
    the image, and the numbers of later HDUs increase by one.

    Examples
    --------
    >>> import tempfile
    >>> from ccdfx import Image, read, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write([[1, 2, 3], [4, 5, 6]], folder + "/a.fits")
    ...     part = read(path, range=(1, 3, 0, 1))
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
    with atomic_path(target, overwrite=True) as temporary, faults_of(found, target):
        found.update(target, part, temporary, hdu=hdu, **options)
    return target
