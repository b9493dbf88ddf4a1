"""Kernels on sources: their peaks, maxima and apertures, and the spikes of bright stars.

May import compile and image.
"""
