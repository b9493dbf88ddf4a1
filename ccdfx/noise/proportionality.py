"""Whether the levels of flats are proportional to their exposure times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import MismatchError
from ccdfx.records.checks import real

LEAST_DEVIATION = 0.01
_RANGE = 1.3  # least ratio of the exposure times
_ALIKE = 0.001  # exposure times that differ by this fraction are one
_SIGMAS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportionality:
    """How the count rate of flats changes from their shortest to their longest exposure.

    Parameters
    ----------
    deviation : float
        Rate in the longest exposures over that in the shortest, less 1.
    error : float
        Of the deviation, from the scatter of exposures of one length.
    exposures, levels : (float, float)
        Shortest and longest exposure in s, and their mean levels.
    """

    deviation: float
    error: float
    exposures: tuple[float, float]
    levels: tuple[float, float]

    @property
    def seen(self) -> bool:
        """Whether the rate changes by more than 1 %, and by more than 5 times the error."""
        return abs(self.deviation) > max(LEAST_DEVIATION, _SIGMAS * self.error)


def measure_proportionality(levels: Sequence[float], *, exposures: Sequence[float]) -> Proportionality | None:
    """Measure whether the levels of flats of one filter are proportional to their exposure times.

    The light must be steady, as that of a lamp: this is known only where several flats have one exposure time,
    and their scatter is the error. Twilight, which changes, has an error as large as its changes.

    Parameters
    ----------
    levels : sequence of float
        Above the bias, positive.
    exposures : sequence of float
        Exposure times in s, one for each level, positive.

    Returns
    -------
    Proportionality or None
        None where it cannot be measured: fewer than two flats in the shortest or in the longest exposure, or
        exposures that differ by less than 30 %.

    Raises
    ------
    MismatchError
        The numbers of levels and exposures differ.
    ArgumentError, ArgumentTypeError
        A value is not a positive number.

    Notes
    -----
    A change of the rate is nonlinearity of the detector, or an error of the shutter (which is largest in the
    shortest exposures): the levels alone do not tell which. The error is the root of the sum of the squares of
    the relative errors of both mean rates; each of these has the pooled scatter of the two groups.

    Examples
    --------
    >>> found = measure_proportionality([5000, 5010, 29200, 29180], exposures=[5, 5, 30, 30])
    >>> round(found.deviation, 3), found.seen
    (-0.028, True)
    """
    if len(levels) != len(exposures):
        remedy = "give one exposure time for each level"
        raise MismatchError("exposures", f"must be {len(levels)}", value=len(exposures), remedy=remedy)
    level = np.array([real("levels", one, above=0, remedy="give levels above the bias") for one in levels])
    time = np.array([real("exposures", one, above=0, remedy="give seconds") for one in exposures])
    if not time.size or time.max() < _RANGE * time.min():
        return None
    short, long = time <= time.min() * (1 + _ALIKE), time >= time.max() * (1 - _ALIKE)
    groups = [level[which] / time[which] for which in (short, long)]
    if min(len(rates) for rates in groups) < 2:
        return None
    means = [float(np.mean(rates)) for rates in groups]
    squares = sum(float(np.sum((rates / mean - 1) ** 2)) for rates, mean in zip(groups, means, strict=True))
    pooled = squares / (sum(len(rates) for rates in groups) - 2)
    return Proportionality(
        deviation=means[1] / means[0] - 1,
        error=math.sqrt(pooled * sum(1 / len(rates) for rates in groups)),
        exposures=(float(time.min()), float(time.max())),
        levels=(float(np.mean(level[short])), float(np.mean(level[long]))),
    )
