"""Scalings: monotone functions of the pixel value, with their inverses, applied to every pixel.

May import kernels, records and engines.
"""

from __future__ import annotations

from ccdfx.scalings.builtin import asinh, exp, linear, log, power, sqrt
from ccdfx.scalings.scaling import Scaling, scale, unscale
from ccdfx.scalings.stretches import contrast_bias, histogram_equalisation
from ccdfx.scalings.surface_brightness import surface_brightness

# Scalings that the registry offers by name, with default options.
SCALINGS = (
    linear(), log(), sqrt(), asinh(), power(), exp(), surface_brightness(), contrast_bias(),
    histogram_equalisation(),
)  # fmt: skip

__all__ = [
    "SCALINGS",
    "Scaling",
    "asinh",
    "contrast_bias",
    "exp",
    "histogram_equalisation",
    "linear",
    "log",
    "power",
    "scale",
    "sqrt",
    "surface_brightness",
    "unscale",
]
