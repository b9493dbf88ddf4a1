"""A simulated night with a known truth, reduced and checked against it.

Also what compiles kernels before there is a night. May import kernels, photometry, noise, operations, io, plots and
night.
"""
