"""What ccdfx offers to tests."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Image
from ccdfx.testing import assert_same_image

IMAGE = Image([[1.0, np.nan]], {"OBJECT": "x"}, [[0, 1]], (3, 5, 4, 5), [[1.0, np.nan]])


def test_an_image_is_itself() -> None:
    assert_same_image(IMAGE, IMAGE.replace(array=IMAGE.array.copy()))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"array": [[1.0, 2.0]]}, "array"), ({"array": np.array([[1, np.nan]], np.float32)}, "array: float32"),
        ({"mask": None}, "mask: None"), ({"mask": [[0, 2]]}, "mask"), ({"variance": None}, "variance: None"),
        ({"variance": [[2.0, np.nan]]}, "variance"), ({"range": None}, "range: "),
        ({"header": {"OBJECT": "y"}}, "header: Card.*'y'"), ({"header": {"OBJECT": ("x", "name")}}, "'name'"),
        ({"header": None}, "header: 0, expected 1"),
    ],
)  # fmt: skip
def test_every_difference_is_named(fields: dict, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_same_image(IMAGE.replace(**fields), IMAGE)


def test_another_shape_is_a_difference_too() -> None:
    with pytest.raises(AssertionError, match="array"):
        assert_same_image(Image((1, 2)), Image((2, 1)))
