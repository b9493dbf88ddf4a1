"""Conversion between an image and the objects of numpy and astropy.

May import the errors, and headers, flags and windows of the records.
"""
