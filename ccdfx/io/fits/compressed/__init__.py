"""Images that are stored as compressed tiles of a binary table.

May import the HDUs and cards of FITS.
"""
