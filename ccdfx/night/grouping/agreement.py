"""Groups of things whose known properties agree, where some lack a property."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import combinations
from typing import TypeVar

Thing = TypeVar("Thing")
Properties = Mapping[str, Hashable]


def agree(one: Properties, two: Properties) -> bool:
    """Return whether two sets of properties contradict each other nowhere; what one lacks is not compared.

    >>> agree({"offset": 10, "mode": "fast"}, {"offset": 10}), agree({"offset": 10}, {"offset": 20})
    (True, False)
    """
    return all(two.get(name, value) == value for name, value in one.items())


def agreeing_groups(
    things: Iterable[Thing], properties_of: Callable[[Thing], Properties]
) -> list[tuple[dict[str, Hashable], list[Thing]]]:
    """Group things by their properties, in the order of the first of each group.

    Things with the same properties are together. Those that lack some join the things that they do not
    contradict, unless these contradict one another: then it is not known where they belong, and they stay
    apart. A group has all properties of its members.

    >>> found = agreeing_groups(["a1", "a", "b"], lambda text: dict(zip(("letter", "digit"), text)))
    >>> [members for _, members in found]
    [['a1', 'a'], ['b']]
    """
    groups: list[tuple[dict[str, Hashable], list[tuple[int, Thing]]]] = []
    places: dict[frozenset[tuple[str, Hashable]], int] = {}
    for number, thing in enumerate(things):
        properties = dict(properties_of(thing))
        place = places.setdefault(frozenset(properties.items()), len(groups))
        if place == len(groups):
            groups.append((properties, []))
        groups[place][1].append((number, thing))
    names = {name for properties, _ in groups for name in properties}
    lacking = [group for group in groups if len(group[0]) < len(names)]
    apart: list[object] = []
    for group in sorted(lacking, key=lambda item: (len(item[0]), sorted(map(str, item[0].items())))):
        if not _holds(groups, group):
            continue  # it joined another one before
        others = [
            other
            for other in groups
            if other is not group and not _holds(apart, other) and agree(group[0], other[0])
        ]
        if not all(agree(one[0], two[0]) for one, two in combinations(others, 2)):
            apart.append(group)
        elif others:
            groups = [other for other in groups if other is not group and not _holds(others, other)]
            merged = {name: value for item in (group, *others) for name, value in item[0].items()}
            groups.append((merged, [pair for item in (group, *others) for pair in item[1]]))
    ordered = sorted(((properties, sorted(pairs, key=_number)) for properties, pairs in groups), key=_first)
    return [(properties, [thing for _, thing in pairs]) for properties, pairs in ordered]


def _holds(things: Iterable[object], thing: object) -> bool:
    return any(one is thing for one in things)


def _number(pair: tuple[int, object]) -> int:
    return pair[0]


def _first(group: tuple[object, list[tuple[int, Thing]]]) -> int:
    return group[1][0][0]
