"""Products of several detectors together.

May import what products may.
"""
