"""Windows of frames: cutting them out and pasting them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.image import Image, adopt, as_image
from ccdfx.records.matching import require_part
from ccdfx.records.pixels import working_dtype
from ccdfx.records.range import Range


def select(image: Any, *, range: Any) -> Image:
    """Cut a window out of an image.

    Parameters
    ----------
    image : Image or 2-D array
    range : Range, (x_lower, x_upper, y_lower, y_upper), (x, y, radius), '[x1:x2,y1:y2]' or None
        In pixels of the parent frame; if the image is itself a window, these are not those of its array. None
        is the whole image.

    Returns
    -------
    Image
        A copy of values, mask and variance of the window, with its `range`; the WCS is adjusted, so that the
        sky position of every pixel stays.

    Raises
    ------
    ArgumentError
        When the window is not inside the image.

    Examples
    --------
    >>> import numpy as np
    >>> part = select(np.arange(12).reshape(3, 4), range=(1, 3, 0, 2))
    >>> part.array.tolist(), part.range.to_fits()
    ([[1, 2], [5, 6]], '[2:3,1:2]')
    """
    return as_image(image).select(range)


def trim(image: Any, *, section: Any) -> Image:
    """Trim a frame to its useful section, such as TRIMSEC; this is `select` under its usual name.

    The section is in pixels of the parent frame and must be given; BIASSEC, TRIMSEC and DATASEC, which refer
    to the raw frame, are removed from the header.

    Examples
    --------
    >>> import numpy as np
    >>> trim(np.zeros((10, 12)), section="[1:8,1:10]").shape
    (10, 8)
    """
    if section is None:
        raise ArgumentTypeError(
            "section", "must be a window", value=None, remedy="give a Range, four numbers or '[x1:x2,y1:y2]'"
        )
    image = as_image(image)
    try:
        window = Range.of(section, image.range)
    except (ArgumentError, ArgumentTypeError) as error:
        raise error.about("section") from None
    return image.select(window)


def paste(full: Any, *, part: Any) -> Image:
    """Paste a window back into the frame from which it was cut.

    Parameters
    ----------
    full : Image or 2-D array
    part : Image or 2-D array
        Its `range` gives its place in `full`; values, flags and variance there are replaced.

    Returns
    -------
    Image
        With the header and the window of `full`. The values have the type of `full` if that holds those of
        `part`, else float32 or float64. Flags outside `part` stay.

    Raises
    ------
    ArgumentError
        When `part` does not lie inside `full`.
    MismatchError
        When units or binning differ, or only one of the two has a variance.

    Examples
    --------
    >>> import numpy as np
    >>> paste(np.zeros((2, 3)), part=Image([[7.0]], range=(2, 3, 1, 2))).array
    array([[0., 0., 0.],
           [0., 0., 7.]])
    """
    full, part = as_image(full, "full"), as_image(part, "part")
    require_part(full, part)
    cut = part.range.relative_to(full.range).slices
    array = full.array.astype(_common_dtype(full, part), copy=True)
    array[cut] = part.array
    mask = variance = None
    if full.mask is not None or part.mask is not None:
        mask = np.zeros(full.shape, np.uint8) if full.mask is None else full.mask.copy()
        mask[cut] = 0 if part.mask is None else part.mask
    if full.variance is not None and part.variance is not None:
        variance = full.variance.astype(np.result_type(full.variance, part.variance), copy=True)
        variance[cut] = part.variance
    return adopt(array, full.header, mask, full.range, variance)


def _common_dtype(full: Image, part: Image) -> np.dtype:
    if full.dtype == part.dtype or np.can_cast(part.dtype, full.dtype):
        return full.dtype
    if full.dtype.kind in "iu" and part.dtype.kind in "iu":
        common = np.result_type(full.dtype, part.dtype)
        return common if common.kind in "iu" else np.dtype(np.float64)
    return working_dtype(full.array, part.array)
