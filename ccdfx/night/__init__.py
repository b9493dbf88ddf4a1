"""Reduction of a whole night: from a directory of raw frames to calibrated, combined images and a report."""
