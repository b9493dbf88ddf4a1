"""Rewriting a window of an image in a file: what changes, what stays to the byte, and what is refused."""

from __future__ import annotations

import errno
import os
import warnings

import numpy as np
import pytest
from astropy.io import fits

from ccdfx import paste, read, select, update, write
from ccdfx.errors import (
    ArgumentError,
    ArgumentTypeError,
    CcdfxError,
    CcdfxWarning,
    FileError,
    FormatError,
    MismatchError,
)
from ccdfx.io import open_source
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.testing import assert_same_image

WINDOW = (3, 7, 2, 5)
INSIDE = np.s_[2:5, 3:7]


def frame(dtype="f4", **fields):
    array = np.arange(80).reshape(8, 10).astype(dtype)
    return Image(array, {"OBJECT": "M 13", "EXPTIME": (30.0, "seconds")}, **fields)


def part_of(image, value=7):
    part = select(image, section=WINDOW)
    return part.replace(array=np.full(part.shape, value, part.dtype))


def astropy_checks(path):
    """Every checksum of the file, by astropy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            for hdu in hdus:
                assert "DATASUM" not in hdu.header or hdu.verify_datasum() == 1
                assert "CHECKSUM" not in hdu.header or hdu.verify_checksum() == 1


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".fits", ".npz"])
def test_the_window_changes_and_nothing_else(tmp_path, dtype, suffix):
    path = write([frame(dtype), frame(dtype)], tmp_path / f"a{suffix}")
    image = read(path)
    part = part_of(image)
    assert update(path, part) == path
    assert_same_image(read(path), paste(image, part=part))
    assert_same_image(read(path, hdu="all")[1], image)
    assert sorted(os.listdir(tmp_path)) == [path.name]
    if suffix == ".fits":
        astropy_checks(path)


@pytest.mark.quick
def test_all_other_bytes_stay(tmp_path):
    """A file of a foreign hand: odd cards, a table, an extension, bytes behind the end."""
    primary = fits.PrimaryHDU(np.arange(80, dtype=np.int16).reshape(8, 10))
    primary.header["HIERARCH odd Card"] = ("x", "kept")
    primary.header.add_history("as it was")
    table = fits.BinTableHDU(np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]))
    path = tmp_path / "foreign.fits"
    fits.HDUList([primary, table, fits.ImageHDU(np.ones((8, 10), np.float32), name="SCI")]).writeto(path)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    before = path.read_bytes()
    update(path, part_of(read(path)))
    after = path.read_bytes()
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    data = before.index(b"END     ") // 2880 * 2880 + 2880
    rows = [data + 2 * (y * 10 + x) for y in range(2, 5) for x in range(3, 7)]
    assert set(changed) <= {i + j for i in rows for j in (0, 1)} and changed
    update(path, part_of(read(path, hdu="SCI"), 5), hdu="SCI")
    assert path.read_bytes()[: len(before) - 5860] == after[: len(before) - 5860]
    np.testing.assert_array_equal(read(path, hdu="SCI").array[INSIDE], 5)


@pytest.mark.quick
def test_flags_and_variance_are_rewritten_with_the_values(tmp_path):
    image = frame(mask=np.full((8, 10), 4, np.uint8), variance=np.full((8, 10), 2.0))
    for suffix in (".fits", ".npz"):
        path = write([image, image], tmp_path / f"a{suffix}")
        part = part_of(image).replace(mask=np.full((3, 4), 64, np.uint8), variance=np.full((3, 4), 0.5))
        update(path, part, hdu=3 if suffix == ".fits" else 1)
        assert_same_image(read(path, hdu="all")[0], image)
        assert_same_image(read(path, hdu="all")[1], paste(image, part=part))
        update(path, part.replace(mask=None))
        assert (read(path).mask[INSIDE] == 0).all()
    astropy_checks(tmp_path / "a.fits")


def test_a_mask_is_inserted_where_there_is_none(tmp_path):
    image = frame(variance=np.full((8, 10), 2.0))
    path = write([image, image], tmp_path / "a.fits")
    part = part_of(image).replace(mask=np.eye(3, 4, dtype=np.uint8) * 8, variance=np.full((3, 4), 0.5))
    update(path, part)
    first, second = read(path, hdu="all")
    assert_same_image(first, paste(image, part=part))
    assert_same_image(second, image)
    astropy_checks(path)
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "UNCERT", "", "UNCERT"]


def test_flags_that_a_reader_makes_itself_need_no_mask(tmp_path):
    path = write(frame(), tmp_path / "a.fits")
    part = part_of(frame(), np.nan)
    size = path.stat().st_size
    update(path, part.replace(mask=np.full((3, 4), Flag.NO_DATA)))
    assert path.stat().st_size == size and (read(path).mask[INSIDE] == Flag.NO_DATA).all()
    update(path, part_of(frame()).replace(mask=np.zeros((3, 4), bool)))
    assert path.stat().st_size == size and read(path).mask is None


@pytest.mark.parametrize(("name", "utype", "power"), [("UNCERT", "StdDevUncertainty", 2), ("IVAR", None, -1)])
def test_the_uncertainty_keeps_its_form(tmp_path, name, utype, power):
    variance = np.random.default_rng(1).uniform(1, 9, (8, 10))
    stored = np.sqrt(variance) if power == 2 else 1 / variance
    error = fits.ImageHDU(stored.astype(np.float32), name=name)
    if utype:
        error.header["UTYPE"] = utype
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(frame().array), error]).writeto(path, checksum=True)
    part = select(read(path), section=WINDOW)
    before = path.read_bytes()
    update(path, part)
    assert path.read_bytes() == before  # what is there already stays to the last bit
    update(path, part.replace(variance=np.full(part.shape, 4.0)))
    with fits.open(path) as hdus:
        np.testing.assert_array_equal(hdus[1].data[INSIDE], 4.0 ** (1 / power))
    np.testing.assert_allclose(read(path).variance[INSIDE], 4)
    astropy_checks(path)


def foreign_mask(tmp_path, array=None):
    mask = np.zeros((8, 10), np.int32)
    mask[2, 3] = 7
    path = tmp_path / "a.fits"
    data = frame().array if array is None else array
    fits.HDUList([fits.PrimaryHDU(data), fits.ImageHDU(mask, name="MASK")]).writeto(path)
    return path


def test_a_mask_without_named_bits_holds_bad_or_good(tmp_path):
    path = foreign_mask(tmp_path)
    flags = np.zeros((3, 4), np.uint8)
    flags[0, :2] = 1
    update(path, part_of(frame()).replace(mask=flags))
    with fits.open(path) as hdus:
        assert hdus[1].data[2, 3:6].tolist() == [7, 1, 0]
    with pytest.raises(ArgumentError, match=r"part: must have flags .* 'COSMIC_RAY'"):
        update(path, part_of(frame()).replace(mask=flags * 8))


def scaled(tmp_path, bscale=0.5, bzero=10.0, blank=-7, dtype=np.int16):
    hdu = fits.PrimaryHDU(np.arange(80, dtype=dtype).reshape(8, 10))
    hdu.header.update({"BSCALE": bscale, "BZERO": bzero})
    if blank is not None:
        hdu.header["BLANK"] = blank
    path = tmp_path / "scaled.fits"
    with open(path, "wb") as file:  # the numbers as they are, and their cards
        file.write(hdu.header.tostring().encode())
        file.write(hdu.data.astype(hdu.data.dtype.newbyteorder(">")).tobytes().ljust(2880, b"\0"))
    return path


def test_scale_zero_and_blank_stay(tmp_path):
    path = scaled(tmp_path)
    part = part_of(read(path), 12.5)
    array = part.array.copy()
    array[0, 0] = np.nan
    update(path, part.replace(array=array))
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        assert hdus[0].data[2, 3:7].tolist() == [-7, 5, 5, 5]
        assert hdus[0].header["BSCALE"] == 0.5 and hdus[0].header["BLANK"] == -7
    assert read(path).mask[2, 3] == Flag.NO_DATA and read(path).array[2, 4] == 12.5
    with pytest.raises(ArgumentError, match="part: must be of the steps"):
        update(path, part_of(read(path), 12.4))
    with pytest.raises(ArgumentError, match="part: must fit in the int16 of the file, and 12 of"):
        update(path, part_of(read(path), 1e6))
    with pytest.raises(ArgumentError, match=r"part: must not hold the value .* BLANK = -7"):
        update(path, part_of(read(path), 6.5))
    update(path, part_of(read(path), 6.5).replace(mask=np.full((3, 4), 1)))
    assert (read(path).mask[INSIDE] == 1).all()


@pytest.mark.parametrize("suffix", [".fits", ".npz"])
@pytest.mark.parametrize(
    ("dtype", "value"),
    [("u2", -1.0), ("u2", 65536.0), ("u2", 1.5), ("i2", np.nan), ("u1", np.inf), ("i4", 2.0**31), ("u8", 2.0**64),
     ("f4", 1e300), ("i8", 2.0**63), ("u2", -1), ("i2", 40000), ("i1", 128)],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused_and_the_file_stays(tmp_path, suffix, dtype, value):
    path = write(frame(dtype), tmp_path / f"a{suffix}")
    before = path.read_bytes()
    part = Image(np.array([[0, value]]), range=(2, 4, 1, 2))
    with pytest.raises(ArgumentError, match=r"part: must fit in the \w+ of the file, and 1 of its values"):
        update(path, part)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u8"])
def test_whole_floats_fit_in_integers(tmp_path, dtype):
    for suffix in (".fits", ".npz"):
        path = write(frame(dtype), tmp_path / f"{dtype}{suffix}")
        update(path, Image(np.array([[0.0, 200.0]]), range=(2, 4, 1, 2)))
        assert read(path).dtype == dtype and read(path).array[1, 2:4].tolist() == [0, 200]


def test_a_window_of_a_window_and_a_plane_of_a_cube(tmp_path):
    cut = Image(frame().array, range=(100, 110, 50, 58))
    path = write(cut, tmp_path / "cut.fits")
    update(path, Image([[5.0]], range=(109, 110, 57, 58)))
    assert read(path).array[7, 9] == 5
    fits.PrimaryHDU(np.zeros((3, 8, 10), np.float32)).writeto(tmp_path / "cube.fits")
    update(tmp_path / "cube.fits", part_of(frame()), plane=1)
    data = fits.getdata(tmp_path / "cube.fits")
    assert (data[1][INSIDE] == 7).all() and data.sum() == 12 * 7
    with pytest.raises(FileError, match="no MASK for the flags of the part, and the image is a cube"):
        update(tmp_path / "cube.fits", part_of(frame()).replace(mask=np.ones((3, 4), bool)), plane=1)


def test_an_open_source_sees_that_its_file_was_replaced(tmp_path):
    path = write(frame(), tmp_path / "a.fits")
    with open_source(path) as source:
        update(path, part_of(frame()))
        with pytest.raises(FileError, match="replaced or changed"):
            source.select()


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    path = write(frame(), tmp_path / "a.fits")
    path.chmod(0o640)
    (tmp_path / "link.fits").symlink_to(path)
    update(tmp_path / "link.fits", part_of(frame()))
    assert (tmp_path / "link.fits").is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert (read(path).array[INSIDE] == 7).all()


def test_a_file_without_its_last_filling(tmp_path):
    path = tmp_path / "short.fits"
    fits.PrimaryHDU(frame().array).writeto(path)
    path.write_bytes(path.read_bytes()[: 2880 + 320])
    with pytest.warns(CcdfxWarning, match="before the padding"):
        update(path, part_of(frame()).replace(mask=np.ones((3, 4), bool)))
    assert (read(path).array[INSIDE] == 7).all() and read(path).mask.sum() == 12
    assert path.stat().st_size % 2880 == 0


def test_damage_is_not_hidden_by_new_checksums(tmp_path):
    path = write(frame(), tmp_path / "a.fits")
    data = bytearray(path.read_bytes())
    data[2880 + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="DATASUM disagrees"):
        update(path, part_of(frame()))
    assert path.read_bytes() == data


ADU = {"BUNIT": "adu"}


@pytest.mark.parametrize(
    ("kind", "words", "part"),
    [
        (
            ArgumentError,
            r"part: must lie inside the window \[1:10,1:8\]",
            Image([[1.0]], range=(10, 11, 0, 1)),
        ),
        (ArgumentError, "part: must lie inside", np.ones((9, 9))),
        (MismatchError, "part: must be in the image's unit", Image([[1.0]], {"BUNIT": "electron"})),
        (MismatchError, "part: must have a variance", Image([[1.0]], variance=[[1.0]])),
        (ArgumentTypeError, "part: must be an image", "part.fits"),
    ],
)
@pytest.mark.parametrize("suffix", [".fits", ".npz"])
def test_a_part_that_is_none_is_refused(tmp_path, suffix, kind, words, part):
    path = write(frame().replace(unit="adu"), tmp_path / f"a{suffix}")
    before = path.read_bytes()
    with pytest.raises(kind, match=words):
        update(path, part)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".fits.gz", ".fits.fz"])
def test_compressed_files_are_refused(tmp_path, suffix):
    path = write(frame(), tmp_path / f"a{suffix}")
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"compressed, and only whole .*; read the file, paste the part"):
        update(path, part_of(frame()), hdu=1 if suffix == ".fits.fz" else None)
    assert path.read_bytes() == before


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.fits").write_text("no image")
    for name in ("absent.fits", "text.fits"):
        with pytest.raises(CcdfxError, match=name):
            update(tmp_path / name, part_of(frame()))
    with pytest.raises(ArgumentTypeError, match="path: must be a str or a Path"):
        update(b"SIMPLE", part_of(frame()))
    path = write(frame(), tmp_path / "a.npz")
    with pytest.raises(ArgumentError, match="plane: is no option of the format npz"):
        update(path, part_of(frame()), plane=0)
    with pytest.raises(ArgumentError, match="hdu: must be 0 to 0"):
        update(path, part_of(frame()), hdu=1)


def test_a_format_that_cannot_is_refused(tmp_path, monkeypatch):
    from dataclasses import replace

    from ccdfx.io import npz, writing

    path = write(frame(), tmp_path / "a.npz")
    monkeypatch.setattr(writing, "find_format", lambda _: replace(npz.FORMAT, update=None))
    with pytest.raises(FormatError, match="is npz, of which no part can be rewritten"):
        update(path, part_of(frame()))


def test_the_old_file_stays_when_the_disk_is_full(tmp_path, monkeypatch):
    from ccdfx.io.fits import write as fits_write

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = write(frame(), tmp_path / "a.fits")
    before = path.read_bytes()
    monkeypatch.setattr(fits_write, "_renew_sums", full)
    with pytest.raises(FileError, match=r"No space left.*the old file is untouched"):
        update(path, part_of(frame()))
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_the_flags_of_a_mask_have_no_place(tmp_path):
    path = write(frame(mask=np.ones((8, 10), bool)), tmp_path / "a.fits")
    with pytest.raises(FileError, match="itself the mask or the variance of another"):
        update(path, Image(np.array([[1]], np.uint8), mask=[[4]]), hdu="MASK")
    update(path, Image(np.array([[0]], np.uint8)), hdu="MASK")
    assert read(path).mask[0, :2].tolist() == [0, 1]
