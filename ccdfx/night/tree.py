"""Trees of labels, and how they are drawn as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any


def node(label: str, *children: dict[str, Any]) -> dict[str, Any]:
    """Make a node of a tree.

    >>> node("a", node("b"))
    {'label': 'a', 'children': [{'label': 'b', 'children': []}]}
    """
    return {"label": label, "children": list(children)}


def drawn(nodes: Iterable[dict[str, Any]]) -> str:
    """Draw trees with one line for each node.

    >>> print(drawn([node("a", node("b"), node("c"))]))
    a
    ├── b
    └── c
    """
    return "\n".join(chain.from_iterable(_lines(one, "", "") for one in nodes))


def _lines(one: dict[str, Any], first: str, rest: str) -> Iterator[str]:
    yield first + one["label"]
    children = one["children"]
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _lines(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
