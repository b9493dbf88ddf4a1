"""Laws of reading and writing: what is written is read back, whatever the type, the flags and the header."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccdfx.io import open_source, read, write
from ccdfx.io.fits.cards import header_bytes, parse_cards
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing import assert_same_image, headers, images, ranges

# The conformance kit tries few examples of more laws, and no compressed file.
SUFFIXES = (".fits", ".npz", ".fits.gz")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("suffix", SUFFIXES)
@quick
@given(image=images())
def test_what_is_written_is_read_back(tmp_path_factory, suffix: str, image: Image) -> None:
    path = tmp_path_factory.mktemp("law") / f"a{suffix}"
    write(image, path)
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert_same_image(read(source), image)


@settings(quick, max_examples=15)
@given(image=images())
def test_tile_compression_loses_nothing(tmp_path_factory, image: Image) -> None:
    path = write(image, tmp_path_factory.mktemp("law") / "a.fits.fz")
    back = read(path)
    assert back.array.dtype == image.array.dtype
    assert back.array.tobytes() == image.array.tobytes()
    assert back.range == image.range
    assert image.mask is None or np.array_equal(back.mask, image.mask)
    assert image.variance is None or np.array_equal(back.variance, image.variance)


@quick
@given(image=images(), data=st.data())
def test_a_selection_of_the_file_is_a_selection_of_the_image(tmp_path_factory, image: Image, data) -> None:
    path = tmp_path_factory.mktemp("law") / f"a{data.draw(st.sampled_from(SUFFIXES))}"
    write(image, path)
    part, (x, y) = data.draw(ranges(image.shape)), (image.range.x_lower, image.range.y_lower)
    window = Range(part.x_lower + x, part.x_upper + x, part.y_lower + y, part.y_upper + y)
    with open_source(path) as source:
        assert source.shape == image.shape
        assert source.dtype == image.dtype
        assert_same_image(source.select(window), image.select(window))
        assert_same_image(source.select(None), image)  # after a part, and again from the start


@quick
@given(header=headers())
def test_cards_survive_being_text(header: Header) -> None:
    text = header_bytes(header.cards).decode("ascii")
    end = text.rindex("END".ljust(80))
    assert Header._of(parse_cards(text[:end])) == header


@quick
@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=90)), max_size=4))
def test_no_text_breaks_a_header(fields: list[tuple[str, str]]) -> None:
    """Whatever characters a value or a comment holds, what is written is a legal header of as many cards."""
    header = Header([(f"KEY{i}", value, comment) for i, (value, comment) in enumerate(fields)])
    text = header_bytes(header.cards).decode("ascii")
    assert len(text) % 2880 == 0
    assert text.isprintable()
    assert len(Header._of(parse_cards(text[: text.rindex("END".ljust(80))]))) == len(header)


@quick
@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    cards = parse_cards(data.decode("latin-1"))
    assert bool(cards) == bool(data)
    for card in cards:
        assert isinstance(card.keyword, str)
        assert card.value is None or isinstance(card.value, str | bool | int | float | complex)
        assert not isinstance(card.value, float) or math.isfinite(card.value)
