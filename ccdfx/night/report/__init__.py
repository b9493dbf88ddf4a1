"""The page that shows what a night gave, and its template.

May import plots, io, and the modules of `night` below `run`.
"""
