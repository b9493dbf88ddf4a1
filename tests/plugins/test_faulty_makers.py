"""Makers that are wrong are caught by the laws of makers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults import assert_words, caught

import ccdfx
from ccdfx import Image, Made, Maker, Planned
from ccdfx.testing import check_maker


def plan_one(night, recipe):
    files = tuple(item.file for item in night.science)
    if files:
        yield Planned(file="one/one.fits", kind="one", record=files, needs=files)


def plan_always(night, recipe):
    return [Planned(file="one/one.fits", kind="one", record=1)]


def plan_elsewhere(night, recipe):
    return [Planned(file="../one.fits", kind="one", record=1)] if night.science else []


def plan_nothing(night, recipe):
    return []


_COUNT = [0]


def plan_another(night, recipe):
    _COUNT[0] += 1
    return [Planned(file="one/one.fits", kind="one", record=_COUNT[0])] if night.science else []


def make_first(files, context) -> Made:
    return Made(image=ccdfx.read(context.path(files[0])))


def make_random(files, context) -> Made:
    return Made(image=Image([[float(os.urandom(1)[0] + 256 * os.urandom(1)[0])] * 9]))


def make_nothing(files, context) -> Made:
    return Made(image=None)


def make_havoc(files, context) -> Made:
    path = Path(context.path(files[0]))
    path.write_bytes(path.read_bytes() + bytes(2880))
    return Made(image=Image([[1.0]]))


def test_a_good_maker_passes() -> None:
    check_maker(Maker(name="one", plan=plan_one, make=make_first), seconds=10.0)


@pytest.mark.parametrize(
    ("plan", "make", "law", "words"),
    [
        (plan_one, lambda files, context: Made(), "it can be pickled", "use functions of a module"),
        (
            plan_always,
            make_first,
            "it plans nothing of an empty night",
            "it plans one/one.fits of a night without",
        ),
        (plan_another, make_first, "it plans the same again", "other products of the same night"),
        (plan_elsewhere, make_first, "what it plans can be", "must be a plain file in masters"),
        (plan_nothing, make_first, "what it plans can be", "it plans nothing of the night of the trial"),
        (plan_one, make_nothing, "what it plans is made", "gave no image for one/one.fits"),
        (plan_one, make_random, "it makes the same bytes again", "one/one.fits has changed"),
        (plan_one, make_havoc, "its inputs never change", "it has changed calibrated/"),
    ],
)
def test_a_faulty_maker_is_caught(plan, make, law: str, words: str) -> None:
    assert_words(caught(check_maker, Maker(name="one", plan=plan, make=make), law, seconds=10.0), words)
