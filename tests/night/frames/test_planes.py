"""Cubes: which planes are frames, and the noise and exposure of a mean of planes, against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.planes import open_planes_of, require_single_planes
from ccdfx.night.frames.scan import scan
from ccdfx.night.products import master_inputs


def as_cube(folder, name, stem, count):
    """Put single frames into one file, as its planes."""
    paths = [folder / f"{stem}{i}.fits" for i in range(count)]
    header = fits.getheader(paths[0])
    fits.PrimaryHDU(np.stack([fits.getdata(path) for path in paths]), header).writeto(
        folder / name, checksum=True
    )
    for path in paths:
        path.unlink()


@pytest.fixture
def burst(camera):
    """Three cubes of four biases, four flats, and a burst of ten exposures of a field without stars."""
    for i in range(3):
        camera.biases(4)
        as_cube(camera.folder, f"bias{i}.fits", "b", 4)
    camera.flats()
    for i in range(10):
        camera.write(f"s{i}.fits", "object", 400 * camera.flat, exptime=0.0, filter="V", object="sky")
    as_cube(camera.folder, "burst.fits", "s", 10)
    with fits.open(camera.folder / "burst.fits", mode="update") as file:
        file[0].header["EXPTIME"] = 2.0
    return camera


@pytest.mark.quick
def test_the_mean_of_planes_has_the_noise_of_a_mean(burst, out, monkeypatch):
    night = ccdfx.reduce_night(burst.folder, out, recipe={"read": {"planes": "mean"}})
    image = ccdfx.read(out / "calibrated/burst.fits")
    found = ((image.array - 200.0) / np.sqrt(image.variance))[image.good]
    assert 0.95 < found.std() < 1.05 and abs(found.mean()) < 0.3  # the bias is one for all pixels of a line
    [facts] = night.facts["calibrated"]
    assert 0.93 < facts["excess"] < 1.07
    cards = [image.header[key] for key in ("GAIN", "RDNOISE", "EXPTIME", "TOTALEXP", "NPLANES")]
    assert cards == [20.0, pytest.approx(6 * 10**0.5), 2.0, 20.0, 10]
    night = ccdfx.reduce_night(
        burst.folder, out / "e", recipe={"read": {"planes": "mean"}, "science": {"electrons": True}}
    )
    whole = ccdfx.read(out / "e/calibrated/burst.fits")  # all electrons
    assert np.allclose(whole.array, 20 * image.array, rtol=1e-5)
    assert np.allclose(whole.variance, 400 * image.variance, rtol=1e-5)
    cards = [whole.header[key] for key in ("BUNIT", "GAIN", "RDNOISE", "EXPTIME")]
    assert cards == ["electron", 1.0, pytest.approx(6 * 10**0.5), 20.0]
    camera = night.facts["noise"][0]["measured"]  # of single planes
    assert camera["readnoise"][0] == pytest.approx(6.0, rel=0.1)
    bias = ccdfx.read(out / "masters/bias.fits")
    assert np.median(bias.variance) == pytest.approx((6 / 2) ** 2 / 12, rel=0.3)
    monkeypatch.setattr(master_inputs, "MEMORY", 0)  # the planes are read again, row by row
    ccdfx.reduce_night(burst.folder, out / "2", recipe={"read": {"planes": "mean"}}, only="masters")
    assert np.array_equal(ccdfx.read(out / "2/masters/bias.fits").array, bias.array)


def test_planes_are_frames_where_it_is_said_and_else_a_problem_that_names_the_option(burst, tmp_path):
    cube = burst.folder / "burst.fits"
    [frame] = scan(cube)
    assert "10 planes" in frame.problem and "--planes mean" in frame.problem
    assert [one.file for one in scan(cube, planes=[1, 4])] == ["burst.fits[plane 1]", "burst.fits[plane 4]"]
    assert len(scan(cube, planes="each")) == 10
    [frame] = scan(cube, planes=[11])
    assert "must be 1 to 10" in frame.problem
    text = 'name = "mine"\nplanes = "mean"\n[match]\nINSTRUME = "small"\n[[rules]]\nkind = "science"\nwhen = { IMAGETYP = true }\n'
    (tmp_path / "mine.toml").write_text(text)
    [frame] = scan(cube, instrument=tmp_path / "mine.toml")
    assert (frame.planes, frame.averaged, frame.exptime) == ((0, 10), 10, 2.0)
    with pytest.raises(ArgumentError, match="planes"):
        scan(cube, planes="some")
    with pytest.raises(ArgumentError, match="each"):
        require_single_planes(((0, 10),), readouts=("A", "B"))


def test_a_plane_is_the_image_of_it_and_flags_of_one_plane_are_flags_of_the_mean(tmp_path):
    pixels = np.random.default_rng(2).integers(900, 1100, (5, 20, 30)).astype(np.uint16)
    pixels[3, 4, 5] = 60000
    path = tmp_path / "a.fits.gz"
    fits.PrimaryHDU(pixels).writeto(path, checksum=True)
    known = {"path": path, "file": "a", "saturation": ccdfx.night.Known(5e4, "header")}
    assert np.array_equal(open_planes_of(Frame(planes=(2, 3), **known)).select().array, pixels[2])
    mean = open_planes_of(Frame(planes=(1, 5), **known)).select()
    assert np.allclose(mean.array, pixels[1:].mean(axis=0), rtol=1e-6)
    assert [place.tolist() for place in np.nonzero(mean.mask)] == [[4], [5]]


def test_a_ramp_is_said_to_be_no_burst(tmp_path):
    charge = np.random.default_rng(2).poisson(50, (6, 40, 40)).cumsum(axis=0)
    fits.PrimaryHDU((1000 + charge).astype(np.uint16)).writeto(tmp_path / "ramp.fits")
    with pytest.warns(CcdfxWarning, match="rise evenly"):
        open_planes_of(Frame(path=tmp_path / "ramp.fits", file="r", planes=(0, 6))).select()
