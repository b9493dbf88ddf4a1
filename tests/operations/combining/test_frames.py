"""Frames of every kind: images, arrays, cubes, sources, and files of which the raw pixels are read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from noisy_frames import SHAPE, noisy

import ccdfx


class Rows:
    """A source that gives an image and notes which rows were asked for."""

    def __init__(self, image, name="source"):
        self.image, self.name, self.asked = ccdfx.Image.of(image), name, []
        self.shape, self.dtype, self.header, self.range = (
            self.image.shape, self.image.dtype, self.image.header, self.image.range,
        )  # fmt: skip

    def select(self, range=None):
        window = ccdfx.Range.of(range, self.image.range)
        self.asked.append(window.shape[0])
        return self.image.select(window)

    def close(self):
        pass


@pytest.mark.quick
def test_images_arrays_and_sources_mix():
    frames = noisy(4)
    mixed = [frames[0], ccdfx.Image(frames[1]), Rows(frames[2]), np.ma.MaskedArray(frames[3])]
    assert np.array_equal(ccdfx.combine(mixed, reject=None).array, ccdfx.combine(frames, reject=None).array)


def test_the_planes_of_a_cube_are_frames():
    cube = np.array(noisy(3))
    assert np.array_equal(
        ccdfx.combine(cube, reject=None).array, ccdfx.combine(list(cube), reject=None).array
    )


def test_a_generator_is_a_sequence_too():
    frames = noisy(3)
    assert np.array_equal(
        ccdfx.combine(iter(frames), reject=None).array, ccdfx.combine(frames, reject=None).array
    )


def test_a_source_is_read_by_rows_within_the_memory():
    sources = [Rows(frame) for frame in noisy(3, shape=(64, 50))]
    with ccdfx.engine(threads=1, memory=3 * 2 * 4 * 50 * 5):
        result = ccdfx.combine(sources, reject=None)
    assert np.array_equal(result.array, ccdfx.combine([s.image for s in sources], reject=None).array)
    assert max(sources[0].asked) == 5
    assert sum(sources[0].asked) == 64 + 1  # the one row tells whether there are flags


def test_a_window_of_a_larger_frame_is_read_as_such():
    images = [ccdfx.Image(frame, range=(5, 16, 100, 107)) for frame in noisy(3)]
    result = ccdfx.combine([Rows(image) for image in images], reject=None)
    assert result.range == images[0].range
    assert np.array_equal(result.array, ccdfx.combine(images, reject=None).array)


def test_a_source_with_flags_and_variance():
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 4] = 4
    images = [ccdfx.Image(f, mask=mask, variance=np.full(SHAPE, 4.0)) for f in noisy(3)]
    got, expected = (ccdfx.stack(frames, reject=None) for frames in ([Rows(i) for i in images], images))
    assert got.value.tobytes() == expected.value.tobytes()
    assert got.variance.tobytes() == expected.variance.tobytes()
    assert got.flags[3, 4] == 4 | 16


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_fits_files_give_what_their_images_give(tmp_path, dtype, suffix):
    frames = noisy(5, level=100, sigma=9, dtype=dtype, shape=(40, 33))
    if dtype.startswith("float"):
        frames[1][3, 3] = np.nan
    sources = []
    for number, frame in enumerate(frames):
        path = tmp_path / f"{number}.{suffix}"
        ccdfx.write(ccdfx.Image(frame), path)
        sources.append(ccdfx.open_source(path))
    with ccdfx.engine(threads=2, memory=40_000):
        got = ccdfx.stack(sources, reject=ccdfx.sigma_clip(low=1.5, high=1.5))
    expected = ccdfx.stack(frames, reject=ccdfx.sigma_clip(low=1.5, high=1.5))
    for name in ("value", "variance", "count", "flags"):
        assert getattr(got, name).tobytes() == getattr(expected, name).tobytes()


@pytest.mark.parametrize(
    ("stored", "cards"),
    [
        (">i2", {"BSCALE": 0.5, "BZERO": 10.0}),
        (">i2", {"BZERO": 32768.0, "BLANK": -7}),
        (">i2", {"BLANK": 3}),
        (">u1", {"BZERO": -128.0}),
        (">i4", {"BSCALE": 0.25, "BLANK": 5}),
        (">i4", {"BZERO": 2147483648.0}),
        (">f4", {"BSCALE": 2.0, "BZERO": 1.0}),
    ],
)
def test_raw_pixels_with_scale_and_blank_are_decoded_as_read_does(tmp_path, stored, cards):
    rng = np.random.default_rng(1)
    paths = []
    for number in range(3):
        values = rng.integers(-20 if "i" in stored else 0, 50, (6, 9)).astype(stored)
        bits = {"i2": 16, "u1": 8, "i4": 32, "f4": -32}[stored[1:]]
        lines = {"SIMPLE": "T", "BITPIX": bits, "NAXIS": 2, "NAXIS1": 9, "NAXIS2": 6, **cards}
        header = "".join(f"{key:8}= {value!s:>20}".ljust(80) for key, value in lines.items()) + "END".ljust(
            80
        )
        data = values.tobytes()
        path = tmp_path / f"{number}.fits"
        path.write_bytes(header.ljust(2880).encode() + data.ljust(-(-len(data) // 2880) * 2880, b"\0"))
        paths.append(path)
    sources = [ccdfx.open_source(path) for path in paths]
    assert sources[0].raw is not None
    got = ccdfx.stack(sources, reject=None, average=ccdfx.median())
    expected = ccdfx.stack([ccdfx.read(path) for path in paths], reject=None, average=ccdfx.median())
    assert got.count.tobytes() == expected.count.tobytes()
    np.testing.assert_allclose(got.value, expected.value, rtol=3e-7)
    assert got.value.dtype == expected.value.dtype


@pytest.mark.quick
@pytest.mark.parametrize("stored", ["u1", "<i2", "<u2", "<i4", "<f4", "<f8", ">i2", ">f8"])
def test_raw_pixels_of_either_byte_order_are_those_in_memory(tmp_path, stored):
    frames = [(frame * 100 % 250).astype(stored) for frame in noisy(3, shape=(40, 30))]
    sources = []
    for number, frame in enumerate(frames):
        path = tmp_path / f"{number}.raw"
        path.write_bytes(b"head" + frame.tobytes())
        source = Rows(ccdfx.Image(np.zeros_like(frame)))  # a source that gave its rows would give zeros
        source.raw = ccdfx.RawLayout(str(path), 4, frame.dtype.str.replace("|", ">"), frame.shape)
        sources.append(source)
    assert ccdfx.combine(sources).array.tobytes() == ccdfx.combine(frames).array.tobytes()


def test_a_file_that_becomes_shorter_is_an_error_that_names_it(tmp_path):
    paths = [tmp_path / f"{number}.fits" for number in range(2)]
    for path, frame in zip(paths, noisy(2, shape=(64, 64)), strict=True):
        ccdfx.write(ccdfx.Image(frame), path)
    sources = [ccdfx.open_source(path) for path in paths]
    raw = sources[1].raw
    os.truncate(paths[1], os.path.getsize(paths[1]) - 5760)
    with pytest.raises(ccdfx.FileError, match=r"1\.fits"):
        ccdfx.combine(sources)

    class Unstamped(Rows):
        pass

    # Also where the source did not note what the file was like: the bytes run out.
    source = Unstamped(ccdfx.Image((64, 64)))
    source.dtype = np.dtype("f4")
    source.raw = type(raw)(raw.path, raw.offset, raw.dtype, raw.shape)
    with pytest.raises(ccdfx.FileError, match=r"1\.fits.*cut"):
        ccdfx.combine([source])


def test_a_file_that_is_gone(tmp_path):
    path = tmp_path / "a.fits"
    ccdfx.write(ccdfx.Image(noisy(1)[0]), path)
    source = ccdfx.open_source(path)
    source.raw
    path.unlink()
    with pytest.raises(ccdfx.FileError, match=r"a\.fits"):
        ccdfx.combine([source, source])


def test_inputs_never_change():
    frames = noisy(3)
    before = [frame.copy() for frame in frames]
    frames[0][1, 1] = before[0][1, 1] = np.nan
    ccdfx.combine(frames, average=ccdfx.median(), scale="median", zero=[0.0, 1.0, 2.0])
    for frame, old in zip(frames, before, strict=True):
        assert frame.tobytes() == old.tobytes()


def test_memory_too_small_for_a_row():
    sources = [Rows(frame) for frame in noisy(3)]
    with ccdfx.engine(memory=100), pytest.raises(ccdfx.ArgumentError, match="memory: must hold a row"):
        ccdfx.combine(sources)


def test_scaled_integers_of_files_keep_digits_that_32_bits_do_not_hold(tmp_path: Path) -> None:
    """A float32 beside 2**25 is a multiple of 4."""
    from astropy.io import fits

    path = tmp_path / "scaled.fits"
    hdu = fits.PrimaryHDU(np.array([[-1, 0, 1]], np.int16))
    hdu.header["BZERO"] = 2.0**25
    hdu.writeto(path)
    found = ccdfx.combine([ccdfx.open_source(path)] * 3, reject=None)
    assert found.array.tolist() == [[2**25 - 1, 2**25, 2**25 + 1]]
