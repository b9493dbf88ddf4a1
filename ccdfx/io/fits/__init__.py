"""FITS files: native reading and writing of images, tile-compressed ones by astropy.

May import the modules of `io` but not its readers and writers of any format.
"""
