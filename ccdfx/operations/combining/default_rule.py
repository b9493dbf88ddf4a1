"""The rejection rule that combining takes by default, chosen by the number of frames and by what is known of their noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.noise.header_gain import GAIN, gain_keyword
from ccdfx.operations.combining.factors import StarFactors
from ccdfx.operations.combining.frames import StackFrame, as_frames
from ccdfx.operations.rejection.noise import ccd_clip, cr_reject, electrons_per_count, variance_clip
from ccdfx.operations.rejection.profile import AMPLITUDE, GRADIENT, profile_clip
from ccdfx.operations.rejection.rule import Arrangement, Rejection, StackFacts
from ccdfx.operations.rejection.sigma import mad_clip
from ccdfx.records.header import lenient_number
from ccdfx.records.keywords import unit_of
from ccdfx.records.parameters import frozen

READNOISE = "RDNOISE"
KNOWN_LIMIT, FEW_LIMIT, LIMIT = 4.0, 7.0, 5.0
TWO_SIDED = 4  # frames; of three, two rays would make the good value the outlier below
FEW = 10
SAMPLE, LEAST_SAMPLE = 4096, 50  # pixels on which the noise of the headers is checked
BELIEVED = 1.25  # greatest ratio between the scatter of the frames and the noise of the headers


def default_rejection(frames: Any = None, *, placed: bool = False) -> Rejection | None:
    """Choose the rule that `combine` and `stack` take by default for these frames.

    - If all frames have variances: `variance_clip` at 4 sigma, above only for 2 and 3 frames.
    - Else, if all headers have EGAIN or GAIN (e-/ADU, no setting of the camera) and RDNOISE (e-) and the scatter of the frames agrees with the noise that
      these predict within a factor of 1.25: `ccd_clip` at 4 sigma, for 2 and 3 frames `cr_reject` at 4. For frames in
      electrons the gain is 1. The scatter is that of the middle rows, 4096 pixels or more; it disagrees where a gain
      is a setting of the camera, where a bias or a sky was not subtracted or was, and for resampled frames.
    - Else `mad_clip` with the floor that the frames imply: at 7 sigma for 3 to 9 frames, at 5 from 10 on.
    - None for fewer than 3 frames of unknown noise: nothing says which of two values is the outlier.

    For frames that `combine` scales by their stars it is another: `profile_clip` at 4 sigma, with amplitude and
    gradient (`profile_terms`) from the FWHM of the frames, the errors of their flux ratios and the distances of
    their stars, and with gain and read noise of the headers on the same condition; unless no frame has a FWHM.

    `docs/combining.md` has the measurements by which they are chosen (`tests/bench/bench_default_rule.py`).

    Parameters
    ----------
    frames : sequence of Image, array (ny, nx) or Source, optional
        As for `combine`, without scaling; by default a rule that chooses anew for each stack, which is the default
        of `combine` itself.
    placed : bool
        Whether the frames will be placed by offsets, so that their pixels do not belong together as they are; the
        noise of headers cannot be checked then, and is not used.

    Returns
    -------
    Rejection or None

    Raises
    ------
    ArgumentError, ArgumentTypeError, MismatchError
        Frames that `combine` would refuse.

    See Also
    --------
    combine, profile_clip

    Examples
    --------
    >>> import numpy as np
    >>> default_rejection([np.ones((2, 3))] * 5).parameters["high"]
    7.0
    >>> from ccdfx import Image
    >>> default_rejection([Image(np.ones((2, 3)), variance=np.ones((2, 3)))] * 5)
    variance_clip(low=4.0, high=4.0, center='median', keep=0, grow=0.0)
    """
    if frames is None:
        return Rejection("default_rejection", default_rejection, _arrange, frozen({}))  # type: ignore[arg-type]
    found = as_frames(frames, placed)
    return rule_for(found, facts_of(found, (1.0,) * len(found), (0.0,) * len(found)), placed)


def _arrange(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    """Arrange the rule for a stack of which only the facts are known."""
    rule = _by_scatter(facts.count)
    return Arrangement() if rule is None else rule.arrange(rule.parameters, facts)


def is_automatic(reject: Any) -> bool:
    """Return whether a rule is the one that chooses anew for each stack."""
    return isinstance(reject, Rejection) and reject.arrange is _arrange


def facts_of(
    frames: tuple[StackFrame, ...], scales: tuple[float, ...], zeros: tuple[float, ...]
) -> StackFacts:
    """Return what a rule may know of frames before their pixels are read."""
    return StackFacts(
        len(frames),
        scales,
        zeros,
        all(frame.dtype.kind in "biu" for frame in frames),
        all(frame.knows_variance for frame in frames),
        tuple(frame.header for frame in frames),
    )


def rule_for(
    frames: tuple[StackFrame, ...],
    facts: StackFacts,
    placed: bool = False,
    stars: StarFactors | None = None,
) -> Rejection | None:
    """Choose the rule; the noise of headers is not believed where frames are placed side by side.

    `stars` is what frames were scaled by, if it was their stars: a rule that knows the noise alone rejects parts
    of stars then, wherever the seeing changes.
    """
    both = facts.count >= TWO_SIDED
    if facts.count < 2:
        return None
    if stars is not None and stars.fwhms:
        rule = by_profile(profile_clip(low=KNOWN_LIMIT, high=KNOWN_LIMIT), stars, facts)
        gain = None if facts.variances else _believed_gain(frames, facts)
        return rule if gain is None else rule.configure(gain=gain, readnoise=READNOISE)
    if facts.variances:
        return variance_clip(low=KNOWN_LIMIT if both else math.inf, high=KNOWN_LIMIT)
    gain = None if placed else _believed_gain(frames, facts)
    if gain is not None:
        if both:
            return ccd_clip(gain=gain, readnoise=READNOISE, low=KNOWN_LIMIT, high=KNOWN_LIMIT)
        return cr_reject(gain=gain, readnoise=READNOISE, high=KNOWN_LIMIT)
    return _by_scatter(facts.count)


def by_profile(rule: Rejection, stars: StarFactors | None, facts: StackFacts) -> Rejection:
    """Give `profile_clip` the amplitude, gradient and sky that were measured, where it has none of its own.

    The sky is known unless other zeros were given. What is not known has the default, so that HISTORY tells it.
    """
    terms, level = None, None
    limits = [limit for name in ("low", "high") if 0 < (limit := rule.parameters[name]) < math.inf]
    if stars is not None:
        terms = stars.terms(min(limits, default=KNOWN_LIMIT))
        level = float(f"{stars.sky:.6g}") if facts.zeros == tuple(stars.zeros) else None
    amplitude, gradient = terms or (AMPLITUDE, GRADIENT)
    found = {"amplitude": amplitude, "gradient": gradient, "level": level}
    return rule.configure(**{name: value for name, value in found.items() if rule.parameters[name] is None})


def scatter_limit(count: int) -> float:
    """Return the limit of `mad_clip` for a number of frames of unknown noise.

    >>> scatter_limit(3), scatter_limit(10)
    (7.0, 5.0)
    """
    return FEW_LIMIT if count < FEW else LIMIT


def _by_scatter(count: int) -> Rejection | None:
    limit = scatter_limit(count)
    return mad_clip(low=limit, high=limit, floor=None) if count >= 3 else None


def _believed_gain(frames: tuple[StackFrame, ...], facts: StackFacts) -> str | None:
    """Return the keyword of the gain if all headers have it and the read noise, and the scatter is as they predict.

    It is EGAIN where all headers have that; a GAIN that is a setting of the camera is not believed.
    """
    electrons = [electrons_per_count(math.nan, unit_of(header)) == 1.0 for header in facts.headers]
    keywords = {
        gain_keyword(header) for header, known in zip(facts.headers, electrons, strict=True) if not known
    }
    keyword = keywords.pop() if len(keywords) == 1 else None if keywords else GAIN
    return keyword if keyword is not None and _header_noise_agrees(frames, facts, keyword) else None


def _header_noise_agrees(frames: tuple[StackFrame, ...], facts: StackFacts, keyword: str) -> bool:
    """Return whether all headers have gain and read noise, and the scatter of the middle rows is as they predict."""
    gains = [
        electrons_per_count(lenient_number(header, keyword) or math.nan, unit_of(header))
        for header in facts.headers
    ]
    noises = [lenient_number(header, READNOISE) for header in facts.headers]
    if not all(value is not None and value > 0 for value in gains):
        return False
    if not all(value is not None and value >= 0 for value in noises):
        return False
    gain, noise = (np.array(values, dtype=float)[:, None] for values in (gains, noises))
    scales, zeros = (np.array(values)[:, None] for values in (facts.scales, facts.zeros))
    values = _middle_rows(frames) / scales - zeros
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] < LEAST_SAMPLE:
        return False
    center = np.median(values, axis=0)
    values -= np.median(values - center, axis=1, keepdims=True)
    level = np.maximum(scales * (center + zeros), 0.0)
    predicted = (((noise / gain) ** 2 + level / gain) / scales**2).mean(axis=0)
    if not (predicted > 0).all():
        return False
    free = facts.count - 1
    median = (
        1.0 - 2.0 / (9.0 * free)
    ) ** 3  # of chi^2 / degrees of freedom (Wilson & Hilferty 1931, PNAS 17, 684)
    ratio = np.median(values.var(axis=0, ddof=1) / predicted) / median
    return bool(BELIEVED**-2 < ratio < BELIEVED**2)


def _middle_rows(frames: tuple[StackFrame, ...]) -> np.ndarray:
    """Return the good values (n, pixels) of the middle rows, NaN where there is none."""
    ny, nx = frames[0].shape
    height = min(ny, -(-SAMPLE // nx))
    lower = (ny - height) // 2
    rows = [frame.window((lower, lower + height), (0, nx)) for frame in frames]
    return np.array([np.where(image.good, image.array, np.nan).reshape(-1) for image in rows], dtype=float)
