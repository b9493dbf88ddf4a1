"""A simulated night with a known truth, reduced and checked against it.

May import all rooms but cli and testing.
"""
