"""Readouts of a detector with the laws of their instrument: crosstalk and linearity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.laws import Crosstalk, LinearityLaw
from ccdfx.operations.readouts.readout import Readout


def with_laws(
    readouts: Sequence[Readout], *, crosstalk: Crosstalk | None, linearity: Sequence[LinearityLaw]
) -> tuple[Readout, ...]:
    """Return the readouts of one detector with crosstalk and linearity.

    Raises
    ------
    ArgumentError
        The crosstalk does not name a readout, or has a part of one of another detector.

    Examples
    --------
    >>> from ccdfx import Range
    >>> places = [Range(0, 4, 0, 4), Range(4, 8, 0, 4)]
    >>> two = [Readout(name=n, window=p, data=p, place=p) for n, p in zip("AB", places)]
    >>> law = Crosstalk(("A", "B"), ((0.0, 1e-4), (2e-4, 0.0)))
    >>> [one.crosstalk for one in with_laws(two, crosstalk=law, linearity=[])]
    [(0.0, 0.0001), (0.0002, 0.0)]
    """
    laws = {law.readout: law for law in linearity}
    names = [one.name for one in readouts]
    found = []
    for one in readouts:
        law = laws.get(one.name, laws.get(""))
        if crosstalk is not None:
            _require_own(crosstalk, one.name, names)
            one = replace(one, crosstalk=crosstalk.row(one.name, names))
        if law is not None:
            one = replace(one, linearity=law.linearity)
        found.append(one)
    return tuple(found)


def _require_own(crosstalk: Crosstalk, name: str, names: Sequence[str]) -> None:
    others = [one for one in crosstalk.readouts if one not in names]
    if name in crosstalk.readouts and any(crosstalk.row(name, others)):
        raise ArgumentError(
            "crosstalk.matrix",
            f"must have no part of another detector in readout {name}, as detectors are reduced one by one",
            value=others,
            remedy="set these parts to 0",
        )
