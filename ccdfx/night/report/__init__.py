"""The pages that show what nights gave, the table beside them, and their templates.

May import plots, io, and the modules of `night` below `run`.
"""
