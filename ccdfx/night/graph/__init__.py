"""The products of a night as a directed graph: their keys, their state on disk, and how they are made."""

from __future__ import annotations
