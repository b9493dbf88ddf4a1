"""The interactive window that shows an image: its state, its panels, and the mouse and keys.

May import what `plots` may, and its modules.
"""
