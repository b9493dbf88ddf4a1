"""Selection of frames by what was measured of them: limits on FWHM, ellipticity, stars, sky, transparency."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentTypeError
from ccdfx.records.checks import one_of, real

FACTS = {
    "fwhm": "FWHM",
    "ellipticity": "ellipticity",
    "stars": "number of stars",
    "sky": "sky",
    "transparency": "transparency",
}
"""What frames are selected by, in words."""
_LOW_IS_BAD = ("stars", "transparency")
_LEAST = 4  # frames for a scatter
_NARROWEST = 0.01  # a scatter below this part of the median is none


def check_limit(name: str, limit: Any) -> None:
    """Check a limit on a fact of frames: a table of `most`, `least` and `sigma`, at least one of them.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No table, an empty one, an unknown key, or a value that is no number.
    """
    if not isinstance(limit, Mapping) or not limit:
        raise ArgumentTypeError(
            name,
            "must be a table of limits",
            value=limit,
            remedy="write such as { most = 5.0 } or { sigma = 3 }",
        )
    for key, value in limit.items():
        one_of(f"{name}, limit", key, ("most", "least", "sigma"))
        if key == "sigma":
            real(f"{name}, {key}", value, above=0, remedy="give such as 3")
        else:
            real(f"{name}, {key}", value, remedy="give such as 5.0")


def reasons_to_leave_out(
    name: str, values: Sequence[float | None], limit: Mapping[str, float]
) -> list[str | None]:
    """Compare a fact of the frames of a group with its limit; return why a frame is left out, or None.

    Parameters
    ----------
    name : str
        One of `FACTS`.
    values : sequence of float or None
        One for each frame; None, where it was not measured, exceeds no limit.
    limit : mapping
        `most` and `least` are absolute. `sigma` is the number of standard deviations (1.4826 times the median
        absolute deviation of the group, at least 1 % of the median) from the median of the group, on the bad
        side: above for `fwhm`, `ellipticity` and `sky`, below for `stars` and `transparency`. It leaves no
        frame out of fewer than four.

    Examples
    --------
    >>> reasons_to_leave_out("fwhm", [3.1, 6.2, None], {"most": 5.0})
    [None, 'its FWHM, 6.2, is above the limit 5', None]
    >>> reasons_to_leave_out("stars", [50, 52, 48, 12], {"sigma": 3})[3]
    'its number of stars, 12, is 12.5 sigma below the median of the frames, 49 (limit 3)'
    """
    what = FACTS[one_of("name", name, FACTS)]
    known = np.array([value for value in values if value is not None and math.isfinite(value)], float)
    middle = float(np.median(known)) if known.size else math.nan
    scatter = 1.4826 * float(np.median(np.abs(known - middle))) if known.size >= _LEAST else math.inf
    scatter = max(scatter, _NARROWEST * abs(middle), 1e-12)
    sign, side = (-1.0, "below") if name in _LOW_IS_BAD else (1.0, "above")
    out: list[str | None] = []
    for value in values:
        reason = None
        if value is not None and math.isfinite(value):
            units = sign * (value - middle) / scatter
            if value > limit.get("most", math.inf):
                reason = f"is above the limit {limit['most']:g}"
            elif value < limit.get("least", -math.inf):
                reason = f"is below the limit {limit['least']:g}"
            elif units > limit.get("sigma", math.inf):
                reason = f"is {units:.1f} sigma {side} the median of the frames, {middle:.4g} (limit {limit['sigma']:g})"
        out.append(None if reason is None else f"its {what}, {value:.4g}, {reason}")
    return out
