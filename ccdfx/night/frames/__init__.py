"""Raw frames: found in folders, described by their headers, chosen by conditions, listed in tables.

May import records, io, and the instruments and words of `night`.
"""
