"""Kernels on one image.

May import `compile`, and the sorting and lanes of `stack`.
"""
