"""What ccdfx offers to tests."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import ccdfx
from ccdfx import CcdfxError, Image, Range, testing
from ccdfx.testing import assert_same_image, fits_files, headers, images, masks, ranges, recipes, stacks

quick = settings(max_examples=15, deadline=None)

IMAGE = Image([[1.0, np.nan]], {"OBJECT": "x"}, [[0, 1]], (3, 5, 4, 5), [[1.0, np.nan]])


def test_an_image_is_itself() -> None:
    assert_same_image(IMAGE, IMAGE.replace(array=IMAGE.array.copy()))


@pytest.mark.quick
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


@pytest.mark.quick
def test_the_public_names_exist_are_documented_and_sorted() -> None:
    assert testing.__all__ == sorted(testing.__all__)
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'pictures'"):
        _ = testing.pictures


def test_importing_ccdfx_and_its_pytest_plugin_loads_no_hypothesis() -> None:
    code = (
        "import ccdfx, ccdfx.testing.pytest_plugin, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    heavy = ["hypothesis", "numpy", "numba", "astropy", "scipy", "click"]
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@quick
@given(
    images(dtypes=("u2", "f4"), shapes=(3, 4), values=(10, 20), masked=True, variance=False, windows=False)
)
def test_images_are_what_was_asked_for(image: Image) -> None:
    assert image.shape == (3, 4) and image.dtype in (np.uint16, np.float32)
    assert image.array.min() >= 10 and image.array.max() <= 20
    assert image.mask is not None and image.variance is None and image.range == Range.whole((3, 4))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda image: image.mask is not None and image.variance is not None,
        lambda image: image.mask is None and image.variance is None,
        lambda image: image.dtype == np.int64 and image.array.min() < -(2**40),
        lambda image: np.isnan(image.array.astype(float)).any() and np.isinf(image.array.astype(float)).any(),
        lambda image: image.range.x_lower > 100,
        lambda image: image.header.history and len(image.header.cards) > 1,
    ],
)
def test_images_of_all_sorts_turn_up(wanted) -> None:
    search = settings(max_examples=5000, phases=(Phase.generate,), deadline=None)
    assert wanted(find(images(finite=False), wanted, settings=search))


def test_images_are_finite_unless_asked() -> None:
    with pytest.raises(NoSuchExample):
        find(images(dtypes=("f4",)), lambda image: not np.isfinite(image.array).all(), settings=quick)


@quick
@given(st.data())
def test_windows_and_masks_fit_their_frame(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    window, mask = data.draw(ranges(shape)), data.draw(masks(shape, flags=(0, 8)))
    assert Image(np.zeros(shape), mask=mask).select(window).size >= 1
    assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 8}


@quick
@given(stacks(count=(2, 5)))
def test_stacks_can_be_combined(frames: list[Image]) -> None:
    assert 2 <= len(frames) <= 5
    assert ccdfx.combine(frames, reject=None).shape == frames[0].shape
    assert len({frame.variance is None for frame in frames}) == 1


@quick
@given(st.data())
def test_headers_survive_a_file(data: st.DataObject) -> None:
    header = data.draw(headers(max_cards=3))
    assert len(header.cards) <= 3
    assert ccdfx.read(data.draw(fits_files(st.just(Image([[1]], header))))).header == header


@quick
@given(recipes(), images(dtypes=("f4",), shapes=(6, 6), values=(0, 0.5), masked=False))
def test_recipes_are_pipelines_that_run_and_are_written_as_they_are_read(text: str, image: Image) -> None:
    pipeline = ccdfx.read_recipe(text)
    assert ccdfx.read_recipe(ccdfx.to_recipe(pipeline) + "\n") == pipeline
    assert len(pipeline(image).header.history) >= len(pipeline)


@quick
@given(st.data())
def test_files_hold_the_image_whatever_the_compression(data: st.DataObject) -> None:
    image = data.draw(images(headers=st.just(ccdfx.Header())))
    assert_same_image(
        ccdfx.read(data.draw(fits_files(st.just(image), suffixes=(".fits", ".fits.gz")))), image
    )


@quick
@given(fits_files(damaged=True))
def test_damaged_files_are_read_or_refused_with_a_typed_error(content: bytes) -> None:
    with contextlib.suppress(CcdfxError):
        assert isinstance(ccdfx.read(content), Image)
