"""Old words of options: accepted for one release with a warning that names the new word."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, CcdfxWarning, FormatError, Image, registry
from ccdfx.cli.options import looked_up
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.products.stacking import rejection_of
from ccdfx.night.settings.reading import load_night_recipe

FRAME = Image(np.random.default_rng(1).normal(100.0, 5.0, (20, 30)))
OVERSCAN = "[25:30,1:20]"
RENAMED: list[tuple[Callable[..., Any], str, str, Any, dict[str, Any]]] = [
    (ccdfx.divide_flat, "normalise", "statistic", "mean", {"flat": FRAME}),
    (ccdfx.calibrate, "normalise", "statistic", "mean", {"flat": FRAME}),
    (ccdfx.subtract_overscan, "method", "statistic", "mean", {"overscan": OVERSCAN}),
    (ccdfx.fit_overscan, "method", "statistic", "mean", {"overscan": OVERSCAN}),
    (ccdfx.offset, "by", "statistic", "minp1", {}),
    (ccdfx.select, "range", "section", (1, 9, 2, 5), {}),
    (ccdfx.statistics, "range", "section", (1, 9, 2, 5), {}),
    (ccdfx.subtract_level, "range", "section", (1, 9, 2, 5), {}),
    (ccdfx.read, "range", "section", (1, 9, 2, 5), {}),
    (ccdfx.placed, "resample", "kernel", "spline", {"by": "stars"}),
    (ccdfx.mad_clip, "passes", "iterations", 3, {}),
    (ccdfx.sample_clip, "passes", "iterations", 3, {}),
]
"""Function, old word, new word, value, and what else the function needs."""
ids = [f"{function.__name__} {old}" for function, old, *_ in RENAMED]


@contextmanager
def renamed(subject: str, old: str, new: str) -> Iterator[None]:
    text = rf"^{subject}: the option '{old}' is now '{new}'; the old word goes with the next release$"
    with pytest.warns(CcdfxWarning, match=text) as issued:
        yield
    assert len(issued) == 1 and issued[0].filename == __file__


def data(function: Callable[..., Any], folder: Path) -> tuple[Any, ...]:
    """Return what the function takes by position."""
    if function is ccdfx.read:
        return (ccdfx.write(FRAME, folder / "frame.fits", overwrite=True),)
    return (FRAME,) if "image" in inspect.signature(function).parameters else ()


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Image):
        return np.array_equal(one.array, other.array) and one.header == other.header
    return bool(one == other)


@pytest.mark.parametrize(("function", "old", "new", "value", "rest"), RENAMED, ids=ids)
class TestEveryOldWord:
    def test_gives_the_result_of_the_new_one(self, function, old, new, value, rest, tmp_path) -> None:
        given = data(function, tmp_path)
        with renamed(function.__name__, old, new):
            found = function(*given, **{old: value}, **rest)
        assert same(found, function(*given, **{new: value}, **rest))

    def test_beside_the_new_one_is_an_error(self, function, old, new, value, rest, tmp_path) -> None:
        with pytest.raises(ArgumentError, match=f"takes '{new}' or its old word '{old}', not both"):
            function(*data(function, tmp_path), **{old: value, new: value}, **rest)

    def test_is_not_in_the_signature(self, function, old, new, value, rest) -> None:
        words = list(inspect.signature(function).parameters)
        assert new in words and old not in words
        assert pickle.loads(pickle.dumps(function)) is function


STEPS = [row for row in RENAMED if row[0].__name__ in registry.records("step")]
assert len(STEPS) == 6


@pytest.mark.parametrize(("function", "old", "new", "value", "rest"), STEPS)
def test_a_step_has_the_new_word(function, old, new, value, rest) -> None:
    name = function.__name__
    expected = ccdfx.step(name, **{new: value}, **rest)
    with pytest.warns(CcdfxWarning, match=f"^{name}: the option '{old}' is now '{new}'"):
        made = ccdfx.step(name, **{old: value}, **rest)
    assert dict(made.options) == dict(expected.options) and repr(made) == repr(expected)
    with renamed(name, old, new):
        again = expected.configure(**{old: value})
    assert again.history_line() == expected.history_line() and same(made(FRAME), expected(FRAME))
    with pytest.raises(ArgumentError, match="not both"):
        expected.configure(**{old: value, new: value})


def test_a_placement_has_both_words() -> None:
    placement = ccdfx.placed("stars", kernel="lanczos")
    assert placement.kernel == placement.resample == "lanczos"
    assert repr(placement) == "Placement(by='stars', extent='union', kernel='lanczos')"


def test_a_recipe_may_have_the_old_word() -> None:
    text = '[[step]]\nuse = "subtract_overscan"\noverscan = "[25:30,1:20]"\nmethod = "mean"\n'
    with pytest.warns(CcdfxWarning, match="'method' is now 'statistic'"):
        recipe = ccdfx.read_recipe(text)
    assert ccdfx.to_recipe(recipe) == text.replace("method", "statistic")
    assert "statistic=mean" in recipe(FRAME).header.history[-1]
    with pytest.raises(ArgumentError, match="not both"):
        ccdfx.read_recipe(text + 'statistic = "mean"\n')


@pytest.mark.parametrize("name", ["mad_clip", "sample_clip"])
def test_a_rejection_rule_has_the_new_word(name: str) -> None:
    rule = getattr(ccdfx, name)()
    with renamed(name, "passes", "iterations"):
        found = rule.configure(passes=3)
    assert found == rule.configure(iterations=3)
    assert found.parameters["iterations"] == 3 and "passes" not in found.parameters
    with pytest.raises(ArgumentError, match="not both"):
        rule.configure(passes=3, iterations=3)
    with pytest.warns(CcdfxWarning, match=f"^{name}: the option 'passes' is now 'iterations'"):
        assert looked_up("rejection", f"{name}:passes=3") == found
    text = f'[[step]]\ngather = "combine"\nreject = {{ rejection = "{name}", passes = 3 }}\n'
    with pytest.warns(CcdfxWarning, match=f"^{name}: the option 'passes' is now 'iterations'"):
        recipe = ccdfx.read_recipe(text)
    assert "iterations = 3" in ccdfx.to_recipe(recipe)
    with pytest.warns(CcdfxWarning, match=f"^{name}: the option 'passes' is now 'iterations'"):
        load_night_recipe({"bias": {"reject": {"name": name, "passes": 3}}})


def test_the_rejection_rule_of_a_night_is_translated_once() -> None:
    old, new = ({"name": "mad_clip", word: 3} for word in ("passes", "iterations"))
    with pytest.warns(CcdfxWarning) as issued:
        recipe = load_night_recipe({"flat": {"reject": old}})
    assert [str(one.message).partition(":")[0] for one in issued] == ["mad_clip"]
    assert recipe.flat.reject == recipe.as_dict()["flat"]["reject"] == new
    assert old == {"name": "mad_clip", "passes": 3}  # the table of the caller stays as it is
    rejection_of(recipe.flat.reject, CameraNoise(), count=5)  # a warning would be an error here
    with pytest.raises(FormatError, match="takes 'iterations' or its old word 'passes', not both"):
        load_night_recipe({"flat": {"reject": {**old, **new}}})


@pytest.mark.parametrize("rule", [{"name": "mad_klip"}, {"name": ["mad_clip"]}, {"passes": 3}, 3])
def test_what_is_no_rule_is_left_to_the_check(rule: Any) -> None:
    with pytest.raises(FormatError, match="rejection"):
        load_night_recipe({"flat": {"reject": rule}})


def test_the_recipe_of_a_night_may_have_the_old_word() -> None:
    with pytest.warns(CcdfxWarning, match="^overscan: the option 'method' is now 'statistic'"):
        recipe = load_night_recipe({"overscan": {"method": "mean"}})
    assert recipe.overscan == load_night_recipe({"overscan": {"statistic": "mean"}}).overscan
    assert recipe.overscan.statistic == "mean"
    with pytest.raises(FormatError, match="not both"):
        load_night_recipe({"overscan": {"method": "mean", "statistic": "mean"}})
