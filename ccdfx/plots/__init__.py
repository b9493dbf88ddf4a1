"""Pictures of images, on figures made as objects: pyplot and its current figure are left alone."""

from __future__ import annotations

from ccdfx.plots.colours import MASKED_COLOUR, Colours
from ccdfx.plots.coordinates import PixelAxes, SkyAxes
from ccdfx.plots.histogram import Marks, histogram
from ccdfx.plots.image import image
from ccdfx.plots.limits import Limits, display_limits
from ccdfx.plots.scale_bar import ScaleBar
from ccdfx.plots.thumbnail import thumbnail

__all__ = [
    "MASKED_COLOUR",
    "Colours",
    "Limits",
    "Marks",
    "PixelAxes",
    "ScaleBar",
    "SkyAxes",
    "display_limits",
    "histogram",
    "image",
    "thumbnail",
]
