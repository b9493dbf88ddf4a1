"""Hypothesis strategies for images, headers, masks, windows, stacks, recipes and FITS files."""

from __future__ import annotations

import string
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.records.card import Card, Value
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
FLAGS = (0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 96)
SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 8))  # (ny, nx)
SMALL_SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4))
_FURTHEST = 5000
# Keywords of the file layout. EXTNAME is reserved as well: it groups the HDUs of one image.
_LAYOUT = "SIMPLE XTENSION BITPIX EXTEND PCOUNT GCOUNT GROUPS BSCALE BZERO BLANK CHECKSUM DATASUM END CCDFXPLN CCDFXHDU"
_RESERVED = {*_LAYOUT.split(), "CONTINUE", "HISTORY", "COMMENT", "EXTNAME"}
_RESERVED_BEGINNINGS = ("NAXIS", "LTV", "LTM", "RANGESEC")
Shape = tuple[int, int] | st.SearchStrategy[tuple[int, int]]


def headers(*, max_cards: int = 8) -> st.SearchStrategy[Header]:
    """Generate headers that a FITS file holds without loss.

    They may have duplicates, HISTORY, long keywords and long text.

    Parameters
    ----------
    max_cards : int
        The maximum number of cards.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(headers(), lambda header: header.history).cards
    (Card(keyword='HISTORY', value='', comment=''),)
    """
    return st.lists(_cards(), max_size=max_cards).map(Header)


@st.composite
def _cards(draw: st.DrawFn) -> Card:
    """Generate cards without trailing blanks in strings, which FITS ignores, and with finite numbers."""
    kind = draw(st.sampled_from(("number", "text", "text", "history", "hierarch")))
    if kind == "history":
        return Card(draw(st.sampled_from(("HISTORY", "COMMENT", ""))), draw(_printable(72)).rstrip(), "")
    keyword = draw(_keywords())
    if kind == "hierarch":
        keyword = f"ESO {keyword} {draw(_letters())}"
    value: Value = draw(_texts()) if kind == "text" else draw(_numbers())
    return Card(keyword, value, draw(_printable(15)).strip())


def _letters() -> st.SearchStrategy[str]:
    return st.text(string.ascii_uppercase + string.digits + "-_", min_size=1, max_size=8)


def _keywords() -> st.SearchStrategy[str]:
    return _letters().filter(lambda word: word not in _RESERVED and not word.startswith(_RESERVED_BEGINNINGS))


def _printable(maximum: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=maximum)


def _texts() -> st.SearchStrategy[str]:
    """Generate strings of all lengths; an ampersand at the end would require a CONTINUE card."""
    return _printable(200).map(lambda text: text.rstrip(" &"))


def _numbers() -> st.SearchStrategy[Value]:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    whole = st.integers(-(10**19), 10**19)
    parts = st.integers(-(10**6), 10**6)
    pairs = st.builds(lambda re, im: complex(re / 1000, im / 1000), parts, parts)
    return st.none() | st.booleans() | whole | finite | pairs


