"""Images of arrays that another owner keeps."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ccdfx.records.flags import as_mask
from ccdfx.records.header import Header
from ccdfx.records.image import Image, adopt
from ccdfx.records.planes import as_pixels


def borrow(array: ArrayLike, *, mask: ArrayLike | None = None) -> Image:
    """Make an image of an array and its mask without copying them, for the frames of one call such as that of `stack`.

    Parameters
    ----------
    array : array_like, shape (ny, nx)
        Pixels. They must not change as long as the image, or anything made of it, is in use. In another byte order or order
        in memory they are copied.
    mask : array_like of bool or of `Flag` bits, shape (ny, nx), optional
        True or not 0 where a pixel is bad; one of bool or uint8 is not copied either.

    Returns
    -------
    Image
        With an empty header and without variance; its planes are read-only views.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `Image` does, for what is no image or mask.

    See Also
    --------
    Image, stack

    Examples
    --------
    >>> import numpy as np
    >>> lent = np.ones((2, 3))
    >>> image = borrow(lent)
    >>> image.array.base is lent, image.array.flags.writeable, lent.flags.writeable
    (True, False, True)
    """
    pixels = as_pixels(array, copy=None).view()
    flags = as_mask(mask, pixels.shape, copy=None)
    return adopt(pixels, Header(), None if flags is None else flags.view())
