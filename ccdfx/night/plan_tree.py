"""The plan of a night as a tree of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ccdfx.night.grouping.setup import Setup
from ccdfx.night.tree import node
from ccdfx.night.words import counted


def tree_of(plan: Any) -> list[dict[str, Any]]:
    """Return a `Plan` as a tree: a list of ``{"label": text, "children": [...]}``, one for each setup."""
    nodes = [node(setup.label, *_under(plan, setup)) for setup in plan.setups]
    if plan.mosaics:
        mosaics = (
            node(f"{file}: {counted(len(parts), 'detector')}", *map(node, parts))
            for file, parts in plan.mosaics
        )
        nodes.append(node("of all detectors", *mosaics))
    if plan.left_out:
        nodes.append(node("not used", *(node(f"{frame.file}: {why}") for frame, why in plan.left_out)))
    return nodes


def _under(plan: Any, setup: Setup) -> Iterator[dict[str, Any]]:
    for item in plan.taken:
        if item.setup == setup:
            yield node(f"{item.file}: {item.kind} taken from {item.master.name}{_of(item)}")
    for master in plan.masters:
        if master.setup == setup:
            count = counted(len(master.inputs), f"{master.kind} frame")
            uses = (node(use.describe()) for use in master.inputs)
            yield node(f"{master.file}: {count}{_of(master)}", *uses)
    science = [item for item in plan.science if item.setup == setup]
    if science:
        arcs = sum(item.use.frame.kind == "arc" for item in science)
        counts = {"science frame": len(science) - arcs, "arc": arcs}
        label = f"calibrated: {' and '.join(counted(count, what) for what, count in counts.items() if count)}"
        yield node(label, *(node(f"{item.file}: {item.describe()}") for item in science))
    colours = [item for item in plan.colours if item.setup == setup]
    if colours:
        label = f"colours: {counted(len(colours), 'image')} of mosaics"
        yield node(label, *(node(f"{item.file}: {item.describe()}") for item in colours))
    for item in plan.combined:
        if item.setup == setup:
            what = f"{len(item.inputs)} frames of {item.object}, filter {item.filter or 'none'}"
            yield node(f"{item.file}: {what}", *map(node, item.inputs))


def _of(master: Any) -> str:
    if master.kind == "flat":
        return f", filter {master.filter or 'none'}"
    seconds = "" if master.exptime is None else f" of {master.exptime:g} s"
    return seconds if master.temperature is None else f"{seconds} at {master.temperature:.3g} degrees"
