"""Remarks of files in any format."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ccdfx.errors import CcdfxError, CcdfxWarning
from ccdfx.io.content import opened
from ccdfx.io.fits.hdus import walk
from ccdfx.io.fits.remarks import fits_remarks, header_remarks
from ccdfx.io.reading import FileLike, find_format, open_every_image, open_source

_ROWS = 64  # read at a time, until a pixel has data


def list_remarks(path: FileLike) -> list[str]:
    """List what is strange in a file that is read all the same, one line each; no remark changes what is read.

    These are: bytes behind the last HDU, BLANK for floats, images of NaN alone, text that is not ASCII, control
    characters, dates that do not exist, values of the WCS that are no numbers, CONTINUE cards without a string before them,
    keywords that come twice with different values, and a missing end.

    Parameters
    ----------
    path : str, Path, bytes or binary file object
        As in `read`.

    Returns
    -------
    list of str
        Empty where nothing is strange. Control characters are escaped.

    Raises
    ------
    FileError, FormatError
        When the file cannot be read at all.

    See Also
    --------
    read_header, scan

    Examples
    --------
    >>> import tempfile
    >>> from ccdfx.io import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     list_remarks(write([[float("nan")]], folder + "/a.fits"))
    ['HDU 0: no pixel has data']
    """
    if find_format(path).name != "fits":
        sources = open_every_image(path)
        found = []
        for number, source in enumerate(sources):
            remarks = header_remarks(source.header)
            remarks += [] if _has_data(source) else ["no pixel has data"]
            found += [f"image {number}: {remark}" for remark in remarks]
        return found
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", CcdfxWarning)
        with opened(path) as content:
            hdus = list(walk(content))
            found = fits_remarks(content, hdus)
        for hdu in hdus:
            if hdu.is_image and hdu.bitpix < 0 and 0 not in hdu.axes and not _hdu_has_data(path, hdu.index):
                found.append(f"HDU {hdu.index}: no pixel has data")
    return [*found, *dict.fromkeys(str(warning.message) for warning in said)]


def _hdu_has_data(path: FileLike, index: int) -> bool:
    """Return whether a plane of an HDU has data; one that cannot be read is the matter of `read`."""
    try:
        return _has_data(open_source(path, hdu=index, plane=0, checksum=False))
    except CcdfxError:
        return True


def _has_data(source: Any) -> bool:
    """Return whether a pixel of a source is a number; reading ends with the first rows that have one."""
    ny, _ = source.shape
    whole = getattr(source, "range", None)
    x0, x1, y0, _ = whole or (0, source.shape[1], 0, ny)
    for start in range(0, ny, _ROWS):
        stop = min(start + _ROWS, ny)
        array = source.select((x0, x1, y0 + start, y0 + stop)).array
        if array.dtype.kind != "f" or not np.isnan(array).all():
            return True
    return False
