"""Pictures of images, on figures made as objects: pyplot and its current figure are left alone."""

from __future__ import annotations

from ccdfx.plots.histogram import histogram
from ccdfx.plots.image import MASKED_COLOUR, display_limits, image, thumbnail
from ccdfx.plots.overscan import draw_overscan
from ccdfx.plots.overscan_edit import OverscanEdit

__all__ = [
    "MASKED_COLOUR",
    "OverscanEdit",
    "display_limits",
    "draw_overscan",
    "histogram",
    "image",
    "thumbnail",
]
