"""Makers that are wrong in ways that a whole night does not show, with the law that finds each."""

from __future__ import annotations

from collections.abc import Callable

import ccdfx
from ccdfx import Made, Maker, Planned

_SUM: list[float] = []


def plan_one(night, recipe):
    files = tuple(item.file for item in night.science)
    if files:
        yield Planned(file="one/one.fits", kind="one", record=files, needs=files[:1])


def read_more_than_it_needs(files, context) -> Made:
    one = ccdfx.read(context.path(files[0]))
    folder = context.path(files[0]).parent
    others = [ccdfx.read(path) for path in sorted(folder.glob("*.fits"))]
    return Made(image=ccdfx.combine([one, *others], reject=None))


def remember_the_last_call(files, context) -> Made:
    image = ccdfx.read(context.path(files[0]))
    _SUM.append(float(image.array.mean()))
    return Made(image=image - sum(_SUM) / 1e3)


MAKERS: dict[Callable[..., Made], str] = {
    read_more_than_it_needs: "it needs what it reads",
    remember_the_last_call: "it makes the same bytes again",
}


def maker_of(make: Callable[..., Made]) -> Maker:
    return Maker(name="one", plan=plan_one, make=make)
