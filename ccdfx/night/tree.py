"""Trees of labels, and how they are drawn as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def shortened(nodes: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Shorten trees to a number of lines: of long lists of children the first remain, and how many more there are.

    >>> print(drawn(shortened([node("a", node("b"), node("c"), node("d"), node("e"))], 4)))
    a
    ├── b
    ├── c
    └── ... and 2 more
    """
    longest = max((_longest(one) for one in nodes), default=0)
    for width in range(max(longest, len(nodes)), 0, -1):
        short = _cut(nodes, width)
        if _count(short) <= most:
            return short
    bare = [
        node(one["label"], *([node(f"... {_count([one]) - 1} lines")] * bool(one["children"])))
        for one in nodes
    ]
    if _count(bare) > most:
        bare = [node(one["label"]) for one in nodes]
    return bare if len(bare) <= most else [*bare[: most - 1], node(f"... and {len(bare) - most + 1} more")]


def _cut(nodes: Sequence[dict[str, Any]], width: int) -> list[dict[str, Any]]:
    """Keep the first of more than `width` children of each node, at all depths."""
    return [node(one["label"], *_first(_cut(one["children"], width), width)) for one in nodes]


def _first(children: list[dict[str, Any]], width: int) -> list[dict[str, Any]]:
    if len(children) <= width:
        return children
    return [*children[: width - 1], node(f"... and {len(children) - width + 1} more")]


def _longest(one: dict[str, Any]) -> int:
    return max([len(one["children"]), *map(_longest, one["children"])])


def _count(nodes: Sequence[dict[str, Any]]) -> int:
    return sum(1 + _count(one["children"]) for one in nodes)


def _lines(one: dict[str, Any], first: str, rest: str) -> Iterator[str]:
    yield first + one["label"]
    children = one["children"]
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield from _lines(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
