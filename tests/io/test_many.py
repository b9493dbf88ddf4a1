"""Many images opened at once: cubes, files of many extensions, and mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

import ccdfx


@pytest.fixture
def levels():
    return [np.full((5, 8), level, "u2") for level in (10, 20, 60)]


@pytest.mark.quick
def test_paths_images_arrays_and_sources_mix(levels, tmp_path):
    paths = [ccdfx.write(ccdfx.Image(level), tmp_path / f"{level[0, 0]}.fits") for level in levels]
    frames = ccdfx.open_frames(
        [paths[0], ccdfx.Image(levels[1]), levels[2], ccdfx.open_source(str(paths[2]))]
    )
    assert (ccdfx.combine(frames, reject=None).array == 37.5).all()


@pytest.mark.parametrize("compress", [False, True])
def test_the_planes_of_a_cube_are_frames(levels, tmp_path, compress):
    path = tmp_path / "cube.fits"
    cube = np.stack(levels)
    if compress:
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(cube)]).writeto(path)
    else:
        fits.writeto(path, cube)
    frames = ccdfx.open_frames([path], planes=True)
    assert [int(frame.select().array[0, 0]) for frame in frames] == [10, 20, 60]
    assert (ccdfx.combine(frames, reject=None).array == 30).all()
    with pytest.raises(ccdfx.FormatError, match="cube of 3 planes"):
        ccdfx.open_frames([path])


def test_a_cube_of_four_axes_and_a_plain_image(levels, tmp_path):
    fits.writeto(tmp_path / "4.fits", np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype("f4"))
    fits.writeto(tmp_path / "2.fits", levels[0])
    frames = ccdfx.open_frames([tmp_path / "4.fits", tmp_path / "2.fits"], planes=True)
    assert [frame.shape for frame in frames] == [(4, 5)] * 6 + [(5, 8)]
    assert [int(frame.select().array[0, 0]) for frame in frames[:6]] == [0, 20, 40, 60, 80, 100]


def several(path, values, names=("A", "B")):
    hdus = [
        fits.ImageHDU(np.full((4, 6), value, "f4"), name=name)
        for name, value in zip(names, values, strict=True)
    ]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def test_files_of_many_extensions_combine_extension_by_extension(tmp_path):
    paths = [several(tmp_path / f"{i}.fits", (i, 100 * i)) for i in (1, 2, 6)]
    results = [ccdfx.combine(frames, reject=None) for frames in ccdfx.open_extensions(paths)]
    ccdfx.write(results, tmp_path / "out.fits")
    back = ccdfx.read(tmp_path / "out.fits", hdu="all")
    assert [image.array[0, 0] for image in back] == [3, 300]
    assert [image.header["EXTNAME"] for image in back] == ["A", "B"]


def test_files_of_unlike_extensions(tmp_path):
    one = several(tmp_path / "1.fits", (1, 2))
    other = several(tmp_path / "2.fits", (1, 2), names=("A", "C"))
    with pytest.raises(ccdfx.MismatchError, match=r"2\.fits: must have the images of .*1\.fits"):
        ccdfx.open_extensions([one, other])


@pytest.mark.parametrize("several", [ccdfx.open_frames, ccdfx.open_extensions])
@pytest.mark.parametrize("single", ["a.fits", b"a.fits", 3, None])
def test_one_path_is_no_list(several, single):
    with pytest.raises(ccdfx.ArgumentTypeError, match="single path"):
        several(single)
