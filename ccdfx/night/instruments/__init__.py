"""Instruments: how the headers of a camera are read, and the descriptions of those that are known.

May import records, noise and the registry.
"""
