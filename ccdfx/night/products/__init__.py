"""What a night makes: masters, calibrated frames, combined frames.

May import the modules of `night` below `run`.
"""
