"""The interactive window that shows an image: its state, its panels, and the mouse and keys.

May import the modules of `plots`.
"""
