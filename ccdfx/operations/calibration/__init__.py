"""Calibration of a frame: overscan, bias, dark, flat, gain, and offsets.

May import `pixels`.
"""
