"""Mosaics: the images of several detectors, or of several pointings, on the pixels of one image.

May import registration, resampling.
"""
