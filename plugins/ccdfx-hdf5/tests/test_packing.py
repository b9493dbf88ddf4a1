"""The attributes of the CF conventions: what is no data, and how numbers are unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccdfx

h5py = pytest.importorskip("h5py")
NO_DATA = int(ccdfx.Flag.NO_DATA)
STORED = np.array([[10, -9999, 30], [40, 50, -1]], np.int16)


def dataset(path: Path, stored: np.ndarray, root: dict[str, Any] | None = None, **attributes: Any) -> Path:
    """Write a file of one dataset with attributes, in chunks if the array is wider than 3."""
    with h5py.File(path, "w") as file:
        chunks = (1, 2) if stored.shape[1] > 3 else None
        file.create_dataset("d", data=stored, chunks=chunks).attrs.update(attributes)
        file.attrs.update(root or {})
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


def flags(image: ccdfx.Image) -> list[list[int]]:
    """Return 1 where there is no data, and nothing else is flagged."""
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask
    assert set(np.unique(mask)) <= {0, NO_DATA}
    return (mask // NO_DATA).tolist()


@pytest.mark.parametrize("dtype", [">i2", "<i4", "i8", "f4", ">f8", "f2"])
@pytest.mark.parametrize("key", ["_FillValue", "missing_value"])
def test_missing_values_are_no_data_of_any_type(path: Path, dtype: str, key: str) -> None:
    for value in (-9999, np.array([-9999], dtype), np.float64(-9999), b"-9999"):
        image = ccdfx.read(dataset(path, STORED.astype(dtype), **{key: value}))
        kept = float(np.float16(-9999)) if dtype == "f2" else -9999
        assert flags(image) == [[0, 1, 0], [0, 0, 0]]
        assert image.dtype.kind == np.dtype(dtype).kind and image.array[1, 1] == 50
        assert np.isnan(image.array[0, 1]) if image.dtype.kind == "f" else image.array[0, 1] == kept
        assert key.upper() not in image.header and key not in image.header


def test_all_ways_to_say_missing_are_taken_together(path: Path) -> None:
    image = ccdfx.read(dataset(path, STORED, _FillValue=np.int16(-9999), missing_value=[50, -1]))
    assert flags(image) == [[0, 1, 0], [0, 1, 1]]


def test_a_missing_value_of_lower_precision_is_compared_in_it(path: Path) -> None:
    stored = np.array([[1e20, np.float32(1e20), 1.0, np.nan]])
    assert flags(ccdfx.read(dataset(path, stored, _FillValue=np.float32(1e20)))) == [[1, 1, 0, 1]]
    large = np.array([[2**62 + 1, 2**62]])
    assert flags(ccdfx.read(dataset(path, large, _FillValue=np.int64(2**62 + 1)))) == [[1, 0]]
    for beyond in (1e300, np.inf):
        assert flags(ccdfx.read(dataset(path, np.array([[1, 2]], "f4"), _FillValue=beyond))) == [[0, 0]]
    assert flags(ccdfx.read(dataset(path, np.array([[1, 255]], "u1"), _FillValue=-1))) == [[0, 0]]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"valid_range": np.array([0, 40], "i2")}, [[0, 1, 0], [0, 1, 1]]),
        ({"valid_min": np.int16(20)}, [[1, 1, 0], [0, 0, 1]]),
        ({"valid_max": 30.0}, [[0, 0, 0], [1, 1, 0]]),
        ({"valid_min": -9999, "valid_max": 10}, [[0, 0, 1], [1, 1, 0]]),
        ({"valid_range": [0, 40], "_FillValue": 30}, [[0, 1, 1], [0, 1, 1]]),
    ],
)
def test_what_is_outside_the_valid_range_is_no_data(path: Path, attributes: dict, expected: list) -> None:
    image = ccdfx.read(dataset(path, STORED, **attributes))
    assert flags(image) == expected and image.dtype == np.int16


@pytest.mark.parametrize(
    ("stored", "attribute", "dtype"),
    [
        ("i1", "f4", "f4"), ("u2", "f4", "f4"), ("i2", "f8", "f8"), ("i4", "f4", "f8"), ("i8", "f4", "f8"),
        ("f4", "f8", "f8"), ("f8", "f4", "f8"), ("f4", "f4", "f4"), ("i2", "i4", "f8"),
    ],
)  # fmt: skip
def test_values_are_unpacked_in_the_type_of_scale_and_offset(
    path: Path, stored: str, attribute: str, dtype: str
) -> None:
    kind = np.dtype(attribute).type
    numbers = np.arange(12).reshape(2, 6).astype(stored)
    dataset(path, numbers, scale_factor=kind(2), add_offset=kind(3), units="K")
    image = ccdfx.read(path)
    assert image.dtype == np.dtype(dtype) and image.array.tolist() == (numbers * 2.0 + 3).tolist()
    assert image.mask is None and {**image.header} == {"BUNIT": "K"} and image.unit == "K"
    with ccdfx.open_source(path) as source:
        assert source.dtype == image.dtype and source.raw is None
        part = source.select((1, 4, 1, 2))
    assert part.array.tolist() == image.array[1:2, 1:4].tolist() and part.dtype == image.dtype


def test_a_scale_of_one_leaves_integers(path: Path) -> None:
    image = ccdfx.read(dataset(path, STORED, scale_factor=1.0, add_offset=0.0))
    assert image.dtype == np.int16 and image.mask is None


def test_the_valid_range_is_unpacked_where_its_type_says_so(path: Path) -> None:
    """The rule of the NetCDF Users' Guide: as wide as scale and offset and wider than what is stored."""
    stored = np.array([[1, 2, 3]], np.int16)
    packed = dataset(path, stored, scale_factor=10.0, valid_range=np.array([2, 25], "i2"))
    assert flags(ccdfx.read(packed)) == [[1, 0, 0]]
    unpacked = dataset(path, stored, scale_factor=10.0, valid_range=np.array([2.0, 25.0]))
    assert flags(ccdfx.read(unpacked)) == [[0, 0, 1]]


