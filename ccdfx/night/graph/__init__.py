"""The products of a night as a directed graph: their keys, their state on disk, and how they are made.

May import what `night` may, and its modules below `products`.
"""

from __future__ import annotations
