"""Sources in an image: where they are and how bright.

May import kernels, estimators, engines and records.
"""
