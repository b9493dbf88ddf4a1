"""Instruments: how the headers of a camera are read, and the descriptions of those that are known.

May import records, noise, the registry and the readouts of operations.
"""
