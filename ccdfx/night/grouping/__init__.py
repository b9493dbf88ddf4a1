"""Which frames belong together: by setup, by filter, and what is known of mosaics of colours.

May import records and the scan of `night`.
"""
