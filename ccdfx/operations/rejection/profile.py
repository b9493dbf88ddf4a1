"""Rejection that allows for what seeing, transparency and small shifts do to the profiles of stars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.operations.rejection.noise import Detector, detector_option, detector_rows
from ccdfx.operations.rejection.rule import Arrangement, ProfileAllowance, Rejection, StackFacts, checked
from ccdfx.records.checks import real

REACH = 1.4  # radius, in FWHM, out to which the profiles of stars matter
MARGIN = 1.25  # for the noise of a value at the edge of what is expected
MOST_REACH = 32  # pixels
PROFILE_CLIP = "profile_clip"
AMPLITUDE, GRADIENT = 0.2, 0.5


def profile_clip(
    *,
    amplitude: float | None = None,
    gradient: float | None = None,
    level: float | None = None,
    gain: Detector | None = None,
    readnoise: Detector | None = None,
    low: float = 4.0,
    high: float = 4.0,
    grow: float = 0.0,
) -> Rejection:
    """Drop values further from a clean estimate than noise and the changes of star profiles allow.

    A value x is dropped where abs(x - c) > k sigma, with the limit k of its side and

    ``sigma^2 = v + s^2 + (amplitude (c - level))^2 + (gradient abs(grad c))^2``.

    c is a first estimate of the result, the median of the scaled values of each pixel (the lower one of an even number);
    of 2 or 3 values, where it contradicts all its neighbours, the value that does not. v is the variance of the value, and
    s^2 that of the median, pi / 2 n / (sum 1 / sigma_j)^2. abs(grad c) is the largest difference between c and the values of c
    within r = k gradient pixels, divided by r: so a value is allowed that c takes within r pixels, however steep the
    profile is. What the noise of c adds is subtracted: s^2 from (c - level)^2, and (2 + 2 ln m) s^2, for m pixels within r,
    from the square of the largest difference. Thus bright stars are kept in frames of other seeing, transparency or
    position; on the sky the threshold is that of the noise. Frames that are turned or in another order give the same result, but
    negative ones another: cosmic rays are positive.

    A value that only amplitude and gradient would keep is kept if its neighbours in the same frame deviate as well, since
    seeing and position change these too, and a cosmic ray does not. With d_i the i-th largest of abs(x - c) of the eight
    neighbours (d_2 at least sqrt(v + s^2)), e that of those of its sign, and h the range of c in 3 x 3 pixels, it must be within k sqrt(v + s^2) and,
    added in squares, 1.1 e_3 + min(0.25 h, 2 d_2 + 0.05 h), or 5 d_2 at the core of a star.

    Where amplitude and gradient allow more than the noise, a ray may hide in what they allow. There a value that stands out from
    its neighbours is compared with a fit to the 48 values around it in its frame, of the mean m of the other frames
    (those with all values around), its derivatives and Laplacian, a constant, and the contrast of the other frames among each other.
    It is dropped where it is above the fit p by more than ``high`` times sqrt((v + v_m + r^2) (1 + l)) + 0.6 abs(p - m) +
    0.02 (m - level), with the rms r of the fit and its leverage l; it is kept where fewer than two other frames tell, or where
    the fit does not describe more than six of the values around. The same fit takes the place of missing values in a mean
    (``average=mean()``) on stars, so that the result has one profile, where the values kept differ by more than noise and as far as it
    differs from their mean by more than its error; the result stays between the values kept.

    `profile_terms` computes amplitude and gradient from what the frames show, and `combine` does
    it for frames that it scales by their stars; else the defaults cover a FWHM of 3 to 4 pixels that changes by a quarter.

    v is computed from `gain` and `readnoise` as in `ccd_clip`, at c in the raw level of each frame; if they are not
    given, it is the variance of the frames; if not all have one, their scatter about each other, measured on 16 to 32 rows, and, where c lies more than 5 s above `level`, the scatter of the
    values of the pixel if that is larger. The frames must be scaled to one flux (`scale`) and one sky (`zero`).

    A frame that differs by a kernel from others differs by their derivatives in first order (Alard and Lupton 1998, ApJ 503, 325).
    Compare the derivative term of AstroDrizzle (`driz_cr`), and Gruen et al. (2014, PASP 126, 158) on clipping that leaves the
    profile of stars as it is.

    Parameters
    ----------
    amplitude : float, optional
        A fraction of the height above the sky; None: what is measured by ``scale="stars"`` of `combine`, else 0.2.
    gradient : float, optional
        Pixels; at most 32 after multiplication by the limit; None: what is measured likewise, else 0.5.
    level : float, optional
        The sky that is still in the scaled frames; None: what is measured likewise, else the median of c over 16 to 32 rows.
    gain, readnoise : float, sequence of float, or str, optional
        e-/ADU and e- rms as in `ccd_clip`, both or none.
    low, high : float
        In sigma; infinity turns a side off.
    grow : float
        As in `sigma_clip`.

    Raises
    ------
    ArgumentError
        When gain is given without readnoise or the reverse, or the gradient reaches further than 32 pixels; by
        `combine` as `ccd_clip` does.

    See Also
    --------
    profile_terms, ccd_clip

    Examples
    --------
    >>> profile_clip(amplitude=0.3, gradient=0.8, low=float("inf")).parameters["gradient"]
    0.8

    A star that is twice as sharp in one of five frames is kept, a cosmic ray is not:

    >>> import numpy as np
    >>> import ccdfx
    >>> x = np.arange(15) - 7.0
    >>> stars = [np.exp(-(x**2 + x[:, None] ** 2) / (2 * s**2)) * 1000 / s**2 for s in (2, 2, 2, 2, 1.2)]
    >>> stars[0][2, 2] += 300
    >>> amplitude, gradient = ccdfx.profile_terms([4.7, 4.7, 4.7, 4.7, 2.8])
    >>> rule = profile_clip(amplitude=amplitude, gradient=gradient, level=0, gain=1, readnoise=3)
    >>> result = ccdfx.stack(stars, reject=rule)
    >>> int(result.rejected_high[2, 2]), int((result.rejected_low + result.rejected_high).sum())
    (1, 1)
    """
    if (gain is None) != (readnoise is None):
        raise ArgumentError(
            "gain" if gain is None else "readnoise",
            "must be given with the other of gain and readnoise",
            remedy="give both, or neither",
        )
    if gain is not None:
        gain = detector_option("gain", gain, above=0.0)
        readnoise = detector_option("readnoise", readnoise, least=0.0)
    parameters = checked(
        amplitude=None if amplitude is None else real("amplitude", amplitude, least=0.0),
        gradient=None if gradient is None else real("gradient", gradient, least=0.0),
        level=None if level is None else real("level", level), gain=gain, readnoise=readnoise, low=low, high=high,
        grow=grow,
    )  # fmt: skip
    if _profile(parameters).reach > MOST_REACH:
        raise ArgumentError(
            "gradient",
            f"must reach at most {MOST_REACH} pixels, times the limit",
            value=gradient,
            remedy="leave out the bluntest frames",
        )
    return Rejection(PROFILE_CLIP, profile_clip, _arrange_profile_clip, parameters)


def _profile(parameters: Mapping[str, Any]) -> ProfileAllowance:
    limits = parameters["low"], parameters["high"]
    amplitude, gradient = (
        default if parameters[name] is None else parameters[name]
        for name, default in (("amplitude", AMPLITUDE), ("gradient", GRADIENT))
    )
    return ProfileAllowance(limits, amplitude, gradient, parameters["level"])


def _arrange_profile_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from dataclasses import replace

    profile = _profile(parameters)
    if parameters["gain"] is not None:
        return Arrangement(noise=detector_rows({**parameters, "sensitivity": 0.0}, facts), profile=profile)
    if facts.variances:
        return Arrangement(variances=True, profile=profile)
    rows = ((1.0, 0.0, 0.0, 0.0, 0.0),) * facts.count
    return Arrangement(noise=rows, profile=replace(profile, scatter=True))


def profile_terms(
    fwhms: Sequence[float],
    *,
    transparency_errors: float | Sequence[float] = 0.0,
    shift_errors: float | Sequence[float] = 0.0,
    limit: float = 4.0,
) -> tuple[float, float]:
    """Compute the amplitude and gradient of `profile_clip` from the FWHM of frames.

    A round profile of fixed flux and width w has its peak at 1 / w^2. A change dw of its width changes it by -2 dw / w at
    the peak and by r dw / w times its slope at the radius r; an error t of the transparency by t, one of the position, s,
    by s times the slope. For large changes, of which the estimate c follows the majority, with the FWHM f in ascending
    order, f_c of the majority (the middle one; one further, as a value may be missing) and the limit k,

    ``amplitude^2 = (1.25 ((f_c / f_1)^2 - 1) / k)^2 + max(t)^2``,
    ``gradient^2 = (1.25 1.4 (f_n - f_c) / k)^2 + (1.25 max(s))^2``:

    the sharpest frame is so much higher than c, and the bluntest has the values of c at radii that are smaller by a fraction
    (f_n - f_c) / f_n of r, out to r = 1.4 f_n, beyond which little of a star is left. The factor 1.25 is for the noise of values
    at the edge of this. It and 1.4 were chosen by simulation of Gaussian and Moffat stars, ratios of FWHM up to 1.8 and 3 to
    30 frames.

    Parameters
    ----------
    fwhms : sequence of float
        Pixels; of every frame as it is combined, after resampling.
    transparency_errors : float or sequence of float
        Errors of the scale of the frames, as fractions; one for all, or one for each.
    shift_errors : float or sequence of float
        Errors of the positions in pixels: of the alignment, or half a pixel where frames are placed on whole pixels.
    limit : float
        The lower one of the finite limits of the rule.

    Returns
    -------
    amplitude, gradient : float
        A fraction, and pixels.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No FWHM, a FWHM or limit that is not above 0, a negative error, or a number of errors that is not that of the
        frames.

    See Also
    --------
    profile_clip, measure_stars

    Examples
    --------
    >>> [round(term, 3) for term in profile_terms([3.0, 3.0, 3.0])]
    [0.0, 0.0]
    >>> [round(term, 3) for term in profile_terms([3.0, 3.2, 3.6, 4.0], transparency_errors=0.02, shift_errors=0.1)]
    [0.244, 0.455]
    """
    widths = sorted(_numbers("fwhms", fwhms, above=0.0))
    if not widths:
        raise ArgumentError("fwhms", "must be one for each frame", value=fwhms, remedy="give FWHM in pixels")
    transparency, shift = (
        _largest(name, errors, len(widths))
        for name, errors in (("transparency_errors", transparency_errors), ("shift_errors", shift_errors))
    )
    k, n = real("limit", limit, above=0.0), len(widths)
    blunt, sharp = widths[min(n - 1, n // 2 + 1)], widths[max(0, (n - 1) // 2 - 1)]
    amplitude = MARGIN * ((blunt / widths[0]) ** 2 - 1) / k
    gradient = MARGIN * REACH * (widths[-1] - sharp) / k
    return math.hypot(amplitude, transparency), math.hypot(gradient, MARGIN * shift)


def _numbers(name: str, values: Any, **bounds: Any) -> list[float]:
    try:
        found = list(values)
    except TypeError:
        raise ArgumentTypeError(name, "must be numbers", value=values, remedy="give a sequence") from None
    return [real(name, value, **bounds) for value in found]


def _largest(name: str, errors: Any, count: int) -> float:
    if not hasattr(errors, "__iter__"):
        return real(name, errors, least=0.0)
    found = _numbers(name, errors, least=0.0)
    if len(found) != count:
        raise ArgumentError(
            name,
            f"must be one, or one for each of the {count} frames",
            value=len(found),
            remedy="give as many",
        )
    return max(found)


RULES = (profile_clip(),)
