"""Readouts of a detector: what depends on the amplifier, and how they are assembled into one image.

Imports no other room of operations.
"""
