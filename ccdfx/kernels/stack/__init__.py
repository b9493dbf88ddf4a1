"""The kernels that combine a stack of frames pixel by pixel: decode, gather, sort, average.

May import `compile`. A rule is passed in as a value.
"""
