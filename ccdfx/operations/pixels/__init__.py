"""Pixels found, flagged, replaced and filtered: bad pixels, outliers, cosmic rays.

Imports no other room of operations.
"""
