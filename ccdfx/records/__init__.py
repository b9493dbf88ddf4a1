"""Immutable records of images, headers, windows and flags."""
