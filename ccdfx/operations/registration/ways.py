"""The ways of aligning images, by name; the command line reads them without what computes them."""

from __future__ import annotations

MEASURED = ("phase", "stars", "wcs")
"""The ways of `measure_transform`."""
WAYS = ("shift", *MEASURED)
"""The ways of `align`."""
