"""Laws: what is written is read back, a selection of the file is one of the image, equal images make equal files."""

from __future__ import annotations

import io
import pickle
import string
from functools import partial
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ccdfx
import ccdfx_hdf5
from ccdfx import Card, Header, Image, Range
from ccdfx.testing import assert_same_image, ranges

SUFFIXES = (".h5", ".hdf5", ".gz.h5")
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
words = st.text(string.ascii_uppercase + string.digits + "-_", min_size=1, max_size=8)
texts = st.text(st.characters(exclude_characters="\0"), max_size=80)
values = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=300)
)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Cards of all kinds; in HDF5 a text may hold anything."""
    if draw(st.booleans()):
        return Card(draw(st.sampled_from(("HISTORY", "COMMENT", ""))), draw(texts), "")
    return Card(draw(words), draw(values), draw(texts))


images = partial(ccdfx.testing.images, finite=False, headers=st.lists(cards(), max_size=8).map(Header))


def windows(image: Image) -> st.SearchStrategy[Range]:
    """Windows of an image, in the coordinates of its parent frame."""
    x, y = image.range.x_lower, image.range.y_lower
    return ranges(image.shape).map(
        lambda r: Range(r.x_lower + x, r.x_upper + x, r.y_lower + y, r.y_upper + y)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@quick
@given(image=images())
def test_what_is_written_is_read_back(tmp_path_factory, suffix: str, image: Image) -> None:
    path = ccdfx.write(image, tmp_path_factory.mktemp("law") / f"a{suffix}")
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert_same_image(ccdfx.read(source), image)


@quick
@given(frames=st.lists(images(), min_size=1, max_size=4))
def test_several_images_come_back_as_a_list(tmp_path_factory, frames: list[Image]) -> None:
    path = ccdfx.write(frames, tmp_path_factory.mktemp("law") / "a.h5")
    back = ccdfx.read(path, hdu="all")
    assert len(back) == len(frames) == len(ccdfx_hdf5.list_images(path))
    for number, wanted in enumerate(frames):
        assert_same_image(back[number], wanted)
        assert_same_image(ccdfx.read(path, hdu=number), wanted)


@quick
@given(image=images(), data=st.data())
def test_a_selection_of_the_file_is_a_selection_of_the_image(tmp_path_factory, image: Image, data) -> None:
    path = tmp_path_factory.mktemp("law") / f"a{data.draw(st.sampled_from(SUFFIXES))}"
    ccdfx.write(image, path)
    window = data.draw(windows(image))
    with ccdfx.open_source(path) as source:
        assert (source.shape, source.dtype, source.range) == (image.shape, image.dtype, image.range)
        assert_same_image(source.select(window), image.select(window))
        assert_same_image(pickle.loads(pickle.dumps(source)).select(None), image)


@quick
@given(image=images())
def test_equal_images_make_equal_files(tmp_path_factory, image: Image) -> None:
    folder = tmp_path_factory.mktemp("law")
    for suffix in SUFFIXES:
        one = ccdfx.write(image, folder / f"1{suffix}")
        two = ccdfx.write(pickle.loads(pickle.dumps(image)), folder / f"2{suffix}")
        assert one.read_bytes() == two.read_bytes()


@quick
@given(
    shape=st.lists(st.integers(1, 7), min_size=2, max_size=4),
    kind=st.sampled_from(("<u2", ">u2", "<i4", ">i4", "<f4", ">f4", "<f8", ">f8", "u1", "i1", "<u8", "bool")),
    options=st.sampled_from(
        ({}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}, {"shuffle": True},
         {"compression": "lzf"}, {"fletcher32": True}, {"compression": "gzip", "fletcher32": True})
    ),
    data=st.data(),
)  # fmt: skip
def test_a_window_of_any_dataset_is_what_the_library_reads(
    tmp_path_factory, shape, kind, options, data
) -> None:
    """Whatever the byte order, the filters, the shape of the chunks and the number of axes."""
    h5py = pytest.importorskip("h5py")
    array = data.draw(
        hnp.arrays(np.dtype(kind), shape, elements={"allow_nan": False} if "f" in kind else None)
    )
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape) if options else None
    path = tmp_path_factory.mktemp("law") / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("d", data=array, chunks=chunks, **options)
    planes = array.reshape(-1, *shape[-2:])
    number = data.draw(st.integers(0, len(planes) - 1))
    wanted = Image(planes[number])
    with ccdfx.open_source(path, plane=number) as source:
        window = data.draw(windows(wanted))
        assert_same_image(source.select(window), wanted.select(window))
        assert_same_image(source.select(None), wanted)


@quick
@given(image=images(), other=images(), data=st.data())
def test_an_update_is_a_paste_into_the_file(tmp_path_factory, image: Image, other: Image, data) -> None:
    path = ccdfx.write(
        [other, image], tmp_path_factory.mktemp("law") / f"a{data.draw(st.sampled_from(SUFFIXES))}"
    )
    window = data.draw(windows(image))
    cut = image.select(window)
    part = cut.replace(
        array=cut.array[::-1, ::-1], mask=data.draw(st.none() | hnp.arrays(np.uint8, cut.shape))
    )
    ccdfx.update(path, part, hdu=1)
    assert_same_image(ccdfx.read(path, hdu=1), ccdfx.paste(image, part=part))
    assert_same_image(ccdfx.read(path, hdu=0), other)


def test_suffixes_are_those_of_the_format(tmp_path: Path) -> None:
    known = next(item for item in ccdfx.formats() if item.name == "hdf5")
    assert set(SUFFIXES) == set(known.suffixes)
