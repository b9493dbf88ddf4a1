"""Arithmetic of images: values, flags, variances to first order, units and headers.

May import the errors, and all of the records but the image, which has the operators.
"""
