"""How mosaics of colours are made into products: colour by colour, so that none is mixed with another.

May import what `products` may, and of it `calibrated`, `registration`, `single_rays` and `stacking`.
"""
