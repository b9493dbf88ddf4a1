"""Calibration of a frame by bias, dark, flat, gain and noise, one by one or fused in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.noise.predict import own_variance, require_noise_model
from ccdfx.operations.calibration.masters import (
    ccd_equation,
    common_bias,
    constant_variance,
    converting_gain,
    fitting_bias,
    fitting_flat,
    fitting_master,
    flat_level,
)
from ccdfx.operations.calibration.masters import dark_scale as scale_of_dark
from ccdfx.operations.calibration.one_pass import Calibration, calibrate_rows
from ccdfx.operations.pixels.flag import bad_pixel_flags
from ccdfx.records.checks import real
from ccdfx.records.header import Header
from ccdfx.records.history import (
    PARTIAL,
    bias_identity,
    less_bias,
    refuse_twice,
    typical_variance,
    with_bias,
    with_step,
)
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.parameters import renamed_options

_IN_ADU = "give the level in ADU"


def subtract_bias(image: ImageLike, *, bias: ImageLike, again: bool = False) -> Image:
    """Subtract a master bias: ``x - b``.

    Parameters
    ----------
    image : Image or 2-D array
    bias : Image, Master or 2-D array
        Of the shape of the image; it is never broadcast.
    again : bool
        Accept an image from which a bias was subtracted before, as a card of its header says: CALSTAT, BIASID, or one
        of another program (ZEROCOR, SUBBIAS...).

    Returns
    -------
    Image
        float32, or float64 if an input needs it; integers never overflow. SATURATE, DATAMAX and other cards that state
        values of pixels go (so in all functions that change pixels by different amounts). The variances add. Flags of the
        bias are added to those of the image; where the bias is not finite, the pixel is unchanged and flagged
        BAD_PIXEL; pixels that are not finite themselves are flagged NO_DATA. The header gets BIASID, which
        tells the bias from any other, and BIASVAR, its mean variance; `subtract_dark` and `calibrate` know by
        them that a dark holds the same error. CALSTAT gets the letter B.

    Raises
    ------
    MismatchError
        When shape, window, unit or binning differ, or a bias was subtracted before.

    See Also
    --------
    subtract_overscan, subtract_dark, calibrate

    Examples
    --------
    >>> import numpy as np
    >>> subtract_bias(np.array([[5, 12]], np.uint16), bias=np.array([[10, 10]], np.uint16)).array
    array([[-5.,  2.]], dtype=float32)
    """
    image = as_image(image)
    refuse_twice(image.header, "bias", again)
    master = fitting_master(image, bias, "bias")
    return calibrate_rows(image, Calibration(bias=master), _with_bias(image.header, master))


def subtract_dark(
    image: ImageLike,
    *,
    dark: ImageLike,
    scale: float | str | None = None,
    bias: ImageLike | None = None,
    again: bool = False,
) -> Image:
    """Subtract a master dark: ``x - scale * d``.

    Parameters
    ----------
    image : Image or 2-D array
    dark : Image, Master or 2-D array
        With its bias subtracted, if it is to be scaled.
    scale : None, "exposure" or float
        None subtracts the dark unscaled, and refuses a dark if both exposure times are known and differ by
        more than 0.1 %. "exposure" multiplies the dark by the ratio of the exposure times. A number above
        zero is the factor.
    bias : Image, Master or 2-D array, optional
        The bias that was subtracted from the image and from the dark, for its variance in each pixel.
    again : bool
        Accept an image from which a dark was subtracted before (CALSTAT, DARKCOR...), see `subtract_bias`.

    Returns
    -------
    Image
        As for `subtract_bias`; the variance grows by ``k**2 * var(d)``, k the scale. Where image and dark had
        the same bias b subtracted (their BIASID say so), its error cancels, and the variance is
        ``var(x) - var(b) + (1 - k)**2 var(b) + k**2 (var(d) - p var(b))``, p var(b) what the dark's variance
        holds of it (BIASVAR). Without `bias`, the mean var(b) that the header states stands for all pixels.

    Raises
    ------
    MismatchError
        When exposure (see `scale`), shape, window, unit or binning differ, `bias` was not subtracted from
        both, or a dark was subtracted before.
    ArgumentError
        When an exposure time that is needed is missing, zero or negative.

    See Also
    --------
    subtract_bias, calibrate

    Examples
    --------
    >>> dark = Image([[6.0]], {"EXPTIME": 60})
    >>> subtract_dark(Image([[10.0]], {"EXPTIME": 20}), dark=dark, scale="exposure").array
    array([[8.]])
    """
    image = as_image(image)
    refuse_twice(image.header, "dark", again)
    master = fitting_master(image, dark, "dark")
    factor = scale_of_dark(image, master, scale)
    known = None if bias is None else fitting_bias(image, master, bias)
    common = common_bias(image.header, master, known)
    header = image.header if common is None else less_bias(image.header, (1.0 - factor) ** 2)
    header = with_step(header, "dark")
    return calibrate_rows(image, Calibration(dark=master, dark_scale=factor, common=common), header)


@renamed_options(normalise="statistic")
def divide_flat(
    image: ImageLike,
    *,
    flat: ImageLike,
    statistic: str | float | Callable[[np.ndarray], float] | None = "median",
    again: bool = False,
) -> Image:
    """Divide by a flat field, normalised to a level of 1: ``x / (f / level)``.

    Parameters
    ----------
    image : Image or 2-D array
    flat : Image, Master or 2-D array
    statistic : "median", "mean", "min", "max", function, float or None
        The level of the flat: a statistic of its pixels that are unmasked, finite and above zero, or a number
        above zero. A function gets those pixels as a 1-D array. None does not normalise the flat.
    again : bool
        Accept an image that was divided by a flat before (CALSTAT, FLATCOR...), see `subtract_bias`.

    Returns
    -------
    Image
        Float. Where the flat is masked, not finite, zero, negative or below a millionth of its level, the
        pixel is not divided and is flagged BAD_PIXEL, in addition to the flags of the flat, so that the flat
        never makes a result infinite. The variance is to first order ``var(x) / f**2 + x**2 var(f) / f**4``
        with f normalised; an infinite variance stays infinite. Cards that state values of pixels go. CALSTAT gets the letter F.

    Raises
    ------
    MismatchError
        When the filters of image and flat are both known and differ, or shape, window or binning do, or the image
        was divided by a flat before.
    ArgumentError
        When no pixel of the flat is good and above zero, or the level is not above zero.

    See Also
    --------
    subtract_bias, calibrate

    Examples
    --------
    >>> import numpy as np
    >>> image = divide_flat(np.full((1, 4), 6.0), flat=np.array([[1.0, 2.0, 4.0, 0.0]]))
    >>> image.array, image.mask
    (array([[12.,  6.,  3.,  6.]]), array([[0, 0, 0, 1]], dtype=uint8))
    """
    image = as_image(image)
    refuse_twice(image.header, "flat", again)
    master = fitting_flat(image, flat)
    plan = Calibration(flat=master, flat_level=flat_level(master, statistic))
    return calibrate_rows(image, plan, with_step(image.header, "flat"))


def add_variance(image: ImageLike, *, noise: NoiseModel) -> Image:
    """Add the variance of the frame's own noise to its variance.

    Parameters
    ----------
    image : Image or 2-D array
        In ADU, bias subtracted and not yet divided by a flat, so that the values are the collected signal:
        photons are counted above 0. A bias frame, or a frame whose pedestal is left in, has too much by the
        pedestal / gain; a bias frame has the noise ``gaussian_noise(readnoise / gain)``.
    noise : NoiseModel
        Such as ``ccd_noise(gain, readnoise)``: ``max(x, 0) / gain + (readnoise / gain)**2 + (sensitivity *
        x)**2``.

    Returns
    -------
    Image
        With a variance, NaN where the value is not finite; if the image had none, it is that of the noise
        alone. All else is unchanged.

    Raises
    ------
    MismatchError
        When the image is in electrons and the model converts from ADU.
    ArgumentTypeError
        When `noise` is no noise model.
    ArgumentError
        When the model gives a negative variance.

    See Also
    --------
    ccd_noise, calibrate, variance_of
    """
    image = as_image(image)
    variance = own_variance(image, noise)
    if image.variance is not None:
        with np.errstate(over="ignore"):  # values beyond the type become infinite
            variance += image.variance
    return adopt(image.array, image.header.remove(PARTIAL), image.mask, image.range, variance)


@renamed_options(normalise="statistic")
def calibrate(
    image: ImageLike,
    *,
    bias: ImageLike | None = None,
    dark: ImageLike | None = None,
    dark_scale: float | str | None = None,
    flat: ImageLike | None = None,
    statistic: str | float | Callable[[np.ndarray], float] | None = "median",
    noise: NoiseModel | None = None,
    saturation: float | None = None,
    bad_pixels: ImageLike | None = None,
    gain: float | None = None,
    again: bool = False,
) -> Image:
    """Calibrate a frame in one pass over memory; steps whose argument is None are skipped.

    Equivalent to `mask_saturated`, `mask_invalid`, `mask_from`, `subtract_bias`, `add_variance`,
    `subtract_dark` (with this `bias`, if it was subtracted from the dark), `divide_flat` and `to_electrons` in
    this order, with their arguments (`dark_scale` is `scale`), checks and errors, to the rounding of the
    working type; the flags are identical. As in `add_variance`, `noise` counts as photons what lies above the
    bias, so without a `bias` the frame must have its overscan subtracted. With `again`, steps may have been
    applied before.

    Returns
    -------
    Image
        Float, with a mask; in electrons if `gain` is given, else in ADU. It has a variance if the image, a
        master or `noise` provides one.

    See Also
    --------
    subtract_bias, subtract_dark, divide_flat, add_variance

    Notes
    -----
    A bias in science frame and dark is counted once, see `subtract_dark`. One in the flat is counted as if it
    were another: for a signal of x and a flat of level L in ADU this neglects -2 (x / L) var(b), less than
    the variance of the bias unless the signal exceeds half of the flat.

    Examples
    --------
    >>> import numpy as np
    >>> raw = Image(np.array([[310, 65535]], np.uint16), {"BUNIT": "adu"})
    >>> done = calibrate(raw, bias=np.full((1, 2), 300), saturation=60000, gain=1.5)
    >>> done.array, done.mask, done.unit
    (array([[1.50000e+01, 9.78525e+04]]), array([[0, 4]], dtype=uint8), 'electron')
    """
    image = as_image(image)
    planned = plan_calibration(
        image,
        bias=bias,
        dark=dark,
        dark_scale=dark_scale,
        flat=flat,
        statistic=statistic,
        noise=noise,
        saturation=saturation,
        bad_pixels=bad_pixels,
        gain=gain,
        again=again,
    )
    return planned.apply(image)


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCalibration:
    """A calibration whose masters were checked against an image: what is applied, and the header of the result."""

    calibration: Calibration
    header: Header
    noise: NoiseModel | None

    def apply(self, image: Image) -> Image:
        """Calibrate the image that it was planned for, or rows of it."""
        plan, header = self.calibration, self.header
        if self.noise is None or plan.noise is not None:
            return calibrate_rows(image, plan, header)
        constant = constant_variance(self.noise)
        if constant is not None and plan.is_bare and image.variance is None and image.dtype.kind in "iu":
            done = calibrate_rows(
                image, plan, header
            )  # its values are finite, and nothing changes the variance
            variance = np.full(image.shape, constant, done.dtype)
            return adopt(done.array, done.header, done.mask, done.range, variance)
        common = plan.common
        if common is not None and plan.bias is not None:  # it is subtracted before the dark is
            common = replace(common, variance=plan.bias.variance)
        rest = replace(plan, bias=None, saturation=None, bad_pixels=None, common=common)
        signal = calibrate_rows(
            image, replace(plan, dark=None, dark_scale=1.0, flat=None, gain=1.0, common=None)
        )
        return calibrate_rows(add_variance(signal, noise=self.noise), rest, header)

    def rows(self, lower: int, upper: int) -> PlannedCalibration:
        """Return the calibration of some rows of the image."""
        return replace(self, calibration=self.calibration.rows(lower, upper))


def plan_calibration(
    image: Image,
    *,
    bias: ImageLike | None = None,
    dark: ImageLike | None = None,
    dark_scale: float | str | None = None,
    flat: ImageLike | None = None,
    statistic: str | float | Callable[[np.ndarray], float] | None = "median",
    noise: NoiseModel | None = None,
    saturation: float | None = None,
    bad_pixels: ImageLike | None = None,
    gain: float | None = None,
    again: bool = False,
) -> PlannedCalibration:
    """Check the masters and numbers of `calibrate` against an image, and return what would be applied."""
    given = {"bias": bias, "dark": dark, "flat": flat}
    steps = [name for name, master in given.items() if master is not None]
    for name in steps:
        refuse_twice(image.header, name, again)
    _require_used("dark", dark, dark_scale=dark_scale)
    _require_used(
        "flat", flat, statistic=None if isinstance(statistic, str) and statistic == "median" else statistic
    )
    dark_master = None if dark is None else fitting_master(image, dark, "dark")
    flat_master = None if flat is None else fitting_flat(image, flat)
    if noise is not None:
        require_noise_model(image, noise)
    bias_master = None if bias is None else fitting_master(image, bias, "bias")
    scale = 1.0 if dark_master is None else scale_of_dark(image, dark_master, dark_scale)
    header, common = image.header, None
    if bias_master is not None:
        header = _with_bias(header, bias_master)
    if dark_master is not None:
        common = common_bias(header, dark_master, None)
        header = header if common is None else less_bias(header, (1.0 - scale) ** 2)
        if common is not None and bias_master is not None:
            common = replace(common, variance=None)
    for name in steps:
        header = with_step(header, name)
    factor = 1.0
    if gain is not None:
        factor, header = converting_gain(image, gain, header)
    plan = Calibration(
        bias=bias_master,
        dark=dark_master,
        dark_scale=scale,
        common=common,
        flat=flat_master,
        flat_level=1.0 if flat_master is None else flat_level(flat_master, statistic),
        gain=factor,
        noise=None if noise is None else ccd_equation(noise),
        saturation=None if saturation is None else real("saturation", saturation, above=0, remedy=_IN_ADU),
        bad_pixels=None if bad_pixels is None else bad_pixel_flags(image, bad_pixels),
        flagging=True,
    )
    return PlannedCalibration(plan, header, noise)


def _with_bias(header: Header, bias: Image) -> Header:
    return with_step(with_bias(header, bias_identity(bias), typical_variance(bias)), "bias")


def _require_used(name: str, master: Any, **options: Any) -> None:
    """Refuse the options of a master that is not given: they would be ignored."""
    for option, value in options.items():
        if master is None and value is not None:
            raise ArgumentError(
                option, f"is for a {name}, and none is given", value=value, remedy=f"give {name}="
            )
