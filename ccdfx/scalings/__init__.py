"""Scalings: one increasing function of the pixel value, with its inverse, applied to every pixel."""

from __future__ import annotations

from ccdfx.scalings.kinds import SCALINGS, asinh, exp, linear, log, power, sqrt
from ccdfx.scalings.model import Scaling, scale, unscale

__all__ = ["SCALINGS", "Scaling", "asinh", "exp", "linear", "log", "power", "scale", "sqrt", "unscale"]
