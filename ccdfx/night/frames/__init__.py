"""Raw frames: found in folders and described by their headers.

May import records, io, and the instruments and words of `night`.
"""
