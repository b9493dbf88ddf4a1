"""Immutable records of images, headers, windows and flags.

May import the errors.
"""
