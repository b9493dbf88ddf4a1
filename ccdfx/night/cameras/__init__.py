"""What raw frames tell of their camera: saturation, light in the overscan, gain and read noise.

May import what `night` may, and its modules below `products`.
"""
