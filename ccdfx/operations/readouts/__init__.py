"""Readouts of a detector: what depends on the amplifier, and how they are assembled into one image.

May import pixels, calibration.
"""
