"""Plots of images, on figures made as objects: pyplot and its current figure are not changed.

May import records, estimators, photometry, operations, scalings and the registry.
"""

from __future__ import annotations

from ccdfx.operations.calibration.overscan_fit import Levels
from ccdfx.plots.axes import PixelAxes, SkyAxes
from ccdfx.plots.colours import MASKED_COLOUR, Colours
from ccdfx.plots.figures import NoDisplayError
from ccdfx.plots.histogram import Marks, histogram
from ccdfx.plots.histogram_counts import Counts, histogram_counts
from ccdfx.plots.image import image
from ccdfx.plots.inspect.positions import Cut, Place, Profile, look_at
from ccdfx.plots.inspect.state import Inspected, Region
from ccdfx.plots.inspect.window import Inspector, inspect, inspector
from ccdfx.plots.limits import Limits, display_limits
from ccdfx.plots.mosaic import mosaic
from ccdfx.plots.overscan import OverscanEdit, draw_overscan
from ccdfx.plots.scale_bar import ScaleBar
from ccdfx.plots.thumbnail import thumbnail

__all__ = [
    "MASKED_COLOUR",
    "Colours",
    "Counts",
    "Cut",
    "Inspected",
    "Inspector",
    "Levels",
    "Limits",
    "Marks",
    "NoDisplayError",
    "OverscanEdit",
    "PixelAxes",
    "Place",
    "Profile",
    "Region",
    "ScaleBar",
    "SkyAxes",
    "display_limits",
    "draw_overscan",
    "histogram",
    "histogram_counts",
    "image",
    "inspect",
    "inspector",
    "look_at",
    "mosaic",
    "thumbnail",
]