@st.composite
def images(
    draw: st.DrawFn,
    *,
    dtypes: Sequence[Any] = DTYPES,
    shapes: Shape = SHAPES,
    values: tuple[float, float] | None = None,
    finite: bool = True,
    masked: bool | None = None,
    variance: bool | None = None,
    headers: st.SearchStrategy[Header] | None = None,
    windows: bool = True,
) -> Image:
    """Generate images of all types, shapes, masks, variances and headers.

    Parameters
    ----------
    dtypes : sequence of numpy types
        One of them is drawn.
    shapes : (ny, nx) or a strategy of such
    values : (low, high), optional
        The bounds of the pixel values; by default those of the type.
    finite : bool
        False: pixels of floats may be NaN and infinite too.
    masked, variance : bool, optional
        Whether there is one; by default this is drawn. A variance is finite and of float32 or float64.
    headers : strategy of Header, optional
    windows : bool
        Whether some images are windows of larger frames.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(images(dtypes=["f4"], shapes=(1, 2), masked=True))
    ... def test_an_image_has_a_flag_for_each_pixel(image):
    ...     assert image.mask.shape == (1, 2)
    >>> test_an_image_has_a_flag_for_each_pixel()
    """
    shape = draw(shapes) if isinstance(shapes, st.SearchStrategy) else shapes
    array = _pixels(draw, np.dtype(draw(st.sampled_from(tuple(dtypes)))), shape, values, finite)
    mask = draw(masks(shape)) if _wanted(draw, masked) else None
    noise = _variance(draw, shape) if _wanted(draw, variance) else None
    header = draw(_headers() if headers is None else headers)
    corner = draw(st.tuples(*[st.integers(0, _FURTHEST)] * 2)) if windows else (0, 0)
    window = Range(corner[0], corner[0] + shape[1], corner[1], corner[1] + shape[0])
    return Image(array, header, mask, window, noise)


def masks(shape: tuple[int, int], *, flags: Sequence[int] = FLAGS) -> st.SearchStrategy[np.ndarray]:
    """Generate masks of `shape` (ny, nx): uint8, with the given flags; 0 is a good pixel.

    >>> from hypothesis import find
    >>> find(masks((1, 2)), lambda mask: mask.all())
    array([[1, 1]], dtype=uint8)
    """
    return hnp.arrays(np.uint8, shape, elements=st.sampled_from(tuple(flags)))


@st.composite
def ranges(draw: st.DrawFn, shape: tuple[int, int]) -> Range:
    """Generate windows that lie in a frame of `shape` (ny, nx) and hold at least one pixel.

    >>> from hypothesis import find
    >>> find(ranges((3, 4)), lambda window: window.x_lower > 1)
    Range(x_lower=2, x_upper=3, y_lower=0, y_upper=1)
    """
    ny, nx = shape
    x, y = draw(st.integers(0, nx - 1)), draw(st.integers(0, ny - 1))
    return Range(x, draw(st.integers(x + 1, nx)), y, draw(st.integers(y + 1, ny)))


@st.composite
def stacks(
    draw: st.DrawFn,
    *,
    count: tuple[int, int] = (1, 9),
    dtypes: Sequence[Any] = ("u2", "f4", "f8"),
    shapes: Shape = SMALL_SHAPES,
    values: tuple[float, float] = (0, 1000),
    finite: bool = True,
    masked: bool | None = None,
    variance: bool | None = None,
) -> list[Image]:
    """Generate frames to combine: of one shape, type and window, and with a variance either all or none.

    Parameters
    ----------
    count : (least, most)
        The bounds of the number of frames.
    dtypes, shapes, values, finite, masked, variance
        As for `images`.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(stacks(count=(3, 9)))
    ... def test_a_stack_has_frames_of_one_shape(frames):
    ...     assert len(frames) >= 3 and len({frame.shape for frame in frames}) == 1
    >>> test_a_stack_has_frames_of_one_shape()
    """
    shape = draw(shapes) if isinstance(shapes, st.SearchStrategy) else shapes
    dtype = draw(st.sampled_from(tuple(dtypes)))
    frame = images(
        dtypes=(dtype,), shapes=shape, values=values, finite=finite, masked=masked,
        variance=_wanted(draw, variance), headers=st.just(Header()), windows=False,
    )  # fmt: skip
    return draw(st.lists(frame, min_size=count[0], max_size=count[1]))


def recipes(*, max_steps: int = 4) -> st.SearchStrategy[str]:
    """Generate recipes (TOML text) of built-in steps that take any image.

    ``ccdfx.read_recipe`` converts one to a pipeline.

    >>> from hypothesis import find
    >>> print(find(recipes(), lambda text: "to_electrons" in text))
    [[step]]
    use = "to_electrons"
    gain = 1.0
    <BLANKLINE>
    """
    steps = st.lists(_steps(), min_size=1, max_size=max_steps, unique_by=lambda item: item[0])
    return steps.map(_recipe)


