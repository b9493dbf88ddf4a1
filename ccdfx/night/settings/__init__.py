"""The recipe of a night: its options, their checks, and how it is read.

May import registry, operations, photometry, records.
"""
