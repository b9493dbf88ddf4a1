"""Drafts of instrument files for cameras without a description, from their headers and pixels, and checks of such files.

May import what `night` may, and all its other rooms; nobody but the command line imports it.
"""
