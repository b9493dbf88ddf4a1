"""A simulated night with a known truth, reduced and checked against it.

May import photometry, noise, io, plots and night.
"""
