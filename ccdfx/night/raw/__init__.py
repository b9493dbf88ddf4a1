"""Raw frames of a night: read, measured, and prepared for calibration.

May import all rooms; of the night, frames, instruments, readouts, settings and the summary.
"""