def fits_files(
    images: st.SearchStrategy[Image] = images(),  # noqa: B008 - a strategy never changes
    *,
    suffixes: Sequence[str] = (".fits",),
    damaged: bool = False,
) -> st.SearchStrategy[bytes]:
    """Generate the bytes of FITS files, which ``ccdfx.read`` takes like a path.

    Parameters
    ----------
    images : strategy of Image
        The images in the files.
    suffixes : sequence of str
        ``.fits``, ``.fits.gz`` or ``.fits.fz``: one of them is drawn.
    damaged : bool
        True: the file is truncated, or some of its bytes are changed.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(fits_files())
    ... def test_a_file_begins_with_its_name(content):
    ...     assert content.startswith(b"SIMPLE  =                    T")
    >>> test_a_file_begins_with_its_name()
    """
    whole = st.builds(_fits_bytes, images, st.sampled_from(tuple(suffixes)))
    return whole.flatmap(_damaged) if damaged else whole


_headers = headers  # `images` has a parameter of this name


def _wanted(draw: st.DrawFn, asked: bool | None) -> bool:
    return draw(st.booleans()) if asked is None else asked


def _pixels(
    draw: st.DrawFn, dtype: np.dtype, shape: tuple[int, int], values: Any, finite: bool
) -> np.ndarray:
    options: dict[str, Any] = {}
    if values is not None:
        low, high = values
        if dtype.kind != "f":
            limits = np.iinfo(dtype)
            low, high = max(int(np.ceil(low)), limits.min), min(int(high), limits.max)
        options = {"min_value": low, "max_value": high}
    if dtype.kind != "f":
        return draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, **options)))
    numbers = hnp.from_dtype(dtype, **options, allow_nan=False, allow_infinity=False)
    odd = st.sampled_from((np.nan, np.inf, -np.inf))
    return draw(hnp.arrays(dtype, shape, elements=numbers if finite else st.one_of(numbers, numbers, odd)))


def _variance(draw: st.DrawFn, shape: tuple[int, int]) -> np.ndarray:
    kind = np.dtype(draw(st.sampled_from(("f4", "f8"))))
    return draw(hnp.arrays(kind, shape, elements=st.floats(0, 2.0**100, width=32)))


@st.composite
def _steps(draw: st.DrawFn) -> tuple[str, dict[str, float]]:
    number = lambda low, high: draw(st.floats(low, high, width=32))  # noqa: E731
    name = draw(
        st.sampled_from(("mask_invalid", "replace_masked", "to_electrons", "mask_saturated", "shift"))
    )
    options = {
        "to_electrons": lambda: {"gain": number(0.125, 16)},
        "mask_saturated": lambda: {"saturation": number(1, 65536)},
        "shift": lambda: {"dx": number(-0.75, 0.75), "dy": number(-0.75, 0.75)},
    }
    return name, options.get(name, dict)()


def _recipe(steps: list[tuple[str, dict[str, float]]]) -> str:
    tables = []
    for name, options in steps:
        lines = ["[[step]]", f'use = "{name}"', *(f"{key} = {value!r}" for key, value in options.items())]
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def _fits_bytes(image: Image, suffix: str) -> bytes:
    from ccdfx.io import write

    with tempfile.TemporaryDirectory() as folder:
        return write(image, Path(folder) / f"a{suffix}").read_bytes()


def _damaged(content: bytes) -> st.SearchStrategy[bytes]:
    cut = st.integers(0, len(content) - 1).map(lambda end: content[:end])
    spots = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    return cut | spots.map(lambda changes: _changed(content, changes))


def _changed(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    altered = bytearray(content)
    for place, byte in changes:
        altered[place] = byte
    return bytes(altered)
