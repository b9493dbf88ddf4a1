"""Compiled loops: arrays in, arrays out; no record, no file, no plugin.

May import numpy, numba, llvmlite and the errors. The rooms are `compile`, `stack`, `rules`, `image` and `defects`.
"""
