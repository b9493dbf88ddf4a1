"""Raw frames of detectors that are read by several amplifiers: assembled, or as one amplifier alone sees them.

May import all rooms; of the night, frames, instruments, settings.
"""
