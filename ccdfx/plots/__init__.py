"""Plots of images, on figures made as objects: pyplot and its current figure are not changed."""

from __future__ import annotations

from ccdfx.plots.colours import MASKED_COLOUR, Colours
from ccdfx.plots.coordinates import PixelAxes, SkyAxes
from ccdfx.plots.grid import mosaic
from ccdfx.plots.histogram import Marks, histogram
from ccdfx.plots.image import image
from ccdfx.plots.inspection import Inspected
from ccdfx.plots.inspector import Inspector, inspect, inspector
from ccdfx.plots.intervals import display_limits
from ccdfx.plots.limits import Limits
from ccdfx.plots.overscan import draw_overscan
from ccdfx.plots.overscan_edit import OverscanEdit
from ccdfx.plots.places import Place, look_at
from ccdfx.plots.scale_bar import ScaleBar
from ccdfx.plots.thumbnail import thumbnail
from ccdfx.plots.window import NoDisplayError

__all__ = [
    "MASKED_COLOUR",
    "Colours",
    "Inspected",
    "Inspector",
    "Limits",
    "Marks",
    "NoDisplayError",
    "OverscanEdit",
    "PixelAxes",
    "Place",
    "ScaleBar",
    "SkyAxes",
    "display_limits",
    "draw_overscan",
    "histogram",
    "image",
    "inspect",
    "inspector",
    "look_at",
    "mosaic",
    "thumbnail",
]
