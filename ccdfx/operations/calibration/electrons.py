"""Conversion of images from ADU to electrons."""

from __future__ import annotations

from ccdfx.operations.calibration.masters import converting_gain
from ccdfx.operations.calibration.one_pass import Calibration, calibrate_rows
from ccdfx.records.image import Image, ImageLike, as_image


def to_electrons(image: ImageLike, *, gain: float) -> Image:
    """Convert ADU to electrons: ``x * gain``, ``var * gain**2``, and BUNIT becomes "electron".

    No card is in ADU afterwards: GAIN, where there is one, becomes 1 (that of a mean, the effective gain, is divided by the gain), EGAIN and other
    numbers of e-/ADU are removed, SATURATE, SATLEVEL, MAXLIN, SKYLEVEL, DATAMIN and DATAMAX are multiplied by the gain, and so is a
    read noise whose comment says ADU.

    Parameters
    ----------
    image : Image or 2-D array
        In ADU, or without a unit.
    gain : float
        e-/ADU, above zero.

    Raises
    ------
    MismatchError
        When the unit of the image is known and is not ADU (a second conversion is refused).
    ArgumentError, ArgumentTypeError
        When the gain is not a finite number above zero.

    See Also
    --------
    add_variance, assemble_exposure

    Examples
    --------
    >>> electrons = to_electrons(Image([[100.0]], {"BUNIT": "adu"}, variance=[[9.0]]), gain=2)
    >>> electrons.array, electrons.variance, electrons.unit
    (array([[200.]]), array([[36.]]), 'electron')
    """
    image = as_image(image)
    factor, header = converting_gain(image, gain, image.header)
    return calibrate_rows(image, Calibration(gain=factor), header)