def test_stored_missing_values_are_compared_before_unpacking(path: Path) -> None:
    image = ccdfx.read(dataset(path, STORED, scale_factor=0.5, add_offset=100.0, _FillValue=np.int16(-9999)))
    assert np.array_equal(image.array, [[105.0, np.nan, 115.0], [120.0, 125.0, 99.5]], equal_nan=True)
    assert flags(image) == [[0, 1, 0], [0, 0, 0]]


def test_unsigned_integers_in_signed_ones(path: Path) -> None:
    stored = np.array([[1, -1, -2]], np.int8)
    image = ccdfx.read(dataset(path, stored, _Unsigned="true", _FillValue=np.int8(-1)))
    assert image.dtype == np.uint8 and image.array.tolist() == [[1, 255, 254]] and flags(image) == [[0, 1, 0]]


def test_pixels_that_netcdf_never_wrote_are_no_data(path: Path) -> None:
    stored = np.array([[1.0, 9.9692099683868690e36]], np.float32)
    assert flags(ccdfx.read(dataset(path, stored, root={"_NCProperties": "version=2"}))) == [[0, 1]]
    assert flags(ccdfx.read(dataset(path, stored))) == [[0, 0]]
    named = dataset(path, stored, root={"_NCProperties": "version=2"}, _FillValue=np.float32(1))
    assert flags(ccdfx.read(named)) == [[1, 0]]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"_FillValue": "none"}, "_FillValue of its dataset '/d' must be a number"),
        ({"scale_factor": 0.0}, "scale_factor.*must not be 0"),
        ({"scale_factor": np.nan}, "scale_factor.*must be finite"),
        ({"add_offset": [1.0, 2.0]}, "add_offset.*at most 1 number"),
        ({"valid_range": [1]}, "valid_range.*must be two numbers"),
        ({"missing_value": np.zeros(101)}, "missing_value.*at most 100"),
        ({"missing_value": 1j}, "missing_value.*must be a number"),
    ],
)
def test_attributes_without_meaning_are_refused_by_name(path: Path, attributes: dict, words: str) -> None:
    with pytest.raises(ccdfx.FormatError, match=words) as caught:
        ccdfx.read(dataset(path, STORED, **attributes))
    assert caught.value.subject == str(path) and "remove it" in str(caught.value)


def test_images_of_ccdfx_keep_such_cards_and_numbers(path: Path) -> None:
    image = ccdfx.Image(STORED, {"_FILLVALUE": -9999, "SCALE_FACTOR": 2.0})
    again = ccdfx.read(ccdfx.write(image, path))
    assert again.array.tolist() == STORED.tolist() and again.mask is None
    assert again.header.cards == image.header.cards


def test_frames_without_data_are_combined_without_it(tmp_path: Path) -> None:
    paths = [
        dataset(tmp_path / f"{n}.h5", np.array([[n, -9999, n, n]], "i2"), _FillValue=np.int16(-9999), scale_factor=0.5)
        for n in (2, 4, 6)
    ]  # fmt: skip
    done = ccdfx.combine([ccdfx.open_source(path) for path in paths], average=ccdfx.mean(), reject=None)
    assert done.array[0, [0, 2, 3]].tolist() == [2.0, 2.0, 2.0] and flags(done) == [[0, 1, 0, 0]]


def test_update_packs_what_it_writes(path: Path) -> None:
    dataset(path, STORED, scale_factor=0.5, add_offset=100.0, _FillValue=np.int16(-9999))
    image = ccdfx.read(path)
    ccdfx.update(path, image.replace(array=image.array + 10))
    with h5py.File(path) as file:
        assert file["d"][()].tolist() == np.where(STORED == -9999, -9999, STORED + 20).tolist()
    for value, words in ((1e6, "must fit in the int16"), (100 - 9999 / 2, "must fit in the int16.*no data")):
        with pytest.raises(ccdfx.ArgumentError, match=words):
            ccdfx.update(path, ccdfx.Image([[value]], range=(0, 1, 0, 1)))
    with pytest.raises(ccdfx.MismatchError, match="has no place for them"):
        ccdfx.update(path, ccdfx.Image([[1.0]], range=(0, 1, 0, 1), mask=[[1]]))
    plain = dataset(path, STORED, valid_min=np.int16(0))
    with pytest.raises(ccdfx.MismatchError, match="has no place for them"):
        ccdfx.update(plain, ccdfx.Image([[1]], range=(0, 1, 0, 1), mask=[[NO_DATA]]))


@given(
    stored=st.lists(st.integers(-1000, 1000), min_size=6, max_size=6),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e4, 1e4),
    fill=st.integers(-1000, 1000),
)
def test_what_is_read_can_be_put_back(
    tmp_path_factory: Any, stored: list[int], scale: float, offset: float, fill: int
) -> None:
    path = tmp_path_factory.mktemp("law") / "a.h5"
    numbers = np.array(stored, np.int16).reshape(2, 3)
    dataset(path, numbers, scale_factor=scale, add_offset=offset, _FillValue=np.int16(fill))
    image = ccdfx.read(path)
    assert flags(image) == (numbers == fill).astype(int).tolist()
    expected = np.where(numbers == fill, np.nan, numbers * scale + offset)
    assert np.array_equal(image.array, expected, equal_nan=True)
    ccdfx.update(path, image)
    with h5py.File(path) as file:
        assert np.array_equal(file["d"][()], numbers)
