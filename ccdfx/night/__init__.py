"""A night reduced: frames scanned, what to do planned, masters, calibrated and combined frames made, a report
written.

May import all rooms but cli, demo and testing.
"""
