"""Steps that are wrong in every way we know: each breaks the law that names its fault, in words that say what."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from faults import assert_words, caught

import ccdfx
from ccdfx import Image, Step
from ccdfx.testing import check_step


def changes_its_input(image: Image) -> Image:
    image.array.flags.writeable = True
    image.array[:] += 1
    return image.replace(array=image.array)


def gives_an_array(image: Image) -> Any:
    return image.array


def grows(image: Image) -> Image:
    return Image(image.array.repeat(2, axis=0), image.header)


def rolls_dice(image: Image) -> Image:
    return image.replace(array=image.array + np.float32(random.random()))


def doubles_precision(image: Image) -> Image:
    return image.replace(array=image.array.astype(np.float64))


def wraps_around(image: Image) -> Image:
    return image.replace(array=image.array - image.array.dtype.type(100))


def drops_the_mask(image: Image) -> Image:
    return image.replace(mask=None)


def drops_a_flag(image: Image) -> Image:
    return image if image.mask is None else image.replace(mask=image.mask & np.uint8(0b11110111))


def moves_the_sky(image: Image) -> Image:
    return image.replace(header=image.header.set("CRPIX1", 9.0))


def drops_the_variance(image: Image) -> Image:
    return image.replace(variance=None)


def divides_by_zero(image: Image) -> Image:
    with np.errstate(all="ignore"):
        return image.replace(array=np.where(image.array < 0, np.nan, image.array).astype(image.dtype))


def warns(image: Image) -> Image:
    return image.replace(array=np.sqrt(-1 - image.array.astype(np.float32)))


def subtracts_the_mean(image: Image) -> Image:
    return image.replace(array=image.array - np.float32(image.array.mean()))


def raises(image: Image) -> Image:
    return image.replace(array=image.array / len(image.header.history))


def is_slow(image: Image) -> Image:
    time.sleep(0.05)
    return image


def trusts_its_option(image: Image, *, factor: float = 2.0) -> Image:
    return image.replace(array=image.array * np.float32(factor))


def exits(image: Image) -> Image:
    raise SystemExit(3)


def refuses(image: Image) -> Image:
    raise ccdfx.ArgumentError("image", "must be a poem", remedy="write one")


def rewrites_history(image: Image) -> Image:
    return image.replace(header=image.header.remove("HISTORY"))


STEPS = [
    (changes_its_input, "the input never changes", "array of its input has changed"),
    (gives_an_array, "the result is an image that cannot change", "it gives a ndarray, no Image"),
    (grows, "the window of the result lies in that of the input", "y_upper=8.* became .*y_upper=16"),
    (rolls_dice, "the same input gives the same result", "two runs differ"),
    (doubles_precision, "single precision stays and so does double", "float32 becomes float64"),
    (wraps_around, "whole numbers are numbers", "another result than float64"),
    (drops_the_mask, "a flagged pixel stays flagged", "the flag of pixel x=3, y=3 is lost"),
    (drops_a_flag, "masks only grow", r"a flag is lost at \(y, x\) \(\d, \d\)"),
    (moves_the_sky, "sky positions stay", "the WCS puts a pixel at"),
    (drops_the_variance, "a variance stays and is never negative", "the variance is lost"),
    (
        divides_by_zero,
        "pixels without a value are flagged",
        r"a value is lost without a flag at \(y, x\) \(",
    ),
    (warns, "nan and infinity raise nothing", "it lets a warning out: invalid value"),
    (subtracts_the_mean, "what a flagged pixel holds reaches no good one", "depends on a flagged one"),
    (raises, "a plain array will do", "division|divide"),
    (lambda image: image, "it can be pickled", "PicklingError: .*no lambda"),
    (is_slow, "it is fast", r"it took 0.0\d+ s for a frame of 512 x 512 pixels, and may take 0.01 s"),
    (trusts_its_option, "nonsense in an option is a typed error", "factor='nonsense' raised ValueError"),
    (exits, "the same input gives the same result", "it raised SystemExit, which is no CcdfxError"),
    (refuses, "the same input gives the same result", "it refused every example.*must be a poem"),
    (rewrites_history, "one line of history is added", "the history is"),
]


@pytest.mark.parametrize(("function", "law", "words"), STEPS, ids=[row[0].__name__ for row in STEPS])
def test_a_faulty_step_is_caught(function: Callable, law: str, words: str) -> None:
    seconds = 0.01 if function is is_slow else 0.5
    assert_words(caught(check_step, Step("bad", function), law, seconds=seconds), words)


@pytest.mark.quick
def test_a_step_without_its_options_says_so() -> None:
    assert_words(caught(check_step, ccdfx.registry.lookup("step", "to_electrons"), "masks only grow"),
                 "cannot be tried: .*needs the option gain.*give options for it")  # fmt: skip


@pytest.mark.quick
def test_the_example_is_small_and_in_the_words() -> None:
    error = caught(check_step, Step("bad", drops_a_flag), "masks only grow", seconds=2.0)
    assert (error.example["image"].mask & 8).any()
    assert "image = Image(8 x 10 pixels of " in str(error) and "mask=" in str(error)


def wants_light_and_drops_the_mask(image: Image) -> Image:
    if image.array.max() < 3000:
        raise ccdfx.ArgumentError("image", "must be bright", remedy="expose longer")
    return image.replace(mask=None)


def test_the_example_of_a_failure_is_none_that_was_refused() -> None:
    error = caught(check_step, Step("bad", wants_light_and_drops_the_mask), "a flagged pixel stays flagged")
    assert error.example["image"].array.max() >= 3000
