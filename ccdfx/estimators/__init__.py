"""Numbers that describe an image: exact and robust statistics, sky level and noise.

Flagged pixels and non-finite values never take part. Nothing here changes an image.
"""

from __future__ import annotations

from ccdfx.estimators.exact import Clipped, Statistics, mad_std_of, median_of, sigma_clipped, statistics
from ccdfx.estimators.sky import Background, background, local_noise, predicted_noise, sky_level

__all__ = [
    "Background",
    "Clipped",
    "Statistics",
    "background",
    "local_noise",
    "mad_std_of",
    "median_of",
    "predicted_noise",
    "sigma_clipped",
    "sky_level",
    "statistics",
]
