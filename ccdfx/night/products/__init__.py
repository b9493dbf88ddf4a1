"""What a night makes: masters, calibrated frames, combined frames.

May import what `night` may but plots, and its modules below `run`.
"""
