"""Images moved onto other pixels: shifts, affine transforms, and the weights that interpolate.

Imports no other room of operations.
"""
