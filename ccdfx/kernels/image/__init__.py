"""Kernels on one image.

May import `compile`.
"""
