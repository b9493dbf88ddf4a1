"""Estimators of an image: exact and robust statistics, sky level and noise.

Flagged pixels and non-finite values are left out. Nothing here changes an image.

May import kernels and records.
"""

from __future__ import annotations

from ccdfx.estimators.exact import Clipped, Statistics, mad_std_of, median_of, sigma_clipped, statistics
from ccdfx.estimators.robust import location_of, mode_of, sampled_statistic, spread_of
from ccdfx.estimators.saturation import Saturation, saturation_level
from ccdfx.estimators.sky import Background, background, local_noise, predicted_noise, sky_level

__all__ = [
    "Background",
    "Clipped",
    "Saturation",
    "Statistics",
    "background",
    "local_noise",
    "location_of",
    "mad_std_of",
    "median_of",
    "mode_of",
    "predicted_noise",
    "sampled_statistic",
    "saturation_level",
    "sigma_clipped",
    "sky_level",
    "spread_of",
    "statistics",
]
