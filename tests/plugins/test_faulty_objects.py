"""Instruments and commands that are wrong, and a check of what is no such record or no such law."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import pytest
from faults import assert_words, caught

import ccdfx
from ccdfx import Command, Instrument, Step
from ccdfx.testing import Conformance, check_command, check_instrument, check_scaling, check_step


@contextmanager
def instrument(text: str) -> Iterator[Instrument]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.toml"
        path.write_text(
            f'name = "bad"\n{text}\n[[rules]]\nkind = "science"\nwhen = {{ IMAGETYP = "light*" }}\n'
        )
        yield ccdfx.load_instrument(path)


@pytest.mark.quick
def test_faulty_instruments_are_caught() -> None:
    with instrument('[match]\nINSTRUME = "BadCam"') as good:
        check_instrument(good, examples=8)
        bad = replace(good, rules=())
        assert_words(caught(check_instrument, bad, "every rule names a kind of frame"), "it has no rules")
        with pytest.raises(ccdfx.ArgumentTypeError, match="rules must be a tuple of"):
            replace(good, rules=(("holiday", good.rules[0][1]),))
        assert_words(
            caught(check_instrument, replace(good, gain=(-1.0,)), "its numbers can be"), "its gain is -1.0"
        )
    law = "it matches a header that meets its conditions and no empty one"
    with instrument('[match]\nINSTRUME = "! Other*"') as greedy:
        assert_words(caught(check_instrument, greedy, law), "every frame of the world")
    with instrument('[match]\nVERSION = "NICMOS*"\nINSTRUME = "Nickel*"') as twin:
        nickel = ccdfx.registry.lookup("instrument", "nickel")
        same = replace(twin, match=nickel.match, generic=nickel.generic)
        assert_words(caught(check_instrument, same, "it is told apart from the others"), "equally well")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("command", "law", "words"),
    [
        (Command("Bad Name", "Help.", click.Command), "its name and help fit on a line", "its name is 'Bad Name'"),
        (Command("bad", "a\nb", click.Command), "its name and help fit on a line", "must be one line"),
        (Command("bad", "Help.", lambda: 1 / 0), "it loads a click command that explains itself", "ZeroDivision"),
        (Command("bad", "Help.", lambda: print), "it loads a click command that explains itself", "no click"),
        (Command("bad", "Help.", lambda: time.sleep(0.05)), "it loads fast", "for loading it"),
    ],
)  # fmt: skip
def test_a_faulty_command_is_caught(command: Command, law: str, words: str) -> None:
    assert_words(caught(check_command, command, law, seconds=0.01), words)


@pytest.mark.quick
def test_another_thing_is_no_record_and_another_law_no_law() -> None:
    step = Step("flip", lambda image: image)
    with pytest.raises(ccdfx.ArgumentTypeError, match="must be a Scaling"):
        check_scaling(step)
    with pytest.raises(ccdfx.UnknownNameError, match="did you mean 'masks only grow'"):
        check_step(step, without=["masks only shrink"])


@pytest.mark.parametrize("terms", [{"without": {"fots": []}}, {"options": {"fots": {}}}])
def test_terms_for_a_record_that_the_plugin_does_not_have_are_an_error(terms: dict) -> None:
    with pytest.raises(ccdfx.UnknownNameError, match="did you mean 'fits'"):
        list(Conformance("ccdfx", **terms).cases())
