"""Masters of another night or program that are given: what they are, and which setups they fit.

May import the frames, grouping, instruments and settings of `night`, its calibrators and words, and what `night` may.
"""

from __future__ import annotations
