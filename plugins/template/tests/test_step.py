"""The step: it does the same to pixels, mask and variance."""

from __future__ import annotations

import pytest

import ccdfx


def test_step_flips_everything_and_writes_history() -> None:
    image = ccdfx.Image(
        [[1.0, 2.0, 3.0]], {"CRPIX1": 1.0, "OBJECT": "M 51"}, mask=[[0, 1, 2]], variance=[[4.0, 5.0, 6.0]]
    )
    turned = ccdfx.pipeline(ccdfx.step("flip"))(image)
    assert turned.array.tolist() == [[3, 2, 1]]
    assert turned.mask.tolist() == [[2, 1, 0]] and turned.variance.tolist() == [[6, 5, 4]]
    assert "CRPIX1" not in turned.header and turned.header["OBJECT"] == "M 51"
    assert "flip" in turned.header.history[-1]
    assert ccdfx.pipeline(ccdfx.step("flip", axis="y"))(image).array.tolist() == [[1, 2, 3]]
    with pytest.raises(ccdfx.ArgumentError, match="axis"):
        ccdfx.pipeline(ccdfx.step("flip", axis="z"))(image)


def test_step_is_known_to_recipes() -> None:
    text = ccdfx.to_recipe(ccdfx.pipeline(ccdfx.step("flip", axis="y")))
    assert ccdfx.read_recipe(text + "\n")([[1.0], [2.0]]).array.tolist() == [[2], [1]]
