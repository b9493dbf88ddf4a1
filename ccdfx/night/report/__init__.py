"""The page that shows what a night gave, and its template.

May import the modules of `night` below `run`, and plots.
"""
