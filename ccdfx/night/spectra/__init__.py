"""What is done to spectra and not to images: the response of flats, the axis of the dispersion, cosmic rays.

May import what is below the products: frames, instruments and settings.
"""
