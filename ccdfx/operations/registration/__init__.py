"""Displacements between images measured, from stars or by correlation, and images aligned by them.

May import `resampling`.
"""
