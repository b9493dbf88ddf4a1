"""Kernels that find cosmic rays and bad pixels, and the medians of their surroundings.

May import `compile`, `stack` and `image`.
"""
