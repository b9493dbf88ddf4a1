"""Laws of reading and writing: what is written is read back, whatever the type, the flags and the header."""

from __future__ import annotations

import io
import math
import pickle
import string

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccdfx import registry
from ccdfx.io import formats, open_source, read, write
from ccdfx.io.card_text import header_bytes
from ccdfx.io.cards import parse_cards
from ccdfx.records.header import Card, Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing import assert_same_image

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
# The first suffix of every built-in format that is written, and gzip; a plugin's format may hold less than an image.
SUFFIXES = (
    *(
        form.suffixes[0]
        for form in formats()
        if form.write and form.name in registry.plugins()[0].provides["format"]
    ),
    ".fits.gz",
)
LAYOUT = "SIMPLE XTENSION BITPIX EXTEND PCOUNT GCOUNT GROUPS BSCALE BZERO BLANK CHECKSUM DATASUM END"
RESERVED = {
    *LAYOUT.split(),
    "CONTINUE",
    "HISTORY",
    "COMMENT",
    "EXTNAME",
}  # EXTNAME says what belongs together
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Images of every type, with finite pixels."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(shapes)
    finite = {"allow_nan": False} if dtype.kind == "f" else {}
    array = draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, **finite)))
    mask = draw(st.none() | hnp.arrays(np.uint8, shape))
    kind = draw(st.sampled_from((np.float32, np.float64)))
    width = 8 * np.dtype(kind).itemsize
    variance = draw(st.none() | hnp.arrays(kind, shape, elements=st.floats(0, 2.0**100, width=width)))
    x, y = draw(st.integers(0, 5000)), draw(st.integers(0, 5000))
    return Image(array, draw(headers()), mask, Range(x, x + shape[1], y, y + shape[0]), variance)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    return Header(draw(st.lists(cards(), max_size=8)))


def printable(maximum: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=maximum)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Cards that FITS can hold: trailing blanks of a string mean nothing, numbers are finite."""
    kind = draw(st.sampled_from(("history", "number", "text", "text", "hierarch")))
    if kind == "history":
        return Card(draw(st.sampled_from(("HISTORY", "COMMENT", ""))), draw(printable(72)).rstrip(), "")
    letters = st.text(string.ascii_uppercase + string.digits + "-_", min_size=1, max_size=8)
    keyword = draw(
        letters.filter(lambda word: word not in RESERVED and not word.startswith(("NAXIS", "LTV", "LTM")))
    )
    if kind == "hierarch":
        keyword = f"ESO {keyword} {draw(letters)}"
    comment = draw(printable(15)).strip()
    return Card(keyword, draw(texts() if kind == "text" else numbers()), comment)


def texts() -> st.SearchStrategy[str]:
    """Strings of all lengths; an ampersand at the end would ask for a CONTINUE line."""
    return printable(200).map(lambda text: text.rstrip(" &"))


def numbers() -> st.SearchStrategy[object]:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    whole = st.integers(-(10**19), 10**19)
    pairs = st.complex_numbers(allow_nan=False, allow_infinity=False, max_magnitude=1e6)
    return (
        st.none()
        | st.booleans()
        | whole
        | finite
        | pairs.map(lambda z: complex(round(z.real, 3), round(z.imag, 3)))
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@quick
@given(image=images())
def test_what_is_written_is_read_back(tmp_path_factory, suffix: str, image: Image) -> None:
    path = tmp_path_factory.mktemp("law") / f"a{suffix}"
    write(image, path)
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert_same_image(read(source), image)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(quick, max_examples=20)
@given(frames=st.lists(images(), min_size=1, max_size=4))
def test_several_images_come_back_as_a_list(tmp_path_factory, suffix: str, frames: list[Image]) -> None:
    path = write(frames, tmp_path_factory.mktemp("law") / f"a{suffix}")
    back = read(path, hdu="all")
    assert len(back) == len(frames)
    for found, wanted in zip(back, frames, strict=True):
        assert_same_image(found, wanted)


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
    x0, y0 = data.draw(st.integers(0, image.shape[1] - 1)), data.draw(st.integers(0, image.shape[0] - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, image.shape[1])), data.draw(st.integers(y0 + 1, image.shape[0]))
    r = image.range
    window = Range(r.x_lower + x0, r.x_lower + x1, r.y_lower + y0, r.y_lower + y1)
    with open_source(path) as source:
        assert source.shape == image.shape
        assert source.dtype == image.dtype
        assert_same_image(source.select(window), image.select(window))
        assert_same_image(source.select(None), image)  # after a part, and again from the start


@quick
@given(image=images())
def test_equal_images_make_equal_files(tmp_path_factory, image: Image) -> None:
    folder = tmp_path_factory.mktemp("law")
    for suffix in SUFFIXES:
        one, two = folder / f"1{suffix}", folder / f"2{suffix}"
        write(image, one)
        write(pickle.loads(pickle.dumps(image)), two)
        assert one.read_bytes() == two.read_bytes()


@quick
@given(header=headers())
def test_cards_survive_being_text(header: Header) -> None:
    text = header_bytes(header.cards).decode("ascii")
    end = text.rindex("END".ljust(80))
    assert Header._of(parse_cards(text[:end])) == header


@quick
@given(st.lists(st.tuples(printable(12), st.text(max_size=90), st.text(max_size=90)), max_size=4))
def test_no_text_breaks_a_header(fields: list[tuple[str, str, str]]) -> None:
    """Whatever characters a value or a comment holds, what is written is a legal header of as many cards."""
    header = Header([(f"KEY{i}", value, comment) for i, (_, value, comment) in enumerate(fields)])
    text = header_bytes(header.cards).decode("ascii")
    assert len(text) % 2880 == 0
    assert text.isprintable()
    assert len(Header._of(parse_cards(text[: text.rindex("END".ljust(80))]))) == len(header)


@quick
@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    for card in parse_cards(data.decode("latin-1")):
        assert isinstance(card.keyword, str)
        assert card.value is None or isinstance(card.value, str | bool | int | float | complex)
        assert not isinstance(card.value, float) or math.isfinite(card.value)
