"""Files are the same with compiled loops and without, and damage is found while the pixels are read."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import Image, read, write
from ccdfx.errors import FormatError
from ccdfx.io.fits import byte_order
from ccdfx.io.fits.checksum import ones_sum
from ccdfx.kernels.image import byte_order as kernels
from ccdfx.records.flags import Flag

KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def image(kind: str, shape: tuple[int, int], planes: bool = True) -> Image:
    rng = np.random.default_rng(len(kind) + shape[0])
    if kind[0] == "f":
        array = rng.normal(0, 1e3, shape).astype(kind)
        array[0, 0] = np.nan
    else:
        limits = np.iinfo(kind)
        array = rng.integers(limits.min, limits.max, shape, kind, endpoint=True)
    mask = rng.integers(0, 256, shape).astype(np.uint8)
    return Image(array, mask=mask, variance=rng.uniform(0, 9, shape)) if planes else Image(array)


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 3), (7, 9), (12, 16), (700, 800)])
def test_compiled_loops_and_numpy_write_and_read_the_same(tmp_path, monkeypatch, kind, shape):
    first = image(kind, shape)
    files, images = [], []
    for name in ("compiled", "plain"):
        if name == "plain":
            monkeypatch.setattr(byte_order, "_kernels", lambda count: None)
        path = write([first, first], tmp_path / f"{name}.fits")
        files.append(path.read_bytes())
        images.append(read(path))
    assert files[0] == files[1]
    for name in ("array", "mask", "variance"):
        one, two = (getattr(found, name) for found in images)
        assert one.dtype == two.dtype and one.tobytes() == two.tobytes()


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("row", [0, 2], ids=["negative", "positive"])
def test_the_nan_closest_to_an_infinity_has_no_data(tmp_path, kind, row):
    array = np.full((4, 8), np.inf, kind)
    array[0] = -np.inf
    assert read(write(Image(array), tmp_path / "infinite.fits")).mask is None
    array.view(f"u{array.itemsize}")[row, 3] += 1
    nan = np.isnan(array)
    assert nan.sum() == 1
    found = read(write(Image(array), tmp_path / "nan.fits"))
    assert np.array_equal(found.mask, np.where(nan, np.uint8(Flag.NO_DATA), 0))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8"])
def test_pieces_have_the_sum_of_their_bytes(monkeypatch, compiled, kind, flipped):
    monkeypatch.setattr(byte_order, "_kernels", lambda count: kernels if compiled else None)
    values = image(kind, (8, 16), planes=False).array
    buffer = np.empty(values.nbytes + 8, np.uint8)
    found, data = byte_order.stored_bytes(values, flipped, buffer, 0xFFFFFFF0)
    sign = values.dtype.type(1 << (8 * values.itemsize - 1)) if flipped else values.dtype.type(0)
    assert bytes(found) == (values ^ sign).astype(values.dtype.newbyteorder(">")).tobytes()
    assert data == ones_sum(found, 0xFFFFFFF0)


@pytest.mark.parametrize("kind", ["u2", "f4", "u1"])
@pytest.mark.parametrize("place", ["first", "last", "padding"])
@pytest.mark.parametrize("compiled", [True, False])
def test_damage_is_found_in_one_pass(tmp_path, monkeypatch, kind, place, compiled):
    if not compiled:
        monkeypatch.setattr(byte_order, "_kernels", lambda count: None)
    single = image(kind, (30, 37), planes=False)
    path = write(single, tmp_path / "a.fits")
    data = bytearray(path.read_bytes())
    start = len(data) - (single.array.nbytes + -single.array.nbytes % 2880)
    where = {"first": start, "last": start + single.array.nbytes - 1, "padding": len(data) - 1}[place]
    data[where] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(FormatError, match="DATASUM"):
        read(path)
    assert read(path, checksum=False).shape == (30, 37)
    with pytest.raises(FormatError, match="DATASUM"):
        read(path, section=(3, 9, 4, 8))
