"""Datasets of other programs: which one, which plane, what becomes of attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
import ccdfx_hdf5

h5py = pytest.importorskip("h5py")
CUBE = np.arange(24.0).reshape(2, 3, 4)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A file as beam lines and simulations write them."""
    with h5py.File(tmp_path / "scan.hdf5", "w") as file:
        file["entry/data"] = CUBE
        file["entry/data"].attrs.update(
            {"units": "adu", "exposure": 2.5, "long name": "x", "matrix": [[1.0]], "n": [7]}
        )
        file["entry/flat"] = CUBE[0].astype(">i2")
        file["entry/time"] = np.arange(3.0)
        file["title"] = "a scan"
        file["entry/alias"] = h5py.SoftLink("/entry/flat")
        file["again"] = file["entry"]
    return tmp_path / "scan.hdf5"


def test_several_datasets_are_listed(scan: Path) -> None:
    listed = ccdfx_hdf5.list_images(scan)
    assert listed == ["/again/data", "/again/flat"]  # one dataset, one name, however many links lead there
    with pytest.raises(
        ccdfx.ArgumentError, match=r"which of 2 datasets.*choose from '/again/data', '/again/flat'"
    ):
        ccdfx.read(scan)
    with pytest.raises(ccdfx.ArgumentError, match=r"names nothing.*'/again/flat'"):
        ccdfx.read(scan, hdu="/entry/dark")
    with pytest.raises(ccdfx.ArgumentError, match=r"is a group.*'/again/data'"):
        ccdfx.read(scan, hdu="again")
    with pytest.raises(ccdfx.ArgumentError, match="must be 0 to 1"):
        ccdfx.read(scan, hdu=2)
    for hdu in (True, 1.5, ("a",)):
        with pytest.raises(ccdfx.ArgumentTypeError, match="a path or a number"):
            ccdfx.read(scan, hdu=hdu)


@pytest.mark.parametrize(
    "hdu", ["/entry/flat", "entry/flat", "flat", "FLAT", "entry/alias", "/again/./flat", 1]
)
def test_a_dataset_is_picked_by_path_name_number_and_soft_link(scan: Path, hdu: object) -> None:
    image = ccdfx.read(scan, hdu=hdu)
    assert image.array.tolist() == CUBE[0].tolist() and image.dtype == np.int16


def test_a_plane_of_a_cube(scan: Path) -> None:
    for plane in (0, 1):
        assert (
            ccdfx.read(scan, hdu="entry/data", plane=plane, section=(1, 3, 0, 2)).array.tolist()
            == CUBE[plane, :2, 1:3].tolist()
        )
    with pytest.raises(ccdfx.FormatError, match=r"cube of 2 planes.*plane=0 to plane=1"):
        ccdfx.read(scan, hdu="entry/data")
    for plane in (2, -1, True, 0.0):
        with pytest.raises(ccdfx.ArgumentError, match="must be one of the 2 planes"):
            ccdfx.read(scan, hdu="entry/data", plane=plane)


def test_attributes_become_the_header(scan: Path) -> None:
    image = ccdfx.read(scan, hdu="entry/data", plane=0)
    assert {**image.header} == {"BUNIT": "adu", "EXPOSURE": 2.5, "LONG NAME": "x", "N": 7}
    assert image.unit == "adu" and image.exptime == 2.5


def test_what_is_no_image_is_refused_by_name(scan: Path) -> None:
    with pytest.raises(ccdfx.FormatError, match="'/entry/time' is no image"):
        ccdfx.read(scan, hdu="entry/time")
    with pytest.raises(ccdfx.FormatError, match="'/title' must hold real numbers"):
        ccdfx.read(scan, hdu="title")


def test_one_dataset_needs_no_name_and_nan_is_no_data(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=512) as file:
        file["x/y"] = np.array([[1.0, np.nan], [2.0, 3.0]], np.float16)
    image = ccdfx.read(tmp_path / "a.h5")
    assert image.dtype == np.float32 and image.mask.tolist() == [[0, ccdfx.Flag.NO_DATA], [0, 0]]


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("d", (8, 6), "i4", chunks=(4, 3), fillvalue=-7)[5:, 4:] = 3
    image = ccdfx.read(tmp_path / "a.h5")
    assert (image.array[:4] == -7).all() and (image.array[5:, 4:] == 3).all() and image.array[4, 5] == -7


def test_a_cube_of_one_plane_is_an_image_and_all_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"], file["b"] = CUBE[:1], CUBE[1]
    assert [image.array.tolist() for image in ccdfx.read(tmp_path / "a.h5", hdu="all")] == CUBE.tolist()


def test_update_rewrites_a_window_of_a_dataset(scan: Path) -> None:
    part = ccdfx.Image([[70.0]], range=(2, 3, 1, 2))
    ccdfx.update(scan, part, hdu="entry/data", plane=1)
    with h5py.File(scan) as file:
        assert file["entry/data"][1, 1, 2] == 70 and (file["entry/data"][()] != CUBE).sum() == 1
        assert file["entry/data"].attrs["units"] == "adu" and file["title"].asstr()[()] == "a scan"
    ccdfx.update(scan, part, hdu="entry/alias")
    assert ccdfx.read(scan, hdu="flat").array[1, 2] == 70
    with pytest.raises(ccdfx.MismatchError, match="has no place for them"):
        ccdfx.update(scan, part.replace(mask=[[1]]), hdu="flat")


def test_what_was_read_with_nan_can_be_put_back(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"] = np.array([[1.0, np.nan], [2.0, 3.0]])
    image = ccdfx.read(tmp_path / "a.h5")
    ccdfx.update(tmp_path / "a.h5", image.replace(array=image.array * 2))
    assert np.array_equal(ccdfx.read(tmp_path / "a.h5").array, image.array * 2, equal_nan=True)
    with pytest.raises(ccdfx.MismatchError, match="has no place for them"):
        ccdfx.update(tmp_path / "a.h5", image.replace(mask=image.mask | np.uint8(ccdfx.Flag.BAD_PIXEL)))
