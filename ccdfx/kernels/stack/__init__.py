"""The kernels that combine a stack of frames pixel by pixel: decode, gather, sort, average.

May import `compile`; rules are passed in as values.
"""
