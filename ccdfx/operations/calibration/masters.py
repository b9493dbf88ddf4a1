"""Checked inputs of the calibration: masters, gain, noise model, scale of a dark, level of a flat."""

from __future__ import annotations

import math
from typing import Any

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.estimators.values import values_of
from ccdfx.noise import ccd_noise, gaussian_noise
from ccdfx.operations.calibration.one_pass import CommonBias
from ccdfx.records.card import plain_ascii
from ccdfx.records.checks import real
from ccdfx.records.compatibility import require_match, require_same_pixels, unit_name
from ccdfx.records.header import Header
from ccdfx.records.history import BIAS_ID, BIAS_VARIANCE, bias_identity, less_bias
from ccdfx.records.image import Image, as_image
from ccdfx.records.keywords import in_electrons

_CONVERTED = "convert only once: functions that take a gain take gain=1 for electrons"
# Exposure times with a smaller relative difference count as equal: shutters are not more accurate.
SAME_EXPOSURE = 1e-3
FLAT_STATISTICS = ("median", "mean", "min", "max")


def fitting_master(image: Image, frame: Any, name: str) -> Image:
    """Return the master frame, checked for the shape, window, unit and binning of the image."""
    master = as_image(frame, name)
    require_match(image, master, name)
    return master


def _are_one_filter(band: str | None, other: str | None) -> bool:
    """Return whether two names of a filter are the same, or one is what a FITS file keeps of the other."""
    texts = {band or "", other or ""}
    return len(texts) == 1 or any(plain_ascii(text) in texts - {text} for text in texts)


def fitting_flat(image: Image, frame: Any) -> Image:
    """Return the flat, checked for the shape, window, binning and filter of the image."""
    master = as_image(frame, "flat")
    require_same_pixels(image, master, "flat")
    bands = image.band, master.band
    if None not in bands and not _are_one_filter(*bands):  # R of Johnson is not r of Sloan
        raise MismatchError(
            "flat",
            f"must be taken in the image's filter {bands[0]!r}",
            value=bands[1],
            remedy="give the flat of that filter",
        )
    return master


def converting_gain(image: Image, gain: Any, header: Header) -> tuple[float, Header]:
    """Return the gain that converts the ADU of an image to electrons, and the header with the new unit."""
    if image.unit is not None and unit_name(image.unit) != "adu":
        raise MismatchError(
            "image",
            "must be in ADU to be converted to electrons",
            value=image.unit,
            remedy=_CONVERTED if unit_name(image.unit) == "electron" else "give the frame in ADU",
        )
    factor = real("gain", gain, above=0, remedy="give e-/ADU")
    return factor, in_electrons(less_bias(header, factor**2), factor)


def common_bias(header: Header, dark: Image, bias: Image | None) -> CommonBias | None:
    """Return the bias that the frame of the header and the dark have in common, None if there is none.

    It is known by BIASID. Without the `bias` itself its typical variance stands for that of each pixel.
    """
    known, in_dark = header.number(BIAS_VARIANCE), dark.header.number(BIAS_VARIANCE)
    if not known or in_dark is None or header[BIAS_ID] != dark.header.get(BIAS_ID):
        return None
    variance = known if bias is None else bias.variance
    return CommonBias(variance=variance, in_dark=max(in_dark, 0.0) / known)


def fitting_bias(image: Image, dark: Image, frame: Any) -> Image:
    """Return the bias that was subtracted from image and dark, checked for that."""
    bias = fitting_master(image, frame, "bias")
    identity = bias_identity(bias)
    for name, one in (("image", image), ("dark", dark)):
        if one.header.get(BIAS_ID) != identity:
            raise MismatchError(
                "bias",
                f"must be the one that was subtracted from the {name} (BIASID)",
                value=one.header.get(BIAS_ID),
                remedy="give that bias, or none: then the variances add",
            )
    return bias


def ccd_equation(noise: Any) -> tuple[float, float, float] | None:
    """Return the parameters of the CCD equation, which the kernel implements; None for any other model."""
    names = ("gain", "readnoise", "sensitivity")
    if noise.parameters.keys() != set(names) or noise.variance is not ccd_noise(gain=1, readnoise=1).variance:
        return None
    return tuple(float(noise.parameters[name]) for name in names)  # type: ignore[return-value]


_GAUSSIAN = gaussian_noise(1.0).variance


def constant_variance(noise: Any) -> float | None:
    """Return the variance of a model by which all pixels have the same, that of `gaussian_noise`; None for any other."""
    if noise.parameters.keys() != {"sigma"} or noise.variance is not _GAUSSIAN:
        return None
    return float(noise.parameters["sigma"]) ** 2


def dark_scale(image: Image, dark: Image, scale: Any) -> float:
    """Return the factor of the dark: 1, the ratio of the exposure times, or the number given."""
    if scale is None:
        exposures = image.exptime, dark.exptime
        if None not in exposures and not math.isclose(*exposures, rel_tol=SAME_EXPOSURE):  # type: ignore[arg-type]
            raise MismatchError(
                "dark",
                f"must have the image's exposure time of {exposures[0]:g} s",
                value=f"{exposures[1]:g} s",
                remedy="give scale='exposure' and a dark without bias, or a dark of that exposure",
            )
        return 1.0
    if isinstance(scale, str):
        if scale != "exposure":
            raise ArgumentError(
                "scale", "must be None, 'exposure' or a number", value=scale, remedy="give scale='exposure'"
            )
        return _exposure("image", image) / _exposure("dark", dark)
    return real("scale", scale, above=0, remedy="give the factor of the dark, None or 'exposure'")


def _exposure(name: str, image: Image) -> float:
    remedy = f"set EXPTIME in the header of the {name}, in seconds, or give scale as a number"
    if image.exptime is None:
        raise ArgumentError(
            name, "must say its exposure time for scale='exposure'", value=None, remedy=remedy
        )
    return real(f"EXPTIME of the {name}", image.exptime, above=0, remedy=remedy)


def flat_level(flat: Image, statistic: Any) -> float:
    """Return the level by which a flat is divided: a number, or a statistic of its good, positive pixels."""
    remedy = f"give the level of the flat, {', '.join(map(repr, FLAT_STATISTICS))}, a function or None"
    if statistic is None:
        return 1.0
    if isinstance(statistic, str):
        if statistic not in FLAT_STATISTICS:
            known = ", ".join(map(repr, FLAT_STATISTICS))
            raise ArgumentError(
                "statistic", f"must be {known}, a function, a number or None", value=statistic, remedy=remedy
            )
        return _statistic(flat, statistic)
    if callable(statistic):
        usable = flat.array[flat.good & (flat.array > 0)]
        _require_light(usable.size)
        return real("statistic", statistic(usable), above=0, remedy=remedy)
    return real("statistic", statistic, above=0, remedy=remedy)


def _statistic(flat: Image, name: str) -> float:
    values = values_of(flat.array, flat.mask)
    if values.count == 0:
        _require_light(0)
    below, count, mean, _ = values.between(math.ulp(0.0), math.inf)
    _require_light(count)
    if name in ("mean", "median"):
        return mean if name == "mean" else values.median(below, count)
    return values.median(below if name == "min" else below + count - 1, 1)


def _require_light(count: int) -> None:
    if count == 0:
        raise ArgumentError(
            "flat",
            "must have a good pixel above zero",
            remedy="look at the flat; is it saturated, masked or empty?",
        )
